"""Figures as Plotly takes them, made of plain values; their colours are names of tokens, known to the page's theme."""

from collections.abc import Mapping, Sequence
from typing import Any

COLOURS = ("$bronze", "$run", "$ok", "$wait", "$warn", "$idle")
"""In the order in which series take them; what failed has its own, and is hatched."""

Figure = dict[str, Any]


def _axis(**more: Any) -> dict[str, Any]:
    quiet = {"gridcolor": "$line-soft", "zeroline": False, "fixedrange": True, "automargin": True, "linecolor": "$line"}
    return quiet | {"tickfont": {"color": "$ink-3"}} | more


def figure(data: Sequence[Mapping[str, Any]], *, height: int = 260, **layout: Any) -> Figure:
    """Return a figure of traces; `layout` is added to what all have."""
    base = {
        "height": height, "margin": {"l": 8, "r": 8, "t": 8, "b": 8}, "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": "$ink-2", "size": 12}, "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "$surface", "bordercolor": "$line", "font": {"color": "$ink"}}, "dragmode": False,
        "legend": {
            "orientation": "h", "x": 0, "y": -0.18, "yanchor": "top", "traceorder": "normal",
            "font": {"color": "$ink-2"},
        },
        "bargap": 0.25, "xaxis": _axis(showgrid=False), "yaxis": _axis(rangemode="tozero"),
    }  # fmt: skip
    for name in ("xaxis", "yaxis"):
        layout[name] = {**base[name], **layout.get(name, {})}  # type: ignore[dict-item]  # both are dicts
    return {"data": list(data), "layout": base | layout}


def bars(name: str, x: Sequence[Any], y: Sequence[Any], place: int, **more: Any) -> dict[str, Any]:
    """Return a series of bars, in the colour of its place."""
    colour = COLOURS[min(place, len(COLOURS) - 1)]
    paler = {"opacity": 0.65} if colour == "$warn" else {}  # beside bronze it would look like it
    return {"type": "bar", "name": name, "x": list(x), "y": list(y), "marker": {"color": colour}} | paler | more


def failed(trace: Mapping[str, Any]) -> dict[str, Any]:
    """Return a series of bars as what failed is drawn: in its own colour, and hatched."""
    pattern = {"shape": "/", "size": 6, "solidity": 0.35, "fillmode": "replace"}
    return {**trace, "marker": {"color": "$fail", "pattern": pattern}}


def line(name: str, x: Sequence[Any], y: Sequence[Any], colour: str = "$bronze", **more: Any) -> dict[str, Any]:
    """Return a line."""
    drawn = {"color": colour, "width": 2.5, **more.pop("line", {})}
    return {"type": "scatter", "mode": "lines", "name": name, "x": list(x), "y": list(y), "line": drawn} | more
