"""Due schedules and due retries -> runs in their queues, in batches; nothing early, nothing twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from app.domain import firing, triggers
from app.domain.firing import Decision
from app.domain.policy import Policy
from app.domain.triggers import Fire, Trigger
from app.engines.base import engines
from app.infra import database
from app.models.instance import Leader
from app.models.runs import IS_ACTIVE, Run
from app.models.tasks import Schedule, Task
from app.services.planned import insert
from app.services.unit import Work, batch

BATCH = 500
"""Schedules decided in one transaction: short enough for the other writers, long enough for a herd."""

MOST_TIMES = 20_000
"""Planned times looked at in one pass for one schedule; the rest follow in the next pass."""

LATE = timedelta(seconds=5)
"""A run queued this long after its planned time says that it is late."""

_STATES = {"queue": "queued", "wait": "waiting", "cancel_old": "waiting", "skip": "skipped", "miss": "missed"}


class Deposed(Exception):
    """Another process leads now; what this one was about to write is not written."""


@dataclass(frozen=True)
class Leadership:
    """That this process leads, until its epoch is passed."""

    name: str
    holder: str
    epoch: int

    def assert_in(self, work: Work, lease: timedelta) -> None:
        """Renew the lease inside this transaction, or raise Deposed: the write of an old leader never commits."""
        renewed = work.connection.execute(
            sa.update(Leader)
            .where(Leader.name == self.name, Leader.holder == self.holder, Leader.epoch == self.epoch)
            .values(lease_until=work.now + lease)
        )
        if renewed.rowcount != 1:
            raise Deposed(self.name)


def lead(name: str, holder: str, lease: timedelta) -> Leadership | None:
    """Become or stay the leader called `name`; None while somebody else's lease runs."""
    with batch() as work:
        row = work.connection.execute(
            sa.select(Leader.holder, Leader.epoch, Leader.lease_until).where(Leader.name == name).with_for_update()
        ).first()
        if row and row.holder != holder and row.lease_until > work.now:
            return None
        if row is None:
            values = {"name": name, "holder": holder, "epoch": 1, "lease_until": work.now + lease}
            work.connection.execute(sa.insert(Leader).values(values))
            return Leadership(name, holder, 1)
        epoch = row.epoch if row.holder == holder else row.epoch + 1
        work.connection.execute(
            sa.update(Leader)
            .where(Leader.name == name)
            .values(holder=holder, epoch=epoch, lease_until=work.now + lease)
        )
        return Leadership(name, holder, epoch)


def resign(leadership: Leadership) -> None:
    """Give the lead away at once, so that another process need not wait for the lease to pass."""
    with batch() as work:
        work.connection.execute(
            sa.update(Leader)
            .where(Leader.name == leadership.name, Leader.epoch == leadership.epoch)
            .values(lease_until=work.now)
        )


def fire_due(leadership: Leadership, lease: timedelta) -> int:
    """Decide on up to BATCH due schedules and release due retries; returns how many of both there were.

    A schedule that can't be computed is set aside with its problem and never blocks the others.
    """
    with batch() as work:
        leadership.assert_in(work, lease)
        due = _due(work)
        if due:
            _fire(work, due)
        return len(due) + _release(work)


def next_due_at() -> datetime | None:
    """Return the earliest planned time or retry (UTC), None when nothing is planned."""
    schedule = sa.select(sa.func.min(Schedule.next_fire_at)).where(Schedule.state == "active")
    retry = sa.select(sa.func.min(Run.not_before)).where(IS_ACTIVE, Run.state == "waiting", Run.not_before.is_not(None))
    with database.read() as connection:
        times = [connection.execute(query).scalar() for query in (schedule, retry)]
    return min((time for time in times if time), default=None)


def _due(work: Work) -> Sequence[Any]:
    query = (
        sa.select(
            Schedule.id, Schedule.team_id, Schedule.task_id, Schedule.kind, Schedule.expression, Schedule.timezone,
            Schedule.gap, Schedule.fold, Schedule.anchor_at, Schedule.policy, Schedule.decided_until,
            Task.version_id, Task.engine, Task.name,
        )
        .join(Task, Task.id == Schedule.task_id)
        .where(Schedule.state == "active", Schedule.next_fire_at <= work.now)
        .order_by(Schedule.next_fire_at)
        .limit(BATCH)
    )  # fmt: skip
    if work.connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True, of=Schedule)
    return work.connection.execute(query).all()


