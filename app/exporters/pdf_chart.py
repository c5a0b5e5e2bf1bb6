"""Drawings of a PDF, out of the figures of answers: bars, bars that lie, and lines, with their axes and names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor, log10
from typing import Any

from app.exporters.pdf_paper import Paper, colour

_TALL_MM, _ROW_MM, _BELOW_MM, _LEFT_MM, _NAMES_MM = 46.0, 6.0, 14.0, 16.0, 52.0
_SMALL, _MOST_ROWS, _LABELS = 7.0, 14, 7

Trace = Mapping[str, Any]


@dataclass(frozen=True)
class _Area:
    """Where on the page it is drawn, in mm, and the values at both ends of its axis."""

    paper: Paper
    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    is_log: bool = False

    def up(self, value: float) -> float:
        """Return how far down the page a value lies."""
        if self.is_log:
            value, low, high = (log10(max(one, 1e-3)) for one in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        return self.y + self.height * (1 - (min(max(value, low), high) - low) / (high - low))


def has_data(figure: Mapping[str, Any]) -> bool:
    """Whether there is something to draw."""
    return any(len(trace["y"]) for trace in figure["data"])


def height(figure: Mapping[str, Any] | None) -> float:
    """Return how much room a figure takes, in mm."""
    if not figure or not has_data(figure):
        return 0.0
    if _lies(figure):
        return min(len(figure["data"][0]["y"]), _MOST_ROWS) * _ROW_MM + _BELOW_MM
    return _TALL_MM + _BELOW_MM


def draw(paper: Paper, figure: Mapping[str, Any]) -> None:
    """Draw a figure below what is written already."""
    pdf = paper.pdf
    if pdf.will_page_break(height(figure)):
        pdf.add_page()
    top = pdf.get_y()
    pdf.set_auto_page_break(False)
    if _lies(figure):
        _lying(paper, figure)
    else:
        _standing(paper, figure)
    pdf.set_auto_page_break(True, 20)
    pdf.set_dash_pattern()
    pdf.set_xy(pdf.l_margin, top + height(figure))


def _lies(figure: Mapping[str, Any]) -> bool:
    return any(trace.get("orientation") == "h" for trace in figure["data"])


# --- bars that lie


def _lying(paper: Paper, figure: Mapping[str, Any]) -> None:
    pdf, traces, layout = paper.pdf, figure["data"], figure["layout"]
    names = list(traces[0]["y"])[:_MOST_ROWS]
    sums = [sum(trace["x"][row] for trace in traces) for row in range(len(names))]
    width, left, top = pdf.epw - _NAMES_MM - 4, pdf.l_margin + _NAMES_MM, pdf.get_y()
    most = layout["xaxis"].get("range", [0, max([*sums, 0.001]) * 1.05])[1]
    axis = layout["xaxis"]
    for value, text in _ticks(axis, 0.0, most):
        at = left + width * value / most
        _rule(paper, at, top, at, top + len(names) * _ROW_MM)
        _text(paper, text, at - 12, top + len(names) * _ROW_MM + 0.5, 24, "C")
    for row, name in enumerate(names):
        y, x = top + row * _ROW_MM, left
        _text(paper, paper.cut(str(name), _NAMES_MM - 3, _SMALL), pdf.l_margin, y + 1, _NAMES_MM - 2, "R", "$ink-2")
        for trace in traces:
            length = width * trace["x"][row] / most
            pdf.set_fill_color(*_fill(trace))
            pdf.rect(x, y + 1, length, _ROW_MM - 2, style="F")
            x += length
    if layout.get("showlegend"):
        _legend(paper, traces, top + len(names) * _ROW_MM + 5)


# --- what stands


def _standing(paper: Paper, figure: Mapping[str, Any]) -> None:
    pdf, traces, layout = paper.pdf, figure["data"], figure["layout"]
    axis = layout["yaxis"]
    is_log = axis.get("type") == "log"
    low, high = _range(traces, layout)
    area = _Area(paper, pdf.l_margin + _LEFT_MM, pdf.get_y() + 2, pdf.epw - _LEFT_MM, _TALL_MM - 2, low, high, is_log)
    for value, text in _ticks(axis, low, high):
        at = area.up(value)
        _rule(paper, area.x, at, area.x + area.width, at)
        _text(paper, text, pdf.l_margin, at - 2, _LEFT_MM - 2, "R")
    places = _places(traces, layout)
    for trace in (one for one in traces if one["type"] == "bar"):
        _bars(area, trace, traces, places, layout.get("barmode", "group"))
    before: list[tuple[float, float]] = []
    for trace in (one for one in traces if one["type"] == "scatter"):
        before = _line(area, trace, places, before)
    for shape in layout.get("shapes", ()):
        pdf.set_dash_pattern(1.2, 1)
        _rule(paper, area.x, area.up(shape["y0"]), area.x + area.width, area.up(shape["y0"]), "$ink-3")
        pdf.set_dash_pattern()
    for note in layout.get("annotations", ()):
        _note(area, note, places)
    _below(area, places)
    if layout.get("showlegend"):
        _legend(paper, traces, area.y + area.height + 5)


def _range(traces: Sequence[Trace], layout: Mapping[str, Any]) -> tuple[float, float]:
    axis = layout["yaxis"]
    values = [float(value) for trace in traces for value in trace["y"] if value is not None]
    if axis.get("type") == "log":
        return max(min(values, default=0.1) / 1.5, 0.05), max([*values, 1.0]) * 1.5
    if "range" in axis:
        return axis["range"][0], axis["range"][1] or 1
    if layout.get("barmode") == "stack":
        values = [float(sum(one or 0 for one in some)) for some in zip(*(trace["y"] for trace in traces), strict=True)]
    return 0.0, max([*values, 0.001]) * 1.08


def _places(traces: Sequence[Trace], layout: Mapping[str, Any]) -> dict[str, float]:
    """Return how far along the axis each x lies, from 0 to 1: bars evenly, times by the calendar, else beginning and
    end with room for names behind it.
    """
    found = list(dict.fromkeys(str(x) for trace in traces for x in trace["x"]))
    if any(trace["type"] == "bar" for trace in traces):
        return {x: (number + 0.5) / len(found) for number, x in enumerate(found)}
    times = {x: at for x in found if (at := _time(x))}
    if len(times) < len(found):
        return {x: 0.05 + 0.6 * number / max(len(found) - 1, 1) for number, x in enumerate(found)}
    ends = [at for x in layout["xaxis"].get("range", ()) if (at := _time(str(x)))] or list(times.values())
    first, span = min(ends), (max(ends) - min(ends)).total_seconds() or 1.0
    return {x: (at - first).total_seconds() / span for x, at in sorted(times.items())}


def _bars(area: _Area, trace: Trace, traces: Sequence[Trace], places: Mapping[str, float], mode: str) -> None:
    pdf, slot = area.paper.pdf, 0.75 * area.width / len(places)
    side = [one for one in traces if one["type"] == "bar"] if mode == "group" else [trace]
    below = traces[: traces.index(trace)] if mode == "stack" else ()
    width = slot / len(side)
    pdf.set_fill_color(*_fill(trace))
    for number, (x, value) in enumerate(zip(trace["x"], trace["y"], strict=True)):
        if not value:
            continue
        ground = sum(one["y"][number] or 0 for one in below)
        left = area.x + area.width * places[str(x)] - slot / 2 + width * side.index(trace)
        top = area.up(ground + value)
        pdf.rect(left, top, width, area.up(ground) - top, style="F")


def _line(
    area: _Area, trace: Trace, places: Mapping[str, float], before: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Draw a line and what is filled under it; returns its points. `before` are those of the line before."""
    pdf, look = area.paper.pdf, trace.get("line", {})
    pairs = [(str(x), y) for x, y in zip(trace["x"], trace["y"], strict=True) if y is not None]
    points = [(area.x + area.width * places[x], area.up(y)) for x, y in pairs]
    fill = trace.get("fill")
    if fill and points:
        ground = [(points[-1][0], area.up(area.low)), (points[0][0], area.up(area.low))]
        pdf.set_fill_color(*colour(trace.get("fillcolor", "$bronze-soft")))
        pdf.polygon([*points, *(reversed(before) if fill == "tonexty" else ground)], style="F")
    if look.get("width", 2) and len(points) > 1:
        pdf.set_draw_color(*colour(look.get("color", "$bronze")))
        pdf.set_line_width(look.get("width", 2) / 5)
        if look.get("dash"):
            pdf.set_dash_pattern(0.6, 0.9)
        pdf.polyline(points)
        pdf.set_dash_pattern()
    return points


