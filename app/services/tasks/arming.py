"""The rows of schedules that the clock reads: armed, settled, ended. A helper, like unit."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from app.domain import occurrences, pings
from app.domain.calendars import LOOKS_AHEAD
from app.domain.firing import Decision
from app.domain.occurrences import Occurrence, Plan
from app.domain.triggers import Trigger, TriggerError
from app.infra.database import db
from app.models.runs import IS_TIMED, Run
from app.models.tasks import Schedule, Task, plan_of
from app.services import planned, uses
from app.services.tasks.schedules import trigger_of
from app.services.unit import SessionWork

_LONGEST_PROBLEM = 300
_GOES_ON = frozenset({"active", "paused"})

Why = Literal["paused", "schedule_changed", "calendar"]

_SENTENCES: dict[Why, str] = {
    "paused": "Skipped{}: the task was paused.",
    "schedule_changed": "Missed{}: the schedule was changed before Carillon got to it.",
    "calendar": "Skipped{}: its calendars leave it out.",
}


@dataclass(frozen=True)
class Stretch:
    """Fires that have no run yet, from `first` until `last`, `count` in all."""

    first: Occurrence
    last: Occurrence
    count: int = 1


@dataclass(frozen=True)
class Undecided:
    """Fires after `since` up to `until` that have no run yet, by why none of them runs."""

    since: datetime
    until: datetime
    stretches: Mapping[Why, Stretch] = field(default_factory=dict)


def undecided(task: Task, until: datetime) -> dict[int, Undecided]:
    """Return, by schedule, what was planned up to `until` and never decided: while paused, or with the clock away.

    Counted before the transaction that settles it, because a year of minutes takes seconds to count.
    """
    connection = db.session.connection()
    return {schedule.id: _counted(connection, schedule, _nothing(schedule), until) for schedule in task.schedules}


def settle(work: SessionWork, task: Task, schedules: Sequence[Schedule], gaps: Mapping[int, Undecided]) -> None:
    """Give what was never decided until now its one folded run, before a schedule goes on, changes or ends."""
    rows = []
    for schedule in schedules:
        gap = gaps.get(schedule.id)
        if gap is None or gap.since != schedule.decided_until:
            gap = _nothing(schedule)  # the clock has just decided
        gap = _counted(work.connection, schedule, gap, work.now)
        rows += [_folded(work, task, schedule, why, stretch) for why, stretch in gap.stretches.items()]
        if gap.stretches:
            schedule.decided_until = max(stretch.last.fire.at for stretch in gap.stretches.values())
    planned.insert(work, rows)


def _nothing(schedule: Schedule) -> Undecided:
    return Undecided(schedule.decided_until, schedule.decided_until)


def _counted(connection: sa.Connection, schedule: Schedule, gap: Undecided, until: datetime) -> Undecided:
    """Return the gap with what was planned after it, up to `until`."""
    stretches = dict(gap.stretches)
    if schedule.state in _GOES_ON:
        with suppress(TriggerError):
            plan = _plan(connection, schedule)
            known = _keys(connection, schedule, gap.until, until) if plan.looks_ahead else ()
            for one in occurrences.between(plan, gap.until, until):
                if known and planned.key(one.fire.at) in known:
                    continue
                why = _why(schedule, one)
                before = stretches.get(why)
                stretches[why] = replace(before, last=one, count=before.count + 1) if before else Stretch(one, one)
    return Undecided(gap.since, until, stretches)


def _why(schedule: Schedule, one: Occurrence) -> Why:
    if schedule.state == "paused":
        return "paused"
    return "calendar" if one.is_left_out else "schedule_changed"


def _keys(connection: sa.Connection, schedule: Schedule, since: datetime, until: datetime) -> set[str]:
    """Return the keys of runs that had an earlier time than their rule says."""
    own = (Run.task_id == schedule.task_id, Run.schedule_id == schedule.id)
    query = sa.select(Run.key).where(*own, Run.planned_at > since - LOOKS_AHEAD, Run.planned_at <= until)
    return set(connection.execute(query).scalars())


def _folded(work: SessionWork, task: Task, schedule: Schedule, why: Why, stretch: Stretch) -> dict[str, Any]:
    times = "" if stretch.count == 1 else f" {stretch.count:,} times"
    until = stretch.last.fire.at if stretch.count > 1 else None
    action: Literal["miss", "skip"] = "miss" if why == "schedule_changed" else "skip"
    decision = Decision(stretch.first, action, why, _SENTENCES[why].format(times), stretch.count, until)
    return planned.decided(
        decision, work.now, task.engine, schedule.rules, team_id=task.team_id, task_id=task.id,
        version_id=task.version_id or 0, schedule_id=schedule.id,
    )  # fmt: skip


def arm(
    work: SessionWork,
    task: Task,
    rules: Sequence[Mapping[str, Any]],
    policy: dict[str, Any],
    gaps: Mapping[int, Undecided],
) -> None:
    """Make `rules` the task's schedules from now on: nothing fires at once. Unchanged ones go on as they were."""
    free = list(task.schedules)
    new = []
    for rule in rules:
        same = next((row for row in free if row.state in _GOES_ON and _is_same(task, row, rule)), None)
        if same is None:
            new.append(rule)
            continue
        free.remove(same)
        same.text, same.policy = rule["text"], policy
    settle(work, task, free, gaps)
    _drop_held(work, free)
    end(free)
    for rule in new:
        _start(work, task, free.pop(0) if free else _added(work, task), rule, policy)


