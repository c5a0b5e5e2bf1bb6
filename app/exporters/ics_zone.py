"""A time zone as a VTIMEZONE: by a yearly rule where its clocks change by one, else each change on its own."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_YEARS = 7
"""So many years are looked at: a rule that held so long is taken to hold on."""

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WEEK = 7
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Change:
    """A clock change: what the clock showed then, and the offsets before and after it."""

    at: datetime
    before: timedelta
    after: timedelta
    name: str

    @property
    def wall(self) -> datetime:
        return (self.at + self.before).replace(tzinfo=None)


@lru_cache(maxsize=256)
def timezone(name: str, year: int) -> Sequence[str]:
    """Return the lines of a zone's definition; it holds for times after the beginning of `year`."""
    changes = list(_changes(ZoneInfo(name), year))
    rules = _rules(changes)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{name}"]
    if rules is None:
        first = datetime(year, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(name))
        offset = first.utcoffset() or timedelta()
        lines += _observance(_Change(_EVER - offset, offset, offset, first.tzname() or name))
        for change in changes:
            lines += _observance(change)
    else:
        for change, rule in rules:
            lines += _observance(change, rule)
    return [*lines, "END:VTIMEZONE"]


def _observance(change: _Change, rule: str = "") -> list[str]:
    kind = "DAYLIGHT" if change.after > change.before else "STANDARD"
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{change.wall:%Y%m%dT%H%M%S}",
        *([f"RRULE:FREQ=YEARLY;{rule}"] if rule else []),
        f"TZOFFSETFROM:{_offset(change.before)}",
        f"TZOFFSETTO:{_offset(change.after)}",
        f"TZNAME:{change.name}",
        f"END:{kind}",
    ]


def _offset(offset: timedelta) -> str:
    seconds = int(abs(offset).total_seconds())
    rest = f"{seconds % 60:02}" if seconds % 60 else ""
    return f"{'-' if offset < timedelta() else '+'}{seconds // 3600:02}{seconds // 60 % 60:02}{rest}"


def _changes(zone: ZoneInfo, year: int) -> Iterator[_Change]:
    """Yield the clock changes of the years from `year` on."""
    day = datetime(year, 1, 1, tzinfo=UTC)
    end = datetime(year + _YEARS, 1, 1, tzinfo=UTC)
    while day < end:
        following = day + timedelta(days=1)
        before, after = (at.astimezone(zone).utcoffset() or timedelta() for at in (day, following))
        if before != after:
            low, high = day, following
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                if (middle.astimezone(zone).utcoffset() or timedelta()) == before:
                    low = middle
                else:
                    high = middle
            at = high.replace(microsecond=0)
            yield _Change(at, before, after, at.astimezone(zone).tzname() or str(zone))
        day = following


def _rules(changes: Sequence[_Change]) -> list[tuple[_Change, str]] | None:
    """Return the first change of each yearly rule with the rule, None when the changes follow none."""
    alike: dict[tuple[int, int, str, timedelta, timedelta], list[_Change]] = defaultdict(list)
    for change in changes:
        key = (change.wall.month, change.wall.weekday(), f"{change.wall:%H%M%S}", change.before, change.after)
        alike[key].append(change)
    rules = []
    for (month, weekday, *_), group in alike.items():
        places = {(change.wall.day - 1) // _WEEK + 1 for change in group}
        if all((change.wall + timedelta(days=_WEEK)).month != month for change in group):
            places = {-1}
        if len(places) > 1 or [change.wall.year for change in group] != _in_a_row(group[0].wall.year):
            return None
        rules.append((group[0], f"BYMONTH={month};BYDAY={places.pop()}{_DAYS[weekday]}"))
    return rules or None


def _in_a_row(first: int) -> list[int]:
    return list(range(first, first + _YEARS))
