"""The numbers that say how well promises are kept: of lateness, losses, alerts and the audit, over all teams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain import lag
from app.infra import database
from app.infra.database import db
from app.models.instance import Audit, Fact
from app.models.runs import Delivery, Run
from app.models.teams import Team
from app.services import counting

WATCHDOG = "watchdog"
COUNTED = ("leases_lost", "writes_refused", "already_claimed")
"""Counters of what went wrong and did no harm: workers that vanished, late writes and calls that lost."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Figures:
    """`ended` are the runs planned in the last day by (state, reason); `skew_seconds` is how far this host is ahead.

    `watchdog_seconds` is how long ago the watchdog was seen, None: never.
    """

    counted: Mapping[str, int]
    lag_buckets: Sequence[tuple[str, float]]
    lag_sum_seconds: float
    ended: Mapping[tuple[str, str], int]
    deliveries: Mapping[str, int]
    watchdog_seconds: float | None
    unsealed: int
    unsealed_seconds: float
    skew_seconds: float


def figures() -> Figures:
    """Count. What happened since the installation began is counted where it happens; the rest is looked up."""
    now, counted = utc_now(), counting.counted()
    buckets, total = lag.histogram(counted)
    ended = db.session.execute(_ENDED, {"since": now - _DAY})
    deliveries = db.session.execute(sa.select(Delivery.state, sa.func.count()).group_by(Delivery.state))
    seen = db.session.scalar(sa.select(Fact.at).where(Fact.name == WATCHDOG))
    unsealed = db.session.execute(_UNSEALED).one()
    return Figures(
        {name: counted.get(name, 0) for name in COUNTED},
        buckets,
        total,
        {(row.state, row.reason): row.many for row in ended},
        {"waiting": 0, "failed": 0} | {row[0]: row[1] for row in deliveries},
        (now - seen).total_seconds() if seen else None,
        unsealed.many,
        (now - unsealed.oldest).total_seconds() if unsealed.oldest else 0.0,
        skew_seconds(),
    )


def skew_seconds() -> float:
    """Return how far this host's clock is ahead of the database's, as the middle of a round trip says."""
    connection = db.session.connection()
    before = utc_now()
    there = database.now(connection)
    after = utc_now()
    return 0.0 if connection.dialect.name == "sqlite" else (before + (after - before) / 2 - there).total_seconds()


# From team to team by the index: planned times alone have none.
_ENDED = (
    sa.select(Run.state, Run.reason, sa.func.sum(Run.folded_count).label("many"))
    .select_from(Team)
    .join(Run, sa.and_(Run.team_id == Team.id, Run.planned_at > sa.bindparam("since", type_=Run.planned_at.type)))
    .where(Run.ended_at.is_not(None))
    .group_by(Run.state, Run.reason)
)
_UNSEALED = sa.select(sa.func.count().label("many"), sa.func.min(Audit.at).label("oldest")).where(
    Audit.number.is_(None)
)
