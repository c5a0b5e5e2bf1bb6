"""Telling people: what is worth a word, who hears of it, by which way, and when."""

from app.services.telling.noticing import notice
from app.services.telling.routing import Outside, route

__all__ = ["Outside", "notice", "route"]
