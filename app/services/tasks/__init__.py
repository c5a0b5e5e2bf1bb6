"""Tasks: made, changed, paused, copied and deleted; every change is a version, and none fires anything at once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, selectinload

from app.core.clock import utc_now
from app.core.errors import Conflict, Invalid, NotFound
from app.core.identifiers import slug as slug_of
from app.domain.access import Actor
from app.domain.policy import Policy
from app.engines.base import lane_of
from app.infra import database
from app.infra.database import db
from app.models.runs import IS_ACTIVE, Run
from app.models.tasks import Schedule, Task, TaskFile, TaskVersion
from app.services import alerting, planned
from app.services.tasks import allowed, arming, attached, definitions, heartbeats, named, order, origins, schedules
from app.services.tasks.attached import Upload
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from app.services.unit import SessionWork, unit

LONGEST_NOTE = 300
HOWS = ("skip", "recover")
"""What becomes of the times planned during a pause when it ends."""

_WRONG_HOW = "Say what becomes of the times planned meanwhile: skip or recover."
_MEANWHILE = (
    "Somebody saved version {} while you were writing. What you typed is still here: compare it with the history, then "
    "save it over that version."
)
_AT_ONCE = "Somebody changed this task meanwhile. Look at it again, then repeat this."
_RESERVED_SLUGS = frozenset({"new", "schedule", "selection", "recovery", "graph"})
"""Words of the address that stand where a task's slug stands."""


# --- reading


def find(actor: Actor, slug: str) -> Task:
    """Return a task with its schedules, its owner and who paused it. Raises NotFound."""
    query = _found(actor.team_id, slug).options(joinedload(Task.owner), joinedload(Task.paused_by))
    task = db.session.scalar(query)
    if task is None:
        raise NotFound
    return task


def _found(team_id: int, slug: str) -> sa.Select[Task]:
    query = sa.select(Task).where(Task.team_id == team_id, Task.slug == slug, Task.deleted_at.is_(None))
    return query.options(selectinload(Task.schedules))


def definition(task: Task) -> dict[str, Any]:
    """Return the definition that the task's next run will have."""
    query = sa.select(TaskVersion.definition).where(TaskVersion.id == task.version_id)
    content: dict[str, Any] = db.session.scalars(query).one()
    return content


def files(task: Task) -> Sequence[TaskFile]:
    """Return the files of the present definition, by name."""
    kept = definition(task)["files"]
    query = sa.select(TaskFile).where(TaskFile.task_id == task.id, TaskFile.id.in_(kept)).order_by(TaskFile.name)
    return db.session.scalars(query).all()


# --- making and changing


def create(actor: Actor, draft: Draft, folder: Path, uploads: Sequence[Upload] = ()) -> Task:
    """Make a task and plan its first time; `folder` is where files are kept. Raises Invalid."""
    content = _checked(actor, draft, uploads)
    stored = attached.store(folder, uploads)
    with unit(actor) as work:
        task = _add(work, actor, content, draft.pause_note)
        task.thread_id = draft.thread_id
        content["files"] = attached.add(work, task, stored)
        _write_version(work, task, content)
        origins.keep(work, task, draft.origin)
        arming.arm(work, task, content["schedules"], content["policy"], {})
        work.audit("task_created", task.name, task=task.id)
        work.tell("task_created", task.team_id, None, task=task.id)
    return task


def change(actor: Actor, slug: str, draft: Draft, made_from: int, folder: Path, uploads: Sequence[Upload] = ()) -> Task:
    """Change a task that was seen as version `made_from`; a new version is written only when something differs.

    Raises NotFound, and Invalid: for the whole form when somebody else changed the task meanwhile, so that the form is
    shown again with what was typed.
    """
    seen = find(actor, slug)
    before = definition(seen)
    content = _checked(actor, draft, uploads, before)
    content["min_isolation"] = max(content["min_isolation"], origins.least_isolation(seen))
    replaced = {upload.name for upload in uploads}
    kept = {row.id for row in files(seen) if row.name not in replaced}
    content["files"] = [file for file in content["files"] if file in kept]
    stored = attached.store(folder, uploads)
    gaps = arming.undecided(seen, utc_now())
    with unit(actor) as work:
        task = _own(work, actor, slug)
        if task.version_number != made_from:
            raise Invalid({"": _MEANWHILE.format(task.version_number)})
        content["files"] += attached.add(work, task, stored)
        _apply(work, task, content, gaps)
        origins.keep(work, task, draft.origin)
    return task


