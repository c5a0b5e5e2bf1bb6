"""One planned run that differs from its rule: moved to another time, skipped ahead, or given back to its own time."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.errors import Conflict, Invalid, NotFound
from app.domain import occurrences, pings, wording
from app.domain.access import Actor
from app.domain.firing import Decision
from app.domain.localtime import zone
from app.domain.occurrences import Occurrence
from app.domain.policy import Policy
from app.domain.triggers import TriggerError
from app.infra import database
from app.models.instance import Audit
from app.models.people import Person
from app.models.runs import Run
from app.models.tasks import PLAN, Schedule, Task, plan_of
from app.services import planned, uses
from app.services.unit import Work, batch

FURTHEST = timedelta(days=366)
"""So far ahead a run can be moved, and looked at."""

JUST = timedelta(minutes=5)

_ACTS = ("run_moved", "run_skipped", "run_put_back", "task_changed")
_NEWEST = 200
_BEGUN = "This run has begun, or its time was decided. Start a new one instead."
_PASSED = "Its time by the schedule has passed, so it can't go back there. Move it to a later time."


@dataclass(frozen=True)
class PlannedRun:
    """A run that is still to come, and what its schedule alone says of it (`rule`); it is to start at `at` (UTC).

    `number` is that of its row where it has one. `schedule` has the columns of PLAN, `decided_until`, and of its task
    `team_id`, `task_id`, `version_id`, `name`, `engine`, `lane`.
    """

    slug: str
    schedule: Any
    rule: Occurrence
    at: datetime
    notes: tuple[str, ...] = ()
    is_skipped: bool = False
    number: int | None = None

    @property
    def name(self) -> str:
        """The name of its task."""
        name: str = self.schedule.name
        return name

    @property
    def fire_at(self) -> datetime:
        """The instant of its rule, by which it is known wherever it moves."""
        return self.rule.fire.at

    @property
    def is_changed(self) -> bool:
        """Whether a person moved or skipped it."""
        return self.is_skipped or self.at != self.rule.at


def find(actor: Actor, slug: str, fire_at: datetime) -> PlannedRun:
    """Return the run of a task that is still to come for an instant of its rules (aware).

    Raises NotFound, and Conflict for one that was decided or has begun.
    """
    with database.read() as connection:
        return _found(connection, actor.team_id, slug, fire_at, database.now(connection))[0]


def move(actor: Actor, slug: str, fire_at: datetime, to: datetime) -> int:
    """Let one planned run start at `to` (aware), no other; returns its number. Raises NotFound, Invalid, Conflict."""
    with batch(actor) as work:
        run, row = _found(work.connection, actor.team_id, slug, fire_at, work.now)
        check(run, to, work.now)
        said = f"Moved by {_name(work, actor)} from {_local(run)}."
        number = _put(work, run, row, _hold(run, to, (*run.rule.notes, said)))
        work.audit("run_moved", f"#{number} {run.name}", run=number, to=to.isoformat(), by_rule=fire_at.isoformat())
    return number


def arrange(team_id: int, slug: str, fire_at: datetime, to: datetime, why: str) -> int:
    """Let a planned run of a flexible task start at `to` (aware), as nobody but Carillon asks; returns its number.

    `why` is a sentence. Raises NotFound, Conflict: also for one that was moved or skipped meanwhile.
    """
    with batch() as work:
        run, row = _found(work.connection, team_id, slug, fire_at, work.now)
        if row is not None or to <= work.now:
            raise Conflict(_BEGUN)
        number = _put(work, run, row, _hold(run, to, (*run.rule.notes, why)))
        work.audit("run_arranged", f"#{number} {run.name}", run=number, to=to.isoformat(), by_rule=fire_at.isoformat())
    return number


def skip(actor: Actor, slug: str, fire_at: datetime) -> int:
    """Let one planned run not happen; returns its number. Raises NotFound, Conflict."""
    with batch(actor) as work:
        run, row = _found(work.connection, actor.team_id, slug, fire_at, work.now)
        if run.is_skipped:
            raise Conflict("This run is skipped already.")
        sentence = f"Skipped ahead by {_name(work, actor)}."
        number = _put(work, run, row, Decision(replace(run.rule, at=run.at), "skip", "person", sentence))
        work.audit("run_skipped", f"#{number} {run.name}", run=number, by_rule=fire_at.isoformat())
    return number


def undo(actor: Actor, slug: str, fire_at: datetime) -> int:
    """Give a moved or skipped run back to its own time; returns its number. Raises NotFound, Conflict."""
    with batch(actor) as work:
        run, row = _found(work.connection, actor.team_id, slug, fire_at, work.now)
        if row is None:
            raise Conflict("This run is where its schedule has it.")
        if run.rule.at <= work.now:
            raise Conflict(_PASSED)
        back = _hold(run, run.rule.at, run.rule.notes)
        if run.rule.is_left_out:
            back = Decision(run.rule, "skip", "calendar", f"Skipped: {run.rule.notes[-1].removeprefix('Left out: ')}")
        number = _put(work, run, row, back)
        work.audit("run_put_back", f"#{number} {run.name}", run=number, by_rule=fire_at.isoformat())
    return number


@dataclass(frozen=True)
class Act:
    """What a person has just done in the calendar: `what` as the audit calls it, to the run of a task for an instant of
    its rules; where they moved the schedule (`task_changed`) it is the version that this made.
    """

    what: str
    slug: str
    fire_at: datetime | None = None
    version: int | None = None


def just_done(actor: Actor) -> Act | None:
    """Return what this person did last, if that was within JUST: only what they did themselves is theirs to undo."""
    with database.read() as connection:
        newest = sa.select(Audit.id).where(Audit.team_id == actor.team_id).order_by(Audit.id.desc()).limit(_NEWEST)
        of_theirs = (Audit.person_id == actor.person_id, Audit.action.in_(_ACTS), Audit.id.in_(newest))
        query = sa.select(Audit.action, Audit.data).where(*of_theirs, Audit.at > database.now(connection) - JUST)
        act = connection.execute(query.order_by(Audit.id.desc()).limit(1)).first()
        if act is None:
            return None
        if act.action == "task_changed":
            slug = connection.execute(sa.select(Task.slug).where(Task.id == act.data["task"])).scalar_one()
            return Act(act.action, slug, version=act.data["version"])
        is_it = (Run.team_id == actor.team_id, Run.number == act.data["run"])
        run = connection.execute(sa.select(Task.slug, Run.key).join(Task, Task.id == Run.task_id).where(*is_it)).first()
        return Act(act.action, run.slug, planned.instant(run.key)) if run else None


def check(run: PlannedRun, to: datetime, now: datetime) -> None:
    """Raise Invalid (`to`) for a time to which a run can't be moved."""
    if run.schedule.engine == pings.ENGINE:
        raise Invalid({"to": "This job runs elsewhere, so Carillon can't move a run of it. Change its schedule."})
    if to <= now:
        raise Invalid({"to": "This is over already. Choose a later time."})
    if to > now + FURTHEST:
        raise Invalid({"to": "This is more than a year ahead. Choose an earlier time."})


