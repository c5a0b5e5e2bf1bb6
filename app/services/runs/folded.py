"""The planned times that one folded run stands for."""

from datetime import timedelta
from itertools import islice

from app.domain import triggers
from app.domain.triggers import Fire
from app.infra.database import db
from app.models.runs import Run
from app.models.tasks import Schedule

MOST = 500
"""So many of them are listed; the run says how many there are."""


def times(run: Run) -> list[Fire]:
    """Return the first planned times of a folded run, ascending; none once its schedule plans by another rule."""
    schedule = db.session.get(Schedule, run.schedule_id) if run.folded_until and run.schedule_id else None
    if schedule is None or run.folded_until is None or schedule.created_at > run.planned_at:
        return []
    before = run.planned_at - timedelta(microseconds=1)
    try:
        return list(islice(triggers.fires_between(schedule.trigger, before, run.folded_until), MOST))
    except triggers.TriggerError:
        return []
