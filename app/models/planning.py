"""What planning knows: what was learned from past runs, and how full the slots will be."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.infra.database import Base, Key
from app.models.tasks import Task


class Forecast(Base):
    """What was learned from the runs of a team, as `forecast.Learner` keeps it."""

    __tablename__ = "forecasts"

    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]


class Load(Base):
    """What is to come on some slots, as `domain.load.Load` keeps it.

    `scope` is `lane:io` or `lane:code` for those of all workers; `team:1` for the runs of a team, with what they come
    to a day; `pool:1:printer` for a pool of one.
    """

    __tablename__ = "loads"

    scope: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    team_id: Mapped[int | None] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    state: Mapped[dict[str, Any]]
    made_at: Mapped[datetime]


class Suggestion(Base):
    """A change worth making to a task, as `domain.suggestions` proposes it; open once per task and kind.

    `version` is the one that applying it has made, `before` the figures that it should better, `effect` what came of
    it.
    """

    __tablename__ = "suggestions"
    __table_args__ = (
        sa.Index(
            "suggestions_open",
            "task_id",
            "kind",
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        ),
        sa.Index("suggestions_of_team", "team_id", "state"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(sa.String(16))
    state: Mapped[str] = mapped_column(sa.String(10), default="open")  # open, applied, undone, dismissed, over
    sentence: Mapped[str] = mapped_column(sa.String(500))
    weight: Mapped[float]  # of its evidence
    change: Mapped[dict[str, Any]]
    found_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    version: Mapped[int | None]
    before: Mapped[dict[str, Any]]
    effect: Mapped[str] = mapped_column(sa.String(300), default="")
    measured_at: Mapped[datetime | None]

    task: Mapped[Task] = relationship(lazy="raise")
