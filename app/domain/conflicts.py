"""What a schedule would collide with, in words, each with changes that one press makes: found before it is saved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from app.domain import calendars, localtime, wording
from app.domain.calendars import Calendar, CalendarError
from app.domain.load import MINUTE, Load
from app.domain.policy import Overlap

Kind = Literal["capacity", "pool", "rate", "budget", "plan", "blackout", "upstream", "interval"]
Severity = Literal["stops", "slows", "note"]

LONG_WAIT_SECONDS = 15.0
"""A shorter wait for a slot is not worth a word."""

_QUIET_SECONDS = 5.0
_FARTHEST_MINUTES, _FLEXIBLE_MINUTES = 60, 30
_MOST_NAMED = 3


@dataclass(frozen=True)
class Way:
    """A way out by one press: `shift` moves the times of the schedule, `fields` are set in its form, `page` leads on.

    With `weekdays` (Sunday 0) only the times on these move, and the schedule is split into two.
    """

    label: str
    shift: timedelta | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    weekdays: frozenset[int] = frozenset()
    page: Literal["", "spread", "budgets"] = ""


@dataclass(frozen=True)
class Conflict:
    """A clash and its first instant (`at`, UTC). It `stops` runs, `slows` them, or is a `note` to be known.

    `times` are those of the schedule that it hits, where not all are alike, and `mark` says so beside one of them.
    """

    kind: Kind
    severity: Severity
    sentence: str
    at: datetime | None = None
    ways: Sequence[Way] = ()
    times: frozenset[datetime] = frozenset()
    mark: str = ""


@dataclass(frozen=True)
class Wanted:
    """A schedule that is looked at: when its runs start (UTC, ascending), and how long they take, if that is known.

    `every` is the length of its interval where it counts one. `own` are the starts that its task has at present: they
    are in the load already, and do not stand in their own way. `flexible` is how far its runs may move by themselves.
    """

    times: Sequence[datetime]
    timezone: str
    typical_seconds: float | None = None
    upper_seconds: float | None = None
    overlap: Overlap = "skip"
    every: timedelta | None = None
    own: frozenset[datetime] = field(default_factory=frozenset)
    flexible: timedelta = timedelta()


@dataclass(frozen=True)
class Upstream:
    """A task that this one waits for: its name, when its runs start (UTC, ascending), how long nine of ten take."""

    name: str
    times: Sequence[datetime]
    upper_seconds: float


# --- slots


def crowded(wanted: Wanted, load: Load, kind: Kind = "capacity", name: str = "") -> Conflict | None:
    """Return the clash with other runs on the same slots, None without a wait worth a word.

    `name` is that of the pool where the slots are a pool's, of the model where they are what its rate lets through.
    """
    waits = {at: wait(wanted, load, at) for at in wanted.times}
    long = [at for at, seconds in waits.items() if seconds >= LONG_WAIT_SECONDS]
    if not long:
        return None
    worst = max(long, key=waits.__getitem__)
    count = load.starting(worst) - (worst in wanted.own)
    clock, said = _clock(worst, wanted), wording.about(waits[worst])
    slots = f"{load.slots:,} slot{'' if load.slots == 1 else 's'}{f' in {name}' if name else ''}"
    if kind == "rate":
        slots = f"the rate of {name} lets about {load.slots:,} of them begin in a minute"
    if count > 1:
        sentence = f"{count} other runs start at {clock}; {slots}. Expect a wait of about {said}."
    else:
        sentence = f"At {clock} earlier runs still hold the slots ({slots}). Expect a wait of about {said}."
    often = "" if len(long) == len(wanted.times) else f" So it is at {len(long)} of {len(wanted.times)} times."
    ways = _out_of_the_crowd(wanted, load, long)
    if count > 1 and kind == "capacity":
        ways.append(Way(f"Spread the {count} others", page="spread"))
    return Conflict(kind, "slows", sentence + often, worst, ways, frozenset(long), "busy")


def wait(wanted: Wanted, load: Load, at: datetime) -> float:
    """Return the seconds that a run of the schedule would wait for a slot at `at`."""
    return load.delay(at) if at in wanted.own else load.wait(at)


def _out_of_the_crowd(wanted: Wanted, load: Load, crowded: Sequence[datetime]) -> list[Way]:
    ways = []
    shift = quieter(wanted, load)
    if shift is not None:
        ways.append(Way(_moved(wanted, shift), shift))
    if len(crowded) < len(wanted.times):
        ways += _split(wanted, load, crowded)
        if not wanted.flexible and quieter(replace(wanted, times=crowded), load, _FLEXIBLE_MINUTES):
            label = f"Let it move by {_FLEXIBLE_MINUTES} min when it is busy"
            ways.append(Way(label, fields={"flexible": str(_FLEXIBLE_MINUTES)}))
    return [*ways, Way("Go first: high priority", fields={"priority": "high"})]


def _split(wanted: Wanted, load: Load, crowded: Sequence[datetime]) -> list[Way]:
    """Return the way to move only the weekdays on which all times are crowded, if these are the crowded ones."""
    days, hit = {_weekday(at, wanted) for at in crowded}, set(crowded)
    if any(_weekday(at, wanted) in days for at in wanted.times if at not in hit):
        return []
    there = replace(wanted, times=crowded)
    shift = quieter(there, load)
    if shift is None:
        return []
    label = f"Split: on {wording.weekdays(days, is_plural=True)} {_lowered(_moved(there, shift))}"
    return [Way(label, shift, weekdays=frozenset(days))]


def quieter(wanted: Wanted, load: Load, farthest_minutes: int = _FARTHEST_MINUTES) -> timedelta | None:
    """Return the smallest shift of all times, an hour at most, after which none waits long; None without one.

    One after which it also is over before others wait for slots comes first: it would only make their wait longer.
    """
    took = wanted.typical_seconds or 0.0
    shifts = [sign * n * MINUTE for n in range(1, farthest_minutes + 1) for sign in (1, -1)]
    is_free = (shift for shift in shifts if not any(load.is_crowded(at + shift, took) for at in wanted.times))
    is_quiet = (shift for shift in shifts if all(load.wait(at + shift) < _QUIET_SECONDS for at in wanted.times))
    return next(is_free, None) or next(is_quiet, None)


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
        ways.insert(0, seldomer(wanted.upper_seconds * 1.1))
    return Conflict("interval", "stops" if is_usual else "slows", said, wanted.times[0], ways)


def _length(seconds: float | None) -> str:
    return wording.about(round(seconds or 0))


_OVERLAPS: Mapping[Overlap, str] = {
    "skip": "runs would be skipped", "queue_one": "runs would wait, and some be skipped",
    "queue_all": "runs would wait, longer and longer", "cancel_old": "runs would be stopped before their end",
}  # fmt: skip

_ROUND_MINUTES = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440)


def seldomer(seconds: float) -> Way:
    """Return the way to run at the next interval that people use from so many seconds on."""
    wanted = seconds / 60
    said = wording.elapsed(next((n for n in _ROUND_MINUTES if n >= wanted), -(-wanted // 1440) * 1440) * MINUTE)
    return Way(f"Every {said}", fields={"text": f"every {said}"})


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
    return Conflict("blackout", "note", said, inside[0], ways, frozenset(inside), f"in {calendar.name}")


# --- upstream tasks


def too_early(wanted: Wanted, upstream: Upstream) -> Conflict | None:
    """Return the clash with a task that this one waits for and that will not be done by its time."""
    late = {at: end - at for at, end in _ends(wanted, upstream) if end > at}
    if not late:
        return None
    at = max(late, key=late.__getitem__)
    shift = MINUTE * -(-late[at] // MINUTE)
    said = (
        f"{upstream.name} has usually ended by {_clock(at + late[at], wanted)}, and this starts at "
        f"{_clock(at, wanted)}: it would wait about {wording.about(late[at].total_seconds())}."
    )
    ways = [Way(_moved(wanted, shift), shift)]
    return Conflict("upstream", "slows", said, at, ways, frozenset(late), f"waits for {upstream.name}")


def earliest(wanted: Wanted, upstreams: Iterable[Upstream]) -> timedelta | None:
    """Return the shift of all times (mostly negative) at which those before it have just ended; None without any."""
    return max((end - at for upstream in upstreams for at, end in _ends(wanted, upstream)), default=None)


def _ends(wanted: Wanted, upstream: Upstream) -> Iterator[tuple[datetime, datetime]]:
    """Yield each time with the end of the last run of the upstream task that starts by then."""
    took, place = timedelta(seconds=upstream.upper_seconds), 0
    for at in wanted.times:
        while place < len(upstream.times) and upstream.times[place] <= at:
            place += 1
        if place:
            yield at, upstream.times[place - 1] + took


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _weekday(at: datetime, wanted: Wanted) -> int:
    return at.astimezone(localtime.zone(wanted.timezone)).isoweekday() % 7


def _clock(at: datetime, wanted: Wanted) -> str:
    return wording.clock(at.astimezone(localtime.zone(wanted.timezone)))


def _day(at: datetime, wanted: Wanted) -> str:
    return wording.day(at.astimezone(localtime.zone(wanted.timezone)))
