"""Insights: each question with its answer in a sentence, what shows it, and one action."""

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil

from flask import Blueprint, g
from flask_login import current_user

from app.services import estimates
from app.services.planning import week as ahead
from app.services.planning.week import Week
from app.services.tasks import suggested
from app.web.guard import guard
from app.web.render import page, zone

blueprint = Blueprint("insights", __name__, url_prefix="/t/<team>")


@blueprint.get("/insights")
@guard("see")
def index() -> str:
    """Show how busy the coming week is, what is worth a change, and whether the forecasts can be trusted."""
    week = ahead.week(g.actor, current_user.timezone)
    trust = estimates.calibration(g.actor.team_id)
    changes = suggested.of_team(g.actor)
    steps = [0, ceil(week.most / 3), ceil(2 * week.most / 3)]
    return page(
        "insights/index.html", week=week, levels=_levels(week, steps), steps=steps, trust=trust, changes=changes,
        crowded_at=week.crowd.at.astimezone(zone()) if week.crowd else None,
    )  # fmt: skip


def _levels(week: Week, steps: Sequence[int]) -> list[list[int]]:
    """Return the shade of each hour: 0 to 3 by how many go at once, 4 where runs wait for a slot."""
    return [
        [4 if (one.day, hour) in week.crowded else bisect_left(steps, count) for hour, count in enumerate(one.hours)]
        for one in week.days
    ]
