"""Plain words -> trigger: understood, asked about, or not readable; never silently wrong.

A phrase is read clause by clause (`clauses.split`); the set of clauses found picks what they build (`_SHAPES`).
Words that no clause reads, and clauses that no shape puts together, are never passed over.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from app.domain import triggers, wording
from app.domain.clauses import WORKDAYS, Choice, Days, Doubt, Phrase, Unreadable, next_yearly, plain, split
from app.domain.triggers import Trigger, TriggerError

__all__ = ["EXAMPLES", "Choice", "Reading", "read"]

EXAMPLES = ("every weekday at 9:00", "every 15 minutes", "24 Dec at 8:00")
LONGEST = 300
"""Characters of a phrase; a longer one is not read."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_MACROS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What a phrase means: `understood` with its trigger, `ask` with choices, or `unknown` with three examples."""

    state: Literal["understood", "ask", "unknown"]
    trigger: Trigger | None
    sentence: str
    choices: tuple[Choice, ...] = ()


def read(text: str, now: datetime, timezone: str) -> Reading:
    """Read plain words, cron or an interval as they mean at `now` (aware) in `timezone` (IANA).

    A missing time is never invented and a doubt never decided: both are asked about. Raises nothing.
    """
    phrase = Phrase(plain(text[: LONGEST + 1]), now, timezone)
    try:
        trigger = _rule(phrase) or _spoken(phrase)
        triggers.check(trigger)
        if triggers.next_fire(trigger, now) is None:
            raise _past(trigger, phrase)
        return Reading("understood", trigger, triggers.describe(trigger))
    except Doubt as doubt:
        return Reading("ask", None, doubt.sentence, doubt.choices)
    except TriggerError as error:
        return _unknown(error.sentence)
    except (Unreadable, OverflowError):
        return _unknown("I can't read that. Try one of these.")


def _unknown(sentence: str) -> Reading:
    return Reading("unknown", None, sentence, tuple(Choice(example, example) for example in EXAMPLES))


def _rule(phrase: Phrase) -> Trigger | None:
    """Read what is a rule already: cron, one of its macros, an interval, a moment."""
    text = phrase.text
    if text in _MACROS or re.match(r"(?:[\d*/,-]+ ){3}", f"{text} "):
        return _cron(phrase, _MACROS.get(text, text))
    if re.fullmatch(r"(?:\d+[dhms])+", text):
        return _interval(phrase, text)
    if re.fullmatch(r"\d{4}-\d\d-\d\dt[\d:+z-]+", text):
        return _once(phrase, text.upper())
    return None


def _spoken(phrase: Phrase) -> Trigger:
    if len(phrase.text) > LONGEST:
        raise Unreadable
    found = split(phrase)
    build = _SHAPES.get(frozenset(found))
    if not build:
        raise Unreadable
    return build(phrase, **found)


def _cron(phrase: Phrase, expression: str) -> Trigger:
    return Trigger("cron", expression, phrase.timezone)


def _interval(phrase: Phrase, expression: str) -> Trigger:
    return Trigger("interval", expression, phrase.timezone, anchor_at=phrase.now.replace(microsecond=0))


def _once(phrase: Phrase, expression: str) -> Trigger:
    return Trigger("once", expression, phrase.timezone)


# --- clauses -> a trigger


def _after(phrase: Phrase, delay: timedelta) -> Trigger:
    return _once(phrase, (phrase.now + delay).astimezone(phrase.zone).isoformat(timespec="seconds"))


def _days_later(phrase: Phrase, days_later: timedelta, times: tuple[time, ...]) -> Trigger:
    return _on_date(phrase, phrase.today + days_later, times)


def _on_date(phrase: Phrase, day: date, times: tuple[time, ...]) -> Trigger:
    if len(times) > 1:
        raise Doubt("Once has one time. Which one?", [_moment(day, at) for at in times])
    return _once(phrase, datetime.combine(day, times[0]).isoformat(timespec="minutes"))


def _on_days(phrase: Phrase, days: Days, times: tuple[time, ...], **_: str) -> Trigger:
    if days.is_repeated:
        return _at(phrase, times, f"* * {_weekdays(days)}")
    (number,) = days.numbers
    day = _ahead(phrase.today, number)
    weekly = Choice(f"every {day:%A} at {wording.clock(times[0])}", f"Every {day:%A}")
    raise Doubt(f"Every {day:%A}, or once?", [weekly, _moment(day, times[0])])


def _weekly(phrase: Phrase, days: Days, times: tuple[time, ...], **_: str) -> Trigger:
    return _at(phrase, times, f"* * {_weekdays(days)}")


def _on_weekday(phrase: Phrase, weekday: int, times: tuple[time, ...]) -> Trigger:
    day = _ahead(phrase.today + DAY, weekday)
    raise Doubt(f"Which {day:%A}?", [_moment(day, times[0]), _moment(day + 7 * DAY, times[0])])


def _daily(phrase: Phrase, times: tuple[time, ...], **_: str) -> Trigger:
    return _at(phrase, times, "* * *")


def _monthly(phrase: Phrase, monthdays: tuple[int, ...], times: tuple[time, ...], **_: str) -> Trigger:
    trigger = _at(phrase, times, f"{','.join(map(str, monthdays))} * *")
    if monthdays[-1] > 28:  # noqa: PLR2004 the shortest month
        choice = Choice(trigger.expression, triggers.describe(trigger))
        raise Doubt(f"Some months have no day {monthdays[-1]}: it does not run then. Is that right?", [choice])
    return trigger


