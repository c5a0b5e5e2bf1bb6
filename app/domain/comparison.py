"""Two runs side by side: what differs between them, in words and as a table, what may be why before what followed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from app.domain import amounts, money
from app.domain.expressions import as_text
from app.domain.wording import duration

LATE_SECONDS = 5.0
"""A start this much later after its planned time than the other's is worth a word."""

_NOTICEABLE = 0.1  # share of the longer run below which a difference of time is no news
_MEASURED = frozenset({"seconds", "tokens_in", "tokens_out", "cost_micros", "repairing", "memory_bytes"})
_NOT_SHOWN = frozenset({"tokens_in", "tokens_out", "cost_micros", "memory_bytes"})
_LONGEST_FACT = 40
_MOST_NAMED = 3
_UNKNOWN = "–"


@dataclass(frozen=True)
class Side:
    """A run as it is compared. Times are aware; `steps` are seconds by name, `files` (bytes, digest) by name, and
    `inputs` the values of its variables, and `checks` what became of its contract (state by words).

    `packages` are versions by the name of a Python package; `sentence` and `reason` say how it ended.
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
    model: str = ""
    tools: str = ""
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    sentence: str = ""
    reason: str = ""

    @property
    def took(self) -> float | None:
        """Seconds from its start to its end, None of what did not run or has not ended."""
        return (self.ended_at - self.started_at).total_seconds() if self.started_at and self.ended_at else None

    @property
    def late(self) -> float | None:
        """Seconds from its planned time to its start."""
        return (self.started_at - self.planned_at).total_seconds() if self.started_at else None


def differences(left: Side, right: Side) -> dict[str, str]:
    """Return what differs, by what it is about, each in a few words that fit one sentence; left is the one before.

    What may be why comes before what followed from it.
    """
    found = {
        "Task": "another task" if left.task != right.task else "",
        "Version": f"version {left.version} → {right.version}" if left.version != right.version else "",
        **{f"Input {name}": said for name, said in _of_inputs(left.inputs, right.inputs)},
        "Model": _changed(left.model, right.model, "model "),
        "Tools": _changed(left.tools, right.tools, "tools "),
        "Python": _changed(left.python, right.python, "Python "),
        **{f"Package {name}": said for name, said in _of_packages(left.packages, right.packages)},
        "State": _changed(left.state.replace("_", " "), right.state.replace("_", " ")),
        "Asked for by": f"asked for by {right.asked_by}" if left.asked_by != right.asked_by else "",
        "Started": _later(left.late, right.late),
        "Took": _longer(left.took, right.took),
        "Attempts": _attempts(left.attempts, right.attempts),
        "Worker": _changed(left.worker, right.worker, "worker "),
        "Isolation": _changed(left.isolation, right.isolation, "isolation "),
        "Cost": _costs(left.cost_micros, right.cost_micros),
        **{f"Step {name}": said for name, said in _of_steps(left, right)},
        **{f"Check {name}": said for name, said in _of_checks(left.checks, right.checks)},
        **{f"Fact {name}": said for name, said in _of_facts(left.facts, right.facts)},
        **{f"File {name}": said for name, said in _of_files(left.files, right.files)},
    }  # fmt: skip
    return {about: said for about, said in found.items() if said}


def sentence(found: Mapping[str, str]) -> str:
    """Say all differences in one sentence; those of steps are left to the table, and so are many of a kind."""
    said: list[str] = []
    for kind, group in groupby(found.items(), lambda one: one[0].partition(" ")[0]):
        words = [words for _, words in group]
        if kind in _COUNTED and len(words) > _MOST_NAMED:
            words = [f"{len(words)} {_COUNTED[kind]} differ"]
        said += [] if kind == "Step" else words
    return f"What differs: {', '.join(said)}." if said else "Nothing differs but when they ran."


_COUNTED = {"Package": "packages", "File": "files"}


# --- the table


@dataclass(frozen=True)
class Row:
    """One line of the table: the `part` it belongs to, what it is, how it is on the left and on the right.

    `words` say what differs, empty where nothing does.
    """

    part: str
    what: str
    left: str
    right: str
    words: str = ""

    @property
    def differs(self) -> bool:
        """Whether it is to be seen first; how a run ended is told in its own words, which nothing is said about."""
        return bool(self.words) or (self.what in _IN_WORDS and self.left != self.right)


_IN_WORDS = frozenset({"In words", "Reason"})
_HAPPENED, _WITH = "What happened", "What it ran with"


def rows(left: Side, right: Side, found: Mapping[str, str]) -> list[Row]:
    """Return the whole table; `found` are the differences of the two."""
    both: list[Row] = []
    for part, what, say in _PLAIN:
        if say(left) or say(right):
            both.append(Row(part, what, say(left) or _UNKNOWN, say(right) or _UNKNOWN, found.get(what, "")))
    for part, about, values, show in _BY_NAME:
        before, after = values(left), values(right)
        for name in dict.fromkeys([*before, *after]):
            was, now = (show(one[name]) if name in one else _UNKNOWN for one in (before, after))
            both.append(Row(part, name.replace("_", " "), was, now, found.get(f"{about} {name}", "")))
    return sorted(both, key=lambda row: _PARTS.index(row.part))


_PLAIN: tuple[tuple[str, str, Callable[[Side], str]], ...] = (
    (_WITH, "Task", lambda one: one.task),
    (_WITH, "Version", lambda one: str(one.version)),
    (_WITH, "Model", lambda one: one.model),
    (_WITH, "Tools", lambda one: one.tools),
    (_WITH, "Worker", lambda one: one.worker),
    (_WITH, "Isolation", lambda one: one.isolation),
    (_WITH, "Python", lambda one: one.python),
    (_HAPPENED, "State", lambda one: one.state.replace("_", " ")),
    (_HAPPENED, "In words", lambda one: one.sentence),
    (_HAPPENED, "Reason", lambda one: one.reason),
    (_HAPPENED, "Asked for by", lambda one: one.asked_by),
    (_HAPPENED, "Started", lambda one: _started(one.late)),
    (_HAPPENED, "Took", lambda one: "" if one.took is None else duration(one.took)),
    (_HAPPENED, "Attempts", lambda one: str(one.attempts)),
    (_HAPPENED, "Cost", lambda one: "" if one.cost_micros is None else money.said(one.cost_micros)),
    (_HAPPENED, "Tokens", lambda one: _tokens(one.facts)),
)
_BY_NAME: tuple[tuple[str, str, Callable[[Side], Mapping[str, Any]], Callable[[Any], str]], ...] = (
    ("Inputs", "Input", lambda one: one.inputs, as_text),
    ("Packages", "Package", lambda one: one.packages, str),
    ("Duration by step", "Step", lambda one: one.steps, duration),
    ("What must be true", "Check", lambda one: one.checks, str),
    ("Facts", "Fact", lambda one: _shown_facts(one.facts), str),
    ("Files", "File", lambda one: one.files, lambda file: amounts.size(file[0])),
)
_PARTS = (_WITH, "Inputs", "Packages", _HAPPENED, *(part for part, *_ in _BY_NAME[2:]))


def _started(late: float | None) -> str:
    if late is None:
        return ""
    return "on time" if late < LATE_SECONDS else f"{duration(late)} later"


def _tokens(facts: Mapping[str, Any]) -> str:
    into, out = facts.get("tokens_in"), facts.get("tokens_out")
    return "" if into is None and out is None else f"{into or 0:,} in, {out or 0:,} out"


def _shown_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in _NOT_SHOWN and value != ""}


# --- what is said of each


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


def _of_packages(left: Mapping[str, str], right: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not left or not right:  # of one of them nothing was written down
        return
    for name in dict.fromkeys([*left, *right]):
        yield name, _changed(left.get(name, ""), right.get(name, ""), f"{name} ")


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
