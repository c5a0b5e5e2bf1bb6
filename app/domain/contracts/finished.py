"""What is known of a run that worked to its end, and what its contract says of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

State = Literal["met", "unmet", "unknown"]


@dataclass(frozen=True)
class File:
    """A file that the run keeps; `is_new`: there was none like it before."""

    name: str
    size: int
    open: Callable[[], BinaryIO] = field(repr=False)
    is_new: bool = True


@dataclass(frozen=True)
class Delivery:
    """A request that changes something outside, and what was answered; `step` is empty in a task of one engine."""

    host: str
    status: int
    step: str = ""


@dataclass(frozen=True)
class Page:
    """What an address answered; `problem` is one sentence when it did not."""

    status: int = 0
    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Judged:
    """What the model said; None: it could not be asked, and `reason` says why."""

    is_yes: bool | None
    reason: str


@dataclass(frozen=True)
class Finished:
    """All that checks may look at.

    `answer` is what the agent or the server said, or the script printed; None: nothing of the task has an answer;
    `is_cut`: it is only the beginning. `outputs` are those of steps by name, `tools` how often each was used.
    `cost_micros` in millionths of a US dollar, None: no price is known. `pages` and `judged` hold what the http and
    judge checks need, by address and question. `hide` masks the secrets in a text, before anything of it is quoted.
    """

    answer: str | None = None
    is_cut: bool = False
    files: Sequence[File] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    deliveries: Sequence[Delivery] = ()
    tools: Mapping[str, int] = field(default_factory=dict)
    cost_micros: int | None = 0
    seconds: float = 0.0
    pages: Mapping[str, Page] = field(default_factory=dict)
    judged: Mapping[str, Judged] = field(default_factory=dict)
    hide: Callable[[str], str] = str


@dataclass(frozen=True)
class Result:
    """What became of one check; `evidence` is one sentence that says what was found."""

    words: str
    state: State
    evidence: str
    is_optional: bool = False


@dataclass(frozen=True)
class Verdict:
    """What became of a contract.

    What can't be known counts like what is not met: nothing is said to have worked that nobody knows of.
    """

    results: Sequence[Result]

    @property
    def state(self) -> Literal["succeeded", "degraded", "unmet"]:
        """How the run ends."""
        missed = [one for one in self.results if one.state != "met"]
        if not missed:
            return "succeeded"
        return "degraded" if all(one.is_optional for one in missed) else "unmet"

    @property
    def sentence(self) -> str:
        """Name the first check that is not met, a required one before an optional one; empty if all are."""
        missed = sorted((one for one in self.results if one.state != "met"), key=lambda one: one.is_optional)
        if not missed:
            return ""
        lead = "Not done without doubt" if missed[0].state == "unknown" else "Not done as agreed"
        if missed[0].is_optional:
            lead = "Done, but for what is optional"
        more = f" {len(missed) - 1} more of its checks {'is' if len(missed) == 2 else 'are'} not met."  # noqa: PLR2004 one more
        return f"{lead}: {missed[0].evidence}{more if len(missed) > 1 else ''}"
