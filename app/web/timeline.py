"""Runs on a time axis: where each bar stands, what it says, and where the window can go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from flask import g, request

from app.domain.lifecycle import DID_NOT_HAPPEN, WENT_WRONG
from app.domain.wording import duration, listed
from app.services.run_list import timeline
from app.services.run_list.filters import Filters
from app.services.run_list.timeline import Bar, Timeline
from app.web import run_filters, run_index
from app.web.render import clock, day, page, zone
from app.web.run_filters import SPANS, address, moment

_TICK = {"6h": timedelta(hours=1), "day": timedelta(hours=3), "week": timedelta(days=1)}
_THINNEST = 0.5  # percent of the axis
_ROOM_FOR_WORDS = 14


@dataclass(frozen=True)
class Drawn:
    """A bar as it is drawn: place and width in percent, what it is, what it says, and where it leads."""

    bar: Bar
    name: str
    x: float
    width: float
    kind: str
    more: str
    url: str

    @property
    def text(self) -> str:
        """All of it in one line."""
        is_one = self.bar.states and self.bar.count == 1
        words = [self.name, _when(self.bar.start), _word(self.bar.state) if is_one else "", self.more]
        return ", ".join(filter(None, words))

    @property
    def state(self) -> str:
        """The state whose tone it has."""
        return self.bar.state

    @property
    def label(self) -> str:
        """What stands on a bar that is wide enough for it."""
        return _rhythm(self.bar) if self.bar.words and self.width >= _ROOM_FOR_WORDS else ""


def show() -> str:
    """Show the runs of a window of time: a lane for each task, or how many went at once."""
    asked = run_filters.read(request.args)
    found = timeline.timeline(g.actor, asked.filters, with_future=_has_future(asked.filters))
    lanes = [(lane, [_drawn(found, lane.slug, lane.name, bar) for bar in lane.bars]) for lane in found.lanes]
    return page(
        "runs/timeline.html",
        part="runs/_timeline.html",
        found=found,
        lanes=lanes,
        days=_in_words([bar for _, bars in lanes for bar in bars]),
        ticks=[(round(_place(found, at), 2), words, is_day) for at, words, is_day in _ticks(found)],
        now_x=_place(found, found.now) if found.since <= found.now <= found.until else None,
        is_count=request.args.get("chart") == "concurrency",
        counted=_counted(found),
        spans=SPANS,
        span=run_filters.span(request.args),
        **_ways(found),
        **run_index.filter_context(asked),
    )


def _has_future(filters: Filters) -> bool:
    """Whether what is planned is meant too: it has no state, no worker, and took no time yet."""
    asks_for_past = (filters.status, filters.worker, filters.reason, filters.is_slow, filters.is_expensive)
    return not any(asks_for_past) and filters.trigger in {"", "schedule"}


def _ways(found: Timeline) -> dict[str, str]:
    length = found.until - found.since
    half = length / 2
    return {
        "earlier": address(at=moment(found.since - half), **{"from": None}),
        "later": address(at=moment(found.since + half), **{"from": None}),
        "around_now": address(at=None, **{"from": None}),
        "window": f"{_when(found.since)} to {_when(found.until)}",
    }


# --- bars


def _drawn(found: Timeline, slug: str, name: str, bar: Bar) -> Drawn:
    x = min(_place(found, bar.start), 100 - _THINNEST)
    width = min(max(_place(found, bar.end) - x, _THINNEST), 100 - x)
    return Drawn(bar, name, round(x, 2), round(width, 2), _kind(bar), _said(bar), _way(bar, slug))


def _place(found: Timeline, at: datetime) -> float:
    return min(max((at - found.since) / (found.until - found.since), 0), 1) * 100


def _kind(bar: Bar) -> str:
    """Return the shape, so that colour never stands alone: good work above the line, trouble below it, no run a dot."""
    if not bar.states:
        return "plan"
    if bar.end == bar.start and bar.state in {*DID_NOT_HAPPEN, "cancelled"}:
        return "dot"
    return "bad" if bar.state in WENT_WRONG else "good"


def _way(bar: Bar, slug: str) -> str:
    at = f"/t/{g.team.slug}"
    if bar.number is not None:
        return f"{at}/runs/{bar.number}"
    if not bar.states:
        return f"{at}/tasks/{slug}"
    first, last = (f"{end.astimezone(zone()).date()}" for end in (bar.start, bar.end))
    return run_filters.address_of({"task": slug, "from": first, "to": last})


def _said(bar: Bar) -> str:
    """Return what follows name, time and state: `4 min`, `planned, about 4 min`, `24 runs until 10:00: …`."""
    took = [duration(bar.seconds)] if bar.seconds is not None else []
    if bar.words:
        return ", ".join([_rhythm(bar), *(f"about {words} each" for words in took)])
    if not bar.states:
        return ", ".join(["planned", *(f"about {words}" for words in took)])
    if bar.count == 1:
        return "".join(took)
    states = listed([f"{count:,} {_word(state)}" for state, count in bar.states.most_common()])
    return f"{bar.count:,} runs until {clock(bar.end)}: {states}"


def _rhythm(bar: Bar) -> str:
    return f"{bar.words[:1].lower()}{bar.words[1:]} ×{bar.count:,}{'+' if bar.has_more else ''}"


def _word(state: str) -> str:
    return state.replace("_", " ")


def _when(at: datetime) -> str:
    here = at.astimezone(zone())
    return f"{here:%a} {here.day} {here:%b} {here:%H:%M}"


def _in_words(bars: Sequence[Drawn]) -> list[tuple[str, list[Drawn]]]:
    """Return headings with their bars: what is next, then what was, the newest day and run first."""
    ordered = sorted(bars, key=lambda drawn: drawn.bar.start)
    coming = [drawn for drawn in ordered if not drawn.bar.states]
    past = [drawn for drawn in reversed(ordered) if drawn.bar.states]
    return [*_by_day(coming, "Next: "), *_by_day(past)]


def _by_day(bars: Sequence[Drawn], before: str = "") -> list[tuple[str, list[Drawn]]]:
    return [(before + said, list(here)) for said, here in groupby(bars, lambda drawn: day(drawn.bar.start))]


# --- the axis


def _ticks(found: Timeline) -> Iterator[tuple[datetime, str, bool]]:
    """Yield instant, words, and whether a day begins then: whole hours of the viewer's wall clock."""
    here, step = zone(), _TICK[run_filters.span(request.args)]
    wall = found.since.astimezone(here).replace(tzinfo=None)
    wall = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    while (at := _instant(wall, here)) <= found.until:
        if at >= found.since:
            is_day = wall.hour == 0
            yield at, f"{wall:%a} {wall.day}" if is_day else f"{wall:%H:%M}", is_day
        wall += step


