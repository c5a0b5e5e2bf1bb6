"""Better times of day for a schedule, three at most, each with its reasons: quiet, faster, safer, cheaper."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from statistics import median

from app.domain import localtime, wording
from app.domain.conflicts import LONG_WAIT_SECONDS, Wanted, wait
from app.domain.lifecycle import WENT_WRONG
from app.domain.load import Load

MOST = 3
AWAKE = (time(7), time(22))
"""The hours, in the zone of the schedule, in which people are taken to be awake where nothing else is known."""

_STEP_MINUTES = 5
_LEAST_RUNS = 8
"""Of fewer runs in an hour of the day nothing is said."""

_BETTER = 0.9
"""What is not better by a tenth is not worth a change."""


@dataclass(frozen=True)
class Hour:
    """How the runs of a task did in one hour of the day: how many, their usual seconds, the share that failed."""

    runs: int
    seconds: float
    failed: float


@dataclass(frozen=True)
class Circumstances:
    """What times are weighed by: the load, how past runs did by local hour, what a run costs then.

    `price` gives the share of the usual price at an instant; `is_allowed` whether a run may start then (calendars,
    blackouts). What is not allowed where it is now says nothing about where it may go. `earliest` is the least shift
    after which tasks that it waits for have ended.
    """

    load: Load
    hours: Mapping[int, Hour]
    price: Callable[[datetime], float] | None = None
    is_allowed: Callable[[datetime], bool] = lambda _: True
    earliest: timedelta | None = None


@dataclass(frozen=True)
class Choice:
    """A better time: all times of the schedule moved by `shift`, the first to the wall time `clock`, and why."""

    shift: timedelta
    clock: str
    reasons: tuple[str, ...]

    @property
    def words(self) -> str:
        """As a button says it: `06:40, quieter, 12 % faster`."""
        return ", ".join((self.clock, *self.reasons))


@dataclass(frozen=True)
class _Seen:
    """How one shift does on average: wait in seconds, share of slots in use, and what is known of its hour.

    `is_free`: nobody waits for a slot while one of its runs holds one.
    """

    shift: timedelta
    is_free: bool
    wait: float
    use: float
    hour: Hour | None
    price: float


def by_hour(runs: Iterable[tuple[datetime, float, str]], timezone: str) -> dict[int, Hour]:
    """Return how past runs (start, seconds, state) did in each hour of the day of a zone."""
    zone = localtime.zone(timezone)
    hours: dict[int, list[tuple[float, bool]]] = {}
    for at, seconds, state in runs:
        hours.setdefault(at.astimezone(zone).hour, []).append((seconds, state in WENT_WRONG))
    return {
        hour: Hour(len(those), median(seconds for seconds, _ in those), sum(wrong for _, wrong in those) / len(those))
        for hour, those in hours.items()
    }


def best(wanted: Wanted, circumstances: Circumstances, awake: tuple[time, time] = AWAKE) -> list[Choice]:
    """Return up to MOST better times for a schedule, the one with most reasons first; none where its own is good.

    Times stay on their day. What a person would be asleep at is offered only where it is cheaper.
    """
    if not wanted.times:
        return []
    now = _look(wanted, circumstances, timedelta())
    is_crowded = now.wait >= LONG_WAIT_SECONDS or now.use > _BUSY
    if not (is_crowded or circumstances.hours or circumstances.price):
        return []
    better = [(one, reasons) for one in _candidates(wanted, circumstances) if (reasons := _reasons(one, now))]
    better = [pair for pair in better if _is_awake(wanted, pair[0].shift, awake) or any(_CHEAPER in r for r in pair[1])]
    better.sort(key=lambda pair: (-len(pair[1]), pair[0].price, abs(pair[0].shift)))
    chosen: dict[tuple[tuple[str, ...], bool], Choice] = {}  # one before and one after for the same reasons
    for one, reasons in [*_quietest(better), *better]:
        if not any(choice.shift == one.shift for choice in chosen.values()):
            choice = Choice(one.shift, _clock(wanted.times[0] + one.shift, wanted), reasons)
            chosen.setdefault((reasons, one.shift > timedelta()), choice)
    found = sorted(chosen.values(), key=lambda choice: -len(choice.reasons))
    return found[:MOST]


_QUIETER, _QUIETEST = "quieter", "quietest"


def _quietest(better: Sequence[tuple["_Seen", tuple[str, ...]]]) -> Iterator[tuple["_Seen", tuple[str, ...]]]:
    """Yield the one in which the least goes on, if that is less than in the best of the others."""
    quieter = [pair for pair in better if _QUIETER in pair[1]]
    one, reasons = min(quieter, key=lambda pair: (-len(pair[1]), pair[0].use), default=(None, ()))
    if one and one.use < quieter[0][0].use * _BETTER:
        yield one, tuple(_QUIETEST if reason == _QUIETER else reason for reason in reasons)


def _candidates(wanted: Wanted, circumstances: Circumstances) -> Iterator[_Seen]:
    locals_ = [_local(at, wanted) for at in wanted.times]
    first = min(one.hour * 60 + one.minute for one in locals_)
    last = max(one.hour * 60 + one.minute for one in locals_)
    free = [at for at in wanted.times if circumstances.is_allowed(at)]
    for start in range(0, 24 * 60, _STEP_MINUTES):
        shift = timedelta(minutes=start - first)
        if circumstances.earliest is not None and shift < circumstances.earliest:
            continue
        if shift and start + last - first < 24 * 60 and all(circumstances.is_allowed(at + shift) for at in free):
            yield _look(wanted, circumstances, shift)


def _look(wanted: Wanted, circumstances: Circumstances, shift: timedelta) -> _Seen:
    times = [at + shift for at in wanted.times]
    load, price = circumstances.load, circumstances.price
    took = wanted.typical_seconds or 0.0
    return _Seen(
        shift,
        not any(load.is_crowded(at, took) for at in times),
        sum(wait(wanted, load, at) for at in times) / len(times),
        sum(load.use(at) for at in times) / len(times),
        circumstances.hours.get(_local(times[0], wanted).hour),
        sum(price(at) for at in times) / len(times) if price else 1.0,
    )


_CHEAPER = "price"
_HALF = 50
_BUSY, _QUIET = 0.5, 0.25
"""Slots so full are worth leaving, and where so many are in use it is quiet; shares of all."""


def _reasons(one: _Seen, now: _Seen) -> tuple[str, ...]:
    if one.wait >= LONG_WAIT_SECONDS or (one.price > now.price and now.price < 1):
        return ()
    return tuple(filter(None, (_quiet(one, now), *_by_hour(one.hour, now.hour), _cheap(one, now))))


def _quiet(one: _Seen, now: _Seen) -> str:
    is_crowded = now.wait >= LONG_WAIT_SECONDS or now.use > _BUSY
    return _QUIETER if is_crowded and one.is_free and one.use < max(now.use / 2, _QUIET) else ""


def _by_hour(one: Hour | None, now: Hour | None) -> Sequence[str]:
    if not one or not now or min(one.runs, now.runs) < _LEAST_RUNS:
        return ()
    faster = (
        f"{1 - one.seconds / now.seconds:.0%} faster" if now.seconds and one.seconds < now.seconds * _BETTER else ""
    )
    return faster.replace("%", " %"), "fails less" if one.failed < now.failed - (1 - _BETTER) else ""


def _cheap(one: _Seen, now: _Seen) -> str:
    if one.price >= now.price * _BETTER:
        return ""
    off = round(100 - 100 * one.price / now.price)
    return f"half the {_CHEAPER}" if off == _HALF else f"{off} % off the {_CHEAPER}"


def price_said(factor: float) -> str:
    """Say what a price is multiplied by: `half price`, `20 % off the price`, `1.5 × price`; empty for the usual one."""
    if abs(factor - 1) < 1 - _BETTER:
        return ""
    if factor > 1:
        return f"{factor:.2g} × {_CHEAPER}"
    off = round(100 - 100 * factor)
    return f"half {_CHEAPER}" if off == _HALF else f"{off} % off the {_CHEAPER}"


def _is_awake(wanted: Wanted, shift: timedelta, awake: tuple[time, time]) -> bool:
    """Whether no time leaves the hours in which it was: one that is at night anyway may stay there."""
    before, after = ([_local(at + by, wanted).time() for at in wanted.times] for by in (timedelta(), shift))
    first, last = awake
    return all(first <= new <= last or not first <= old <= last for old, new in zip(before, after, strict=True))


def _clock(at: datetime, wanted: Wanted) -> str:
    return wording.clock(_local(at, wanted))


def _local(at: datetime, wanted: Wanted) -> datetime:
    return at.astimezone(localtime.zone(wanted.timezone))