# --- finding


def _found(
    connection: sa.Connection, team_id: int, slug: str, fire_at: datetime, now: datetime
) -> tuple[PlannedRun, Any]:
    """Return a run that is still to come, and its row where there is one."""
    schedules = connection.execute(_SCHEDULES, {"team": team_id, "slug": slug}).all()
    if not schedules:
        raise NotFound
    row = connection.execute(_ROW, {"task": schedules[0].task_id, "key": planned.key(fire_at)}).first()
    schedule, rule = _rule(connection, schedules, fire_at, row)
    if not (_is_open(row, rule, now) if row else fire_at > max(now, schedule.decided_until) and rule.at > now):
        raise Conflict(_BEGUN)
    if row is None:
        return PlannedRun(slug, schedule, rule, rule.at, rule.notes), row
    at, is_skipped = row.not_before or row.planned_at, row.state == "skipped"
    return PlannedRun(slug, schedule, rule, at, tuple(row.notes), is_skipped, row.number), row


def _rule(connection: sa.Connection, schedules: Sequence[Any], fire_at: datetime, row: Any) -> tuple[Any, Occurrence]:
    for schedule in schedules:
        if row is not None and row.schedule_id not in {None, schedule.id}:
            continue
        used = uses.of(connection, schedule.team_id, schedule.calendars)
        with suppress(TriggerError):  # the clock sets it aside and says so
            found = occurrences.between(plan_of(schedule, used), fire_at - timedelta.resolution, fire_at)
            if one := next(found, None):
                return schedule, one
    raise NotFound


def _is_open(row: Any, rule: Occurrence, now: datetime) -> bool:
    """Whether it waits for its time, or was left out before its time came."""
    if row.state == "skipped":
        return row.reason in {"person", "calendar"} and rule.at > now
    return bool(row.state == "waiting" and row.reason == "time" and row.not_before > now)


def _local(run: PlannedRun) -> str:
    local = run.rule.at.astimezone(zone(run.schedule.timezone))
    return f"{wording.day(local)} at {wording.clock(local)} ({run.schedule.timezone})"


def _name(work: Work, actor: Actor) -> str:
    name: str = work.connection.execute(sa.select(Person.name).where(Person.id == actor.person_id)).scalar_one()
    return name


# --- writing


def _hold(run: PlannedRun, at: datetime, notes: tuple[str, ...]) -> Decision:
    return Decision(Occurrence(run.rule.fire, at, notes), "hold", "time", " ".join(notes))


def _put(work: Work, run: PlannedRun, row: Any, decision: Decision) -> int:
    """Give the row of a run its new fate, and make it where there is none; returns its number."""
    of, what = run.schedule, decision.what
    if row is None:
        ids = {"team_id": of.team_id, "task_id": of.task_id, "version_id": of.version_id, "schedule_id": of.id}
        new = planned.decided(decision, work.now, of.engine, Policy.of(of.policy), of.lane, **ids)
        if not planned.insert(work, [new]):
            raise Conflict(_BEGUN)
        row = work.connection.execute(_ROW, {"task": of.task_id, "key": planned.key(run.fire_at)}).one()
    else:
        values = planned.fate(decision, work.now)
        held_until = what.at if decision.action == "hold" else None
        values |= {"planned_at": what.at, "not_before": held_until, "notes": list(what.notes)}
        work.connection.execute(sa.update(Run).where(Run.id == row.id).values(values))
        work.tell(values["state"], of.team_id, row.id, reason=values["reason"])
    work.wake_clock()
    number: int = row.number
    return number


_SCHEDULES = (
    sa.select(
        *PLAN, Schedule.team_id, Schedule.task_id, Schedule.decided_until, Task.version_id, Task.name, Task.engine,
        Task.lane,
    )
    .join(Task, Task.id == Schedule.task_id)
    .where(Task.team_id == sa.bindparam("team"), Task.slug == sa.bindparam("slug"), Task.deleted_at.is_(None))
    .where(Schedule.state == "active")
    .order_by(Schedule.id)
)  # fmt: skip
_ROW = sa.select(
    Run.id, Run.number, Run.state, Run.reason, Run.planned_at, Run.not_before, Run.notes, Run.schedule_id
).where(Run.task_id == sa.bindparam("task"), Run.key == sa.bindparam("key"))