def reschedule(actor: Actor, slug: str, when: Sequence[Given]) -> Task:
    """Change nothing but the schedules, all of them. Raises NotFound, Invalid."""
    seen = find(actor, slug)
    before = definition(seen)
    known = schedules.calendar_ids(actor.team_id)
    content = before | {"schedules": schedules.checked(when, utc_now(), before["schedules"], known)}
    allowed.check(actor, content["schedules"], utc_now())
    return change_to(actor, seen, content)


def restore(actor: Actor, slug: str, number: int, instead_of: int | None = None) -> Task:
    """Make an earlier version the present one again, as a new version. Raises NotFound, Conflict.

    With `instead_of`, only while that one is the present version: an undo never takes back what came after.
    """
    seen = find(actor, slug)
    if instead_of not in {None, seen.version_number}:
        raise Conflict(_AT_ONCE)
    query = sa.select(TaskVersion.definition).where(TaskVersion.task_id == seen.id, TaskVersion.number == number)
    content = db.session.scalar(query)
    if content is None:
        raise NotFound
    return change_to(actor, seen, content)


def duplicate(actor: Actor, slug: str) -> Task:
    """Make a paused copy of a task, so that nothing runs twice before somebody looks at it. Raises NotFound."""
    original = find(actor, slug)
    content = definition(original) | {"name": f"{original.name[: definitions.LONGEST_NAME - 5]} copy"}
    kept = [(row.name, row.size_bytes, row.digest) for row in files(original)]
    with unit(actor) as work:
        task = _add(work, actor, content, "A copy, not started yet.")
        task.minutes_saved = original.minutes_saved
        task.tags = list(original.tags or ())
        _write_version(work, task, content | {"files": attached.add(work, task, kept)})
        arming.arm(work, task, content["schedules"], content["policy"], {})
        work.audit("task_copied", task.name, task=task.id, of=original.id)
        work.tell("task_created", task.team_id, None, task=task.id)
    return task


# --- pausing


def pause(
    actor: Actor, slug: str, note: str = "", resume_at: datetime | None = None, how: str = "skip",
    also: Callable[[SessionWork], None] | None = None,
) -> None:  # fmt: skip
    """Let a task plan nothing until it is resumed, at `resume_at` (aware) by itself; runs that are going go on.

    `how` is what becomes of the times planned meanwhile when it resumes by itself; `also` is done with it. Raises
    NotFound, Invalid.
    """
    with unit(actor) as work:
        task = _own(work, actor, slug)
        _check_pause(note, resume_at, how, work.now)
        if task.paused_at is None:
            task.paused_at = work.now
        task.paused_by_id, task.pause_note, task.paused_for = actor.person_id, note, ""
        task.resume_at, task.resume_how = resume_at, how
        for schedule in task.schedules:
            if schedule.state == "active":
                schedule.state, schedule.next_fire_at = "paused", None
        until = {"resume_at": resume_at.isoformat(), "how": how} if resume_at else {}
        work.audit("task_paused", task.name, task=task.id, note=note, **until)
        work.tell("task_paused", task.team_id, None, task=task.id)
        work.wake_clock()
        if also:
            also(work)


def _check_pause(note: str, resume_at: datetime | None, how: str, now: datetime) -> None:
    wrong = {}
    if len(note) > LONGEST_NOTE:
        wrong["note"] = f"A note has at most {LONGEST_NOTE} letters."
    if resume_at and resume_at <= now:
        wrong["resume_at"] = "This is over already. Choose a later time, or leave it empty."
    if how not in HOWS:
        wrong["how"] = _WRONG_HOW
    if wrong:
        raise Invalid(wrong)


