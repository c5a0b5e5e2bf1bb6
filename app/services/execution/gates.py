"""What may hold an attempt back before its engine is called, and what learns from how the call ended."""

from collections.abc import Sequence

from app.engines.base import Outcome
from app.services.execution.claims import Claim


def before(held: Claim, targets: Sequence[str]) -> Outcome | None:
    """Return why the attempt must not call its engine now, None when it may.

    `targets` are what the engine will reach: `host:example.com`, `model:name`.
    """
    del held, targets
    return None


def after(held: Claim, targets: Sequence[str], outcome: Outcome) -> None:
    """Take note of how a call ended."""
    del held, targets, outcome
