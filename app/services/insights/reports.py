"""Reports: the answers of Insights put together for a file, for somebody who asks or for a run of a task."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain import localtime, reporting
from app.domain.access import Actor
from app.domain.analytics import periods
from app.domain.analytics.answers import QUESTIONS, Question
from app.domain.analytics.periods import Period
from app.domain.reporting import File, Order, Report
from app.engines.base import Outcome
from app.exporters import reports
from app.infra.database import db
from app.models.people import Person
from app.models.runs import Run
from app.models.tasks import Task, TaskVersion
from app.models.teams import Membership, Team
from app.services import insights

OFFERED = reports.offered(reporting.FORMS)
"""In which forms answers can be had here, and what they are called."""

_DAY = timedelta(days=1)


def file(actor: Actor, period: Period, question: str, form: reporting.Form, *, compares: bool) -> tuple[str, File]:
    """Return the name and the file of an answer, or (without a `question`) of all. Raises NotFound, Unavailable."""
    if question:
        answers = [insights.answer(question, actor, period, compares=compares)]
    else:
        answers = [one for one in insights.answers(actor, period, compares=compares).values() if one]
    report = Report(_team(actor), period, answers)
    made = reports.written(report, form)
    return f"{report.slug}.{made.ending}", made


def order(run_id: int, meant_for: datetime) -> Order | Outcome:
    """Return the report that a run is to make, or why it can't: of the days before the one it is meant for (aware).

    Days are those of the task's first schedule, without one of its owner. What it tells is what the owner of the task
    may see in the team now; of readers only those who belong to it now.
    """
    row = db.session.execute(_RUN, {"run": run_id}).one()
    if row.role is None:
        return Outcome("blocked", "no_owner", _NO_OWNER.format(row.owner or "Who made it"), "permanent")
    settings = row.definition["settings"]
    actor = Actor(row.owner_id, row.team_id, row.role)
    schedules = row.definition.get("schedules") or [{"timezone": row.timezone}]
    period = _period(meant_for, int(settings["days"]), schedules[0]["timezone"])
    report, missing = _answered(actor, period, settings["questions"] or list(QUESTIONS))
    if not report.answers:
        return Outcome("failed", "engine_error", "None of its questions could be worked out.", "transient")
    readers, strange = _readers(row.team_id, settings["mail_to"])
    notes = [f"“{QUESTIONS[one]}” could not be worked out, so it is left out." for one in missing]
    notes += [f"{one} is not in the team any more and gets nothing." for one in strange]
    if row.backfill_id is not None and readers:
        return Order(report, reports.written, (), [*notes, "Runs of a backfill send no e-mail."])
    return Order(report, reports.written, readers, notes)


def _answered(actor: Actor, period: Period, questions: Sequence[Question]) -> tuple[Report, list[Question]]:
    """Return the report, and the questions that could not be answered."""
    others = [one for one in QUESTIONS if one not in questions]
    found = insights.answers(actor, period, compares=True, but=others)
    answers = [one for one in found.values() if one]
    return Report(_team(actor), period, answers), [name for name, one in found.items() if one is None]


def _period(meant_for: datetime, days: int, timezone: str) -> Period:
    # What a run is meant for may lie ahead, in a rehearsal: nothing is known of days to come.
    day = min(meant_for, utc_now()).astimezone(localtime.zone(timezone)).date()
    return periods.ending(day - _DAY, days, timezone)


def _readers(team_id: int, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return which of these addresses are of members of the team, and which are not."""
    of_team = sa.select(Person.email).join(Membership, Membership.person_id == Person.id)
    known = {email.lower() for email in db.session.scalars(of_team.where(Membership.team_id == team_id))}
    return [one for one in wanted if one in known], [one for one in wanted if one not in known]


def _team(actor: Actor) -> str:
    name: str = db.session.scalars(sa.select(Team.name).where(Team.id == actor.team_id)).one()
    return name


_NO_OWNER = "{} is not in the team any more, and its report told what they may see. Copy the task: the copy is yours."
_RUN: Any = (
    sa.select(
        Run.team_id, Run.backfill_id, Task.owner_id, Person.name.label("owner"), Person.timezone, Membership.role,
        TaskVersion.definition,
    )
    .join(Task, Task.id == Run.task_id)
    .join(TaskVersion, TaskVersion.id == Run.version_id)
    .outerjoin(Person, Person.id == Task.owner_id)
    .outerjoin(Membership, sa.and_(Membership.person_id == Person.id, Membership.team_id == Run.team_id))
    .where(Run.id == sa.bindparam("run"))
)  # fmt: skip
