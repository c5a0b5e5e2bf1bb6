"""The past runs that estimates rest on: the last of each task, and the last of others that are like it."""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise, zip_longest
from typing import Any, NamedTuple

MOST_OF_TASK, LEAST_OF_TASK = 48, 8
"""So many runs of a task are kept; fewer where a team has many tasks."""

MOST_OF_KIND = 8
"""So many runs are kept of each kind: a template, an engine, equal attributes, the whole team."""

MOST_KINDS = 1000
MOST_ATTRS = 12
"""The first so many names of attributes of a team count."""

_LONGEST_TEXT = 40
_MINUTES = 60
_HOUR = 3600
_ROUGH = 1000
"""Durations are stored as thousandths of a logarithm: to a tenth of a percent."""

Value = float | str | None


class Past(NamedTuple):
    """A run that ended: start in hours since 1970, logarithm of its seconds, 1.0 failed, 0.0 did not, None neither.

    `values` are its attributes in the order of `History.names`; `before` and `failed_before` are those of the run
    of its task before it.
    """

    task: str
    at: float
    duration: float
    failed: float | None
    values: tuple[Value, ...]
    before: float | None
    failed_before: float | None
    cost: int | None
    tokens: int | None


def hours(at: datetime) -> float:
    """Return an aware moment as hours since 1970."""
    return at.timestamp() / _HOUR


def value(given: Any) -> Value:
    """Return a number on a scale of logarithms (equal steps are equal ratios), a short text, or None."""
    if isinstance(given, bool):
        return str(given)
    if isinstance(given, int | float):
        try:
            number = float(given)
        except OverflowError:
            return None
        return math.copysign(math.log1p(abs(number)), number) if math.isfinite(number) else None
    return given[:_LONGEST_TEXT] if isinstance(given, str) else None


