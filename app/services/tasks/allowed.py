"""Whether the schedules of a task keep to the plan of its team. A helper, like unit."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from app.core.errors import Invalid
from app.domain import occurrences
from app.domain.access import Actor
from app.domain.occurrences import Plan
from app.domain.triggers import TriggerError
from app.infra.database import db
from app.services import spending, uses
from app.services.tasks.schedules import trigger_of

FIELD = "over_plan"

_DAYS = 7
"""So many whole days from tomorrow on are counted."""


def check(actor: Actor, rules: Sequence[Mapping[str, Any]], now: datetime, *, is_asked_for: bool = False) -> None:
    """Refuse schedules of which more runs would start in a day than the plan allows. Raises Invalid.

    One with the right to manage may ask for it all the same: what is over the plan is blocked then, run by run.
    """
    connection = db.session.connection()
    limits = [row.limit_runs for row in spending.of_teams(connection, [actor.team_id]) if row.limit_runs is not None]
    if not limits or not rules or (is_asked_for and actor.may("manage")):
        return
    limit = min(limits)
    plans = [Plan(trigger_of(rule), tuple(uses.of(connection, actor.team_id, rule["calendars"]))) for rule in rules]
    start = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(1, _DAYS + 1):
        day = start + timedelta(days=number)
        if sum(_runs(plan, day, limit + 1) for plan in plans) > limit:
            sentence = f"More than {limit:,} of its runs would start on {day:%A}; the plan allows the team {limit:,}."
            raise Invalid({FIELD: f"{sentence} Let it run less often, or ask for more in Budgets and limits."})


def _runs(plan: Plan, day: datetime, most: int) -> int:
    until = day + timedelta(days=1) - timedelta.resolution
    try:
        found = (one for one in occurrences.between(plan, day - timedelta.resolution, until) if not one.is_left_out)
        return sum(1 for _ in islice(found, most))
    except TriggerError:
        return 0