def _on_monthday(phrase: Phrase, **_: object) -> Trigger:
    text = f"every month {phrase.text}"
    raise Doubt("Every month? For a single time, name the month.", [Choice(text, "Every month")])


def _in_rhythm(phrase: Phrase, rhythm: timedelta, days: Days | None = None) -> Trigger:
    weekdays = _weekdays(days) if days else "*"
    if not rhythm or rhythm >= DAY or DAY % rhythm or rhythm % MINUTE or (rhythm % HOUR and HOUR % rhythm):
        if days:
            raise Unreadable
        return _interval(phrase, _compact(rhythm))
    if rhythm < HOUR:
        return _cron(phrase, f"{_step(rhythm // MINUTE)} * * * {weekdays}")
    return _cron(phrase, f"0 {_step(rhythm // HOUR)} * * {weekdays}")


def _in_window(phrase: Phrase, rhythm: timedelta, window: tuple[time, time], days: Days | None = None) -> Trigger:
    since, until = window
    weekdays = _weekdays(days) if days else "*"
    if rhythm and not rhythm % HOUR and rhythm < DAY:
        last = until.hour if until.minute >= since.minute else until.hour - 1
        return _cron(phrase, f"{since.minute} {since.hour}-{last}/{rhythm // HOUR} * * {weekdays}")
    if not rhythm or HOUR % rhythm or rhythm % MINUTE or since.minute or until.minute:
        raise Unreadable
    return _cron(phrase, f"{_step(rhythm // MINUTE)} {since.hour}-{until.hour - 1} * * {weekdays}")


def _days_apart(_: Phrase, days_apart: timedelta) -> Trigger:
    text = f"{days_apart.days}d"
    words = f"Every {wording.elapsed(days_apart)}, from now on"
    raise Doubt("Such a rhythm counts hours, not clock times. Is that right?", [Choice(text, words)])


def _at(phrase: Phrase, times: tuple[time, ...], days: str) -> Trigger:
    """Build a cron rule; times with different minutes need a rule each, for cron would mix them."""
    if len({at.minute for at in times}) > 1:
        rules = [_cron(phrase, f"{at.minute} {at.hour} {days}") for at in times]
        choices = [Choice(rule.expression, triggers.describe(rule)) for rule in rules]
        raise Doubt("These times need a schedule each. Which one is this?", choices)
    return _cron(phrase, f"{times[0].minute} {','.join(str(at.hour) for at in times)} {days}")


def _weekdays(days: Days) -> str:
    return "1-5" if days.numbers == WORKDAYS else ",".join(map(str, sorted(days.numbers)))


def _step(number: int) -> str:
    return "*" if number == 1 else f"*/{number}"


def _compact(span: timedelta) -> str:
    sizes = ((HOUR, "h"), (MINUTE, "m"), (timedelta(seconds=1), "s"))
    return next(f"{span // size}{unit}" for size, unit in sizes if not span % size)


def _ahead(today: date, weekday: int) -> date:
    """Return the first such weekday (Sunday 0) from today on."""
    return today + timedelta((weekday - today.isoweekday()) % 7)


def _moment(day: date, at: time) -> Choice:
    return Choice(f"{day.isoformat()} {wording.clock(at)}", f"{wording.day(day)} at {wording.clock(at)}")


def _past(trigger: Trigger, phrase: Phrase) -> Doubt:
    moment = datetime.fromisoformat(trigger.expression)
    days = (phrase.today + DAY, next_yearly(phrase.today + DAY, moment.month, moment.day))
    choices = [_moment(day, moment.time()) for day in dict.fromkeys(days)]
    return Doubt(f"{wording.day(moment)} at {wording.clock(moment)} is past. When instead?", choices)


# --- what is missing is asked for, never invented


def _which_time(phrase: Phrase, **_: object) -> Trigger:
    raise Doubt("At what time?", [Choice(f"{phrase.text} at {at}", at) for at in ("08:00", "09:00", "17:00")])


def _which_day(phrase: Phrase, **_: object) -> Trigger:
    raise Doubt("On which day?", [Choice(f"{phrase.text} on {day}", day.title()) for day in ("mondays", "fridays")])


def _which_monthday(phrase: Phrase, **_: object) -> Trigger:
    raise Doubt("On which day?", [Choice(f"{phrase.text} on the {day}", f"The {day}") for day in ("1st", "15th")])


def _which_rhythm(phrase: Phrase, **_: object) -> Trigger:
    raise Doubt(
        "On which days?",
        [Choice(f"{days} {phrase.text}", days.capitalize()) for days in ("every day", "every weekday", "tomorrow")],
    )


_SHAPES: dict[frozenset[str], Callable[..., Trigger]] = {
    frozenset(names.split()): build
    for build, shapes in (
        (_after, ("delay",)),
        (_days_later, ("days_later times",)),
        (_on_date, ("day times",)),
        (_on_weekday, ("weekday times",)),
        (_daily, ("daily times",)),
        (_on_days, ("days times", "daily days times")),
        (_weekly, ("weekly days times",)),
        (_monthly, ("monthly monthdays times",)),
        (_on_monthday, ("monthdays times",)),
        (_in_rhythm, ("rhythm", "rhythm days")),
        (_in_window, ("rhythm window", "rhythm window days")),
        (_days_apart, ("days_apart",)),
        (_which_time, ("days_later", "day", "weekday", "daily", "days", "daily days", "weekly days", "monthdays")),
        (_which_time, ("monthly monthdays",)),
        (_which_day, ("weekly", "weekly times")),
        (_which_monthday, ("monthly", "monthly times")),
        (_which_rhythm, ("times",)),
    )
    for names in shapes
}  # fmt: skip
