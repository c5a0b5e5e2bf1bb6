"""The text of an ICS file -> its events, with the line that is to blame when it can't be read.

The one place that knows the library of iCalendar. It is given only what counts of each event: time zones that a file
defines for itself could make it count for ever, so an unknown zone is left open.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

from app.domain import rrule
from app.domain.calendars.lines import LONGEST_WHAT
from app.domain.calendars.spans import CalendarError
from app.domain.localtime import TriggerError
from app.domain.rrule import Rule

LARGEST_BYTES = 2 * 1024 * 1024
MOST_EVENTS = 5_000

_KEPT = frozenset({
    "UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SUMMARY", "STATUS",
    "TRANSP",
})  # fmt: skip
_LINE = re.compile(r"([A-Za-z0-9-]+)[;:]")
_MOST_MOMENTS = 24
_YEARS = range(1900, 2200)
_LONGEST = timedelta(days=3660)
_SHORT = frozenset({"HOURLY", "MINUTELY", "SECONDLY"})

Moment = date | datetime
"""A day, a wall time of the calendar's zone (naive), or an instant with its zone."""


@dataclass(frozen=True)
class Event:
    """An event: its first time, how long it lasts, and when it comes again, if it does."""

    uid: str
    begin: Moment
    length: timedelta
    what: str
    rule: Rule | None = None
    more: Sequence[Moment] = ()
    without: Sequence[Moment] = ()
    replaces: Moment | None = None  # the time of the event of the same `uid` that this one stands for
    is_cancelled: bool = False
    is_free: bool = False  # its person is not busy meanwhile


@dataclass
class _Raw:
    """The lines of an event that count, and where each kind of them stands."""

    line: int
    text: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)


def read(content: str) -> list[Event]:
    """Return the events of an ICS file. Raises CalendarError, which names the line."""
    if len(content.encode()) > LARGEST_BYTES:
        raise CalendarError("The file is larger than 2 MiB. Export fewer events.", "content")
    raws = _events(content)
    if len(raws) > MOST_EVENTS:
        raise CalendarError(f"The file has more than {MOST_EVENTS:,} events. Export fewer of them.", "content")
    events = (line for raw in raws for line in ("BEGIN:VEVENT", *raw.text, "END:VEVENT"))
    text = "\r\n".join(["BEGIN:VCALENDAR", *events, "END:VCALENDAR"])
    found = _library().Calendar.from_ical(text).walk("VEVENT")
    return [_event(one, raw) for one, raw in zip(found, raws, strict=True)]


def address(text: str) -> str:
    """Return the address of a calendar as it is asked: `webcal` is HTTPS."""
    url = text.strip()
    return f"https://{url.removeprefix('webcal://')}" if url.startswith("webcal://") else url


def decoded(data: bytes) -> str:
    """Return the text of a file. Raises CalendarError."""
    if len(data) > LARGEST_BYTES:
        raise CalendarError("The file is larger than 2 MiB. Export fewer events.", "content")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CalendarError("The file is not in UTF-8, as calendar files are. Export it as ICS.", "content") from None


# --- lines


def _events(content: str) -> list[_Raw]:
    """Return the events as lines. Raises CalendarError where the file is not built as it should be."""
    raws: list[_Raw] = []
    stack: list[tuple[str, int]] = []
    for number, line in _unfolded(content):
        name = _name(line, number)
        word = line.partition(":")[2].strip().upper()
        if not stack and (name, word) != ("BEGIN", "VCALENDAR"):
            raise _Wrong(number, "is not BEGIN:VCALENDAR, so this is no calendar file. Export it as ICS (iCalendar).")
        if name == "BEGIN":
            stack.append((word, number))
            if word == "VEVENT":
                raws.append(_Raw(number))
        elif name == "END":
            if stack.pop()[0] != word:
                raise _Wrong(number, f"ends {word[:40]}, which has not begun. Export the calendar again.")
        elif stack[-1][0] == "VEVENT" and name in _KEPT:
            raws[-1].text.append(line)
            raws[-1].places.setdefault(name, number)
    if stack:
        raise _Wrong(stack[-1][1], f"begins {stack[-1][0][:40]}, which never ends. Export the calendar again.")
    if not raws:
        raise CalendarError("There is no event in this file. Export a calendar that has some.", "content")
    return raws


def _unfolded(content: str) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line; one that begins with a blank goes on with the line before."""
    pieces: list[str] = []
    first = 0
    for number, line in enumerate(content.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"), 1):
        if line[:1] in {" ", "\t"} and pieces:
            pieces.append(line[1:])
        elif line.strip():
            if pieces:
                yield first, "".join(pieces)
            first, pieces = number, [line]
    if pieces:
        yield first, "".join(pieces)


def _name(line: str, number: int) -> str:
    match = _LINE.match(line)
    if not match or ":" not in line:
        raise _Wrong(number, f"can't be read: “{line[:40]}”. Export the calendar again.")
    return match[1].upper()


class _Wrong(CalendarError):
    """A line that can't be used."""

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(f"Line {number} {sentence}", "content")