class History:
    """The runs that are kept. `room`: how many of tasks at most; None: the most of every task."""

    def __init__(self, room: int | None = None) -> None:
        self.names: list[str] = []
        self.runs: dict[str, deque[Past]] = {}
        self.counts: dict[str, int] = {}
        self._kinds: dict[tuple[Any, ...], deque[Past]] = {}
        self._room = room

    def meet(self, attrs: Mapping[str, Any]) -> bool:
        """Take note of names of attributes that are new, while there is room; returns whether there were any."""
        new = [name for name in attrs if name not in self.names][: MOST_ATTRS - len(self.names)]
        self.names += new
        return bool(new)

    def values(self, attrs: Mapping[str, Any]) -> tuple[Value, ...]:
        """Return the attributes in the order of `names`."""
        return tuple([value(attrs.get(name)) for name in self.names])

    def is_by(self, run: Past, engine: str) -> bool:
        """Whether a run was done by an engine, as far as that is known."""
        at = self.names.index("engine") if "engine" in self.names else len(run.values)
        return at >= len(run.values) or run.values[at] == value(engine)

    def own(self, task: str) -> Sequence[Past]:
        """Return the last runs of a task, the oldest first."""
        return self.runs.get(task, ())

    def others(self, task: str, values: tuple[Value, ...]) -> list[Past]:
        """Return the last runs of other tasks of the same kinds, each once."""
        found: dict[int, Past] = {}
        for kind in self._kinds_of(values):
            for run in self._kinds.get(kind, ()):
                if run.task != task:
                    found[id(run)] = run
        return list(found.values())

    def add(self, run: Past) -> None:
        """Keep a run, and forget what there is no room for."""
        self.counts[run.task] = self.counts.get(run.task, 0) + 1
        kept = self.runs.pop(run.task, None) or deque()
        self.runs[run.task] = kept  # the task that ran last stands last
        kept.append(run)
        self._trim(kept)
        self._add_to_kinds(run)

    def _trim(self, kept: deque[Past]) -> None:
        most = MOST_OF_TASK
        if self._room is not None:
            most = max(LEAST_OF_TASK, min(MOST_OF_TASK, self._room // len(self.runs)))
            while len(self.runs) > self._room // LEAST_OF_TASK:
                oldest = next(iter(self.runs))
                del self.runs[oldest], self.counts[oldest]
        while len(kept) > most:
            kept.popleft()

    def _kinds_of(self, values: tuple[Value, ...]) -> Iterable[tuple[Any, ...]]:
        yield ("all",)
        yield ("attrs", *values)
        for name in ("template", "engine"):
            if name in self.names and (at := self.names.index(name)) < len(values) and values[at] is not None:
                yield (name, values[at])

    def _add_to_kinds(self, run: Past) -> None:
        for kind in self._kinds_of(run.values):
            alike = self._kinds.pop(kind, None) or deque(maxlen=MOST_OF_KIND)
            self._kinds[kind] = alike
            alike.append(run)
        while len(self._kinds) > MOST_KINDS:
            del self._kinds[next(iter(self._kinds))]

    # --- as JSON

    def as_dict(self) -> dict[str, Any]:
        """Return what `of` takes: by task, a list of each thing."""
        for kept in self.runs.values():
            self._trim(kept)
        return {"names": self.names, "tasks": {task: self._packed(task, kept) for task, kept in self.runs.items()}}

    def _packed(self, task: str, kept: Sequence[Past]) -> dict[str, Any]:
        minutes = [round(run.at * _MINUTES) for run in kept]
        packed: dict[str, Any] = {
            "n": self.counts[task],
            "at": [minutes[0], *[after - before for before, after in pairwise(minutes)]],
            "duration": [round(run.duration * _ROUGH) for run in kept],
            "failed": "".join("?" if run.failed is None else str(int(run.failed)) for run in kept),
        }
        values = zip_longest(*(map(_rounded, run.values) for run in kept))
        columns: dict[str, Sequence[Any]] = {"cost": [run.cost for run in kept], "tokens": [run.tokens for run in kept]}
        columns |= {str(at): column for at, column in enumerate(values)}
        for name, column in columns.items():
            if any(one != column[0] for one in column):
                packed[name] = column
            elif column[0] is not None:
                packed[name] = column[:1]  # what is the same in every run is written once
        return packed

    @classmethod
    def of(cls, stored: Mapping[str, Any], room: int | None = None) -> "History":
        """Return the history that `as_dict` wrote."""
        history = cls(room)
        history.names = list(stored["names"])
        runs: list[Past] = []
        for task, packed in stored["tasks"].items():
            unpacked = history._unpacked(task, packed)
            history.runs[task] = deque(unpacked)
            history.counts[task] = packed["n"]
            runs += unpacked
        for run in sorted(runs, key=lambda one: one.at):
            history._add_to_kinds(run)
        return history

    def _unpacked(self, task: str, packed: Mapping[str, Any]) -> list[Past]:
        count = len(packed["duration"])
        columns = [_column(packed, str(at), count) for at in range(len(self.names))]
        costs, tokens = (_column(packed, name, count) for name in ("cost", "tokens"))
        runs: list[Past] = []
        minutes = 0
        for i in range(count):
            minutes += packed["at"][i]
            mark = packed["failed"][i]
            runs.append(
                Past(
                    task,
                    minutes / _MINUTES,
                    packed["duration"][i] / _ROUGH,
                    None if mark == "?" else float(mark),
                    tuple([column[i] for column in columns]),
                    runs[-1].duration if runs else None,
                    runs[-1].failed if runs else None,
                    costs[i],
                    tokens[i],
                )
            )
        return runs


def _rounded(given: Value) -> Value:
    return round(given, 3) if isinstance(given, float) else given


def _column(packed: Mapping[str, Any], name: str, count: int) -> list[Any]:
    column: list[Any] = packed.get(name, [None])
    return column * count if len(column) == 1 else column
