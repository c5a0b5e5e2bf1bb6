"""Teams, who belongs to them, and their secrets."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.infra.database import Base, Key
from app.models.people import Person


class Team(Base):
    """The tenant: everything but people belongs to one."""

    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    slug: Mapped[str] = mapped_column(sa.String(60), unique=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    is_personal: Mapped[bool] = mapped_column(default=False)
    data_key: Mapped[bytes]  # wrapped by the master key; seals the team's secrets
    next_run_number: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]


class Membership(Base):
    """A person's role in a team."""

    __tablename__ = "memberships"
    __table_args__ = (sa.UniqueConstraint("team_id", "person_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(sa.String(12))
    created_at: Mapped[datetime]

    person: Mapped[Person] = relationship(lazy="raise")
    team: Mapped[Team] = relationship(lazy="raise")


class Secret(Base):
    """A named value that can be used but not read back."""

    __tablename__ = "secrets"
    __table_args__ = (sa.UniqueConstraint("team_id", "name"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(sa.String(64))
    sealed: Mapped[bytes]
    version: Mapped[int] = mapped_column(default=1)
    changed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    changed_by: Mapped[Person | None] = relationship(lazy="raise")

    @staticmethod
    def aad_of(team_id: int, name: str, version: int) -> str:
        """What binds a sealed value to its row, so that two rows' values can't be swapped."""
        return f"{team_id}|secrets|{name}|sealed|{version}"
