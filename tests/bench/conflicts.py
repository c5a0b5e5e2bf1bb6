"""Conflicts: how long a schedule box takes to say what it collides with, beside 10,000 schedules; and the look ahead."""

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import sqlalchemy as sa

from app.models.tasks import Schedule
from app.services.planning import loads
from app.services.unit import batch
from tests.bench import plan
from tests.bench.ranks import ranks

WARM_UP = 10
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}
TYPED = ("every weekday at 9:00", "every day at 9:07", "every 15 minutes", "Mondays at 8 and Fridays at 17:00")


def measure(here, is_quick):
    count = 1_000 if is_quick else 10_000
    made = plan.tasks(here.team, count, {"url": here.target, "method": "GET"})
    _daily(here.team, made)
    began = time.perf_counter()
    loads.refresh()
    ahead = time.perf_counter() - began
    took = here.browse().took(_asked(here.slug, 4 if is_quick else 20), WARM_UP, PART)
    return {"count": count, "look_ahead_s": round(ahead, 2), "box_ms": ranks(took)}


def _daily(team, made):
    """A daily time for each task, every tenth at nine."""
    soon = datetime.now(UTC) + timedelta(hours=1)
    plan.schedules(team, made, [soon + timedelta(seconds=8 * number) for number in range(len(made))])
    with batch() as work:
        crowded = sa.update(Schedule).where(Schedule.team_id == team, Schedule.task_id % 10 == 0)
        work.connection.execute(crowded.values(kind="cron", expression="0 9 * * *", anchor_at=None))


def _asked(slug, each):
    typed = ({"when-0-text": text, "when-0-timezone": "Europe/Berlin", "engine": "http"} for text in TYPED)
    paths = [f"/t/{slug}/tasks/schedule/preview?{urlencode(fields)}" for fields in typed]
    return paths * (each + -(-WARM_UP // len(TYPED)))
