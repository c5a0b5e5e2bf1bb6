"""Incidents: failures of one cause, told once and over once every task works again."""

from app.services.incidents.acting import acknowledge, mute, note, reopen
from app.services.incidents.following import close_idle, follow
from app.services.incidents.reading import Detail, Shown, find, listing, of_tasks

__all__ = [
    "Detail", "Shown", "acknowledge", "close_idle", "find", "follow", "listing", "mute", "note", "of_tasks", "reopen",
]  # fmt: skip
