"""How the calendar is drawn: where a block stands, what it says, which runs share one, and the marks of a day."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from flask import g

from app.domain.calendars import Span
from app.domain.lifecycle import DID_NOT_HAPPEN, WENT_WRONG
from app.domain.wording import about, duration, listed
from app.services.calendar import Frequent, Item, Window, load_of

DAY = timedelta(days=1)
QUARTER = 15
OPEN_HOURS = (6, 20)
"""The hours that the grid shows at full height; the others fold to a line."""

_HOUR = timedelta(hours=1)
_HOURS = 24
_FULL = (0.005, 0.25, 0.5, 0.75)
_SMALLEST = 2  # quarters: the least that can be pressed
_MOST_LANES = 4
_TELLS = frozenset({"running", "degraded"})  # what is told of many, before what most of them are
_FINE = ("succeeded", "degraded")


@dataclass(frozen=True)
class Look:
    """Who looks: the clock that they see, whether they may move runs, and the minutes in which runs would wait.

    `full` is the share of the slots in use in the hours (UTC) of which that is known.
    """

    here: ZoneInfo
    may_move: bool = False
    crowded: frozenset[datetime] = frozenset()
    full: Mapping[datetime, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """A run, or several that start together, as the calendar shows it.

    `length` is in quarters of an hour, `tail` those that it may take longer; `lane` of `lanes` is its place beside
    others.
    """

    items: Sequence[Item]
    by: Look
    length: int = 3
    tail: int = 0
    lane: int = 0
    lanes: int = 1

    @property
    def at(self) -> datetime:
        """When it starts."""
        return self.items[0].at

    @property
    def local(self) -> datetime:
        """The same as the clock shows it."""
        return self.at.astimezone(self.by.here)

    @property
    def quarter(self) -> int:
        """Its place from midnight."""
        return (self.local.hour * 60 + self.local.minute) // QUARTER

    @property
    def is_one(self) -> bool:
        """Whether it is one run."""
        return len(self.items) == 1

    @property
    def state(self) -> str:
        """The state that is told of it: of several what matters most."""
        if self.is_one:
            return self.items[0].state
        states = Counter(item.state for item in self.items)
        return min(states, key=lambda state: (state not in WENT_WRONG, state not in _TELLS, -states[state]))

    @property
    def is_conflict(self) -> bool:
        """Whether it would wait for others that start then."""
        minutes = (item.at.replace(second=0, microsecond=0) for item in self.items if item.state == "planned")
        return bool(self.by.crowded) and any(minute in self.by.crowded for minute in minutes)

    @property
    def look(self) -> str:
        """The class that says whether it is over, to come, in conflict, or does not happen."""
        if self.is_conflict:
            return "plan conf"
        if self.state in {"skipped", "cancelled"}:
            return "skp"
        return "plan" if self.state in {"planned", "waiting", "queued"} else "was"

    @property
    def name(self) -> str:
        """What stands on it."""
        first = self.items[0]
        if self.is_one:
            return first.name
        if not all(item.fire_at or item.after for item in self.items):
            return f"{len(self.items)} runs{_how(self.items)}"
        return f"{len(self.items)} {'at once' if first.at == self.items[-1].at else 'start'}"

    @property
    def more(self) -> str:
        """What stands below."""
        if self.is_one:
            return _more(self.items[0])
        return listed([item.name for item in self.items if item.state in WENT_WRONG][:2] or [""])

    @property
    def label(self) -> str:
        """All of it in one line."""
        state = self.state.replace("_", " ") if self.is_one and self.state != "planned" else ""
        conflict = "conflict" if self.is_conflict else ""
        return ", ".join(filter(None, [self.name, said(self.local), state, self.more, conflict]))

    @property
    def url(self) -> str:
        """Where it leads: its run, or the list of those that start together."""
        if self.is_one:
            return url_of(self.items[0])
        return f"/t/{g.team.slug}/calendar/agenda/{self.local.date()}#{self.anchor}"

    @property
    def anchor(self) -> str:
        """Where the agenda has those that start together."""
        return f"at-{self.local:%d-%H-%M}"

    @property
    def move(self) -> str:
        """Where a person moves it; empty for what can't be moved."""
        can_move = self.by.may_move and self.is_one and self.items[0].fire_at and self.state == "planned"
        return self.url if can_move else ""


# --- blocks


