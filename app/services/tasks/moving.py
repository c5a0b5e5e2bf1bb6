"""A schedule whose planned time is moved: all of its times, or this one and those after it. A helper, like unit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal, get_args

from app.core.clock import utc_now
from app.core.errors import Conflict, Invalid
from app.domain import moving, phrases, triggers
from app.domain.access import Actor
from app.domain.localtime import zone
from app.domain.occurrences import Occurrence
from app.domain.triggers import Trigger, TriggerError
from app.models.tasks import Task
from app.services import tasks
from app.services.tasks import schedules

Which = Literal["later", "all"]

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_GONE = "This schedule was changed meanwhile. Look at the task again."


@dataclass(frozen=True)
class Change:
    """The schedules of a task as a move makes them, and what that comes to in words."""

    rules: list[dict[str, Any]]
    sentence: str


def change(task: Task, schedule_id: int, rule: Occurrence, at: datetime, to: datetime, which: str) -> Change:
    """Return what becomes of a task's schedules when the run that is to start at `at` starts at `to` (aware) instead,
    and `which` of the others move alike: those `later`, or `all`. Raises Invalid (`to`), Conflict.
    """
    if which not in get_args(Which):
        raise Invalid({"which": "Choose this run only, this and later, or all."})
    before = tasks.definition(task)["schedules"]
    trigger = next((row.trigger for row in task.schedules if row.id == schedule_id), None)
    place = next((index for index, one in enumerate(before) if schedules.trigger_of(one) == trigger), None)
    if trigger is None or place is None:
        raise Conflict(_GONE)
    try:
        meant = _meant(trigger, rule.fire.at, at, to)
        new = moving.moved(trigger, rule.fire.at, meant)
    except TriggerError as error:
        raise Invalid({"to": error.sentence}) from None
    old = before[place]
    earlier = _ending(old, trigger, rule.fire.at) if which == "later" else None
    moved = _rule(old, new, meant - rule.fire.at)
    if earlier:
        moved |= _edge("starts", new, min(rule.fire.at, meant), time())
    rules = [*before[:place], *([earlier] if earlier else []), moved, *before[place + 1 :]]
    if len(rules) > schedules.MOST_SCHEDULES:
        raise Invalid({"to": f"A task has at most {schedules.MOST_SCHEDULES} schedules. Move all of its runs instead."})
    since = "" if which == "later" else moved["starts"]  # who asks says from when on
    return Change(rules, schedules.words([moved | {"starts": since}]))


def move(actor: Actor, slug: str, schedule_id: int, rule: Occurrence, at: datetime, to: datetime, which: str) -> Task:
    """Change a task's schedules so, as a new version. Raises NotFound, Invalid, Conflict."""
    seen = tasks.find(actor, slug)
    content = tasks.definition(seen)
    return tasks.change_to(actor, seen, content | {"schedules": change(seen, schedule_id, rule, at, to, which).rules})


def _meant(trigger: Trigger, fire_at: datetime, at: datetime, to: datetime) -> datetime:
    """Return the instant of the rule that a run at `to` comes from: as many days on, at the clock time of `to`."""
    here = zone(trigger.timezone)
    was, is_now = at.astimezone(here), to.astimezone(here)
    day = fire_at.astimezone(here).date() + (is_now.date() - was.date())
    return datetime.combine(day, is_now.time(), here)


def _ending(old: Mapping[str, Any], trigger: Trigger, at: datetime) -> dict[str, Any] | None:
    """Return the schedule as it goes on until shortly before `at`; None when it has no more times until then."""
    edge = _edge("ends", trigger, at - (_MINUTE if trigger.kind == "interval" else _DAY), time.max)
    ending = replace(trigger, ends_at=datetime.fromisoformat(edge["ends_at"]))
    if triggers.next_fire(ending, utc_now()) is None:
        return None
    return {**old, **edge, "count": ""}


def _edge(name: str, trigger: Trigger, at: datetime, of_day: time) -> dict[str, Any]:
    """Return what is stored of a first or last time: a day, at its time `of_day`, where the rule has one time a day."""
    if trigger.kind == "interval":
        return {f"{name}_at": at.isoformat(), name: _wall(at, trigger)}
    day = at.astimezone(zone(trigger.timezone)).date()
    edge = datetime.combine(day, of_day, zone(trigger.timezone)).astimezone(UTC)
    return {f"{name}_at": edge.isoformat(), name: day.isoformat()}


def _rule(old: Mapping[str, Any], new: Trigger, by: timedelta) -> dict[str, Any]:
    """Return what is stored of the schedule moved `by` so much."""
    rule = {**old, "expression": new.expression, "text": _text(old, new), "anchor_at": _iso(new.anchor_at)}
    if old["count"] and new.ends_at:  # how often it runs is stored as its last time, which moves too
        rule |= {"ends_at": _iso(new.ends_at + by), "ends": _wall(new.ends_at + by, new), "count": ""}
    return rule


def _text(old: Mapping[str, Any], new: Trigger) -> str:
    """Return words for the text box that are read as this rule; its expression where there are none."""
    if new.kind == "interval":
        return str(old["text"])
    if new.kind == "once":
        return new.expression.replace("T", " ")
    said = triggers.describe(new)
    reading = phrases.read(said, utc_now(), new.timezone)
    is_same = reading.trigger and (reading.trigger.kind, reading.trigger.expression) == (new.kind, new.expression)
    return said if is_same else new.expression


def _wall(at: datetime, trigger: Trigger) -> str:
    return at.astimezone(zone(trigger.timezone)).replace(tzinfo=None, microsecond=0).isoformat(timespec="minutes")


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
