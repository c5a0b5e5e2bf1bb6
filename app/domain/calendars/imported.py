"""Imported calendars: the events of an ICS file as spans, a year at a time, never more than can be walked quickly."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, islice
from typing import Any
from zoneinfo import ZoneInfo

from app.domain import localtime, recurrence
from app.domain.calendars import ics
from app.domain.calendars.ics import Event, Moment
from app.domain.calendars.lines import YEARS
from app.domain.calendars.spans import CalendarError, Span, spanned
from app.domain.rrule import Rule

MOST_SPANS = 20_000
_MOST_DAYS = 2_000_000
"""So many days of rules are walked for one year of a calendar, about two seconds."""

_MARGIN = timedelta(days=2)


@dataclass(frozen=True)
class _Year:
    """Spans by their beginnings, and the longest of them."""

    spans: Sequence[Span]
    longest: timedelta


class Imported:
    """Events. What has no zone of its own, and whole days, are of the calendar's zone."""

    def __init__(self, settings: Mapping[str, Any], content: str, tz: ZoneInfo) -> None:
        if not content and settings.get("url"):
            raise CalendarError("It has not been fetched yet.", "url")
        self._tz = tz
        events = ics.read(content)
        replaced: dict[str, set[Moment]] = {}
        for event in events:
            if event.replaces is not None:
                replaced.setdefault(event.uid, set()).add(self._key(event.replaces))
        self._events = []
        for event in events:
            without = {*map(self._key, event.without), *(() if event.replaces else replaced.get(event.uid, ()))}
            if event.length and not event.is_cancelled and not (event.is_free and settings.get("only_busy")):
                self._events.append((event, without))
        self._years: dict[int, _Year] = {}

    def around(self, day: date) -> Sequence[Span]:
        """Return the events that touch this day or those beside it. Raises CalendarError when there are too many."""
        if day.year not in self._years:
            self._years[day.year] = self._expanded(day.year)
        year = self._years[day.year]
        begin, end = (datetime.combine(day + offset, time(), UTC) for offset in (-_MARGIN, _MARGIN + timedelta(1)))
        first = bisect_left(year.spans, begin - year.longest, key=lambda span: span.begin)
        last = bisect_left(year.spans, end, key=lambda span: span.begin)
        return [span for span in year.spans[first:last] if span.end > begin]

    def free_day(self, day: date) -> str | None:
        """The instant tells."""
        del day
        return ""

    def _expanded(self, year: int) -> _Year:
        if year not in YEARS:
            return _Year((), timedelta())
        begin, end = datetime(year, 1, 1) - 2 * _MARGIN, datetime(year + 1, 1, 1) + 2 * _MARGIN  # noqa: DTZ001 wall times
        if sum(_days(event, begin, end) for event, _ in self._events) > _MOST_DAYS:
            raise CalendarError("Its events repeat more often than can be followed. Export fewer of them.", "content")
        found = chain.from_iterable(self._spans(event, without, begin, end) for event, without in self._events)
        spans = sorted(islice(found, MOST_SPANS + 1))
        if len(spans) > MOST_SPANS:
            raise CalendarError(f"It has more than {MOST_SPANS:,} events a year. Export fewer of them.", "content")
        return _Year(spans, max((span.end - span.begin for span in spans), default=timedelta()))

    def _spans(self, event: Event, without: set[Moment], begin: datetime, end: datetime) -> Iterator[Span]:
        """Yield the spans of an event that touch the wall times from `begin` to `end`, each once."""
        begin -= event.length
        walls = _repeated(event.rule, begin, end) if event.rule else (_wall(event.begin),)
        times: dict[Moment, None] = dict.fromkeys(self._at(event, wall) for wall in walls)
        times |= dict.fromkeys(event.more)
        for at in times:
            if begin <= _wall(at) <= end and self._key(at) not in without:
                yield self._span(event, at)

    def _at(self, event: Event, wall: datetime) -> Moment:
        """Return a wall time of the event's zone as what its first time is: a day, a wall time or an instant."""
        if not isinstance(event.begin, datetime):
            return wall.date()
        return wall.replace(tzinfo=event.begin.tzinfo)

    def _span(self, event: Event, at: Moment) -> Span:
        if not isinstance(at, datetime):
            return spanned(_wall(at), _wall(at) + event.length, self._tz, event.what)
        begin = self._instant(at)
        return Span(begin, begin + event.length, event.what)

    def _instant(self, at: datetime) -> datetime:
        zone: Any = at.tzinfo or self._tz
        return next(localtime.fires((at.replace(tzinfo=None),), zone, "next", "first")).at

    def _key(self, at: Moment) -> Moment:
        """Return what two times have in common that are written in different zones."""
        return self._instant(at) if isinstance(at, datetime) else at


def _wall(at: Moment) -> datetime:
    return at.replace(tzinfo=None) if isinstance(at, datetime) else datetime.combine(at, time())


def _repeated(rule: Rule, begin: datetime, end: datetime) -> Iterator[datetime]:
    assert rule.dtstart
    if rule.count is None:
        return recurrence.walls(rule, rule.dtstart, begin, end)
    return islice(recurrence.walls(replace(rule, count=None), rule.dtstart, rule.dtstart, end), rule.count)


def _days(event: Event, begin: datetime, end: datetime) -> int:
    """Return about how many days are looked at for an event between two wall times."""
    if event.rule is None or event.rule.dtstart is None:
        return 0
    since = event.rule.dtstart if event.rule.count else max(begin - event.length, event.rule.dtstart)
    return max(0, (end - since).days) // event.rule.interval