def blocks(items: Iterable[Item], by: Look, fold: tuple[int, int]) -> list[Block]:
    """Return a block for each run, ascending, and one for more than `fold[0]` that start in `fold[1]` minutes."""
    most, minutes = fold
    found = []
    for _, group in groupby(items, lambda item: item.at.timestamp() // 60 // minutes):
        same = list(group)
        if len(same) > most:
            found.append(Block(same, by))
        else:
            found += [Block([one], by, *_lengths(one)) for one in same]
    return found


def _how(items: Iterable[Item]) -> str:
    states = Counter(item.state for item in items)
    rest = [f"{count} {state.replace('_', ' ')}" for state, count in states.items() if state not in _FINE]
    return ", ".join(["", *rest[:2]]) if rest else ", all fine"


def _lengths(item: Item) -> tuple[int, int]:
    """Return how many quarters a block is high, and how many more it may take."""
    length = _quarters(item.seconds or 0)
    slow = _quarters(item.slow_seconds or 0) if item.fire_at else 0
    return length, max(slow - length, 0)


def _quarters(seconds: float) -> int:
    return min(max(round(seconds / 60 / QUARTER), _SMALLEST), _HOURS * 4)


def _more(item: Item) -> str:
    """Say how long it takes or took, or why it does not happen."""
    if item.after:
        return ", ".join(filter(None, [f"after {item.after}", _about(item)]))
    if item.fire_at is None:
        if item.state in DID_NOT_HAPPEN:
            return item.sentence
        return duration(item.seconds) if item.seconds is not None else ""
    moved = "moved" if item.number and item.state == "planned" and item.at != item.fire_at else ""
    return ", ".join(filter(None, [moved, _about(item)]))


def _about(item: Item) -> str:
    return f"about {about(item.seconds)}" if item.seconds is not None else ""


def url_of(item: Item) -> str:
    """Return the page of a run."""
    if item.fire_at:
        return f"/t/{g.team.slug}/tasks/{item.slug}/planned/{stamp(item.fire_at)}"
    return f"/t/{g.team.slug}/runs/{item.number}" if item.number else f"/t/{g.team.slug}/tasks/{item.slug}"


def stamp(at: datetime) -> str:
    """Write an instant for an address: 20261124T080000Z."""
    fraction = f".{at.microsecond:06}" if at.microsecond else ""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S}{fraction}Z"


def said(local: datetime) -> str:
    """Say a wall time: Tue 24 Nov 09:00."""
    return f"{local:%a} {local.day} {local:%b} {local:%H:%M}"


# --- the grid of a day


@dataclass(frozen=True)
class Strip:
    """Folded hours of a day: marks as (percent of the stretch, state), and the sentence for them."""

    marks: Sequence[tuple[float, str]]
    label: str


@dataclass(frozen=True)
class Column:
    """One day of the grid. `heat` are (hour, level, words), `spans` (quarter, length, name), like `busy`."""

    day: date
    blocks: Sequence[Block]
    heat: Sequence[tuple[int, int, str]]
    spans: Sequence[tuple[int, int, str]]
    busy: Sequence[tuple[int, int, str]]
    before: Strip
    after: Strip
    now: float | None


def columns(
    window: Window, days: Sequence[date], by: Look, hours: tuple[int, int], fold: tuple[int, int]
) -> list[Column]:
    """Return the days of a grid that shows these hours."""
    here = by.here
    found = []
    for day in days:
        items = of_day(window, day, here)
        inside = [item for item in items if hours[0] <= item.at.astimezone(here).hour < hours[1]]
        edges = begin_of(day, here), begin_of(day + DAY, here)
        found.append(
            Column(
                day, _in_lanes(blocks(inside, by, fold), hours),
                [(hour - hours[0], *_heat(window, day, hour, by)) for hour in range(*hours)],
                _spans(window.blackouts, edges, here, hours), _spans(window.busy, edges, here, hours),
                _strip(items, here, (0, hours[0])), _strip(items, here, (hours[1], _HOURS)),
                _now(window.now, day, here, hours),
            )
        )  # fmt: skip
    return found


def _heat(window: Window, day: date, hour: int, by: Look) -> tuple[int, str]:
    """Return how busy an hour is, from 0 to 4, and what that says: how full the slots are, or what starts for each."""
    starts = window.hours.get((day, hour), 0)
    said = f"{hour:02}:00, {starts:,} {'start' if starts == 1 else 'starts'}"
    begin = hour_of(day, hour, by.here)
    full = by.full.get(begin)
    if full is None:
        return load_of(starts, window.slots), said
    waits = any(begin <= at < begin + _HOUR for at in by.crowded)
    return 4 if waits else sum(full > edge for edge in _FULL), f"{said}, slots {full:.0%} full" + (
        ", runs wait" if waits else ""
    )


def day_of(text: str) -> date:
    """Read a day from an address. Raises ValueError, also for one that the calendar of the computer does not reach."""
    day = date.fromisoformat(text)
    if not 1971 <= day.year <= 9000:  # noqa: PLR2004 the calendar of the computer
        raise ValueError(text)
    return day


def hour_of(day: date, hour: int, here: ZoneInfo) -> datetime:
    """Return the instant at which an hour begins on the viewer's clock."""
    return datetime.combine(day, time(hour), here).astimezone(UTC)


def of_day(window: Window, day: date, here: ZoneInfo) -> list[Item]:
    """Return the runs that start on a day of the viewer's clock."""
    begin, end = begin_of(day, here), begin_of(day + DAY, here)
    return [item for item in window.items if begin <= item.at < end]


