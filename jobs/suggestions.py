"""The door of suggestions: what is worth a change in tasks, and what came of changes."""

from collections.abc import Mapping
from typing import Any

import structlog

from app.infra.vault import Vault
from app.services.planning import suggestions
from app.services.threads import replays
from app.settings import read as settings

log = structlog.get_logger()


def suggest() -> None:
    """Look for changes worth making, and measure what came of those that were made."""
    log.info("suggested", measured=suggestions.measure(), open=suggestions.find(_replaying))


def _replaying(team_id: int, thread_id: int, definition: Mapping[str, Any]) -> tuple[Mapping[str, Any], float] | None:
    values = settings()
    return replays.of(values.data_dir / "files", Vault.open(values.master_key_file), team_id, thread_id, definition)
