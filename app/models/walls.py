"""Links by which whoever knows them sees a wall of teams, or the badge of a task, without signing in."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.database import Base, Key


class PublicLink(Base):
    """A secret address that shows something and can do nothing; deleting the row is how it is revoked.

    `teams` are the ids of the other teams that a wall turns to. The token is kept twice: as a hash, by which it is
    found, and sealed, so that those who manage the team can see the address again.
    """

    __tablename__ = "public_links"
    __table_args__ = (sa.Index("public_links_of_team", "team_id"), sa.Index("public_links_of_person", "created_by_id"))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(sa.String(8))  # wall, badge
    name: Mapped[str] = mapped_column(sa.String(60), default="")  # of a wall: where it hangs
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"), unique=True)
    teams: Mapped[list[Any]] = mapped_column(default=list)
    masks_names: Mapped[bool]
    timezone: Mapped[str] = mapped_column(sa.String(64), default="UTC")  # in which a wall says times
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    sealed: Mapped[bytes]
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]

    @staticmethod
    def aad_of(team_id: int, token_hash: str) -> str:
        """What binds a sealed token to its row."""
        return f"{team_id}|public_links|{token_hash}|sealed|1"
