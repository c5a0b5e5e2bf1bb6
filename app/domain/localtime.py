"""Wall clocks and instants: what becomes of local times that a clock change leaves out or repeats."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

Gap = Literal["next", "skip"]
Fold = Literal["first", "both"]

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

LAST = datetime(9900, 1, 1, tzinfo=UTC)
"""Nothing is planned from here on: the calendar of the computer ends with the year 9999."""


class TriggerError(Exception):
    """A rule that can't be used; `sentence` says what is wrong and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Fire:
    """A planned time: the instant `at` (UTC), its wall time `local`, and what a clock change did to it."""

    at: datetime
    local: str
    note: str = ""


@dataclass(frozen=True)
class Change:
    """The clock of a zone is set from one UTC offset to another at the instant `at` (UTC)."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def is_gap(self) -> bool:
        """Whether wall times are left out; else they are repeated."""
        return self.after > self.before

    @property
    def walls(self) -> tuple[datetime, datetime]:
        """The first wall time left out or repeated, and the first that is not any more."""
        return wall(self.at, min(self.before, self.after)), wall(self.at, max(self.before, self.after))


def zone(name: str) -> ZoneInfo:
    """Return the IANA time zone called `name`, or raise TriggerError."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise TriggerError(f"There is no time zone “{name}”. Choose one such as Europe/Berlin or UTC.") from None


def wall(at: datetime, offset: timedelta) -> datetime:
    """Return what a clock with this UTC offset shows at the instant `at` (UTC), as a naive time."""
    return (at + offset).replace(tzinfo=None)


def shown(local: datetime) -> str:
    """Write a wall time as people read it: `2026-11-24 09:00`, with seconds only where there are some."""
    return local.isoformat(" ", "seconds" if local.second else "minutes")


def fires(walls: Iterable[datetime], tz: ZoneInfo, gap: Gap, fold: Fold) -> Iterator[Fire]:
    """Turn ascending naive wall times of a zone into planned times, strictly ascending.

    A time inside a gap becomes the first valid minute after it (`next`) or nothing (`skip`); a repeated time becomes
    its first pass (`first`) or both.
    """
    repeats: deque[Fire] = deque()
    latest = datetime.min.replace(tzinfo=UTC)
    for local in walls:
        first, second = _passes(local, tz, gap)
        if first is None or first.at <= latest:
            continue
        while repeats and repeats[0].at < first.at:
            yield repeats.popleft()
        latest = first.at
        yield first
        if second and fold == "both":
            repeats.append(second)
    yield from repeats


def _passes(local: datetime, tz: ZoneInfo, gap: Gap) -> tuple[Fire | None, Fire | None]:
    here = local.replace(tzinfo=tz)
    early, late = here.utcoffset(), here.replace(fold=1).utcoffset()
    assert early is not None
    assert late is not None
    first = (local - early).replace(tzinfo=UTC)
    if early == late:
        return Fire(first, shown(local)), None
    second = (local - late).replace(tzinfo=UTC)
    if early > late:
        words = f"{local:%H:%M} happens twice"
        return Fire(first, shown(local), f"{words}: the first"), Fire(second, shown(local), f"{words}: the second")
    if gap == "skip":
        return None, None
    change = _change_within(tz, second, first)
    return Fire(change.at, shown(wall(change.at, change.after)), f"{local:%H:%M} does not exist"), None


def start(tz: ZoneInfo, after: datetime) -> datetime:
    """Return a naive wall time from which on `fires` sees all that lies after the instant `after` (UTC).

    It is what the clock shows then, less what a change within the next day is going to repeat.
    """
    offset = _offset(tz, after)
    return wall(after, min(offset, _offset(tz, after + DAY)))


def changes(tz: ZoneInfo, after: datetime, until: datetime) -> Iterator[Change]:
    """Yield the clock changes of a zone with after < at <= until (UTC)."""
    low, until = after.replace(microsecond=0), until.replace(microsecond=0)  # clocks change at whole seconds
    before = _offset(tz, low)
    while low < until:
        high = min(low + DAY, until)
        if (offset := _offset(tz, high)) != before:
            yield _change_within(tz, low, high)
        low, before = high, offset


@lru_cache(maxsize=4096)
def _change_within(tz: ZoneInfo, low: datetime, high: datetime) -> Change:
    """Find the change in (low, high], between which the offset differs, by halving."""
    before, after = _offset(tz, low), _offset(tz, high)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if _offset(tz, middle) == before:
            low = middle
        else:
            high = middle
    return Change(high, before, after)


def _offset(tz: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(tz).utcoffset()
    assert offset is not None
    return offset
