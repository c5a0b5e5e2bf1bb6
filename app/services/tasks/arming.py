"""The rows of schedules that the clock reads: armed, settled, ended. A helper, like unit."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain import triggers
from app.domain.firing import Decision
from app.domain.triggers import Fire, Trigger, TriggerError
from app.models.tasks import Schedule, Task
from app.services import planned
from app.services.tasks.schedules import trigger_of
from app.services.unit import SessionWork

_LONGEST_PROBLEM = 300


@dataclass(frozen=True)
class Undecided:
    """Planned times after `since` up to `until` that have no run yet: from `first` until `last`, `count` in all."""

    since: datetime
    until: datetime
    first: Fire | None = None
    last: Fire | None = None
    count: int = 0


def undecided(task: Task, until: datetime) -> dict[int, Undecided]:
    """Return, by schedule, what was planned up to `until` and never decided: while paused, or with the clock away.

    Counted before the transaction that settles it, because a year of minutes takes seconds to count.
    """
    return {schedule.id: _counted(schedule, _nothing(schedule), until) for schedule in task.schedules}


def settle(work: SessionWork, task: Task, schedules: Sequence[Schedule], gaps: Mapping[int, Undecided]) -> None:
    """Give what was never decided until now its one folded run, before a schedule goes on, changes or ends."""
    rows = []
    for schedule in schedules:
        gap = gaps.get(schedule.id)
        if gap is None or gap.since != schedule.decided_until:
            gap = _nothing(schedule)  # the clock has just decided
        gap = _counted(schedule, gap, work.now)
        if gap.first and gap.last:
            rows.append(_folded(work, task, schedule, gap))
            schedule.decided_until = gap.last.at
    planned.insert(work, rows)


def _nothing(schedule: Schedule) -> Undecided:
    return Undecided(schedule.decided_until, schedule.decided_until)


def _counted(schedule: Schedule, gap: Undecided, until: datetime) -> Undecided:
    """Return the gap with what was planned after it, up to `until`."""
    first, last, count = gap.first, gap.last, gap.count
    if schedule.state in {"active", "paused"}:
        with suppress(TriggerError):
            for fire in triggers.fires_between(schedule.trigger, gap.until, until):
                first, last, count = first or fire, fire, count + 1
    return Undecided(gap.since, until, first, last, count)


def _folded(work: SessionWork, task: Task, schedule: Schedule, gap: Undecided) -> dict[str, Any]:
    assert gap.first
    assert gap.last
    times = "" if gap.count == 1 else f" {gap.count:,} times"
    until = gap.last.at if gap.count > 1 else None
    if schedule.state == "paused":
        sentence = f"Skipped{times}: the task was paused."
        decision = Decision(gap.first, "skip", "paused", sentence, gap.count, until)
    else:
        sentence = f"Missed{times}: the schedule was changed before Carillon got to it."
        decision = Decision(gap.first, "miss", "schedule_changed", sentence, gap.count, until)
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
        trigger = trigger_of(rule)
        same = next((row for row in free if row.state in {"active", "paused"} and row.trigger == trigger), None)
        if same is None:
            new.append((rule, trigger))
            continue
        free.remove(same)
        same.text, same.policy = rule["text"], policy
    settle(work, task, free, gaps)
    end(free)
    for rule, trigger in new:
        _start(work, task, free.pop(0) if free else _added(work, task), trigger, rule["text"], policy)


def _added(work: SessionWork, task: Task) -> Schedule:
    schedule = Schedule(team_id=task.team_id, state="over", created_at=work.now)
    task.schedules.append(schedule)
    return schedule


def _start(
    work: SessionWork, task: Task, schedule: Schedule, trigger: Trigger, text: str, policy: dict[str, Any]
) -> None:
    schedule.kind, schedule.expression, schedule.timezone = trigger.kind, trigger.expression, trigger.timezone
    schedule.gap, schedule.fold, schedule.anchor_at = trigger.gap, trigger.fold, trigger.anchor_at
    schedule.starts_at, schedule.ends_at = trigger.starts_at, trigger.ends_at
    schedule.text, schedule.policy, schedule.problem = text, policy, ""
    schedule.created_at = work.now
    schedule.state = "paused" if task.paused_at else "active"
    go_on(work, schedule)


def go_on(work: SessionWork, schedule: Schedule) -> None:
    """Plan the next time after now; without one a schedule is over, and set aside when it can't be computed."""
    schedule.decided_until = work.now
    try:
        following = triggers.next_fire(schedule.trigger, work.now)
    except TriggerError as error:
        schedule.state, schedule.problem, schedule.next_fire_at = "broken", error.sentence[:_LONGEST_PROBLEM], None
        return
    schedule.next_fire_at = following.at if following and schedule.state == "active" else None
    if following is None and schedule.state == "active":
        schedule.state = "over"
    work.wake_clock()


def end(schedules: Sequence[Schedule]) -> None:
    """Let these schedules plan nothing more."""
    for schedule in schedules:
        schedule.state, schedule.next_fire_at, schedule.problem = "over", None, ""
