"""Due schedules and due waits -> runs in their queues, in batches; nothing early, nothing twice."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from app.domain import firing, lag, occurrences, pings, triggers
from app.domain.firing import SINGLE_ROWS, STARTS, Decision
from app.domain.occurrences import Occurrence, Plan
from app.domain.policy import Policy
from app.domain.triggers import Fire
from app.infra import database
from app.models.runs import IS_TIMED, MEETS, Run
from app.models.tasks import PLAN, Schedule, Task, plan_of, trigger_of
from app.services import alerting, counting, uses
from app.services.dispatch.leading import Deposed, Leadership, lead, resign
from app.services.planned import (
    RANK_AT,
    are_held,
    decided,
    fate,
    insert,
    key,
    rank,
    ranks,
    taking_over,
    turn,
    waits_for_others,
)
from app.services.unit import Work, batch

__all__ = ["BATCH", "Deposed", "Leadership", "fire_due", "lead", "resign", "seconds_until_due"]

BATCH = 500
"""Schedules decided in one transaction: short enough for the other writers, long enough for a herd."""

MOST_TIMES = 5000
"""Planned times decided in one transaction (26 µs each), and in one pass for one schedule; the rest follow at once."""

_NEIGHBOURS = 200
"""So many runs of a task are looked at for the folded one with which the same gap began."""


def fire_due(leadership: Leadership, lease: timedelta) -> int:
    """Decide on up to BATCH due schedules and as many runs whose wait is over; returns how many of both there were.

    A schedule that can't be computed is set aside with its problem and never blocks the others.
    """
    with batch() as work:
        leadership.assert_in(work, lease)
        due = _due(work)
        if due:
            _fire(work, due)
        return len(due) + _release(work)


def seconds_until_due() -> float | None:
    """Return how far away the earliest planned time, retry or resumption is in database time, None without any."""
    with database.read() as connection:
        times = [time for query in _EARLIEST if (time := connection.execute(query).scalar())]
        return (min(times) - database.now(connection)).total_seconds() if times else None


# --- schedules that are due


def _due(work: Work) -> Sequence[Any]:
    query = _DUE_LOCKED if work.connection.dialect.name == "postgresql" else _DUE
    return work.connection.execute(query, {"now": work.now}).all()


@dataclass
class _Pass:
    """What one transaction decides: how many runs each task has by now, and the rows that are written at its end."""

    work: Work
    counts: dict[int, tuple[int, int]]
    runs: list[dict[str, Any]] = field(default_factory=list)
    advances: list[dict[str, Any]] = field(default_factory=list)
    uses: dict[str, Any] = field(default_factory=dict)

    def plan(self, row: Any) -> Plan:
        """Return all that says when a schedule runs; calendars are read once for all who use the same."""
        if row.engine == pings.ENGINE:
            return pings.at_its_time(plan_of(row, self._uses(row)))
        return plan_of(row, self._uses(row))

    def _uses(self, row: Any) -> Any:
        if not row.calendars:
            return ()
        alike = f"{row.team_id} {row.calendars}"
        if alike not in self.uses:
            self.uses[alike] = uses.of(self.work.connection, row.team_id, row.calendars)
        return self.uses[alike]

    def count(self, task_id: int, decisions: Sequence[Decision]) -> Sequence[Decision]:
        """Count the runs that the next one meets, and stop those whose place is taken; returns what is to be done."""
        actions = Counter(decision.action for decision in decisions)
        active, waiting = self.counts.get(task_id, (0, 0))
        self.counts[task_id] = (active + sum(actions[name] for name in STARTS), waiting + actions["wait"])
        if not actions["cancel_old"]:
            return decisions
        return [taking_over(self.work, task_id, one) if one.action == "cancel_old" else one for one in decisions]


def _fire(work: Work, due: Sequence[Any]) -> None:
    this = _Pass(work, _counts(work, [row.task_id for row in due]))
    looked_at = 0
    for row in due:
        if looked_at >= MOST_TIMES:
            break  # after an outage; what is left is still due
        if _meets_held(work, row):
            continue  # it is still due in the next pass
        try:
            decisions, advance = _decide(this, row)
            turn(Policy.of(row.policy))  # a policy that breaks what follows is found here
        except triggers.TriggerError as error:
            _set_aside(work, row, error.sentence)
            continue
        except Exception as error:  # noqa: BLE001 a rule that breaks our own code is set aside like any other
            _set_aside(
                work, row, f"This schedule can't be computed ({type(error).__name__}). Edit it to start it again."
            )
            continue
        looked_at += sum(decision.count for decision in decisions)
        this.runs += [
            _run(row, decision, work.now)
            for decision in this.count(row.task_id, decisions)
            if not _joins_its_gap(work, row, decision)
        ]
        this.advances.append(advance)
    if this.advances:
        work.connection.execute(_ADVANCE, this.advances)
    insert(work, this.runs)
    _count_lag(work, this.runs)


def _meets_held(work: Work, row: Any) -> bool:
    """Whether this would take the place of runs that others are just changing."""
    return (row.policy or {}).get("overlap") == "cancel_old" and are_held(work, row.task_id)


def _count_lag(work: Work, runs: Sequence[dict[str, Any]]) -> None:
    """Count how late the runs are that are queued now, for /metrics."""
    late = [(work.now - run["planned_at"]).total_seconds() for run in runs if run["state"] == "queued"]
    counting.count_all(work, lag.counts(late))


def _decide(this: _Pass, row: Any) -> tuple[list[Decision], dict[str, Any]]:
    plan, now = this.plan(row), this.work.now
    # The last pass gets as many as misfire and single rows look back, so that where passes part makes no difference.
    found = list(islice(occurrences.between(plan, row.decided_until, now), MOST_TIMES + SINGLE_ROWS))
    has_more = len(found) == MOST_TIMES + SINGLE_ROWS
    found = found[:MOST_TIMES] if has_more else found
    until = found[-1].fire.at if has_more else now
    due = occurrences.due(plan, found, row.decided_until, until)
    decisions = firing.decide(
        _without_runs(this.work, row, due), now, _policy(row),
        *this.counts.get(row.task_id, (0, 0)), has_more=has_more, paused_until=row.paused_until,
    )  # fmt: skip
    look = occurrences.next_look(plan, until, was_left_out=bool(found) and found[-1].is_left_out)
    state = "active" if look else "over"
    return decisions, {"schedule": row.id, "next_at": look, "until": until, "now_is": state}


def _policy(row: Any) -> Policy:
    policy = Policy.of(row.policy)
    return pings.expected(policy) if row.engine == pings.ENGINE else policy


def _without_runs(work: Work, row: Any, due: Sequence[Occurrence]) -> Sequence[Occurrence]:
    """Leave out what has had its run before the instant of its rule, because it moved to an earlier time; and what a
    person moved or skipped where it would take the place of others.
    """
    takes_over = row.policy.get("overlap") == "cancel_old"
    passed = [key(one.fire.at) for one in due if takes_over or occurrences.has_passed(one)]
    if not passed:
        return due
    query = sa.select(Run.key).where(Run.task_id == row.task_id, Run.key.in_(passed))
    known = set(work.connection.execute(query).scalars())
    return [one for one in due if key(one.fire.at) not in known]


def _counts(work: Work, tasks: list[int]) -> dict[int, tuple[int, int]]:
    rows = work.connection.execute(_COUNTS, {"tasks": tasks})
    return {task: (active, waiting) for task, active, waiting in rows}


def _run(row: Any, decision: Decision, now: datetime) -> dict[str, Any]:
    values = decided(
        decision, now, row.engine, Policy.of(row.policy), row.lane, team_id=row.team_id, task_id=row.task_id,
        version_id=row.version_id, schedule_id=row.id,
    )  # fmt: skip
    return values | waits_for_others(values) if row.awaits else values


def _joins_its_gap(work: Work, row: Any, decision: Decision) -> bool:
    """Whether a folded decision went into the row of the same gap that an earlier pass began."""
    if decision.reason != "folded":
        return False
    before = row.decided_until  # a fire only where the pass before had more than it could take
    if not next(triggers.fires_between(trigger_of(row), before - timedelta.resolution, before), None):
        return False
    near = sa.select(Run.id).where(Run.task_id == row.task_id, Run.planned_at <= before)
    begun = work.connection.execute(
        sa.select(Run.id, Run.folded_count)
        .where(Run.id.in_(near.order_by(Run.planned_at.desc()).limit(_NEIGHBOURS)))
        .where(Run.schedule_id == row.id, Run.reason == "folded", Run.folded_until == before)
    ).first()
    if begun is None:
        return False
    count = begun.folded_count + decision.count
    sentence = f"Missed {count:,} times: {decision.sentence.partition(': ')[2]}"
    longer = {"folded_count": count, "folded_until": decision.until, "sentence": sentence}
    work.connection.execute(sa.update(Run).where(Run.id == begun.id).values(longer))
    return True


# --- schedules that can't be computed


def _set_aside(work: Work, row: Any, sentence: str) -> None:
    work.connection.execute(
        sa.update(Schedule)
        .where(Schedule.id == row.id)
        .values(state="broken", problem=sentence[:300], next_fire_at=None)
    )
    work.audit("schedule_set_aside", row.name, sentence=sentence)
    work.tell("schedule_broken", row.team_id, None, schedule=row.id, sentence=sentence)
    told = f"A schedule of {row.name} was set aside. {sentence}"
    alerting.begin(work, f"schedule_broken:{row.id}", "schedule_broken", told, row.team_id, task_id=row.task_id)


# --- runs whose wait is over


def _release(work: Work) -> int:
    """Queue the runs whose back-off has passed, and decide on those whose time has come."""
    query = _WAITED_LOCKED if work.connection.dialect.name == "postgresql" else _WAITED
    rows = work.connection.execute(query, {"now": work.now}).all()
    retries = [row.id for row in rows if row.reason != "time"]
    if retries:
        for row in work.connection.execute(_RETRY, {"now": work.now, "runs": retries} | ranks(work.now)).all():
            work.tell("queued", row.team_id, row.id, reason="retry")
            work.enqueue(row.id, row.attempt, row.lane)
    if held := [row for row in rows if row.reason == "time" and not _meets_held(work, row)]:
        _let_go(work, held)
    return len(retries) + len(held)


def _let_go(work: Work, held: Sequence[Any]) -> None:
    """Decide on runs that waited for their time as if they were due now: others may be going, the clock be late."""
    this = _Pass(work, _counts(work, list({row.task_id for row in held})))
    by_schedule: dict[tuple[int, int | None], list[Any]] = {}
    for row in held:
        by_schedule.setdefault((row.task_id, row.schedule_id), []).append(row)
    fates = []
    for rows in by_schedule.values():
        for row, decision in _decide_now(this, rows):
            values = fate(decision, work.now)
            values |= waits_for_others(values) if row.awaits else {}
            fates.append({"run": row.id, "rank": rank(values["queued_at"], row.priority), **values})
            work.tell(values["state"], row.team_id, row.id, reason=values["reason"] or "time")
            if values["state"] == "queued":
                work.enqueue(row.id, row.attempt, row.lane)
    work.connection.execute(_LET_GO, fates)


def _decide_now(this: _Pass, rows: Sequence[Any]) -> list[tuple[Any, Decision]]:
    """Decide on runs of one schedule whose time has come."""
    first = rows[0]
    # Told apart by their number: several may have moved to one instant.
    due = [Occurrence(Fire(row.not_before, str(row.id)), row.not_before) for row in rows]
    if first.paused_at:
        return [
            (row, Decision(one, "skip", "paused", "Skipped: the task was paused."))
            for row, one in zip(rows, due, strict=True)
        ]
    counts = this.counts.get(first.task_id, (0, 0))
    try:
        decisions = firing.release(due, this.work.now, Policy.of(first.policy or {}), *counts)
    except Exception:  # noqa: BLE001 a policy that can't be used is set aside with its schedule; the run is not lost
        decisions = firing.release(due, this.work.now, Policy(), *counts)
    by_number = {str(row.id): row for row in rows}
    return [(by_number[one.what.fire.local], one) for one in this.count(first.task_id, decisions)]


# --- the statements of a round, built once: to build one costs as much as to run it

_DUE = (
    sa.select(
        *PLAN, Schedule.team_id, Schedule.task_id, Schedule.decided_until, Schedule.paused_until, Task.version_id,
        Task.engine, Task.lane, Task.name, Task.awaits,
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
    .where(MEETS, Run.task_id.in_(sa.bindparam("tasks", expanding=True)))
    .group_by(Run.task_id)
)
_IS_HERE = sa.and_(Run.lane != pings.LANE, Run.reason != "upstream")
"""Not what waits for the ping of a job that runs elsewhere, or for other tasks: the reconciler ends that in time."""

_WAITED = (
    sa.select(
        Run.id, Run.team_id, Run.task_id, Run.schedule_id, Run.reason, Run.lane, Run.attempt, Run.priority,
        Run.not_before, Task.paused_at, Task.awaits, Schedule.policy,
    )
    .join(Task, Task.id == Run.task_id)
    .outerjoin(Schedule, Schedule.id == Run.schedule_id)
    .where(IS_TIMED, Run.not_before <= sa.bindparam("now"), _IS_HERE)
    .order_by(Run.not_before, Run.id)
    .limit(BATCH)
)  # fmt: skip
_WAITED_LOCKED = _WAITED.with_for_update(skip_locked=True, of=Run)
_RETRY = (
    sa.update(Run)
    .where(Run.id.in_(sa.bindparam("runs", expanding=True)), Run.state == "waiting")
    .values(
        state="queued",
        reason="",
        sentence="",
        not_before=None,
        queued_at=sa.bindparam("now"),
        rank_at=RANK_AT,
        attempt=Run.attempt + 1,
    )
    .returning(Run.id, Run.team_id, Run.lane, Run.attempt)
)
_LET_GO = (
    sa.update(Run.__table__)  # type: ignore[arg-type]  # the table itself: one statement, many rows
    .where(Run.__table__.c.id == sa.bindparam("run"))
    .values(
        rank_at=sa.bindparam("rank"),
        not_before=None,
        **{name: sa.bindparam(name) for name in ("state", "reason", "sentence", "queued_at", "ended_at")},
    )
)
_EARLIEST = (
    sa.select(sa.func.min(Schedule.next_fire_at)).where(Schedule.state == "active"),
    sa.select(sa.func.min(Run.not_before)).where(IS_TIMED, _IS_HERE),
    sa.select(sa.func.min(Task.resume_at)).where(Task.resume_at.is_not(None)),
)
