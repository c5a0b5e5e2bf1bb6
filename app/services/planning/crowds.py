"""Where the runs of a team will wait for each other in the coming two weeks, minute by minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.conflicts import LONG_WAIT_SECONDS
from app.domain.load import Load
from app.infra.database import db
from app.services import coming
from app.services.planning import loads

MOST = 50


@dataclass(frozen=True)
class Crowd:
    """A minute (`at`, UTC) in which runs of the team start, and the last one waits `wait_seconds` for a slot.

    `starts` is how many start then, of all teams; `slugs` are the tasks of this one.
    """

    at: datetime
    starts: int
    slots: int
    wait_seconds: float
    slugs: Sequence[str]


def crowds(team_id: int, since: datetime, until: datetime, now: datetime) -> list[Crowd]:
    """Return the minutes between two instants in which a team's runs will wait, the worst MOST of them, ascending."""
    connection = db.session.connection()
    found = coming.coming(connection, [team_id], max(since, now), until, now)
    known = loads.of(connection, {loads.lane_scope(one.schedule) for one in found})
    minutes: dict[tuple[str, datetime], list[str]] = {}
    for one in found:
        scope = loads.lane_scope(one.schedule)
        load = known.get(scope)
        for run in one.runs if load else ():
            if load and not run.is_left_out and load.delay(run.at) >= LONG_WAIT_SECONDS:
                at = run.at.replace(second=0, microsecond=0)
                minutes.setdefault((scope, at), []).append(one.schedule.slug)
    worst = sorted(minutes, key=lambda place: -known[place[0]].delay(place[1]))[:MOST]
    return [_crowd(known[scope], at, minutes[scope, at]) for scope, at in sorted(worst, key=lambda place: place[1])]


def _crowd(load: Load, at: datetime, slugs: Sequence[str]) -> Crowd:
    return Crowd(at, load.starting(at), load.slots, load.delay(at), sorted(set(slugs)))
