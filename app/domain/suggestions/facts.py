"""What is known of a task, what is proposed for it, and the runs of it that count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from app.domain.conflicts import Kind as Slots
from app.domain.conflicts import Wanted
from app.domain.lifecycle import DID_NOT_HAPPEN
from app.domain.load import Load
from app.domain.policy import Policy

Kind = Literal[
    "longer_limit", "fewer_skips", "better_time", "more_retries", "fewer_retries", "replay", "cheaper_model",
    "unopened", "shorter_limit",
]  # fmt: skip

KINDS: tuple[Kind, ...] = get_args(Kind)
"""The most telling first: a page of a task shows only the first ones."""

MOST_RUNS = 100
LEAST_RUNS = 10
"""Of so many runs, the newest, a task is judged; of fewer nothing is said."""

_WAITING_RUNS, _PLANNED_RUNS = 20, 50


@dataclass(frozen=True)
class Past:
    """A run that has ended. `is_planned`: the present schedule of its task planned it.

    `seconds` is how long it took and `wait_seconds` how long it waited for a slot, both only of a run of one try.
    `tries` counts how often it was tried, `transient` how many of these tries failed in a way that may pass. `model` is
    the one that an agent asked.
    """

    state: str
    reason: str = ""
    is_planned: bool = True
    seconds: float | None = None
    wait_seconds: float | None = None
    tries: int = 1
    transient: int = 0
    model: str = ""
    micros: int | None = None


@dataclass(frozen=True)
class Unopened:
    """A task that nobody has had to do with since an instant, and for how many days.

    Its runs from then on, what they cost (millionths of a dollar) and how long they took together.
    """

    since: datetime
    days: float
    runs: int
    micros: int
    seconds: float


@dataclass(frozen=True)
class Replay:
    """Steps without a model that do what an agent does: the parts of a definition, and how long they are taken to last.

    `alike` is how many runs in a row have made the same calls, `calls` how many these are.
    """

    parts: Mapping[str, Any]
    seconds: float
    alike: int
    calls: int


@dataclass(frozen=True)
class Facts:
    """What is known of a task: its newest runs, the newest first, its limit and its policy.

    `has_own_limit`: its engine gives up long before the time limit. `model` is the one that its agent asks now,
    `others` are those it could ask. `wanted` are the coming times of its only schedule and `load` that of its slots,
    where both are known; `slots` says what these are, and `slots_of` of which pool or model.
    """

    runs: Sequence[Past]
    timeout_seconds: float
    policy: Policy
    has_own_limit: bool = False
    model: str = ""
    others: Sequence[str] = ()
    wanted: Wanted | None = None
    load: Load | None = None
    slots: Slots = "capacity"
    slots_of: str = ""
    unopened: Unopened | None = None
    replay: Replay | None = None


@dataclass(frozen=True)
class Proposal:
    """A change worth making: why, in a sentence; what of the definition changes; the figures that it should better.

    `change` holds `limits`, `policy` and `settings` to set, `shift_seconds` to move the only schedule by, its new
    `text`, the parts of a `replay` that take the place of an agent, or that the task is to `pause`.
    `weight` grows with the evidence.
    """

    kind: Kind
    sentence: str
    change: Mapping[str, Any]
    figures: Mapping[str, float]
    weight: float


@dataclass(frozen=True)
class Decided:
    """What somebody decided on a suggestion before: its state (applied, undone, dismissed), and its weight then."""

    kind: str
    state: str
    decided_at: datetime
    weight: float = field(default=0.0)


# --- runs


def ran(runs: Sequence[Past]) -> list[Past]:
    """Return the runs that took place, and were not cancelled."""
    return [one for one in runs if one.state not in DID_NOT_HAPPEN and one.state != "cancelled"]


def planned(runs: Sequence[Past]) -> list[Past]:
    """Return the newest runs that the present schedule planned, whatever became of them."""
    return [one for one in runs if one.is_planned][:_PLANNED_RUNS]


def overlapped(runs: Sequence[Past]) -> list[Past]:
    """Return the runs that were skipped because one before still went."""
    return [one for one in runs if one.state == "skipped" and one.reason == "overlap"]


def waits(runs: Sequence[Past]) -> list[float]:
    """Return how long the newest planned runs waited for a slot, in seconds."""
    return [one.wait_seconds for one in runs if one.is_planned and one.wait_seconds is not None][:_WAITING_RUNS]


def seconds(runs: Sequence[Past]) -> list[float]:
    """Return how long the runs took that came to an end by themselves."""
    return [one.seconds for one in ran(runs) if one.seconds is not None and one.state != "timed_out"]
