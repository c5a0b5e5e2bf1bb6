"""What planning says of the schedules in a form: clashes with ways out of them, better times, what a run will take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain import moving
from app.domain.access import Actor
from app.domain.conflicts import Conflict
from app.domain.forecast import Estimate
from app.domain.triggers import Trigger, TriggerError
from app.services import what_if
from app.services.planning import clashes
from app.services.planning.clashes import About
from app.services.tasks import builder, schedules
from app.services.tasks.schedules import Given, Moves
from app.services.what_if import Monthly


@dataclass(frozen=True)
class Press:
    """A button that changes the form: `text` becomes that of the schedule, or `name` of the form becomes `value`."""

    label: str
    text: str = ""
    name: str = ""
    value: str = ""


@dataclass(frozen=True)
class Clash:
    """A conflict of the schedule in box `number`, with its ways out."""

    number: int
    what: Conflict
    presses: Sequence[Press]


@dataclass(frozen=True)
class Better:
    """A better time for the schedule in box `number`."""

    number: int
    press: Press


@dataclass(frozen=True)
class Foresight:
    """What planning says of all schedules of a form."""

    estimate: Estimate
    clashes: Sequence[Clash] = ()
    better: Sequence[Better] = ()


@dataclass
class Asked:
    """A schedule of a form as it was typed and read."""

    number: int
    given: Given
    trigger: Trigger
    times: Sequence[datetime]


def look(about: About, asked: Sequence[Asked], moves: Moves, now: datetime) -> Foresight:
    """Say what planning knows of these schedules."""
    looked = clashes.Look(about, now)
    found, better = [], []
    for one in asked:
        seen = looked.at(schedules.plan_of_typed(one.given, one.trigger, moves, now))
        found += [Clash(one.number, what, _presses(what, one, now)) for what in seen.conflicts]
        # A time that is only quieter is there already, as the way out of the crowd.
        has_way = any(press.text for clash in found if clash.what.kind == "capacity" for press in clash.presses)
        choices = [choice for choice in seen.choices if not (has_way and choice.reasons == ("quieter",))]
        moved = ((choice.words, _moved(one, choice.shift, now)) for choice in choices)
        better += [Better(one.number, Press(words, text)) for words, text in moved if text]
    return Foresight(looked.estimate, found, better)


def monthly(actor: Actor, about: About, model: str | None, asked: Sequence[Asked], now: datetime) -> Monthly | None:
    """Say what a task costs in a month as it is, and as it is typed; None where that is not known."""
    moves = Moves(about.team_id)
    plans = [schedules.plan_of_typed(one.given, one.trigger, moves, now) for one in asked]
    return what_if.look(actor, about.slug, model, plans, now)


def _presses(what: Conflict, one: Asked, now: datetime) -> list[Press]:
    presses = []
    for way in what.ways:
        if way.shift is not None:
            text = _moved(one, way.shift, now)
            presses += [Press(way.label, text)] if text else []
        elif "text" in way.fields:
            presses.append(Press(way.label, way.fields["text"]))
        else:
            ((name, value),) = way.fields.items()
            presses.append(
                Press(way.label, name=f"when-{one.number}-{name}" if name == "calendars" else name, value=value)
            )
    return presses


def _moved(one: Asked, shift: timedelta, now: datetime) -> str:
    """Return the words for the schedule with all its times moved; empty where its rule can't say that."""
    first = one.times[0]
    try:
        trigger = moving.moved(one.trigger, first, first + shift)
    except TriggerError:
        return ""
    given = replace(one.given, text=trigger.expression, timezone=trigger.timezone)
    return (builder.written("words", given, now).get("text") or [trigger.expression])[0]
