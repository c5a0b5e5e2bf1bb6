"""Two runs side by side: what differs between them, in words, and where their logs part."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from app.domain import money
from app.domain.wording import duration

LATE_SECONDS = 5.0
"""A start this much later after its planned time than the other's is worth a word."""

_NOTICEABLE = 0.1  # share of the longer run below which a difference of time is no news
_MEASURED = frozenset({"seconds", "tokens_in", "tokens_out", "cost_micros", "repairing"})
_LONGEST_FACT = 40
_MOST_FILES = 3


@dataclass(frozen=True)
class Side:
    """A run as it is compared. Times are aware; `steps` are seconds by name, `files` (bytes, digest) by name, and
    `inputs` the values of its variables, and `checks` what became of its contract (state by words).
    """

    task: str
    version: int
    state: str
    asked_by: str
    planned_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 1
    worker: str = ""
    isolation: str = ""
    cost_micros: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)

    @property
    def took(self) -> float | None:
        """Seconds from its start to its end, None of what did not run or has not ended."""
        return (self.ended_at - self.started_at).total_seconds() if self.started_at and self.ended_at else None

    @property
    def late(self) -> float | None:
        """Seconds from its planned time to its start."""
        return (self.started_at - self.planned_at).total_seconds() if self.started_at else None


def differences(left: Side, right: Side) -> dict[str, str]:
    """Return what differs, by what it is about, each in a few words that fit one sentence; left is the one before."""
    found = {
        "Task": "another task" if left.task != right.task else "",
        "Version": f"version {left.version} → {right.version}" if left.version != right.version else "",
        "State": _changed(left.state.replace("_", " "), right.state.replace("_", " ")),
        "Asked for by": f"asked for by {right.asked_by}" if left.asked_by != right.asked_by else "",
        "Started": _later(left.late, right.late),
        "Took": _longer(left.took, right.took),
        "Attempts": _attempts(left.attempts, right.attempts),
        "Worker": _changed(left.worker, right.worker, "worker "),
        "Isolation": _changed(left.isolation, right.isolation, "isolation "),
        "Cost": _costs(left.cost_micros, right.cost_micros),
        **{f"Step {name}": said for name, said in _of_steps(left, right)},
        **{f"Input {name}": said for name, said in _of_inputs(left.inputs, right.inputs)},
        **{f"Check {name}": said for name, said in _of_checks(left.checks, right.checks)},
        **{f"Fact {name}": said for name, said in _of_facts(left.facts, right.facts)},
        **{f"File {name}": said for name, said in _of_files(left.files, right.files)},
    }  # fmt: skip
    return {about: said for about, said in found.items() if said}


def sentence(found: Mapping[str, str]) -> str:
    """Say all differences in one sentence; those of steps are left to the table, and so are many files."""
    files = [said for about, said in found.items() if about.startswith("File ")]
    said = [words for about, words in found.items() if not about.startswith(("Step ", "File "))]
    said += files if len(files) <= _MOST_FILES else [f"{len(files)} files differ"]
    return f"What differs: {', '.join(said)}." if said else "Nothing differs but when they ran."


def _changed(before: str, after: str, what: str = "") -> str:
    return f"{what}{before or 'none'} → {after or 'none'}" if before != after else ""


def _attempts(before: int, after: int) -> str:
    return f"{after} {'attempt' if after == 1 else 'attempts'} instead of {before}" if before != after else ""


def _later(left: float | None, right: float | None) -> str:
    if left is None or right is None or abs(right - left) < LATE_SECONDS:
        return ""
    return f"started {duration(abs(right - left))} {'later' if right > left else 'sooner'}"


def _longer(left: float | None, right: float | None) -> str:
    if left is None or right is None or abs(right - left) < max(1.0, _NOTICEABLE * max(left, right)):
        return ""
    return f"took {duration(abs(right - left))} {'longer' if right > left else 'less'}"


def _costs(left: int | None, right: int | None) -> str:
    if left is None or right is None or left == right:
        return ""
    return f"cost {money.said(abs(right - left))} {'more' if right > left else 'less'}"


def _of_steps(left: Side, right: Side) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys([*left.steps, *right.steps]):
        if name not in left.steps or name not in right.steps:
            yield name, "only here" if name in left.steps else "only there"
        else:
            yield name, _longer(left.steps[name], right.steps[name])


def _of_inputs(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys([*left, *right]):
        if name not in left or name not in right:
            yield name, f"{name} is only {'here' if name in left else 'there'}"
        elif left[name] != right[name]:
            before, after = str(left[name]), str(right[name])
            is_short = len(before) <= _LONGEST_FACT and len(after) <= _LONGEST_FACT
            yield name, _changed(before, after, f"{name} ") if is_short else f"{name} differs"


def _of_checks(left: Mapping[str, str], right: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys([*left, *right]):
        before, after = left.get(name, "not checked"), right.get(name, "not checked")
        yield name, _changed(before, after, f"“{name}” ")


def _of_facts(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys([*left, *right]):
        before, after = left.get(name), right.get(name)
        if name in _MEASURED or before == after:
            continue
        words = name.replace("_", " ")
        is_short = all(
            isinstance(value, str | int | float | None) and len(str(value)) <= _LONGEST_FACT
            for value in (before, after)
        )
        is_named = is_short and name != "answer"
        yield name, _changed(_fact(before), _fact(after), f"{words} ") if is_named else f"{words} differs"


def _fact(value: Any) -> str:
    return "" if value is None else str(value)


def _of_files(left: Mapping[str, tuple[int, str]], right: Mapping[str, tuple[int, str]]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys([*left, *right]):
        if name not in right:
            yield name, f"no {name}"
        elif name not in left:
            yield name, f"{name} is new"
        elif left[name][1] != right[name][1]:
            yield name, f"{name} differs"


# --- logs

_STAMP = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_COMPARED = 300  # lines after the first difference, of each log
_SHOWN = 60
_CONTEXT = 2


@dataclass(frozen=True)
class Parting:
    """Where two logs part: how many lines are the same first, and what follows, each with `-`, `+` or a space."""

    same: int
    lines: Sequence[tuple[str, str]]


def parting(left: Sequence[str], right: Sequence[str]) -> Parting:
    """Compare the lines of two logs without their times and colours. No lines: as far as they go, they are the same."""
    before, after = [_plain(line) for line in left], [_plain(line) for line in right]
    same = next((at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    if same is None:
        same = min(len(before), len(after))
    if same == len(before) == len(after):
        return Parting(same, ())
    # Only so many lines: to compare whole logs can take a minute.
    before, after = before[same : same + _COMPARED], after[same : same + _COMPARED]
    lead = [(" ", _shown(line)) for line in left[max(same - _CONTEXT, 0) : same]]
    return Parting(same, [*lead, *_marked(before, after, left[same:], right[same:])][:_SHOWN])


def _marked(
    before: Sequence[str], after: Sequence[str], left: Sequence[str], right: Sequence[str]
) -> Iterator[tuple[str, str]]:
    for kind, start, end, there, until in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from ((" ", _shown(line)) for line in left[start : min(end, start + _CONTEXT)])
            if end - start > _CONTEXT:
                yield " ", "…"
            continue
        yield from (("-", _shown(line)) for line in left[start:end])
        yield from (("+", _shown(line)) for line in right[there:until])


def _plain(line: str) -> str:
    return " ".join(_STAMP.sub("", _COLOUR.sub("", line)).split())


def _shown(line: str) -> str:
    text = _COLOUR.sub("", line)
    return text if len(text) <= 500 else f"{text[:500]}…"  # noqa: PLR2004 letters of a line that are read
