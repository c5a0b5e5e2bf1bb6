"""The calendars that schedules use, read once in a process for each version. A helper of services, like unit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.domain.calendars import Calendar, Use
from app.models.teams import Calendar as Row

_MOST_KEPT = 1000

_State = tuple[int, datetime]
"""Version and time of the last change: a restored database may count its versions anew."""

_kept: dict[int, tuple[_State, Calendar]] = {}


def read(row: Any) -> Calendar:
    """Return a row of calendars as the domain knows it; what was made of it is kept until it changes."""
    state = (row.version, row.changed_at)
    known, calendar = _kept.get(row.id, (None, None))
    if calendar is None or known != state:
        calendar = Calendar(row.name, row.kind, row.timezone, row.settings, row.content)
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[row.id] = (state, calendar)
    return calendar


def of(connection: sa.Connection, team_id: int, stored: Sequence[Mapping[str, Any]]) -> list[tuple[Use, Calendar]]:
    """Return the calendars that a schedule uses and how, as `calendars.effect` takes them, in their order.

    `stored` is what its row holds: `[{"calendar": id, "use": use}]`. One that is gone stands there under its number,
    so that the notes of a planned time can say that it was not applied.
    """
    if not stored:
        return []
    ids = {int(one["calendar"]) for one in stored}
    found = _found(connection, team_id, ids)
    return [(one["use"], found.get(int(one["calendar"])) or _gone(one)) for one in stored]


def _found(connection: sa.Connection, team_id: int, ids: set[int]) -> dict[int, Calendar]:
    """Return the calendars that are there, by id. The text of an imported file is read only when it has changed."""
    there = (Row.team_id == team_id, Row.id.in_(ids), Row.deleted_at.is_(None))
    states = {
        row.id: (row.version, row.changed_at)
        for row in connection.execute(sa.select(Row.id, Row.version, Row.changed_at).where(*there))
    }
    found = {id_: calendar for id_, (state, calendar) in list(_kept.items()) if states.get(id_) == state}
    if missing := set(states) - set(found):
        rows = connection.execute(sa.select(Row.__table__).where(Row.id.in_(missing)))
        found |= {row.id: read(row) for row in rows}
    return found


def _gone(stored: Mapping[str, Any]) -> Calendar:
    return Calendar(str(stored.get("slug") or f"Calendar {stored['calendar']}"), "gone", "UTC", {})
