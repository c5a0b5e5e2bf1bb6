"""What a schedule would collide with, in words, each with changes that one press makes: found before it is saved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from app.domain import calendars, localtime, wording
from app.domain.calendars import Calendar, CalendarError
from app.domain.load import MINUTE, Load
from app.domain.policy import Overlap

Kind = Literal["capacity", "pool", "budget", "plan", "blackout", "upstream", "interval", "clock_change"]
Severity = Literal["stops", "slows", "note"]

LONG_WAIT_SECONDS = 15.0
"""A shorter wait for a slot is not worth a word."""

_QUIET_SECONDS = 5.0
_FARTHEST_MINUTES = 60
_MOST_NAMED = 3


@dataclass(frozen=True)
class Way:
    """A way out by one press: `shift` moves all times of the schedule, `fields` are set in its form."""

    label: str
    shift: timedelta | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Conflict:
    """A clash and its first instant (`at`, UTC). It `stops` runs, `slows` them, or is a `note` to be known."""

    kind: Kind
    severity: Severity
    sentence: str
    at: datetime | None = None
    ways: Sequence[Way] = ()


@dataclass(frozen=True)
class Wanted:
    """A schedule that is looked at: when its runs start (UTC, ascending), and how long they take, if that is known.

    `every` is the length of its interval where it counts one. `own` are the starts that its task has at present: they
    are in the load already, and do not stand in their own way.
    """

    times: Sequence[datetime]
    timezone: str
    typical_seconds: float | None = None
    upper_seconds: float | None = None
    overlap: Overlap = "skip"
    every: timedelta | None = None
    own: frozenset[datetime] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Upstream:
    """A task that this one waits for: its name, when its runs start (UTC, ascending), how long nine of ten take."""

    name: str
    times: Sequence[datetime]
    upper_seconds: float


# --- slots


def crowded(wanted: Wanted, load: Load, kind: Kind = "capacity", name: str = "") -> Conflict | None:
    """Return the clash with other runs on the same slots, None without a wait worth a word.

    `name` is that of the pool where the slots are a pool's.
    """
    waits = {at: _wait(wanted, load, at) for at in wanted.times}
    long = [at for at, seconds in waits.items() if seconds >= LONG_WAIT_SECONDS]
    if not long:
        return None
    worst = max(long, key=waits.__getitem__)
    count = load.starting(worst) - _counts_itself(wanted, worst)
    clock, wait = _clock(worst, wanted), wording.about(waits[worst])
    slots = f"{load.slots:,} slot{'' if load.slots == 1 else 's'}{f' in {name}' if name else ''}"
    if count > 1:
        said = f"{count} other runs start at {clock}; {slots}. Expect a wait of about {wait}."
    else:
        said = f"At {clock} earlier runs still hold the slots ({slots}). Expect a wait of about {wait}."
    often = "" if len(long) == len(wanted.times) else f" So it is at {len(long)} of {len(wanted.times)} times."
    return Conflict(kind, "slows", said + often, worst, _out_of_the_crowd(wanted, load))


def _out_of_the_crowd(wanted: Wanted, load: Load) -> Sequence[Way]:
    ways = [Way("Go first: high priority", fields={"priority": "high"})]
    shift = quieter(wanted, load)
    if shift is None:
        return ways
    return [Way(_moved(wanted, shift), shift), *ways]


def quieter(wanted: Wanted, load: Load) -> timedelta | None:
    """Return the smallest shift of all times, an hour at most, after which none waits long; None without one."""
    for minutes in (sign * n for n in range(1, _FARTHEST_MINUTES + 1) for sign in (1, -1)):
        shift = minutes * MINUTE
        if all(_wait(wanted, load, at + shift) < _QUIET_SECONDS for at in wanted.times):
            return shift
    return None


def _wait(wanted: Wanted, load: Load, at: datetime) -> float:
    """Return the wait at a time, without that for its own run."""
    itself = (wanted.typical_seconds or 0.0) / load.slots if _counts_itself(wanted, at) else 0.0
    return max(load.wait(at) - itself, 0.0)


def _counts_itself(wanted: Wanted, at: datetime) -> bool:
    return at in wanted.own


def _moved(wanted: Wanted, shift: timedelta) -> str:
    clocks = {_clock(at + shift, wanted) for at in wanted.times}
    if len(clocks) == 1:
        return f"Use {clocks.pop()}"
    return f"Start {wording.duration(abs(shift))} {'later' if shift > timedelta() else 'earlier'}"


# --- its own rhythm


def outrun(wanted: Wanted) -> Conflict | None:
    """Return the clash of a schedule with itself: the next run is due before the one before has ended."""
    gaps = [later - earlier for earlier, later in pairwise(wanted.times)]
    if not gaps or not wanted.upper_seconds:
        return None
    gap = min(gaps)
    if wanted.upper_seconds <= gap.total_seconds() or wanted.overlap == "allow":
        return None
    is_usual = (wanted.typical_seconds or 0) > gap.total_seconds()
    takes = f"about {_length(wanted.typical_seconds)}" if is_usual else f"up to {_length(wanted.upper_seconds)}"
    due = f"the next one is due after {wording.duration(gap)}"
    said = f"A run takes {takes}, and {due}: {_OVERLAPS[wanted.overlap]}."
    ways = (
        [] if wanted.overlap in {"queue_one", "queue_all"} else [Way("Let one wait", fields={"overlap": "queue_one"})]
    )
    if wanted.every:
        longer = _rounded_up(wanted.upper_seconds)
        ways.insert(0, Way(f"Every {wording.elapsed(longer)}", fields={"text": f"every {wording.elapsed(longer)}"}))
    return Conflict("interval", "stops" if is_usual else "slows", said, wanted.times[0], ways)


def _length(seconds: float | None) -> str:
    return wording.about(round(seconds or 0))


_OVERLAPS: Mapping[Overlap, str] = {
    "skip": "runs would be skipped", "queue_one": "runs would wait, and some be skipped",
    "queue_all": "runs would wait, longer and longer", "cancel_old": "runs would be stopped before their end",
}  # fmt: skip

_ROUND_MINUTES = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440)


def _rounded_up(seconds: float) -> timedelta:
    """Return the next interval that people use, with a tenth of room."""
    wanted = seconds * 1.1 / 60
    return next((n for n in _ROUND_MINUTES if n >= wanted), -(-wanted // 1440) * 1440) * MINUTE


# --- calendars


def blacked_out(wanted: Wanted, slug: str, calendar: Calendar) -> Conflict | None:
    """Return the clash with a blackout of the team that the schedule does not use, under its `slug`."""
    try:
        inside = [at for at in wanted.times if calendars.covers(calendar, at)]
    except CalendarError:  # said where calendars are
        return None
    if not inside:
        return None
    days = list(dict.fromkeys(_day(at, wanted) for at in inside))
    named = wording.listed(days) if len(days) <= _MOST_NAMED else f"{days[0]} and {len(days) - 1} more days"
    said = f"{named} {'is' if len(days) == 1 else 'are'} in {calendar.name}, and it would run all the same."
    ways = [
        Way("Leave those out", fields={"calendars": f"exclude:{slug}"}),
        Way("Run after it", fields={"calendars": f"delay:{slug}"}),
        Way("Run anyway, and say so", fields={"calendars": f"note:{slug}"}),
    ]
    return Conflict("blackout", "note", said, inside[0], ways)


# --- upstream tasks


def too_early(wanted: Wanted, upstream: Upstream) -> Conflict | None:
    """Return the clash with a task that this one waits for and that will not be done by its time."""
    late = [(at, end - at) for at, end in _ends(wanted, upstream) if end > at]
    if not late:
        return None
    at, wait = max(late, key=lambda pair: pair[1])
    shift = MINUTE * -(-wait // MINUTE)
    said = (
        f"{upstream.name} has usually ended by {_clock(at + wait, wanted)}, and this starts at {_clock(at, wanted)}: "
        f"it would wait about {wording.about(wait.total_seconds())}."
    )
    return Conflict("upstream", "slows", said, at, [Way(_moved(wanted, shift), shift)])


def _ends(wanted: Wanted, upstream: Upstream) -> Iterator[tuple[datetime, datetime]]:
    """Yield each time with the end of the last run of the upstream task that starts by then."""
    took, place = timedelta(seconds=upstream.upper_seconds), 0
    for at in wanted.times:
        while place < len(upstream.times) and upstream.times[place] <= at:
            place += 1
        if place:
            yield at, upstream.times[place - 1] + took


def _clock(at: datetime, wanted: Wanted) -> str:
    return wording.clock(at.astimezone(localtime.zone(wanted.timezone)))


def _day(at: datetime, wanted: Wanted) -> str:
    return wording.day(at.astimezone(localtime.zone(wanted.timezone)))
