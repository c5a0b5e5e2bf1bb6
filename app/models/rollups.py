"""Runs added up by time, problems that people report, and what they say when they are asked how Carillon does."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.infra.database import Base, Key
from app.models.people import Person
from app.models.runs import Run
from app.models.teams import Team

OF_TEAM, OF_TASK, OF_DAY, LATE = "team", "task", "day", "late"
"""Grains: a quarter of an hour of a whole team (`task_id` 0), one of a task, a UTC day of a task.

And how late runs of the whole team began in a UTC day, whatever became of them.
"""


class Rollup(Base):
    """The ended runs of a stretch of time that ended in the same way, added up.

    A run counts when it began, or was to begin if it never did. `took` is a histogram (domain/analytics/histogram) of
    how long runs took that began. `late` is one of how late those began that a schedule planned, by quarters of an hour
    of the day: `37:12` is bucket 12 at 09:15 UTC; only the grain LATE has it, a row a day, for it is read for months at
    once. `model` is what an agent asked, "" for none; `priced` of the runs have a known cost.
    """

    __tablename__ = "rollups"
    __table_args__ = ({"sqlite_with_rowid": False},)  # a stretch of time lies together, as it is read

    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    grain: Mapped[str] = mapped_column(sa.String(4), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(Key, primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(12), primary_key=True)
    reason: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    model: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    runs: Mapped[int]
    seconds: Mapped[float]
    cost_micros: Mapped[int] = mapped_column(sa.BigInteger)
    priced: Mapped[int]
    tokens: Mapped[int] = mapped_column(sa.BigInteger)
    took: Mapped[dict[str, Any]]
    late: Mapped[dict[str, Any]]


class ProblemReport(Base):
    """What somebody found wrong with a run and told those who look after the installation; open until `settled_at`."""

    __tablename__ = "problem_reports"
    __table_args__ = (sa.Index("problem_reports_by_time", "at"), sa.Index("problem_reports_of_run", "run_id"))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    run_id: Mapped[int | None] = mapped_column(sa.ForeignKey("runs.id", ondelete="SET NULL"))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    note: Mapped[str] = mapped_column(sa.String(1000))
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    team: Mapped[Team] = relationship(lazy="raise")
    run: Mapped[Run | None] = relationship(lazy="raise")
    person: Mapped[Person | None] = relationship(lazy="raise")


class Satisfaction(Base):
    """A person was asked whether Carillon is a help: `score` 1 to 5, None for no answer."""

    __tablename__ = "satisfaction"
    __table_args__ = (sa.Index("satisfaction_of_person", "person_id", "asked_at"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    asked_at: Mapped[datetime]
    score: Mapped[int | None] = mapped_column(sa.SmallInteger)
    note: Mapped[str] = mapped_column(sa.String(500), default="")