def _instant(wall: datetime, here: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=here).astimezone(UTC)


# --- how many at once


def _counted(found: Timeline) -> dict[str, Any]:
    """Return the line of how many runs went at once, its sentence, and the same as a table."""
    steps = found.at_once
    most = max((count for _, count in steps), default=0)
    at = next((at for at, count in steps if count == most), found.since)
    if not most:
        sentence = "Nothing ran in this time."
    elif most == 1:
        sentence = "One run at a time."
    else:
        sentence = f"At most {most} runs went at once, first on {_when(at)}."
    end = min(found.now, found.until)
    return {"most": most, "sentence": sentence, "path": _path(found, end, max(most, 1)), "table": _table(found, end)}


def _path(found: Timeline, end: datetime, most: int) -> str:
    """Return the step line in a box of 1000 × 100; of steps that share a place it shows the highest, then the last."""
    shared: dict[int, list[int]] = {}
    for at, count in found.at_once:
        shared.setdefault(round(_place(found, at) * 10), []).append(count)
    heights = [
        (place, round(100 - 100 * max(counts) / most), round(100 - 100 * counts[-1] / most))
        for place, counts in shared.items()
    ]
    line = "".join(f"H{place}V{top}V{last}" for place, top, last in heights)
    return f"M{min(shared, default=0)} 100{line}H{round(_place(found, end) * 10)}V100"


def _table(found: Timeline, end: datetime) -> list[tuple[str, str, int]]:
    """Return rows of (from, to, most at once) between the ticks."""
    edges = [found.since, *(at for at, _, _ in _ticks(found) if found.since < at < end), end]
    steps = found.at_once
    rows = []
    for start, stop in pairwise(edges):
        before = [count for at, count in steps if at <= start][-1:]
        inside = [count for at, count in steps if start < at < stop]
        rows.append((_when(start), clock(stop), max([*before, *inside], default=0)))
    return rows
