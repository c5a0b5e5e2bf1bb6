"""What analysis finds: findings with their evidence, from stages of one signature."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.thread import Thread


@dataclass(frozen=True)
class Evidence:
    """Where something stands: the number of the message in `Thread.messages`, and its words (secrets masked)."""

    message: int
    excerpt: str


@dataclass(frozen=True)
class Finding:
    """One thing that was read out of a thread.

    `kind` is the field of the analysis it belongs to; `value` is JSON. `confidence` is between 0 and 1.
    """

    kind: str
    value: Any
    confidence: float
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """Everything that was found so far; a stage may build upon those before it.

    `secrets` are the thread's own, whole: to mask with, never to store or show. None: nobody has looked yet.
    """

    findings: tuple[Finding, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] | None = field(default=None, repr=False)

    def of(self, kind: str) -> list[Finding]:
        """Return the findings of one kind, in the order they were found."""
        return [finding for finding in self.findings if finding.kind == kind]

    def value(self, kind: str) -> Any:
        """Return the value of the first of a kind, None without one."""
        return next((finding.value for finding in self.findings if finding.kind == kind), None)


Stage = Callable[[Thread, Analysis], list[Finding]]
"""Reads a thread and what was found before; returns what it finds. It never changes anything and asks nobody."""