def _note(area: _Area, note: Mapping[str, Any], places: Mapping[str, float]) -> None:
    """Write a name beside a line, or above one that goes through."""
    if note.get("xref") == "paper":
        _text(area.paper, note["text"], area.x + 1, area.up(note["y"]) - 4, area.width - 2, "L", "$ink-2")
        return
    value = 10 ** note["y"] if area.is_log else note["y"]
    left = area.x + area.width * places[str(note["x"])] + 2
    room = area.x + area.width - left
    _text(area.paper, area.paper.cut(note["text"], room, _SMALL), left, area.up(value) - 2, room, "L", "$ink")


def _below(area: _Area, places: Mapping[str, float]) -> None:
    """Write some of what the axis goes along below it."""
    names = list(places)
    step = max(1, -(-len(names) // _LABELS))
    for x in names[::step]:
        at = min(max(area.x + area.width * places[x], area.x + 6), area.x + area.width - 6)
        _text(area.paper, _named(x), at - 15, area.y + area.height + 0.5, 30, "C")


def _legend(paper: Paper, traces: Sequence[Trace], top: float) -> None:
    pdf, x = paper.pdf, paper.pdf.l_margin + _LEFT_MM
    for trace in traces:
        if not trace.get("name") or trace.get("showlegend") is False:
            continue
        name = paper.cut(trace["name"], 60, _SMALL)
        if x + pdf.get_string_width(name) + 5 > pdf.l_margin + pdf.epw:
            x, top = pdf.l_margin + _LEFT_MM, top + 4
        pdf.set_fill_color(*_fill(trace))
        pdf.rect(x, top + 1, 2.4, 2.4, style="F")
        _text(paper, name, x + 3, top, 62, "L", "$ink-2")
        x += pdf.get_string_width(name) + 9


# --- small things


def _fill(trace: Trace) -> tuple[int, ...]:
    """Return the colour of a series, paler where a page would let the ground through."""
    if trace["type"] == "scatter":
        return colour(trace["fillcolor"] if trace.get("fill") == "tonexty" else trace["line"].get("color", "$bronze"))
    opacity = trace.get("opacity", 1)
    return tuple(round(255 - (255 - part) * opacity) for part in colour(trace["marker"]["color"]))


def _ticks(axis: Mapping[str, Any], low: float, high: float) -> list[tuple[float, str]]:
    """Return values to mark on an axis, with what is written there."""
    if "tickvals" in axis:
        marks = zip(axis["tickvals"], axis["ticktext"], strict=True)
        return [(value, text) for value, text in marks if low <= value <= high]
    step = _step(high - low)
    if axis.get("tickformat") == ",d":
        step = max(step, 1.0)
    values = [low + step * number for number in range(floor((high - low) / step) + 1)]
    before, after = axis.get("tickprefix", ""), axis.get("ticksuffix", "")
    return [(value, f"{before}{round(value, 6):,g}{after}") for value in values]


def _step(span: float) -> float:
    """Return a round number that goes into a span three to six times."""
    size: float = 10 ** floor(log10(span / 3))
    return next(size * one for one in (1, 2, 5, 10) if span / (size * one) <= 6)  # noqa: PLR2004 marks that are read


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if len(text) >= len("2026-11-27") else None
    except ValueError:
        return None


def _named(x: str) -> str:
    at = _time(x)
    if at is None:
        return x
    return f"{at:%H:%M}" if "T" in x else f"{at.day} {at:%b}"


def _rule(paper: Paper, x: float, y: float, to_x: float, to_y: float, token: str = "$line-soft") -> None:  # noqa: S107 a colour
    paper.pdf.set_draw_color(*colour(token))
    paper.pdf.set_line_width(0.15)
    paper.pdf.line(x, y, to_x, to_y)


def _text(paper: Paper, text: str, x: float, y: float, width: float, align: str, token: str = "$ink-3") -> None:  # noqa: S107 a colour
    paper.ink(token, _SMALL)
    paper.pdf.set_xy(x, y)
    paper.pdf.cell(width, 4, paper.fit(text), align=align)