def resume(actor: Actor, slug: str, how: str = "skip", also: Callable[[SessionWork], None] | None = None) -> None:
    """Let a paused task go on, and do `also` with it. What was planned meanwhile is put on record as skipped, or
    recovered by the rules of the task for missed times. Raises NotFound, Invalid.
    """
    if how not in HOWS:
        raise Invalid({"how": _WRONG_HOW})
    gaps = arming.undecided(find(actor, slug), utc_now()) if how == "skip" else {}
    with unit(actor) as work:
        _resume(work, _own(work, actor, slug), how, gaps)
        if also:
            also(work)


def resume_due() -> None:
    """Resume the tasks whose pause was to last until now, as was said when they were paused."""
    with database.read() as connection:
        due = sa.select(Task.team_id, Task.slug).where(Task.resume_at.is_not(None))
        rows = connection.execute(due.where(Task.resume_at <= database.now(connection))).all()
    for team_id, slug in rows:
        seen = db.session.scalar(_found(team_id, slug))
        gaps = arming.undecided(seen, utc_now()) if seen and seen.resume_how == "skip" else {}
        with unit() as work:
            task = _locked(work, team_id, slug)
            if task and task.resume_at and task.resume_at <= work.now:
                _resume(work, task, task.resume_how, gaps)


def _resume(work: SessionWork, task: Task, how: str, gaps: Mapping[int, arming.Undecided]) -> None:
    if task.paused_at is None:
        return
    if how == "skip":
        arming.settle(work, task, task.schedules, gaps)
    task.paused_at, task.paused_by_id, task.pause_note, task.paused_for = None, None, "", ""
    task.resume_at, task.resume_how, task.failures, task.crashes = None, "skip", 0, 0
    for schedule in task.schedules:
        if schedule.state == "paused":
            schedule.state = "active"
            (arming.make_up if how == "recover" else arming.go_on)(work, schedule)
    alerting.end(work, f"paused:{task.id}", f"{task.name} was resumed.")
    work.audit("task_resumed", task.name, task=task.id, how=how)
    work.tell("task_resumed", task.team_id, None, task=task.id)


# --- deleting


def delete(actor: Actor, slug: str) -> None:
    """Delete a task: nothing more is planned, what runs is asked to stop, its runs stay on record. Raises NotFound."""
    gaps = arming.undecided(find(actor, slug), utc_now())
    with unit(actor) as work:
        task = _own(work, actor, slug)
        arming.settle(work, task, task.schedules, gaps)
        arming.end(task.schedules)
        task.deleted_at, task.resume_at = work.now, None
        _stop_runs(work, task)
        alerting.end_of_task(work, task.id, f"{task.name} was deleted.")
        work.audit("task_deleted", task.name, task=task.id)
        work.tell("task_deleted", task.team_id, None, task=task.id)


def recover(actor: Actor, slug: str) -> Task:
    """Bring a deleted task back; its schedule goes on from now. Raises NotFound."""
    with unit(actor) as work:
        query = sa.select(Task).where(Task.team_id == actor.team_id, Task.slug == slug, Task.deleted_at.is_not(None))
        task = work.session.scalar(query.options(selectinload(Task.schedules)).with_for_update())
        if task is None:
            raise NotFound
        content = work.session.get_one(TaskVersion, task.version_id).definition
        task.deleted_at = None
        order.begin_anew(work, task)
        arming.arm(work, task, content["schedules"], content["policy"], {})
        work.audit("task_recovered", task.name, task=task.id)
        work.tell("task_created", task.team_id, None, task=task.id)
    return task


def _stop_runs(work: SessionWork, task: Task) -> None:
    going = (
        sa.update(Run)
        .where(IS_ACTIVE, Run.task_id == task.id, Run.state == "running", Run.stop_mode == "")
        .values(stop_mode="now", stop_reason="person")
    )
    for run_id in work.connection.execute(going.returning(Run.id)).scalars().all():
        work.stop(run_id)
        work.ring(task.team_id, run_id)
    sentence = "Cancelled: its task was deleted."
    unstarted = (
        sa.update(Run)
        .where(IS_ACTIVE, Run.task_id == task.id, Run.state.in_(("planned", "queued", "waiting")))
        .values(state="cancelled", reason="task_deleted", sentence=sentence, ended_at=work.now)
    )
    for run_id in work.connection.execute(unstarted.returning(Run.id)).scalars().all():
        work.tell("cancelled", task.team_id, run_id, reason="task_deleted")


