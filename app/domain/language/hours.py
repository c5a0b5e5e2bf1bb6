"""Times of a day as they are spoken -> times of the clock, and the steps of a rhythm through a day."""

from dataclasses import replace
from datetime import time, timedelta

from app.domain.language import doubts
from app.domain.language.cursor import NOON, in_part
from app.domain.language.spoken import Clock, Spoken, Unreadable

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

_UNITS = {"second": timedelta(seconds=1), "minute": MINUTE, "hour": HOUR}
_UNSURE = range(1, 7)
"""Bare hours that people say of mornings and afternoons alike."""


def at(clock: Clock) -> time:
    """Return a time of the clock."""
    return time(clock.hour, clock.minute, clock.second)


def full_minute(clock: Clock) -> time:
    """Return a time of the clock for what repeats; raise Unreadable when it has seconds."""
    if clock.second:
        raise Unreadable("What repeats runs at whole minutes. Leave the seconds out.")
    return at(clock)


# --- which hour is meant


def settled(said: Spoken) -> Spoken:
    """Return what was said with sure times; raise Doubt where an hour can be before and after noon."""
    if said.times:
        times = tuple(in_part(clock, said.part) if said.part else clock for clock in said.times)
        said = replace(said, times=times)
        is_whole_day = any(clock.hour > NOON and not clock.is_half for clock in times)
        unsure = [clock for clock in times if not clock.is_sure and clock.hour in _UNSURE]
        if unsure and not is_whole_day:
            raise doubts.half(said, unsure[0])
    return _windowed(said) if said.window else said


def _windowed(said: Spoken) -> Spoken:
    assert said.window
    since, until = said.window
    if since.is_sure and until.is_sure:
        return said
    firsts = [since.hour] if since.is_sure or since.hour > NOON else [since.hour, since.hour + NOON]
    lasts = [until.hour] if until.is_sure or until.hour > NOON else [until.hour, until.hour + NOON]
    pairs = _pairs(since, until, firsts, lasts)
    if len(pairs) > 1:
        raise doubts.window(said, since, until, pairs)
    if not pairs:
        raise Unreadable("It ends before it begins. Write the times as 08:00 and 18:00.")
    first, last = pairs[0]
    return replace(said, window=(replace(since, hour=first, is_sure=True), replace(until, hour=last, is_sure=True)))


def _pairs(since: Clock, until: Clock, firsts: list[int], lasts: list[int]) -> list[tuple[int, int]]:
    """Return the hours that “between 9 and 5” can mean."""
    is_whole_day = (until.hour > NOON and not until.is_half) or since.hour > NOON or since.hour == 0
    is_said_alike = not (until.is_half or since.is_half)
    if is_whole_day or (is_said_alike and until.hour > since.hour and since.hour not in _UNSURE):
        return [(since.hour, until.hour)]
    if since.hour >= until.hour and not until.is_sure and not since.is_sure:
        return [(since.hour, until.hour + NOON), ((since.hour + NOON) % 24, until.hour)]
    pairs = [(first, last) for first in firsts for last in lasts if first < last < 24]  # noqa: PLR2004 hours of a day
    if since.is_sure and pairs:
        return pairs[:1]
    return [pair for pair in pairs if len(lasts) == 1 or pair[0] // NOON == pair[1] // NOON] or pairs


# --- steps through a day


def step(said: Spoken) -> timedelta:
    """Return the length of the rhythm; raise Unreadable when there is none."""
    number, unit = said.rhythm or (0, "hour")
    try:
        span = number * _UNITS[unit]
    except OverflowError:
        span = timedelta()
    if not span:
        raise Unreadable("Say how often it runs: every 15 minutes, every 2 hours.")
    return span


def fits_clock(span: timedelta) -> bool:
    """Whether the step falls on the same minutes of every hour, or the same hours of every day."""
    return not span % MINUTE and span < DAY and not DAY % span and not (span % HOUR and HOUR % span)


def compact(span: timedelta) -> str:
    """Write an interval: 2h, 90m, 45s."""
    sizes = ((HOUR, "h"), (MINUTE, "m"), (timedelta(seconds=1), "s"))
    return next(f"{span // size}{unit}" for size, unit in sizes if not span % size)


def star(said: Spoken, span: timedelta) -> tuple[str, str] | None:
    """Return minute and hour field of a rhythm through every whole day, None when it is not of the clock."""
    if not fits_clock(span):
        return None
    if said.marks is not None:
        if span % HOUR:
            raise Unreadable("Minutes past the hour go with hours: every hour at quarter past.")
        return ",".join(map(str, said.marks)), _starred(span // HOUR)
    return (f"{_starred(span // MINUTE)}", "*") if span < HOUR else ("0", _starred(span // HOUR))


def _starred(number: int) -> str:
    return "*" if number == 1 else f"*/{number}"


def within_day(said: Spoken, span: timedelta, *, is_every_day: bool) -> tuple[time, ...]:
    """Return the times of a rhythm within its window, both ends included; without one from midnight on.

    Raises Unreadable when the step does not fit into a day, or the window goes past midnight on some days only.
    """
    if span % MINUTE or span >= DAY or (said.window is None and DAY % span):
        raise Unreadable("Such a step does not fit into a day. Say from when to when it runs, in whole minutes.")
    since, until = (full_minute(clock) for clock in said.window) if said.window else (time(), time(23, 59))
    start, length = _minutes(since), _minutes(until) - _minutes(since)
    if length == 0:
        raise Unreadable("It begins and ends at the same time. Choose a later end.")
    if length < 0:
        if not is_every_day:
            raise Unreadable("These hours go past midnight: say which day each part belongs to, as a schedule each.")
        length += DAY // MINUTE
    if said.marks is not None:
        return _marked(said, span, start, length)
    return tuple(sorted(_time(start + passed) for passed in range(0, length + 1, span // MINUTE)))


def _marked(said: Spoken, span: timedelta, start: int, length: int) -> tuple[time, ...]:
    """Return the given minutes of every so many hours of the window."""
    if span % HOUR:
        raise Unreadable("Minutes past the hour go with hours: every hour at quarter past.")
    found = [
        hour + mark
        for hour in range(start // 60 * 60, start + length + 1, span // MINUTE)
        for mark in said.marks or ()
        if start <= hour + mark <= start + length
    ]
    if not found:
        raise Unreadable("None of these minutes lies between the two times. Choose others.")
    return tuple(sorted(_time(minutes) for minutes in found))


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _time(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)
