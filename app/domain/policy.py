"""How a task behaves when time, other runs or failures get in its way; with the product's defaults."""

from dataclasses import dataclass, fields
from typing import Any, Literal

Misfire = Literal["skip", "latest", "all"]
Overlap = Literal["allow", "skip", "queue_one", "queue_all", "cancel_old"]


@dataclass(frozen=True)
class Policy:
    """Misfire, overlap and retry of a task. Times in seconds."""

    misfire: Misfire = "latest"
    misfire_cap: int = 10
    grace_seconds: float = 3600.0
    overlap: Overlap = "skip"
    overlap_cap: int = 10
    retries: int = 2
    retry_delay_seconds: float = 30.0
    retry_cap_seconds: float = 900.0
    is_idempotent: bool = True

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Policy":
        """Build from stored values; names of another version are left out, missing ones take the default."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})