# --- rows


def _own(work: SessionWork, actor: Actor, slug: str) -> Task:
    task = _locked(work, actor.team_id, slug)
    if task is None:
        raise NotFound
    return task


def _locked(work: SessionWork, team_id: int, slug: str) -> Task | None:
    # The clock locks schedules and then refers to the task. Locks in that order, with one on the task that lets others
    # refer to it, never wait in a circle.
    work.session.execute(
        sa.select(Schedule.id)
        .join(Task, Task.id == Schedule.task_id)
        .where(Task.team_id == team_id, Task.slug == slug)
        .with_for_update(of=Schedule)
    )
    query = _found(team_id, slug).execution_options(populate_existing=True)
    return work.session.scalar(query.with_for_update(key_share=True, of=Task))


def _add(work: SessionWork, actor: Actor, content: dict[str, Any], pause_note: str = "") -> Task:
    """Add the row of a task; with a note it stands still at first."""
    task = Task(
        team_id=actor.team_id, slug=_free_slug(work, actor.team_id, slug_of(content["name"], "task")),
        name=content["name"], engine=content["engine"], owner_id=actor.person_id,
        version_number=0, pause_note=pause_note, created_at=work.now, changed_at=work.now, schedules=[],
    )  # fmt: skip
    if pause_note:
        task.paused_at, task.paused_by_id = work.now, actor.person_id
    work.session.add(task)
    work.session.flush()
    return task


def _free_slug(work: SessionWork, team_id: int, wanted: str) -> str:
    same = sa.select(Task.slug).where(Task.team_id == team_id, Task.slug.startswith(wanted, autoescape=True))
    taken = set(work.session.scalars(same)) | _RESERVED_SLUGS
    number = 1
    while (found := wanted if number == 1 else f"{wanted}-{number}") in taken:
        number += 1
    return found


def change_to(
    actor: Actor, seen: Task, content: dict[str, Any], also: Callable[[SessionWork], None] | None = None
) -> Task:
    """Give a task as it was seen another definition, checked already, and do `also` with it. Raises Conflict."""
    slug, number = seen.slug, seen.version_number
    gaps = arming.undecided(seen, utc_now())
    with unit(actor) as work:
        task = _own(work, actor, slug)
        if task.version_number != number:
            raise Conflict(_AT_ONCE)
        _apply(work, task, content, gaps)
        if also:
            also(work)
    return task


def _apply(work: SessionWork, task: Task, content: dict[str, Any], gaps: dict[int, arming.Undecided]) -> None:
    if work.session.get_one(TaskVersion, task.version_id).definition == content:
        return
    arming.arm(work, task, content["schedules"], content["policy"], gaps)
    _write_version(work, task, content)
    planned.limit_again(work, task.id, Policy.of(content["policy"]))
    work.audit("task_changed", task.name, task=task.id, version=task.version_number)
    work.tell("task_changed", task.team_id, None, task=task.id, version=task.version_number)


def _write_version(work: SessionWork, task: Task, content: dict[str, Any]) -> None:
    author = work.actor.person_id if work.actor else None
    task.version_number += 1
    version = TaskVersion(
        team_id=task.team_id, task_id=task.id, number=task.version_number, definition=content, author_id=author,
        created_at=work.now,
    )  # fmt: skip
    work.session.add(version)
    work.session.flush()
    task.version_id, task.name, task.engine, task.changed_at = version.id, content["name"], content["engine"], work.now
    task.lane = lane_of(content)
    heartbeats.keep(work, task)
    order.keep(work, task, content)


# --- checks and files


def _checked(
    actor: Actor, draft: Draft, uploads: Sequence[Upload], before: dict[str, Any] | None = None
) -> dict[str, Any]:
    wrong = attached.wrong(uploads) | named.wrong(actor, draft)
    try:
        content = definitions.check(draft, utc_now(), before, schedules.calendar_ids(actor.team_id))
    except Invalid as error:
        raise Invalid(error.fields | wrong) from None
    if wrong:
        raise Invalid(wrong)
    allowed.check(actor, content["schedules"], utc_now(), is_asked_for=draft.over_plan)
    return content
