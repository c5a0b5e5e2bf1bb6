"""Where tasks stand in a drawing of what comes after what: in columns, with lines that go round the others."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from app.domain import graph

Place = tuple[int, float]
"""A column, and a row in it; columns are centred, so rows may be halves."""

_Spot = int | tuple[int, int, int]
"""A task, or the line from one task to another where it passes a column."""


@dataclass(frozen=True)
class Layout:
    """The place of each task, the places that each line goes through, and how many columns and rows there are."""

    places: Mapping[int, Place]
    lines: Mapping[tuple[int, int], list[Place]]
    columns: int
    rows: int


def layout(tasks: Iterable[int], before: Mapping[int, Collection[int]]) -> Layout:
    """Place tasks; `before` maps each to those that it runs after. A line is named by (upstream, task)."""
    columns = graph.layers(tasks, before)
    level = {task: number for number, column in enumerate(columns) for task in column}
    links = [(one, task) for task in level for one in before.get(task, ()) if one in level]
    ways: dict[tuple[int, int], list[_Spot]] = {
        (one, task): [one, *((one, task, column) for column in range(level[one] + 1, level[task])), task]
        for one, task in links
    }
    spots: list[list[_Spot]] = [list(column) for column in columns]
    came_from: dict[_Spot, list[_Spot]] = {}
    for way in ways.values():
        for earlier, later in pairwise(way):
            came_from.setdefault(later, []).append(earlier)
            if isinstance(later, tuple):
                spots[later[2]].append(later)
    rows = max((len(column) for column in spots), default=0)
    placed: dict[_Spot, Place] = {}
    for number, column in enumerate(spots):
        column.sort(key=lambda spot: _middle(came_from.get(spot, ()), placed))
        top = (rows - len(column)) / 2
        placed |= {spot: (number, top + row) for row, spot in enumerate(column)}
    lines = {link: [placed[spot] for spot in way] for link, way in ways.items()}
    return Layout({task: placed[task] for task in level}, lines, len(spots), rows)


def _middle(those: Collection[_Spot], placed: Mapping[_Spot, Place]) -> float:
    known = [placed[spot][1] for spot in those if spot in placed]
    return sum(known) / len(known) if known else 0.0
