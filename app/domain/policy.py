"""How a task behaves when time, other runs or failures get in its way; with the product's defaults."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

Misfire = Literal["skip", "latest", "all"]
Overlap = Literal["allow", "skip", "queue_one", "queue_all", "cancel_old"]
Priority = Literal["high", "normal", "low"]

PRIORITIES: tuple[Priority, ...] = get_args(Priority)
"""From the first to the last served; the place in it is what a run keeps."""


@dataclass(frozen=True)
class Policy:
    """What a task does when time, other runs or failures get in its way. Times in seconds; 0 is none.

    `spread` moves all times of a schedule by one fixed part of it, `jitter` each by one of its own. `retries` are for
    failures that may pass, `crash_retries` for deaths of the code or its worker, `rate_retries` for "too many
    requests"; all together are at most `retry_budget` an hour. After `pause_after` failures in a row, or
    `quarantine_after` runs in a row that crashed, the task is paused. `max_running` runs go at once, and never more
    than its `pool` has slots. Where it is crowded a run may move by up to `flexible_seconds`, before or after.
    `start_alert` and `finish_alert` count from the planned time; `alert_after` failures in a row are told.
    """

    misfire: Misfire = "latest"
    misfire_cap: int = 10
    grace_seconds: float = 3600.0
    overlap: Overlap = "skip"
    overlap_cap: int = 10
    jitter_seconds: float = 0.0
    spread_seconds: float = 0.0
    flexible_seconds: float = 0.0
    retries: int = 2
    crash_retries: int = 2
    rate_retries: int = 5
    retry_budget: int = 60
    retry_delay_seconds: float = 30.0
    retry_cap_seconds: float = 900.0
    is_idempotent: bool = True
    pause_after: int = 10
    quarantine_after: int = 3
    priority: Priority = "normal"
    pool: str = ""
    max_running: int = 0
    start_alert_seconds: float = 300.0
    finish_alert_seconds: float = 0.0
    alert_after: int = 1
    is_slow_told: bool = True

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Policy":
        """Build from stored values; names of another version are left out, missing ones take the default."""
        known = cls.__dataclass_fields__
        return cls(**{name: value for name, value in values.items() if name in known})
