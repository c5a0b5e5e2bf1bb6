"""How close a run that worked came to its memory limit."""

from collections.abc import Mapping
from typing import Any

NEAR, CALM = 0.9, 0.8
"""From this share of its limit on a run is close to it; a later one below the other share is not any more."""

FACT = "memory_bytes"
NEXT_STEP = "Raise its memory limit or let it read less at once, before a run needs more than it may have."
_MIB = 1024**2


def share(facts: Mapping[str, Any], limits: Mapping[str, Any]) -> float | None:
    """Return which share of its memory limit a run was seen to use, None where nobody looked (its `facts`)."""
    used, limit = facts.get(FACT), limits.get(FACT)
    return used / limit if used and limit else None


def is_near(facts: Mapping[str, Any], limits: Mapping[str, Any]) -> bool:
    """Whether a run was close to its limit."""
    return (share(facts, limits) or 0.0) >= NEAR


def said(facts: Mapping[str, Any], limits: Mapping[str, Any]) -> str:
    """Say what a run used of what it may have, "" where nobody looked."""
    if share(facts, limits) is None:
        return ""
    return f"used {facts[FACT] / _MIB:,.0f} of its {limits[FACT] / _MIB:,.0f} MiB of memory"
