"""What planning says of the schedules in a form: clashes with ways out of them, better times, what a run will take."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flask import url_for

from app.domain import cron, moving
from app.domain.access import Actor
from app.domain.best_times import Choice
from app.domain.conflicts import Conflict, Way
from app.domain.forecast import Estimate
from app.domain.triggers import Trigger, TriggerError
from app.services import what_if
from app.services.planning import clashes
from app.services.planning.clashes import About, Line
from app.services.tasks import builder, schedules
from app.services.tasks.schedules import Given, Moves
from app.services.what_if import Monthly, Typed

_NEAR = timedelta(minutes=15)


@dataclass(frozen=True)
class Press:
    """A button that changes the form: `text` becomes that of the schedule, or `name` of the form becomes `value`.

    With `split` the schedule becomes two, of these texts; `href` leads to a page where others are changed.
    """

    label: str
    text: str = ""
    name: str = ""
    value: str = ""
    split: tuple[str, ...] = ()
    href: str = ""


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
    """What planning says of all schedules of a form, and of each of the times that are shown."""

    estimate: Estimate
    clashes: Sequence[Clash] = ()
    better: Sequence[Better] = ()
    lines: Mapping[datetime, Line] = field(default_factory=dict)

    def marks(self, at: datetime) -> Sequence[Conflict]:
        """Return the conflicts that have a mark for an instant, each mark once."""
        hit = [clash.what for clash in self.clashes if at in clash.what.times]
        return list({one.mark: one for one in hit}.values())


@dataclass
class Asked:
    """A schedule of a form as it was typed and read."""

    number: int
    given: Given
    trigger: Trigger
    times: Sequence[datetime]


def look(about: About, asked: Sequence[Asked], moves: Moves, now: datetime, shown: Collection[datetime]) -> Foresight:
    """Say what planning knows of these schedules, and of the times that are shown."""
    looked = clashes.Look(about, now)
    found, better = [], []
    for one in asked:
        seen = looked.at(schedules.plan_of_typed(one.given, one.trigger, moves, now))
        found += [Clash(one.number, what, _presses(what, one, now)) for what in seen.conflicts]
        shifts = [way.shift for what in seen.conflicts for way in what.ways if way.shift is not None]
        choices = [choice for choice in seen.choices if not _is_there(choice, shifts)]
        moved = ((choice.words, _moved(one, one.trigger, one.times[0], choice.shift, now)) for choice in choices)
        better += [Better(one.number, Press(words, text)) for words, text in moved if text]
    return Foresight(looked.estimate, found, better, {at: looked.line(at) for at in shown})


def _is_there(choice: Choice, shifts: Sequence[timedelta]) -> bool:
    """Whether a time that is only quieter is there already, about, as the way out of a crowd."""
    return choice.reasons == ("quieter",) and any(abs(choice.shift - shift) <= _NEAR for shift in shifts)


def monthly(
    actor: Actor, about: About, model: str | None, asked: Sequence[Asked], estimate: Estimate, now: datetime
) -> Monthly:  # fmt: skip
    """Say what a task comes to in a month as it is, and as it is typed."""
    moves = Moves(about.team_id)
    plans = [schedules.plan_of_typed(one.given, one.trigger, moves, now) for one in asked]
    return what_if.look(actor, Typed(about.slug, about.engine, model, plans), estimate, now)


# --- ways out


def _presses(what: Conflict, one: Asked, now: datetime) -> list[Press]:
    return [press for way in what.ways if (press := _press(what, way, one, now))]


def _press(what: Conflict, way: Way, one: Asked, now: datetime) -> Press | None:
    if way.page:
        budgets, at = url_for("budgets.index"), what.at.isoformat() if what.at else None
        return Press(way.label, href=budgets if way.page == "budgets" else url_for("spreading.show", at=at))
    if way.weekdays:
        texts = _split(what, way, one, now)
        return Press(way.label, split=texts) if texts else None
    if way.shift is not None:
        text = _moved(one, one.trigger, one.times[0], way.shift, now)
        return Press(way.label, text) if text else None
    if "text" in way.fields:
        return Press(way.label, way.fields["text"])
    ((name, value),) = way.fields.items()
    return Press(way.label, name=f"when-{one.number}-{name}" if name == "calendars" else name, value=value)


def _split(what: Conflict, way: Way, one: Asked, now: datetime) -> tuple[str, ...]:
    """Return the words for a schedule without some weekdays, and for these moved; none where it can't be split."""
    if one.trigger.kind != "cron" or way.shift is None:
        return ()
    rule, fields = cron.parse(one.trigger.expression), one.trigger.expression.split()
    rest = rule.weekdays - way.weekdays
    if fields[2] != "*" or not rest:
        return ()
    others, moving_ones = (
        replace(one.trigger, expression=" ".join([*fields[:4], ",".join(map(str, sorted(days)))]))
        for days in (rest, way.weekdays)
    )
    moved = _moved(one, moving_ones, min(what.times), way.shift, now)
    return (_words(one, others, now), moved) if moved else ()


def _moved(one: Asked, trigger: Trigger, at: datetime, shift: timedelta, now: datetime) -> str:
    """Return the words for a rule with its time `at` and all others moved; empty where it can't say that."""
    try:
        return _words(one, moving.moved(trigger, at, at + shift), now)
    except TriggerError:
        return ""


def _words(one: Asked, trigger: Trigger, now: datetime) -> str:
    given = replace(one.given, text=trigger.expression, timezone=trigger.timezone)
    return (builder.written("words", given, now).get("text") or [trigger.expression])[0]
