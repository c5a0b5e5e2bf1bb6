"""Runs of tasks that come after others: planned, released or left out in the transaction in which those end.

A task without schedules is started by the ends of those before it. They come in rounds: one run a round, which waits
until as many have ended as it needs; what ends later in the same round starts nothing more. A task with schedules
waits at its planned times until each of those before it has ended once more than for its run before.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.domain import firing, graph, wording
from app.domain.firing import Decision
from app.domain.graph import Verdict
from app.domain.lifecycle import ENDED
from app.domain.occurrences import Occurrence
from app.domain.triggers import Fire
from app.infra import database
from app.models.runs import IS_ACTIVE, IS_REAL, MEETS, Run
from app.models.tasks import Task, TaskLink
from app.models.teams import Team
from app.services import planned
from app.services.execution.versions import Definition, definition
from app.services.unit import Work, batch

_LOOKED_AT = 50
"""Among so many runs of a task it is looked for what its runs before came after, and so many that wait at once."""

_LONGEST_SENTENCE = 500

_IF_FREE: Mapping[str, Any] = {"skip_locked": True, "of": Run}
"""Whoever holds the row is about to end it, and then waits for this transaction: never for each other in a circle."""


@dataclass(frozen=True)
class _Sight:
    """What a run that comes after others sees of them: their ends by task, those that still go, and the tasks."""

    task: Definition
    ends: Mapping[int, Any]
    going: Mapping[int, Any]
    tasks: Mapping[int, Any]

    @property
    def verdict(self) -> Verdict:
        return graph.verdict(self.task.after, self.states)

    @property
    def states(self) -> dict[int, str]:
        gone = dict.fromkeys(self.gone, "deleted")  # an end that nobody waits for
        return gone | {task: end.state for task, end in self.ends.items()}

    @property
    def gone(self) -> list[int]:
        """Those that were deleted, and so will not come."""
        before = [link.task for link in self.task.after.links if not {link.task} & {*self.ends, *self.going}]
        return [task for task in before if task not in self.tasks or self.tasks[task].deleted_at]

    @property
    def upstreams(self) -> dict[str, int]:
        return {str(task): end.id for task, end in self.ends.items()}

    def name(self, task: int) -> str:
        return self.tasks[task].name if task in self.tasks else "a deleted task"


def follow(work: Work, news: Sequence[Mapping[str, Any]]) -> None:
    """Do what follows from the events of a transaction: runs that ended, and runs that wait for others from now on."""
    if ended := [one["run_id"] for one in news if one["kind"] in ENDED and one["run_id"]]:
        _follow_ends(work, ended)
    for one in news:
        if one["kind"] == "waiting" and one["data"].get("reason") == "upstream":
            _lock(work, one["team_id"])
            _settle(work, one["run_id"])


def settle_waiting() -> None:
    """Decide on what waits for other tasks and was not told: its window is over, or two transactions passed by."""
    with database.read() as connection:
        now = database.now(connection)
        rows = list(connection.execute(_WAITING).all())
        looked_at = random.sample(rows, min(len(rows), _LOOKED_AT))  # of many, all have their turn
        due = {row.id: row.team_id for row in rows if _is_over(row, now)}
        due |= {row.id: row.team_id for row in looked_at if _look(connection, row, now).verdict != "waits"}
    for run_id, team_id in due.items():
        with batch() as work:
            _lock(work, team_id)
            _settle(work, run_id)


def _lock(work: Work, team_id: int) -> None:
    """Let one transaction at a time decide on the rounds of a team, by the row that numbers its runs anyway."""
    if work.connection.dialect.name == "postgresql":
        work.connection.execute(_TEAM_LOCKED, {"team": team_id})


# --- ends


def _follow_ends(work: Work, ended: list[int]) -> None:
    rows = work.connection.execute(_FOLLOWING, {"runs": ended}).all()
    for team_id in sorted({row.team_id for row in rows}):
        _lock(work, team_id)
    for row in rows:
        task = definition(work.connection, row.version_id)
        if task.is_scheduled:
            for run_id in work.connection.execute(_WAITING_OF, {"task": task.task_id}).scalars().all():
                _settle(work, run_id)
        elif graph.speaks(row.state, row.reason):
            _join(work, row, task)


def _join(work: Work, end: Any, task: Definition) -> None:
    """Count an end into the round of a task: one that waits, one that is decided already, or a new one."""
    last = work.connection.execute(_LAST_ROUND, {"task": task.task_id}).first()
    if last and work.connection.execute(_WAITING.where(Run.id == last.id).with_for_update(**_IF_FREE)).first():
        upstreams = {**last.upstreams, str(end.upstream_id): end.id}
        work.connection.execute(sa.update(Run).where(Run.id == last.id).values(upstreams=upstreams))
        _note_round(work, end, last.id)
        _settle(work, last.id)
    elif last and len(task.after.links) > 1 and _is_of_round(work, end, task, last):
        _note_round(work, end, last.id)
    else:
        _begin(work, end, task)


def _is_of_round(work: Work, end: Any, task: Definition, last: Any) -> bool:
    """Whether the last round is decided and young enough, and this end is the first of its task in it."""
    if work.now >= last.planned_at + timedelta(seconds=task.after.window_seconds):
        return False
    counted = sa.select(TaskLink.round_id).where(*_link_of(end))  # now: it may have ended twice in this transaction
    return bool(work.connection.execute(counted).scalar() != last.id)


def _note_round(work: Work, end: Any, round_id: int) -> None:
    work.connection.execute(sa.update(TaskLink).where(*_link_of(end)).values(round_id=round_id))


def _link_of(end: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return TaskLink.task_id == end.task_id, TaskLink.upstream_id == end.upstream_id


def _begin(work: Work, end: Any, task: Definition) -> None:
    sight = _Sight(task, {end.upstream_id: end}, {}, _before(work.connection, task))
    if sight.verdict == "never" and not graph.is_worth_a_run(task.after, sight.states):
        return
    row = {
        "team_id": end.team_id, "task_id": task.task_id, "version_id": task.id, "schedule_id": None,
        "key": f"after:{end.id}", "trigger": "upstream", "requested_by_id": None, "planned_at": work.now,
        "lane": end.lane or planned.lane_of(task.engine), **planned.turn(task.policy),
        "upstreams": sight.upstreams, "notes": [], "not_before": None,
    }  # fmt: skip
    until = work.now + timedelta(seconds=task.after.window_seconds)
    new = planned.insert(work, [row | _fate(work, sight, until, is_paused=end.paused_at is not None)])
    if new and len(task.after.links) > 1:
        _note_round(work, end, new[0])


# --- a run that waits


def _settle(work: Work, run_id: int) -> None:
    """Decide on a run that waits for other tasks; one that somebody else is just deciding on is left to them."""
    query = _WAITING.where(Run.id == run_id).with_for_update(**_IF_FREE)
    row = work.connection.execute(query).first()
    if row is None:
        return
    sight = _look(work.connection, row, work.now)
    window = timedelta(seconds=sight.task.after.window_seconds)
    values: dict[str, Any] = {"upstreams": sight.upstreams}
    if sight.verdict == "waits" and _is_over(row, work.now):
        values |= _ended(work, "upstream", _did_not_come(sight))
    else:
        is_paused = row.paused_at is not None
        values |= _fate(work, sight, row.not_before or row.planned_at + window, is_paused=is_paused, run_id=run_id)
    if values["state"] == "queued" and row.trigger == "upstream":
        values["planned_at"] = work.now
    values["rank_at"] = planned.rank(values["queued_at"], row.priority)
    values["notes"] = [*row.notes, *values.get("notes", ())]
    work.connection.execute(sa.update(Run).where(Run.id == run_id).values(values))
    if values["reason"] == "upstream" and values["state"] == "waiting":
        work.ring(row.team_id, run_id)
        return
    work.tell(values["state"], row.team_id, run_id, reason=values["reason"] or "upstream")
    if values["state"] == "queued":
        work.enqueue(run_id, row.attempt, row.lane)


def _is_over(row: Any, now: datetime) -> bool:
    return row.not_before is not None and row.not_before <= now


def _fate(work: Work, sight: _Sight, until: datetime, *, is_paused: bool, run_id: int = 0) -> dict[str, Any]:
    """Return the state that a run gets by what it sees, with all that belongs to it; it may wait `until` then."""
    if sight.verdict == "waits":
        waits = {"state": "waiting", "reason": "upstream", "sentence": _waits(sight)}
        return waits | {"queued_at": None, "ended_at": None, "not_before": until}
    if sight.verdict == "never":
        return _ended(work, "upstream", _never(sight))
    if is_paused:
        return _ended(work, "paused", "Skipped: the task was paused.")
    values = planned.fate(_overlap(work, sight.task, run_id), work.now)
    return values | {"not_before": None, "notes": [_came_after(sight)] if sight.ends else []}


def _ended(work: Work, reason: str, sentence: str) -> dict[str, Any]:
    ending = {"state": "skipped", "reason": reason, "sentence": sentence[:_LONGEST_SENTENCE]}
    return ending | {"queued_at": None, "ended_at": work.now, "not_before": None}


def _overlap(work: Work, task: Definition, run_id: int) -> Decision:
    """Decide on a run that may go now as on any other: another one of its task may be going."""
    counts = work.connection.execute(_OTHERS, {"task": task.task_id, "but": run_id}).one()
    now = Occurrence(Fire(work.now, ""), work.now)
    (decision,) = firing.release([now], work.now, task.policy, counts.going, counts.waiting)
    return planned.taking_over(work, task.task_id, decision, run_id) if decision.action == "cancel_old" else decision


# --- what it sees


def _look(connection: sa.Connection, row: Any, now: datetime) -> _Sight:
    task = definition(connection, row.version_id)
    before = _before(connection, task)
    if row.trigger == "upstream":
        found = connection.execute(_RUNS, {"runs": list(row.upstreams.values())}).all()
        return _Sight(task, {end.task_id: end for end in found}, {}, before)
    ends, going = {}, {}
    used, since_middle = _earlier(connection, task, row)
    for link in task.after.links:
        place = {"task": link.task, "at": row.planned_at}
        if under_way := connection.execute(_GOING, place).first():
            going[link.task] = under_way
            continue
        since = row.planned_at - timedelta(seconds=task.after.window_seconds)
        bounds = {"since": since, "now": now, "used": used.get(link.task, 0), "middle": since_middle}
        rows = connection.execute(_ENDED_LAST, place | bounds)
        if end := next((one for one in rows if graph.speaks(one.state, one.reason, at_its_time=True)), None):
            ends[link.task] = end
    return _Sight(task, ends, going, before)


def _earlier(connection: sa.Connection, task: Definition, row: Any) -> tuple[dict[int, int], datetime]:
    """Return the last run of each task that an earlier run of this one came after, for each counts once; and from when
    on what they were planned for is nearer to this planned time than to the one before: that counts for this one, also
    where a run that had waited until then took it. Else one that is late would make all that follow it late.
    """
    used: dict[int, int] = {}
    before = None
    for one in connection.execute(_EARLIER, {"task": task.task_id, "run": row.id}):
        for upstream, run_id in one.upstreams.items():
            used[int(upstream)] = max(used.get(int(upstream), 0), run_id)
        if one.trigger == "schedule" and one.planned_at < row.planned_at:
            before = max(before or one.planned_at, one.planned_at)
    return used, row.planned_at - (row.planned_at - before) / 2 if before else row.planned_at


def _before(connection: sa.Connection, task: Definition) -> dict[int, Any]:
    found = connection.execute(_BEFORE, {"tasks": [link.task for link in task.after.links]})
    return {row.id: row for row in found}


# --- in words


def _waits(sight: _Sight) -> str:
    after = sight.task.after
    missing = [link.task for link in after.links if link.task not in sight.ends]
    said = wording.listed([sight.name(task) for task in missing])
    if len(after.links) > 1:
        done = sum(graph.fits(link.on, sight.states.get(link.task, "")) for link in after.links)
        return f"Waits for {said} ({done} of {after.needed} done)."[:_LONGEST_SENTENCE]
    run = next(iter(sight.going.values()), None)
    return f"Waits for {said} (#{run.number})." if run else f"Waits for {said}."


def _never(sight: _Sight) -> str:
    ends = [(link, sight.ends[link.task]) for link in sight.task.after.links if link.task in sight.ends]
    said = [
        f"{sight.name(link.task)} {graph.ended(end.state)} (#{end.number})"
        for link, end in ends
        if not graph.fits(link.on, end.state)
    ]
    said += [f"{sight.name(task)} was deleted" for task in sight.gone]
    return f"Skipped: {wording.listed(said)}."


def _did_not_come(sight: _Sight) -> str:
    missing = [sight.name(link.task) for link in sight.task.after.links if link.task not in sight.ends]
    return f"Skipped: {wording.listed(missing)} did not come within {graph.span(sight.task.after.window_seconds)}."


def _came_after(sight: _Sight) -> str:
    return f"After {wording.listed([f'{sight.name(task)} (#{end.number})' for task, end in sight.ends.items()])}."


# --- built once


def _moment(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=Run.planned_at.type)


_COUNTS = (IS_REAL, Run.backfill_id.is_(None), Run.folded_count == 1)
_FOLLOWING = (
    sa.select(
        Run.id, Run.number, Run.state, Run.reason, TaskLink.upstream_id, TaskLink.task_id,
        Task.team_id, Task.version_id, Task.lane, Task.paused_at,
    )
    .join(TaskLink, TaskLink.upstream_id == Run.task_id)
    .join(Task, Task.id == TaskLink.task_id)
    .where(Run.id.in_(sa.bindparam("runs", expanding=True)), *_COUNTS, Task.deleted_at.is_(None))
    .order_by(TaskLink.task_id, Run.id)
)  # fmt: skip
_WAITING = (
    sa.select(
        Run.id, Run.team_id, Run.task_id, Run.trigger, Run.attempt, Run.lane, Run.priority, Run.planned_at,
        Run.not_before, Run.notes, Run.upstreams, Task.version_id, Task.paused_at,
    )
    .join(Task, Task.id == Run.task_id)
    .where(IS_ACTIVE, Run.state == "waiting", Run.reason == "upstream")
)  # fmt: skip
_OF_TASK = Run.task_id == sa.bindparam("task")
_WAITING_OF = (
    sa.select(Run.id).where(IS_ACTIVE, Run.state == "waiting", Run.reason == "upstream", _OF_TASK).order_by(Run.id)
)
_LATEST_FIRST = (Run.planned_at.desc(), Run.id.desc())
_LAST_ROUND = (
    sa.select(Run.id, Run.planned_at, Run.upstreams)
    .where(_OF_TASK, Run.trigger == "upstream")
    .order_by(*_LATEST_FIRST)
    .limit(1)
)
_RUNS = sa.select(Run.id, Run.number, Run.task_id, Run.state).where(Run.id.in_(sa.bindparam("runs", expanding=True)))
_GOING = (
    sa.select(Run.number)
    .where(IS_ACTIVE, Run.state.in_(("waiting", "queued", "running", "lost")), _OF_TASK, *_COUNTS)
    .where(Run.planned_at <= _moment("at"))
    .limit(1)
)
_IS_OF_THIS_TIME = sa.and_(
    Run.trigger == "schedule", Run.planned_at > _moment("middle"), Run.planned_at <= _moment("at")
)
_ENDED_LAST = (
    sa.select(Run.id, Run.number, Run.task_id, Run.state, Run.reason)
    .where(_OF_TASK, *_COUNTS, Run.state.in_(sorted(ENDED)))
    .where(Run.planned_at > _moment("since"), Run.planned_at <= _moment("now"))  # one to come may be skipped already
    .where(sa.or_(Run.id > sa.bindparam("used"), _IS_OF_THIS_TIME))
    .order_by(*_LATEST_FIRST)
    .limit(_LOOKED_AT)
)
_EARLIER = (
    sa.select(Run.upstreams, Run.trigger, Run.planned_at)
    .where(_OF_TASK, Run.id < sa.bindparam("run"), Run.trigger.in_(("schedule", "upstream")))
    .order_by(*_LATEST_FIRST)
    .limit(_LOOKED_AT)
)
_OTHERS = sa.select(
    sa.func.coalesce(sa.func.sum(sa.case((Run.reason == "overlap", 0), else_=1)), 0).label("going"),
    sa.func.coalesce(sa.func.sum(sa.case((Run.reason == "overlap", 1), else_=0)), 0).label("waiting"),
).where(MEETS, _OF_TASK, Run.id != sa.bindparam("but"), sa.or_(Run.state != "waiting", Run.reason != "upstream"))
_BEFORE = sa.select(Task.id, Task.name, Task.deleted_at).where(Task.id.in_(sa.bindparam("tasks", expanding=True)))
_TEAM_LOCKED = sa.select(Team.id).where(Team.id == sa.bindparam("team")).with_for_update(key_share=True)
