"""Due schedules and due retries -> runs in their queues, in batches; nothing early, nothing twice."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from app.domain import firing, triggers
from app.domain.firing import SINGLE_ROWS, Decision
from app.domain.policy import Policy
from app.domain.triggers import Fire
from app.infra import database
from app.models.instance import Leader
from app.models.runs import IS_ACTIVE, Run
from app.models.tasks import RULE, Schedule, Task, trigger_of
from app.services.planned import decided, insert
from app.services.unit import Work, batch

BATCH = 500
"""Schedules decided in one transaction: short enough for the other writers, long enough for a herd."""

MOST_TIMES = 5000
"""Planned times decided in one transaction (26 µs each), and in one pass for one schedule; the rest follow at once."""


_STARTS: tuple[firing.Action, ...] = ("queue", "wait", "cancel_old")


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
        own = {"leader": self.name, "by": self.holder, "in_epoch": self.epoch}
        renewed = work.connection.execute(_RENEW, own | {"until": work.now + lease})
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
        work.wake_clock()


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


def seconds_until_due() -> float | None:
    """Return how far away the earliest planned time or retry is in database time, None when nothing is planned."""
    with database.read() as connection:
        times = [time for query in _EARLIEST if (time := connection.execute(query).scalar())]
        return (min(times) - database.now(connection)).total_seconds() if times else None


def _due(work: Work) -> Sequence[Any]:
    query = _DUE_LOCKED if work.connection.dialect.name == "postgresql" else _DUE
    return work.connection.execute(query, {"now": work.now}).all()


def _fire(work: Work, due: Sequence[Any]) -> None:
    counts = _counts(work, [row.task_id for row in due])
    runs: list[dict[str, Any]] = []
    advances: list[dict[str, Any]] = []
    looked_at = 0
    for row in due:
        if looked_at >= MOST_TIMES:
            break  # after an outage; what is left is still due
        active, waiting = counts.get(row.task_id, (0, 0))
        try:
            decisions, advance = _decide(row, work.now, active, waiting)
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
        looked_at += sum(decision.count for decision in decisions)
        actions = Counter(decision.action for decision in decisions)
        counts[row.task_id] = (active + sum(actions[name] for name in _STARTS), waiting + actions["wait"])
        if actions["cancel_old"]:
            _stop_active(work, row.task_id)
    if advances:
        work.connection.execute(_ADVANCE, advances)
    insert(work, runs)


def _decide(row: Any, now: datetime, active: int, waiting: int) -> tuple[list[Decision], dict[str, Any]]:
    trigger = trigger_of(row)
    # The last pass gets as many as misfire and single rows look back, so that where passes part makes no difference.
    due: list[Fire] = list(islice(triggers.fires_between(trigger, row.decided_until, now), MOST_TIMES + SINGLE_ROWS))
    has_more = len(due) == MOST_TIMES + SINGLE_ROWS
    due = due[:MOST_TIMES] if has_more else due
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
    rows = work.connection.execute(_COUNTS, {"tasks": tasks})
    return {task: (active, waiting) for task, active, waiting in rows}


def _run(row: Any, decision: Decision, now: datetime) -> dict[str, Any]:
    return decided(
        decision, now, row.engine, Policy.of(row.policy), team_id=row.team_id, task_id=row.task_id,
        version_id=row.version_id, schedule_id=row.id,
    )  # fmt: skip


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
    work.audit("schedule_set_aside", row.name, sentence=sentence)
    work.tell("schedule_broken", row.team_id, None, schedule=row.id, sentence=sentence)


def _release(work: Work) -> int:
    """Queue runs whose back-off has passed."""
    rows = work.connection.execute(_RELEASE, {"now": work.now}).all()
    for row in rows:
        work.tell("queued", row.team_id, row.id, reason="retry")
        work.enqueue(row.id, row.attempt, row.lane)
    return len(rows)


# --- the statements of a round, built once: to build one costs as much as to run it

_RENEW = (
    sa.update(Leader)
    .where(
        Leader.name == sa.bindparam("leader"),
        Leader.holder == sa.bindparam("by"),
        Leader.epoch == sa.bindparam("in_epoch"),
    )
    .values(lease_until=sa.bindparam("until"))
)
_DUE = (
    sa.select(
        Schedule.id, Schedule.team_id, Schedule.task_id, *RULE, Schedule.policy, Schedule.decided_until,
        Task.version_id, Task.engine, Task.name,
    )
    .join(Task, Task.id == Schedule.task_id)
    .where(Schedule.state == "active", Schedule.next_fire_at <= sa.bindparam("now"))
    .order_by(Schedule.next_fire_at)
    .limit(BATCH)
)  # fmt: skip
_DUE_LOCKED = _DUE.with_for_update(skip_locked=True, of=Schedule)
_ADVANCE = (
    sa.update(Schedule.__table__)  # type: ignore[arg-type]  # the table itself: one statement, many rows
    .where(Schedule.__table__.c.id == sa.bindparam("schedule"))
    .values(next_fire_at=sa.bindparam("next_at"), decided_until=sa.bindparam("until"), state=sa.bindparam("now_is"))
)
_COUNTS = (
    sa.select(
        Run.task_id,
        sa.func.count(),
        sa.func.sum(sa.case((sa.and_(Run.state == "waiting", Run.reason == "overlap"), 1), else_=0)),
    )
    .where(IS_ACTIVE, Run.state != "planned", Run.task_id.in_(sa.bindparam("tasks", expanding=True)))
    .group_by(Run.task_id)
)
_RELEASE = (
    sa.update(Run)
    .where(
        Run.id.in_(
            sa.select(Run.id)
            .where(IS_ACTIVE, Run.state == "waiting", Run.not_before <= sa.bindparam("now"))
            .limit(BATCH)
        ),
        Run.state == "waiting",  # again: what a person cancels meanwhile stays cancelled
    )
    .values(
        state="queued", reason="", sentence="", not_before=None, queued_at=sa.bindparam("now"), attempt=Run.attempt + 1
    )
    .returning(Run.id, Run.team_id, Run.lane, Run.attempt)
)
_EARLIEST = (
    sa.select(sa.func.min(Schedule.next_fire_at)).where(Schedule.state == "active"),
    sa.select(sa.func.min(Run.not_before)).where(IS_ACTIVE, Run.state == "waiting", Run.not_before.is_not(None)),
)
