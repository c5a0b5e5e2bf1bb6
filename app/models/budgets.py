"""Budgets and plans of teams, what was spent of them, and requests for more."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.infra.database import Base, Key
from app.models.people import Person
from app.models.tasks import Task
from app.models.teams import Team

_OF_TEAM, _OF_TASK = sa.text("task_id IS NULL"), sa.text("task_id IS NOT NULL")


class Budget(Base):
    """What a team, or one of its tasks, may spend in a day or a month of a time zone.

    `is_plan`: it is what the administrator allows the team; of such a one the day limits the runs.
    """

    __tablename__ = "budgets"
    __table_args__ = (
        sa.Index("budgets_by_team", "team_id"),
        sa.Index(
            "budgets_of_team", "team_id", "is_plan", "period", unique=True, sqlite_where=_OF_TEAM,
            postgresql_where=_OF_TEAM,
        ),
        sa.Index(
            "budgets_of_task", "team_id", "task_id", "period", unique=True, sqlite_where=_OF_TASK,
            postgresql_where=_OF_TASK,
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tasks.id", ondelete="CASCADE"))
    is_plan: Mapped[bool] = mapped_column(default=False)
    period: Mapped[str] = mapped_column(sa.String(5))  # day, month
    limit_micros: Mapped[int | None] = mapped_column(sa.BigInteger)
    limit_runs: Mapped[int | None]
    timezone: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    task: Mapped[Task | None] = relationship(lazy="raise")


class BudgetPeriod(Base):
    """One day or month of a budget: what its runs have cost, what is reserved for those that go, and how many began.

    A run counts in the period in which it first started. `told` is the last share in percent that people heard of.
    """

    __tablename__ = "budget_periods"

    budget_id: Mapped[int] = mapped_column(Key, primary_key=True)
    period: Mapped[str] = mapped_column(sa.String(10), primary_key=True)  # 2026-11-28, 2026-11
    spent_micros: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    reserved_micros: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    runs: Mapped[int] = mapped_column(default=0)
    told: Mapped[int] = mapped_column(sa.SmallInteger, default=0)


class ModelReading(Base):
    """A thread that a model was asked to read: what that has cost, which counts in the budgets of its team.

    `reserved_micros` is what it may still cost; None once it is over.
    """

    __tablename__ = "model_readings"
    __table_args__ = (sa.Index("model_readings_by_team", "team_id", "at"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    thread_id: Mapped[int | None] = mapped_column(sa.ForeignKey("threads.id", ondelete="SET NULL"))
    at: Mapped[datetime]
    reserved_micros: Mapped[int | None] = mapped_column(sa.BigInteger)
    cost_micros: Mapped[int] = mapped_column(sa.BigInteger, default=0)


class PlanRequest(Base):
    """A team's request for a larger plan: open, accepted or declined, with the administrator's answer."""

    __tablename__ = "plan_requests"
    __table_args__ = (sa.Index("plan_requests_of_team", "team_id", "id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id", ondelete="CASCADE"))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))
    note: Mapped[str] = mapped_column(sa.String(500))
    at: Mapped[datetime]
    state: Mapped[str] = mapped_column(sa.String(8), default="open")
    answer: Mapped[str] = mapped_column(sa.String(500), default="")
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))

    team: Mapped[Team] = relationship(lazy="raise")
    person: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=person_id)
