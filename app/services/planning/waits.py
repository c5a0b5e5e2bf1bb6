"""How long the next run of a task will wait for its slots."""

from app.infra.database import db
from app.models.tasks import Task, TaskVersion
from app.services.planning import loads, rates


def of_task(task: Task) -> float | None:
    """Return for how many seconds the next planned run of a task (with its schedules) will wait for a slot.

    None where none is planned, or nothing is known yet of what else there is to come.
    """
    coming = [(one.next_fire_at, one.rules) for one in task.schedules if one.state == "active" and one.next_fire_at]
    if not coming:
        return None
    at, rules = min(coming, key=lambda one: one[0])
    connection, lane = db.session.connection(), loads.lane_scope(task).removeprefix("lane:")
    scopes = loads.scopes_of(task.team_id, lane, rules)
    if task.engine == "agent":
        settings = db.session.get_one(TaskVersion, task.version_id).definition["settings"]
        scopes.append(rates.scope(connection, task.team_id, settings.get("model") or ""))
    return max((load.delay(at) for load in loads.of(connection, scopes).values()), default=None)
