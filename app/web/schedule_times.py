"""The times of all schedules of a form in one list, with what calendars leave out between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.occurrences import Occurrence

Found = tuple[int, str, Occurrence]
"""What a schedule brings: the number of its box, its zone, and when."""


@dataclass(frozen=True)
class Time:
    """A time at which something runs: for which boxes (their numbers), and the zone of the first of them.

    Of times that calendars leave out, those that follow each other stand together: `count`, the last being `until`.
    """

    what: Occurrence
    zone: str
    numbers: tuple[int, ...]
    count: int = 1
    until: datetime | None = None


def together(found: Sequence[Found]) -> list[Time]:
    """Return the times at which something runs, ascending, each instant once."""
    times: dict[datetime, Time] = {}
    for number, zone, one in found:
        if not one.is_left_out:
            same = times.get(one.at)
            numbers = (*same.numbers, number) if same else (number,)
            times[one.at] = Time(same.what if same else one, same.zone if same else zone, numbers)
    return [times[at] for at in sorted(times)]


def lines(found: Sequence[Found], shown: Sequence[Time]) -> list[Time]:
    """Return the times that are shown, and between them what calendars leave out."""
    left_out: list[Time] = []
    for number, zone, one in found:
        if not one.is_left_out or (shown and one.at > shown[-1].what.at):
            continue
        before = left_out[-1] if left_out else None
        if before and before.numbers == (number,) and not any(before.what.at < time.what.at < one.at for time in shown):
            left_out[-1] = replace(before, count=before.count + 1, until=one.at)
        else:
            left_out.append(Time(one, zone, (number,)))
    return sorted([*shown, *left_out], key=lambda time: time.what.at)
