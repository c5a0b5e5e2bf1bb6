"""The door of Insights: runs that have ended are added up."""

import time

from app.services.insights import rollups

_BREATH_SECONDS = 0.005
"""Between two transactions others get their turn: SQLite gives the lock to whoever asks first."""


def roll_up() -> None:
    """Count all that has ended since the last time."""
    while rollups.count():
        time.sleep(_BREATH_SECONDS)