def begin_of(day: date, here: ZoneInfo) -> datetime:
    """Return the instant at which a day begins on the viewer's clock."""
    return datetime.combine(day, time(), here).astimezone(UTC)


def _in_lanes(found: Sequence[Block], hours: tuple[int, int]) -> list[Block]:
    """Put blocks that overlap beside each other, and end those that reach beyond the grid at its end."""
    placed: list[Block] = []
    cluster: list[tuple[Block, int]] = []
    ends: list[int] = []
    for block in found:
        quarter = block.quarter
        if ends and quarter >= max(ends):
            placed += _beside(cluster, len(ends))
            cluster, ends = [], []
        free = next((lane for lane, end in enumerate(ends) if end <= quarter), None)
        lane = min(len(ends), _MOST_LANES - 1) if free is None else free
        end = quarter + block.length + block.tail
        if lane < len(ends):
            ends[lane] = max(ends[lane], end)
        else:
            ends.append(end)
        cluster.append((_cut(block, hours), lane))
    return placed + _beside(cluster, len(ends))


def _beside(cluster: Sequence[tuple[Block, int]], lanes: int) -> list[Block]:
    return [replace(block, lane=lane, lanes=lanes) for block, lane in cluster]


def _cut(block: Block, hours: tuple[int, int]) -> Block:
    room = hours[1] * 4 - block.quarter
    length = min(block.length, max(room, 1))
    return replace(block, length=length, tail=min(block.tail, max(room - length, 0)))


def _spans(
    spans: Iterable[Span], edges: tuple[datetime, datetime], here: ZoneInfo, hours: tuple[int, int]
) -> list[tuple[int, int, str]]:
    found = []
    for span in spans:
        if span.begin >= edges[1] or span.end <= edges[0]:
            continue
        first = 0 if span.begin <= edges[0] else _quarter(span.begin, here)
        last = _HOURS * 4 if span.end >= edges[1] else _quarter(span.end, here)
        first, last = max(first, hours[0] * 4), min(last, hours[1] * 4)
        if first < last:
            found.append((first, last - first, span.what))
    return found


def _quarter(at: datetime, here: ZoneInfo) -> int:
    local = at.astimezone(here)
    return (local.hour * 60 + local.minute) // QUARTER


def _strip(items: Sequence[Item], here: ZoneInfo, hours: tuple[int, int]) -> Strip:
    inside = [item for item in items if hours[0] <= item.at.astimezone(here).hour < hours[1]]
    minutes = (hours[1] - hours[0]) * 60
    marks = []
    for item in inside:
        local = item.at.astimezone(here)
        marks.append((round((local.hour * 60 + local.minute - hours[0] * 60) * 100 / minutes, 1), item.state))
    states = Counter(item.state for item in inside if item.state in WENT_WRONG)
    wrong = "".join(f", {count} {state.replace('_', ' ')}" for state, count in states.items())
    runs = f"{len(inside)} {'run' if len(inside) == 1 else 'runs'}"
    return Strip(marks, f"{hours[0]:02} to {hours[1]:02}: {runs}{wrong}")


def _now(now: datetime, day: date, here: ZoneInfo, hours: tuple[int, int]) -> float | None:
    """Return how far down the grid the present is, in percent."""
    local = now.astimezone(here)
    minutes = (local.hour - hours[0]) * 60 + local.minute
    length = (hours[1] - hours[0]) * 60
    return round(minutes * 100 / length, 2) if local.date() == day and 0 <= minutes < length else None


# --- marks of a day


def ruler(window: Window, day: date, most: int) -> str:
    """Return 24 ticks of a day as a path in a box of 120 × 24: the taller, the more runs start in that hour."""
    counts = ((hour, window.hours.get((day, hour), 0)) for hour in range(_HOURS))
    ticks = (f"M{hour * 5 + 2.5:g} {24 - max(2, round(20 * count / most))}V24" for hour, count in counts if count)
    return "".join(ticks)


def often(window: Window, days: Sequence[date]) -> list[tuple[Frequent, str]]:
    """Return the frequent tasks that have runs on these days, each with how those went."""
    return [(one, band(one, days)) for one in window.frequent if any(day in one.by_day for day in days)]


def together(bands: Sequence[tuple[Frequent, str]], days: Sequence[date]) -> str:
    """Say the same of all of them."""
    by_day = {day: sum((one.by_day.get(day, Counter()) for one, _ in bands), Counter[str]()) for day in days}
    return band(Frequent("", "", by_day=by_day), days)


def band(one: Frequent, days: Sequence[date]) -> str:
    """Say how the runs of a frequent task of these days went."""
    states = sum((one.by_day.get(day, Counter()) for day in days), Counter[str]())
    over = sum(count for state, count in states.items() if state not in {"planned", "queued", "waiting", "running"})
    wrong = {state: count for state, count in states.items() if state in WENT_WRONG}
    if not over:
        return ""
    fine = sum(states[state] for state in _FINE)
    bad = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in wrong.items())
    return f"{fine:,} of {over:,} fine" + (f", {bad}" if bad else "")