def _fire(work: Work, due: Sequence[Any]) -> None:
    counts = _counts(work, [row.task_id for row in due])
    runs: list[dict[str, Any]] = []
    advances: list[dict[str, Any]] = []
    for row in due:
        try:
            decisions, advance = _decide(row, work.now, *counts.get(row.task_id, (0, 0)))
        except triggers.TriggerError as error:
            _set_aside(work, row, error.sentence)
            continue
        except Exception as error:  # noqa: BLE001 a rule that breaks our own code is set aside like any other
            _set_aside(
                work, row, f"This schedule can't be computed ({type(error).__name__}). Edit it to start it again."
            )
            continue
        runs += [_run(row, decision, work.now) for decision in decisions]
        advances.append(advance)
        if any(decision.action == "cancel_old" for decision in decisions):
            _stop_active(work, row.task_id)
    if advances:
        work.connection.execute(
            sa.update(Schedule.__table__)  # type: ignore[arg-type]  # the table itself: one statement, many rows
            .where(Schedule.__table__.c.id == sa.bindparam("schedule"))
            .values(
                next_fire_at=sa.bindparam("next_at"), decided_until=sa.bindparam("until"), state=sa.bindparam("now_is")
            ),
            advances,
        )
    insert(work, runs)


def _decide(row: Any, now: datetime, active: int, waiting: int) -> tuple[list[Decision], dict[str, Any]]:
    trigger = Trigger(row.kind, row.expression, row.timezone, row.gap, row.fold, row.anchor_at)
    due: list[Fire] = list(islice(triggers.fires_between(trigger, row.decided_until, now), MOST_TIMES + 1))
    has_more = len(due) > MOST_TIMES
    due = due[:MOST_TIMES]
    decisions = firing.decide(due, now, Policy.of(row.policy), active, waiting, has_more=has_more)
    until = due[-1].at if has_more else now
    following = triggers.next_fire(trigger, until)
    return decisions, {
        "schedule": row.id,
        "next_at": following.at if following else None,
        "until": until,
        "now_is": "active" if following else "over",
    }


def _counts(work: Work, tasks: list[int]) -> dict[int, tuple[int, int]]:
    is_waiting = sa.case((sa.and_(Run.state == "waiting", Run.reason == "overlap"), 1), else_=0)
    rows = work.connection.execute(
        sa.select(Run.task_id, sa.func.count(), sa.func.sum(is_waiting))
        .where(IS_ACTIVE, Run.state != "planned", Run.task_id.in_(tasks))
        .group_by(Run.task_id)
    )
    return {task: (active, waiting) for task, active, waiting in rows}


def _run(row: Any, decision: Decision, now: datetime) -> dict[str, Any]:
    state = _STATES[decision.action]
    return {
        "team_id": row.team_id,
        "task_id": row.task_id,
        "version_id": row.version_id,
        "schedule_id": row.id,
        "key": f"at:{decision.fire.at.isoformat()}",
        "trigger": "schedule",
        "requested_by_id": None,
        "planned_at": decision.fire.at,
        "planned_local": decision.fire.local,
        "lane": engines[row.engine].lane,
        "state": state,
        "reason": decision.reason or ("late" if now - decision.fire.at > LATE else ""),
        "sentence": decision.sentence,
        "folded_count": decision.count,
        "folded_until": decision.until,
        "queued_at": now if state == "queued" else None,
        "ended_at": now if state in {"skipped", "missed"} else None,
    }


def _stop_active(work: Work, task_id: int) -> None:
    rows = work.connection.execute(
        sa.update(Run)
        .where(IS_ACTIVE, Run.task_id == task_id, Run.state == "running", Run.stop_mode == "")
        .values(stop_mode="now", stop_reason="overlap")
        .returning(Run.id, Run.team_id)
    )
    for run_id, team_id in rows:
        work.stop(run_id)
        work.ring(team_id, run_id)
    unstarted = work.connection.execute(
        sa.update(Run)
        .where(IS_ACTIVE, Run.task_id == task_id, Run.state.in_(("queued", "waiting")))
        .values(
            state="cancelled", reason="overlap", sentence="Cancelled: a newer run took its place.", ended_at=work.now
        )
        .returning(Run.id, Run.team_id)
    )
    for run_id, team_id in unstarted:
        work.tell("cancelled", team_id, run_id, reason="overlap")


def _set_aside(work: Work, row: Any, sentence: str) -> None:
    work.connection.execute(
        sa.update(Schedule)
        .where(Schedule.id == row.id)
        .values(state="broken", problem=sentence[:300], next_fire_at=None)
    )
    work.audit("schedule set aside", row.name, sentence=sentence)
    work.tell("schedule_broken", row.team_id, None, schedule=row.id, sentence=sentence)


def _release(work: Work) -> int:
    """Queue runs whose back-off has passed."""
    due = sa.select(Run.id).where(IS_ACTIVE, Run.state == "waiting", Run.not_before <= work.now).limit(BATCH)
    rows = work.connection.execute(
        sa.update(Run)
        .where(Run.id.in_(due))
        .values(state="queued", reason="", sentence="", not_before=None, queued_at=work.now, attempt=Run.attempt + 1)
        .returning(Run.id, Run.team_id, Run.lane, Run.attempt)
    ).all()
    for row in rows:
        work.tell("queued", row.team_id, row.id, reason="retry")
        work.enqueue(row.id, row.attempt, row.lane)
    return len(rows)
