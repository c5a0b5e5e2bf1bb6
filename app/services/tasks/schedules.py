"""Schedules: what was typed -> a rule, its words, its next times; and the rows the clock reads. A helper, like unit."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, cast
from zoneinfo import available_timezones

from app.core.errors import Invalid
from app.domain import phrases, triggers
from app.domain.firing import Decision
from app.domain.phrases import Choice, Reading
from app.domain.triggers import Fire, Fold, Gap, Trigger, TriggerError
from app.models.tasks import Schedule, Task
from app.services import planned
from app.services.unit import SessionWork

LONGEST_TEXT = 300
_LONGEST_PROBLEM = 300
_YEAR = timedelta(days=365)

_GAPS = {"skip": "left out when clocks skip it"}
_FOLDS = {"both": "twice when clocks repeat it"}


@dataclass(frozen=True)
class Given:
    """A schedule as typed: words or a cron expression, in a time zone, with what to do when clocks change."""

    text: str
    timezone: str
    gap: str = "next"
    fold: str = "first"


@dataclass(frozen=True)
class Preview:
    """How a schedule was understood: `state` and `choices` of the reading, the next times, and clock changes ahead."""

    state: str
    sentence: str
    trigger: Trigger | None = None
    choices: Sequence[Choice] = ()
    fires: Sequence[Fire] = ()
    notes: Sequence[str] = ()


# --- reading


def preview(given: Given, now: datetime, count: int = 5) -> Preview:
    """Say how a schedule is understood and when it runs next after `now`; never raises for what was typed."""
    reading = read(given, now)
    if reading.trigger is None:
        return Preview(reading.state, reading.sentence, choices=reading.choices)
    try:
        fires = _next_fires(reading.trigger, now, count)
        notes = triggers.clock_changes(reading.trigger, now, now + _YEAR)
    except TriggerError as error:
        return Preview("unknown", error.sentence)
    return Preview(reading.state, reading.sentence, reading.trigger, reading.choices, fires, notes)


def read(given: Given, now: datetime) -> Reading:
    """Understand what was typed; `trigger` is None when it can't be, or when it has to be chosen first."""
    if given.timezone not in available_timezones():
        return Reading("unknown", None, "Choose a time zone from the list.")
    try:
        reading = phrases.read(given.text.strip()[:LONGEST_TEXT], now, given.timezone)
        if reading.trigger is None:
            return reading
        trigger = replace(reading.trigger, gap=cast("Gap", given.gap), fold=cast("Fold", given.fold))
        triggers.check(trigger)
    except TriggerError as error:
        return Reading("unknown", None, error.sentence)
    return replace(reading, trigger=trigger)


def words(rule: dict[str, Any] | None) -> str:
    """Say a stored rule in words: every weekday at 09:00 (Europe/Berlin); `never by itself` when there is none."""
    if rule is None:
        return "never by itself"
    try:
        said = triggers.describe(trigger_of(rule))
    except TriggerError:
        said = rule["text"] or rule["expression"]
    changes = [word for word in (_GAPS.get(rule["gap"]), _FOLDS.get(rule["fold"])) if word]
    return ", ".join([f"{said[:1].lower()}{said[1:]} ({rule['timezone']})", *changes])


def checked(given: Given, now: datetime, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the rule to store for what was typed, None for no schedule. Raises Invalid.

    What is typed as `before` stays as it was understood then: “in 10 minutes” does not move when a task is saved again.
    """
    if not given.text.strip():
        return None
    if before and given == Given(before["text"], before["timezone"], before["gap"], before["fold"]):
        return before
    reading = read(given, now)
    if reading.trigger is None:
        raise Invalid({"text": reading.sentence})
    trigger = reading.trigger
    if not triggers.clock_changes(trigger, now, now + _YEAR):
        trigger = replace(trigger, gap="next", fold="first")
    text = _moment(trigger.expression) if trigger.kind == "once" else given.text.strip()
    anchor = trigger.anchor_at.isoformat() if trigger.anchor_at else None
    return {
        "text": text, "kind": trigger.kind, "expression": trigger.expression, "timezone": trigger.timezone,
        "gap": trigger.gap, "fold": trigger.fold, "anchor_at": anchor,
    }  # fmt: skip


def _moment(expression: str) -> str:
    """Return a moment in words that mean the same tomorrow; one with an offset is read only as it is."""
    return expression.replace("T", " ") if len(expression) == len("2026-11-24T09:00") else expression


def trigger_of(rule: dict[str, Any]) -> Trigger:
    """Return the trigger of a stored rule."""
    anchor = datetime.fromisoformat(rule["anchor_at"]) if rule.get("anchor_at") else None
    return Trigger(rule["kind"], rule["expression"], rule["timezone"], rule["gap"], rule["fold"], anchor)


def next_fires(schedules: Sequence[Schedule], now: datetime, count: int = 5) -> list[Fire]:
    """Return the next planned times of active schedules, each once, ascending."""
    fires: set[Fire] = set()
    for schedule in schedules:
        if schedule.state == "active":
            with suppress(TriggerError):  # the clock sets it aside and says so
                fires.update(_next_fires(schedule.trigger, max(now, schedule.decided_until), count))
    return sorted(fires, key=lambda fire: fire.at)[:count]


def _next_fires(trigger: Trigger, after: datetime, count: int) -> list[Fire]:
    return list(islice(triggers.fires_between(trigger, after, after + _YEAR * 50), count))


# --- the rows the clock reads


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


def settle(work: SessionWork, task: Task, gaps: Mapping[int, Undecided]) -> None:
    """Give what was never decided until now its one folded run, before the schedule goes on, changes or ends."""
    rows = []
    for schedule in task.schedules:
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
        decision, work.now, task.engine, team_id=task.team_id, task_id=task.id, version_id=task.version_id or 0,
        schedule_id=schedule.id,
    )  # fmt: skip


def arm(
    work: SessionWork, task: Task, rule: dict[str, Any] | None, policy: dict[str, Any], gaps: Mapping[int, Undecided]
) -> None:
    """Make `rule` the task's schedule from now on: nothing fires at once. An unchanged one goes on as it was."""
    schedule = task.schedules[0] if task.schedules else None
    if schedule and rule and schedule.state in {"active", "paused"} and schedule.trigger == trigger_of(rule):
        schedule.text, schedule.policy = rule["text"], policy
        return
    settle(work, task, gaps)
    if rule is None:
        end(task)
        return
    if schedule is None:
        schedule = Schedule(team_id=task.team_id, state="over", created_at=work.now)
        task.schedules.append(schedule)
    trigger = trigger_of(rule)
    schedule.kind, schedule.expression, schedule.timezone = trigger.kind, trigger.expression, trigger.timezone
    schedule.gap, schedule.fold, schedule.anchor_at = trigger.gap, trigger.fold, trigger.anchor_at
    schedule.text, schedule.policy, schedule.problem = rule["text"], policy, ""
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


def end(task: Task) -> None:
    """Let the task's schedules plan nothing more."""
    for schedule in task.schedules:
        schedule.state, schedule.next_fire_at, schedule.problem = "over", None, ""