def _is_same(task: Task, row: Schedule, rule: Mapping[str, Any]) -> bool:
    trigger = trigger_of(rule)
    if task.engine == pings.ENGINE and trigger.kind == "interval":
        trigger = replace(trigger, anchor_at=row.anchor_at)  # it counts from the last ping
    return row.trigger == trigger and row.calendars == rule.get("calendars", [])


def _drop_held(work: SessionWork, schedules: Sequence[Schedule]) -> None:
    """Cancel the runs that wait for a time which these schedules gave them: they change or end now.

    They give up instants of their rules that are to come: where the change is taken back, those have their runs.
    """
    going = [schedule.id for schedule in schedules if schedule.state in _GOES_ON]
    if not going:
        return
    sentence = "Cancelled: its schedule was changed before its time came."
    held = (
        sa.update(Run)
        .where(IS_TIMED, Run.reason == "time", Run.schedule_id.in_(going))
        .values(
            state="cancelled", reason="schedule_changed", sentence=sentence, not_before=None, ended_at=work.now,
            key=sa.case((Run.key > planned.key(work.now), "dropped:" + sa.cast(Run.id, sa.String)), else_=Run.key),
        )
        .returning(Run.id, Run.team_id)
    )  # fmt: skip
    for run_id, team_id in work.connection.execute(held).all():
        work.tell("cancelled", team_id, run_id, reason="schedule_changed")


def _added(work: SessionWork, task: Task) -> Schedule:
    schedule = Schedule(team_id=task.team_id, state="over", created_at=work.now)
    task.schedules.append(schedule)
    return schedule


def _start(work: SessionWork, task: Task, schedule: Schedule, rule: Mapping[str, Any], policy: dict[str, Any]) -> None:
    trigger: Trigger = trigger_of(rule)
    schedule.kind, schedule.expression, schedule.timezone = trigger.kind, trigger.expression, trigger.timezone
    schedule.gap, schedule.fold, schedule.anchor_at = trigger.gap, trigger.fold, trigger.anchor_at
    schedule.starts_at, schedule.ends_at = trigger.starts_at, trigger.ends_at
    schedule.text, schedule.policy, schedule.problem = rule["text"], policy, ""
    schedule.calendars = list(rule.get("calendars", []))
    schedule.created_at = work.now
    schedule.state = "paused" if task.paused_at else "active"
    go_on(work, schedule)


def go_on(work: SessionWork, schedule: Schedule) -> None:
    """Plan the next time after now; without one a schedule is over, and set aside when it can't be computed."""
    schedule.decided_until, schedule.paused_until = work.now, None
    try:
        look = occurrences.next_look(_plan(work.connection, schedule), work.now)
    except TriggerError as error:
        schedule.state, schedule.problem, schedule.next_fire_at = "broken", error.sentence[:_LONGEST_PROBLEM], None
        return
    schedule.next_fire_at = look if schedule.state == "active" else None
    if look is None and schedule.state == "active":
        schedule.state = "over"
    work.wake_clock()


def make_up(work: SessionWork, schedule: Schedule) -> None:
    """Let the clock decide at once on all that was planned since the schedule was paused, by its misfire policy."""
    schedule.paused_until = schedule.next_fire_at = work.now
    work.wake_clock()


def end(schedules: Sequence[Schedule]) -> None:
    """Let these schedules plan nothing more."""
    for schedule in schedules:
        schedule.state, schedule.next_fire_at, schedule.problem = "over", None, ""


def _plan(connection: sa.Connection, schedule: Schedule) -> Plan:
    return plan_of(schedule, uses.of(connection, schedule.team_id, schedule.calendars) if schedule.calendars else ())
