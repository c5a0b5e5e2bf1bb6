"""Reports on their way to their readers: put there in the transaction that stores that they were made."""

from typing import Any

import sqlalchemy as sa

from app.domain import reporting
from app.models.people import Person
from app.models.runs import Alert, Delivery, Run
from app.models.teams import Membership
from app.models.telling import Mute
from app.services.execution.failures import WORKED
from app.services.execution.versions import Definition
from app.services.unit import Work


def of_run(work: Work, run_id: int, state: str, task: Definition) -> None:
    """Send the report that a run has made to those its task names, who belong to the team now: one letter each.

    No rule decides on it and no quiet hours hold it back, for its time is what somebody has chosen; who has muted the
    task gets none. Runs of a backfill send nothing. What becomes of a letter changes nothing about the run.
    """
    if task.engine != reporting.ENGINE or state not in WORKED or not task.settings.get("mail_to"):
        return
    run = work.connection.execute(_RUN, {"run": run_id}).one()
    readers = [] if run.backfill_id is not None else _readers(work, task)
    if not readers:
        return
    alert = {
        "key": f"{reporting.KIND}:{run_id}", "kind": reporting.KIND, "sentence": run.sentence, "team_id": task.team_id,
        "task_id": task.task_id, "run_id": run_id, "at": work.now, "ended_at": work.now, "recovery": "",
        "is_new": False,  # what follows is all that is told of it
    }  # fmt: skip
    alert_id = work.connection.execute(sa.insert(Alert).values(alert).returning(Alert.id)).scalar_one()
    rows: list[dict[str, Any]] = [
        {
            "alert_id": alert_id, "is_recovery": False, "channel": f"email:{person_id}", "part": "",
            "person_id": person_id, "why": "", "state": "waiting", "tries": 0, "next_try_at": work.now, "problem": "",
            "answer": "", "at": work.now,
        }
        for person_id in readers
    ]  # fmt: skip
    work.connection.execute(sa.insert(Delivery), rows)


def _readers(work: Work, task: Definition) -> list[int]:
    """Return who is to get it, by id."""
    is_muted = sa.exists().where(
        Mute.person_id == Person.id, Mute.task_id == task.task_id, sa.or_(Mute.until.is_(None), Mute.until > work.now)
    )
    query = (
        sa.select(Person.id)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.team_id == task.team_id, sa.func.lower(Person.email).in_(task.settings["mail_to"]), ~is_muted)
        .order_by(Person.id)
    )
    return list(work.connection.execute(query).scalars())


_RUN = sa.select(Run.sentence, Run.backfill_id).where(Run.id == sa.bindparam("run"))
