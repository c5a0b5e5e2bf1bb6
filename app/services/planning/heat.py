"""How full the slots will be in each hour, by what is kept of the coming two weeks."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from app.domain.load import BUCKET_MINUTES, MINUTE
from app.infra.database import db
from app.services.planning import loads

_HOUR = timedelta(hours=1)
_STEP = BUCKET_MINUTES * MINUTE


def of_hours(team_id: int, begins: Iterable[datetime]) -> dict[datetime, float]:
    """Return the share of the slots (0 to 1) in use in the fullest five minutes of each hour that begins so (UTC).

    Of the slots of the workers and the limit of the team it is the fuller; hours of which nothing is kept are left out.
    """
    known = loads.of(db.session.connection(), ["lane:io", "lane:code", f"team:{team_id}"]).values()
    found: dict[datetime, float] = {}
    for at in begins:
        there = [load for load in known if load.since - _HOUR < at < load.since + load.minutes * MINUTE]
        if there:
            steps = range(_HOUR // _STEP)
            found[at] = max(load.use(at + number * _STEP) for load in there for number in steps)
    return found