# --- one event


def _event(found: Any, raw: _Raw) -> Event:
    for name, _ in found.errors:
        line = next((line for line in raw.text if line.upper().startswith(str(name))), "")
        number = raw.places.get(str(name), raw.line)
        raise _Wrong(number, f"can't be read: “{line[:40]}”. Correct or remove this event.")
    if "DTSTART" not in found or isinstance(found["DTSTART"], list):
        raise _Wrong(raw.line, "begins an event that does not say when it begins. Correct or remove this event.")
    begin: Moment = _guarded(raw, "DTSTART", lambda: _moment(found["DTSTART"].dt))
    return Event(
        uid=str(found.get("UID", raw.line)),
        begin=begin,
        length=_guarded(raw, "DTEND", lambda: _length(found, begin)),
        what=" ".join(str(found.get("SUMMARY", "")).split())[:LONGEST_WHAT],
        rule=_guarded(raw, "RRULE", lambda: _rule(found.get("RRULE"), begin)),
        more=_guarded(raw, "RDATE", lambda: _moments(found.get("RDATE"))),
        without=_guarded(raw, "EXDATE", lambda: _moments(found.get("EXDATE"))),
        replaces=_guarded(raw, "RECURRENCE-ID", lambda: _replaced(found)),
        is_cancelled=str(found.get("STATUS", "")).upper() == "CANCELLED",
        is_free=str(found.get("TRANSP", "")).upper() == "TRANSPARENT",
    )


def _guarded(raw: _Raw, name: str, value: Callable[[], Any]) -> Any:
    """Return what is read of a property, or name its line."""
    try:
        return value()
    except TriggerError as error:
        raise _Wrong(raw.places.get(name, raw.line), f"can't be used: {error.sentence}") from None
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise _Wrong(raw.places.get(name, raw.line), f"has no {name} that can be read. Correct or remove it.") from None


def _moment(given: Any) -> Moment:
    """Return a day, or a moment to the second; of a period its beginning. Raises ValueError for far away years."""
    if isinstance(given, tuple):
        given = given[0]
    if given.year not in _YEARS:
        raise ValueError(given)
    return given.replace(microsecond=0) if isinstance(given, datetime) else date(given.year, given.month, given.day)


def _moments(given: Any) -> list[Moment]:
    lists = given if isinstance(given, list) else [given] if given else []
    return [_moment(one.dt) for dates in lists for one in dates.dts]


def _replaced(found: Any) -> Moment | None:
    return _moment(found["RECURRENCE-ID"].dt) if "RECURRENCE-ID" in found else None


def _length(found: Any, begin: Moment) -> timedelta:
    """Return how long an event lasts, ten years at most; without an end, a day or nothing."""
    is_day = not isinstance(begin, datetime)
    if "DURATION" in found:
        length: timedelta = found["DURATION"].dt
    elif "DTEND" in found:
        length = _between(begin, _moment(found["DTEND"].dt))
    else:
        length = timedelta(1 if is_day else 0)
    return min(max(length, timedelta()), _LONGEST)


def _between(begin: Moment, end: Moment) -> timedelta:
    if isinstance(begin, datetime) and isinstance(end, datetime):
        if begin.tzinfo is None or end.tzinfo is None:
            return end.replace(tzinfo=None) - begin.replace(tzinfo=None)
        return end.timestamp() * timedelta(seconds=1) - begin.timestamp() * timedelta(seconds=1)
    return date(end.year, end.month, end.day) - date(begin.year, begin.month, begin.day)


def _rule(given: Any, begin: Moment) -> Rule | None:
    """Return the rule by which an event comes again, from its beginning on, in wall times of its zone."""
    if given is None:
        return None
    if isinstance(given, list):
        raise TriggerError("An event has one RRULE. Write the others as events of their own.")
    rule = rrule.parse(given.to_ical().decode())
    moments = math.prod(max(1, len(part)) for part in (rule.byhour, rule.byminute, rule.bysecond))
    if rule.freq in _SHORT or moments > _MOST_MOMENTS:
        raise TriggerError("It repeats every hour or more often. A calendar repeats by days, weeks, months or years.")
    start = begin if isinstance(begin, datetime) else datetime.combine(begin, time())
    until = rule.until
    if until and until.tzinfo:
        until = (until.astimezone(start.tzinfo) if start.tzinfo else until).replace(tzinfo=None)
    return replace(rule, until=until, dtstart=start.replace(tzinfo=None))


@cache
def _library() -> Any:
    import icalendar

    return icalendar
