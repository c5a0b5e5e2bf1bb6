"""Tasks that run after others: which come before which, what an end of one means for the next, and that in words."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from app.domain import wording
from app.domain.lifecycle import ENDED

On = Literal["success", "failure", "any"]
Join = Literal["all", "any"] | int
Verdict = Literal["ready", "never", "waits"]

ONS: tuple[On, ...] = get_args(On)
MOST = 20
"""Tasks that one task may run after."""

DAY_SECONDS = 86_400.0
SHORTEST_SECONDS, LONGEST_SECONDS = 60.0, 31 * DAY_SECONDS

_LONGEST_CHAIN = 20
_WORKED = frozenset({"succeeded", "degraded"})
_WENT_WRONG = frozenset({"failed", "timed_out", "unmet", "missed", "blocked"})

SILENT = frozenset({
    "folded", "misfire_latest", "misfire_skip", "misfire_cap", "paused", "calendar", "schedule_changed", "restored",
    "task_deleted", "overlap", "overlap_full",
})  # fmt: skip
"""Reasons of runs that say nothing to the tasks after theirs: left out by a rule, or another run of the task speaks."""

_HAPPENED = {
    "success": "has succeeded", "failure": "has failed", "any": "has ended, however it went",
}  # fmt: skip
_ENDS = {
    "succeeded": "succeeded", "degraded": "succeeded without a part", "unmet": "did not do its work",
    "failed": "failed", "timed_out": "timed out", "cancelled": "was cancelled", "skipped": "was skipped",
    "missed": "was missed", "blocked": "was blocked",
}  # fmt: skip


@dataclass(frozen=True)
class Link:
    """A task that comes before, by its id, and the end of it that is waited for."""

    task: int
    on: On = "success"


@dataclass(frozen=True)
class After:
    """What a task runs after; `join` says how many of them: all, any, or a number. No links: after nothing.

    `passes`: the files that their runs made are handed to it.
    """

    links: tuple[Link, ...] = ()
    join: Join = "all"
    window_seconds: float = DAY_SECONDS
    passes: bool = True

    def __bool__(self) -> bool:
        return bool(self.links)

    @property
    def needed(self) -> int:
        """How many must end as they are asked to."""
        if isinstance(self.join, int):
            return min(max(self.join, 1), len(self.links))
        return len(self.links) if self.join == "all" else min(1, len(self.links))

    @classmethod
    def of(cls, values: Mapping[str, Any] | None) -> "After":
        """Build from the `after` of a definition; nothing is after nothing."""
        if not values:
            return cls()
        links = tuple(Link(one["task"], one.get("on", "success")) for one in values.get("tasks", ()))
        window = float(values.get("window_seconds", DAY_SECONDS))
        return cls(links, values.get("join", "all"), window, values.get("passes", True))


# --- what an end means for the next


def speaks(state: str, reason: str, *, at_its_time: bool = False) -> bool:
    """Whether a run that ended so says something to the tasks after its own.

    What a person skips ahead may be put back until its time: it counts only for what waits `at_its_time`.
    """
    is_final = at_its_time or (state, reason) != ("skipped", "person")
    return state in ENDED and reason not in SILENT and is_final


def fits(on: str, state: str) -> bool:
    """Whether an end in `state` is the one that is waited for."""
    return {"success": state in _WORKED, "failure": state in _WENT_WRONG}.get(on, state in ENDED)


def verdict(after: After, states: Mapping[int, str]) -> Verdict:
    """Say whether a task may run, never will in this round, or waits: `states` are the ends so far, by task."""
    known = [fits(link.on, states[link.task]) for link in after.links if link.task in states]
    if sum(known) >= after.needed:
        return "ready"
    missing = len(after.links) - len(known)
    return "never" if sum(known) + missing < after.needed else "waits"


def is_worth_a_run(after: After, states: Mapping[int, str]) -> bool:
    """Whether it goes on record that a task will not run: not where it only was to run had its one upstream failed."""
    return len(after.links) > 1 or any(link.on != "failure" for link in after.links if link.task in states)


# --- which come before which


def cycle(before: Mapping[int, Collection[int]], start: int) -> list[int]:
    """Return the tasks of a circle through `start`, it first and last; empty without one.

    `before` maps a task to those that it runs after.
    """
    came_from: dict[int, int] = {}
    todo = list(before.get(start, ()))
    came_from.update(dict.fromkeys(todo, start))
    while todo:
        task = todo.pop()
        if task == start:
            break
        for upstream in before.get(task, ()):
            if upstream not in came_from:
                came_from[upstream] = task
                todo.append(upstream)
    if start not in came_from:
        return []
    found = [start]
    while (task := came_from[found[-1]]) != start:
        found.append(task)
    return [*found, start]  # from the first that runs to the one that comes round


def layers(tasks: Iterable[int], before: Mapping[int, Collection[int]]) -> list[list[int]]:
    """Return the tasks in columns, each as far left as those before it allow; what stands in a circle comes last."""
    left = dict.fromkeys(tasks)
    columns: list[list[int]] = []
    while left:
        column = [task for task in left if not any(one in left for one in before.get(task, ()))] or list(left)
        columns.append(column)
        for task in column:
            del left[task]
    return columns


def following(
    starts: Mapping[int, Sequence[datetime]], before: Mapping[int, Collection[int]], seconds: Mapping[int, float]
) -> dict[int, list[datetime]]:
    """Return when the tasks are about to start that others start by their ends, chains of them included.

    `starts` are the coming runs of tasks, `before` names for each of the others which ones it runs after, `seconds`
    says how long a run of each task takes. Of several it follows the one that is the last to end.
    """
    known = dict(starts)
    found: dict[int, list[datetime]] = {}
    for _ in range(_LONGEST_CHAIN):
        ready = {
            task: those for task, those in before.items() if task not in found and all(one in known for one in those)
        }
        new = {
            task: max((_after_each(known[one], seconds[one]) for one in those), key=_first)
            for task, those in ready.items()
        }
        if not new:
            break
        found |= new
        known |= new
    return found


def _after_each(starts: Sequence[datetime], seconds: float) -> list[datetime]:
    return [at + timedelta(seconds=seconds) for at in starts]


def _first(times: Sequence[datetime]) -> float:
    return times[0].timestamp() if times else 0.0


def near(start: int, before: Mapping[int, Collection[int]]) -> set[int]:
    """Return the task with all that come before it and all that come after it."""
    behind: dict[int, list[int]] = {}
    for task, upstreams in before.items():
        for upstream in upstreams:
            behind.setdefault(upstream, []).append(task)
    return _reached(start, before) | _reached(start, behind)


def _reached(start: int, steps: Mapping[int, Collection[int]]) -> set[int]:
    found, todo = {start}, [start]
    while todo:
        for task in steps.get(todo.pop(), ()):
            if task not in found:
                found.add(task)
                todo.append(task)
    return found


# --- in words


def identifier(slug: str) -> str:
    """Return the name by which expressions know a task: `upstream.extract_data.outputs`."""
    name = slug.replace("-", "_")
    return name if not name[:1].isdigit() else f"_{name}"


def ended(state: str) -> str:
    """Say how a run ended: failed, was skipped."""
    return _ENDS.get(state, state)


def in_words(after: After, names: Mapping[int, str]) -> str:
    """Say what a task runs after, without what it does then: `when Extract has succeeded`; empty for nothing."""
    if not after:
        return ""
    said = [(names.get(link.task, "a deleted task"), link.on) for link in after.links]
    if len(said) == 1:
        return f"when {said[0][0]} {_HAPPENED[said[0][1]]}"
    count = "all" if after.needed == len(said) else "one" if after.needed == 1 else str(after.needed)
    if len({on for _, on in said}) == 1:
        happened = _HAPPENED[said[0][1]].replace("has", "have" if count not in {"one", "1"} else "has", 1)
        listed = wording.listed([name for name, _ in said])
        return f"when {listed} {happened}" if count == "all" else f"when {count} of {listed} {happened}"
    parts = [f"{name} {_HAPPENED[on]}" for name, on in said]
    return f"when {wording.listed(parts)}" if count == "all" else f"when {count} of these is true: {'; '.join(parts)}"


def circle_in_words(found: Sequence[int], names: Mapping[int, str]) -> str:
    """Name a circle: `Extract → Load → Extract`."""
    return " → ".join(names.get(task, "a deleted task") for task in found)


def span(seconds: float) -> str:
    """Say how long a window is: 1 day, 6 hours, 90 minutes."""
    for unit, size in (("day", DAY_SECONDS), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:,.0f} seconds"
