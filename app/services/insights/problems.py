"""Problems that people find with a run and report to those who look after the installation."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.domain.access import Actor
from app.infra.database import db
from app.models.people import Person
from app.models.rollups import ProblemReport
from app.models.runs import Run
from app.models.tasks import Task
from app.models.teams import Team
from app.services.insights import metrics
from app.services.unit import unit

LONGEST = 1000
_SHOWN = 100


class Reported(NamedTuple):
    """A problem: of which run (none: it is deleted) of which team, by whom, and when it was settled."""

    id: int
    team: str
    team_name: str
    number: int | None
    task: str | None
    person: str | None
    note: str
    at: datetime
    settled_at: datetime | None


def report(actor: Actor, number: int, note: str) -> int:
    """Report a problem with a run; returns its id. Raises NotFound, Invalid."""
    run = db.session.execute(sa.select(Run.id).where(Run.team_id == actor.team_id, Run.number == number)).first()
    if run is None:
        raise NotFound
    said = note.strip()
    if not said:
        raise Invalid({"note": "Write what is wrong."})
    if len(said) > LONGEST:
        raise Invalid({"note": f"Write at most {LONGEST:,} letters."})
    with unit(actor) as work:
        row = ProblemReport(team_id=actor.team_id, run_id=run.id, person_id=actor.person_id, note=said, at=work.now)
        work.session.add(row)
        work.session.flush()
        work.audit("problem_reported", f"#{number}", run=number, problem=row.id)
    return row.id


def listing(person_id: int, only_in: int | None = None) -> Sequence[Reported]:
    """Return the problems of all teams, open ones first, then the newest. Raises Forbidden."""
    metrics.check(person_id, only_in)
    order = (ProblemReport.settled_at.is_not(None), ProblemReport.id.desc())
    return [Reported(*row) for row in db.session.execute(_REPORTS.order_by(*order).limit(_SHOWN))]


def settle(person_id: int, report_id: int, only_in: int | None = None) -> Reported:
    """Say that a problem is settled; one that is stays so. Raises Forbidden, NotFound."""
    metrics.check(person_id, only_in)
    with unit() as work:
        row = work.session.get(ProblemReport, report_id)
        if row is None:
            raise NotFound
        row.settled_at = row.settled_at or work.now
        work.audit("problem_settled", f"problem {row.id}", problem=row.id, person=person_id)
    return Reported(*db.session.execute(_REPORTS.where(ProblemReport.id == report_id)).one())


_REPORTS = (
    sa.select(
        ProblemReport.id, Team.slug, Team.name, Run.number, Task.name, Person.name, ProblemReport.note,
        ProblemReport.at, ProblemReport.settled_at,
    )
    .join(Team, Team.id == ProblemReport.team_id)
    .outerjoin(Run, Run.id == ProblemReport.run_id)
    .outerjoin(Task, Task.id == Run.task_id)
    .outerjoin(Person, Person.id == ProblemReport.person_id)
)  # fmt: skip
