"""The door of planning: what has ended is learned from, and how full the slots will be is worked out anew."""

from contextlib import suppress

import structlog

from app.core.errors import Conflict, NotFound
from app.services import estimates
from app.services.planning import flexible, loads
from app.services.runs import moving

log = structlog.get_logger()


def plan() -> None:
    """Learn from all that has ended since, then look ahead where that is due, and move what may move."""
    while estimates.learn() == estimates.MOST_EVENTS:
        pass
    if loads.refresh_when_due():
        arrange()


def arrange() -> None:
    """Move runs of flexible tasks to where they need not wait; one that has changed meanwhile stays."""
    for move in flexible.moves():
        with suppress(NotFound, Conflict):
            number = moving.arrange(move.team_id, move.slug, move.fire_at, move.to, move.why)
            log.info("run_arranged", run=number, to=move.to.isoformat())
