"""Pings of jobs that run elsewhere become runs: begun, ended, met in time, or missed when none came."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from app.domain import pings
from app.domain.pings import Ping
from app.domain.policy import Policy
from app.domain.redaction import Redactor
from app.domain.triggers import TriggerError
from app.engines.base import Limits
from app.infra import database
from app.infra.vault import Vault, WrongKey
from app.models.runs import IS_ACTIVE, LogChunk, Run
from app.models.tasks import PLAN, Heartbeat, Schedule, Task, plan_of, trigger_of
from app.models.teams import Secret, Team
from app.services import alerting, planned, uses
from app.services.execution import aftermath
from app.services.execution.claims import Definition, definition
from app.services.unit import Work, batch

_LOOKED_BACK = 50
"""Among so many runs of a task the one that a ping names is looked for."""


@dataclass(frozen=True)
class _Job:
    """A job that runs elsewhere, held by this transaction: one ping of it after the other."""

    task: Definition
    name: str
    is_paused: bool
    running_run_id: int | None

    @property
    def task_id(self) -> int:
        return self.task.task_id

    @property
    def timeout(self) -> timedelta:
        return timedelta(seconds=self.task.limits.get("timeout_seconds", Limits.timeout_seconds))


@dataclass(frozen=True)
class _Place:
    """The run that a ping speaks of: its row if it has one, else the values that make it one."""

    run_id: int | None
    values: dict[str, Any]


def receive(token: str, ping: Ping, vault: Vault) -> bool:
    """Take note of a ping; False when no task has this address. What it sent along is redacted and kept as log."""
    with database.read() as connection:
        team_id = connection.execute(_TEAM_OF, {"token": token}).scalar()
        if team_id is None:
            return False
        lines = _redacted(connection, vault, team_id, ping) if ping.body else []
    with batch() as work:
        job = _job(work, token, ping)
        if job is None:
            return False
        run_id = _HANDLERS[ping.kind](work, job, ping)
        if run_id is not None:
            _keep_log(work, job, run_id, [("info", pings.line(ping)), *(("info", line) for line in lines)])
    return True


def _redacted(connection: sa.Connection, vault: Vault, team_id: int, ping: Ping) -> list[str]:
    rows = connection.execute(_SECRETS, {"team": team_id}).all()
    try:
        values = [vault.unseal(row.data_key, row.sealed, Secret.aad_of(team_id, row.name, row.version)) for row in rows]
    except WrongKey:
        return ["What it sent is not kept: the secrets of the team can't be opened, so it can't be searched for them."]
    redactor = Redactor(values)
    return redactor.redact("\n".join(pings.text(ping))).split("\n")


def _job(work: Work, token: str, ping: Ping) -> _Job | None:
    row = work.connection.execute(_JOB, {"token": token}).first()
    if row is None:
        return None
    kept = {"last_ping_at": work.now, "last_kind": ping.kind}
    work.connection.execute(sa.update(Heartbeat).where(Heartbeat.task_id == row.task_id).values(kept))
    work.ring(row.team_id)
    task = definition(work.connection, row.version_id)
    return _Job(task, row.name, row.paused_at is not None, row.running_run_id)


# --- start


def _start(work: Work, job: _Job, ping: Ping) -> int | None:
    if known := _named(work, job, ping):
        return int(known.id)  # it came after the end of its run, or twice: nothing changes
    before = _running(work, job) if not ping.rid else None
    place = _place(work, job, ping)
    if before and place.run_id is None and not place.values.get("schedule_id"):
        return int(before.id)  # begun again, with no other planned time to meet: the same run, and the same time limit
    if before:
        said = "It began again without having said how this run ended."
        _end(work, job, before.id, state="failed", reason="no_end", sentence=said)
    run_id = _put(work, job, place, state="running", reason="", sentence="", lease_until=work.now + job.timeout)
    if run_id is not None:
        _note_running(work, job, run_id)
    return run_id


# --- success and failure


def _finish(work: Work, job: _Job, ping: Ping) -> int | None:
    named = _named(work, job, ping)
    run = named or (None if ping.rid else _running(work, job))
    ending = {"state": "succeeded", "reason": "ok"} if ping.kind == "success" else _failure(ping)
    ending["sentence"] = pings.sentence(ping)
    facts = {} if ping.exit_code is None else {"exit_code": ping.exit_code}
    if run is None:
        run_id = _put(work, job, _place(work, job, ping), **ending, ended_at=work.now, more=facts)
        if run_id is not None:
            _follow(work, job, run_id, ending["state"])
    else:
        run_id = run.id
        if run.state == "running":
            _end(work, job, run_id, **ending, facts=run.facts | facts)
    if ping.kind == "success":
        _meet(work, job, run)
        alerting.end(work, _alert_of(job.task_id), f"{job.name} has pinged again.")
    _count_from_now(work, job)
    return run_id


def _failure(ping: Ping) -> dict[str, Any]:
    if ping.exit_code:
        return {"state": "failed", "reason": "exit_code"}
    return {"state": "failed", "reason": "pinged_fail"}


def _meet(work: Work, job: _Job, run: Any) -> None:
    """A run that began before its planned time meets it by its success; the row of that time says so."""
    if run is None or run.trigger != "ping" or run.schedule_id is not None or run.state != "running":
        return
    if waiting := work.connection.execute(_WAITING, {"task": job.task_id, "now": work.now}).first():
        said = f"Met by run #{run.number}, which had begun before."
        values = {"state": "succeeded", "reason": "ok", "sentence": said, "not_before": None, "ended_at": work.now}
        moved = sa.update(Run).where(Run.id == waiting.id, Run.state == "waiting").values(trigger="ping", **values)
        if work.connection.execute(moved).rowcount:
            work.tell("succeeded", job.task.team_id, waiting.id, reason="ok")


def _count_from_now(work: Work, job: _Job) -> None:
    """An interval is counted from the last ping: the rule holds anew from now on."""
    rows = work.connection.execute(_INTERVALS, {"task": job.task_id}).all()
    for row in rows:
        following = pings.after(trigger_of(row), work.now)
        anew = {"anchor_at": work.now, "created_at": work.now, "decided_until": work.now, "next_fire_at": following}
        state = "active" if following else "over"
        work.connection.execute(sa.update(Schedule).where(Schedule.id == row.id).values(state=state, **anew))
        work.wake_clock()


# --- log


def _log(work: Work, job: _Job, ping: Ping) -> int | None:
    run = _named(work, job, ping) or _running(work, job)
    return run.id if run else work.connection.execute(_LATEST.limit(1), {"task": job.task_id}).scalar()


_HANDLERS = {"start": _start, "success": _finish, "fail": _finish, "log": _log}


_LINE_BYTES = 20
"""What keeping a line costs beside its text."""


def _keep_log(work: Work, job: _Job, run_id: int, lines: list[tuple[str, str]]) -> None:
    row = work.connection.execute(_LOG_SO_FAR, {"run": run_id}).one()
    size = sum(_LINE_BYTES + len(text.encode(errors="replace")) for _, text in lines)
    if (row.size or 0) + size > job.task.limits.get("log_bytes", Limits.log_bytes):
        return
    chunk = {
        "run_id": run_id, "first": (row.last or 0) + 1, "count": len(lines), "size_bytes": size, "token": 0,
        "at": work.now, "lines": [[0.0, level, text] for level, text in lines],
    }  # fmt: skip
    work.connection.execute(sa.insert(LogChunk).values(chunk))
    work.ring(job.task.team_id, run_id)


# --- which run


def _named(work: Work, job: _Job, ping: Ping) -> Any:
    """Return the run that the ping names by its own word for it, None if it names none that is known."""
    if not ping.rid:
        return None
    rows = work.connection.execute(_LATEST.limit(_LOOKED_BACK), {"task": job.task_id})
    return next((row for row in rows if row.facts.get("rid") == ping.rid), None)


def _running(work: Work, job: _Job) -> Any:
    if job.running_run_id is None:
        return None
    return work.connection.execute(_ONE.where(Run.state == "running"), {"run": job.running_run_id}).first()


def _place(work: Work, job: _Job, ping: Ping) -> _Place:
    """Return where the run of a ping stands: at the earliest planned time that it meets, else on its own."""
    facts = {"rid": ping.rid} if ping.rid else {}
    waiting = work.connection.execute(_WAITING, {"task": job.task_id, "now": work.now}).first()
    if waiting:
        return _Place(waiting.id, {"facts": waiting.facts | facts})
    own = {
        "team_id": job.task.team_id, "task_id": job.task_id, "version_id": job.task.id, "schedule_id": None,
        "key": f"ping:{uuid4().hex}", "trigger": "ping", "requested_by_id": None, "planned_at": work.now,
        "planned_local": "", "lane": pings.LANE, "folded_count": 1, "folded_until": None, "facts": facts,
    }  # fmt: skip
    return _Place(None, own | _met(work, job))


def _met(work: Work, job: _Job) -> dict[str, Any]:
    """Return the planned time without a row that a ping meets: the clock is behind, or the job's own is ahead."""
    for row in work.connection.execute(_SCHEDULES, {"task": job.task_id}).all():
        grace = timedelta(seconds=Policy.of(row.policy).grace_seconds)
        plan = pings.at_its_time(plan_of(row, uses.of(work.connection, job.task.team_id, row.calendars)))
        try:
            found = pings.met(plan, row.decided_until, work.now, grace)
        except TriggerError:
            continue
        for one in found:
            key = planned.key(one.fire.at)
            is_there = sa.select(Run.id).where(Run.task_id == job.task_id, Run.key == key)
            if work.connection.execute(is_there).first() is None:
                when = {"planned_at": one.at, "planned_local": one.fire.local, "notes": list(one.notes)}
                return {"schedule_id": row.id, "key": key, **when}
    return {}


# --- what becomes of it


def _put(work: Work, job: _Job, place: _Place, more: dict[str, Any] | None = None, **values: Any) -> int | None:
    """Make the run of a ping, or move the one that waited for it; None if something else has moved it meanwhile."""
    content = place.values | values | {"started_at": work.now}
    content["facts"] = place.values["facts"] | (more or {})
    if place.run_id is None:
        ids = planned.insert(work, [content])
        return ids[0] if ids else None
    moved = sa.update(Run).where(Run.id == place.run_id, Run.state == "waiting")
    if not work.connection.execute(moved.values(trigger="ping", not_before=None, **content)).rowcount:
        return None
    work.tell(values["state"], job.task.team_id, place.run_id, reason=values["reason"])
    return place.run_id


def _note_running(work: Work, job: _Job, run_id: int) -> None:
    beat = sa.update(Heartbeat).where(Heartbeat.task_id == job.task_id)
    work.connection.execute(beat.values(running_run_id=run_id))


def _end(work: Work, job: _Job, run_id: int, **values: Any) -> bool:
    """End a running run; whether it was still running."""
    ended = sa.update(Run).where(Run.id == run_id, Run.state == "running")
    if not work.connection.execute(
        ended.values(lease_until=None, stop_mode="", ended_at=work.now, **values)
    ).rowcount:  # fmt: skip
        return False
    work.tell(values["state"], job.task.team_id, run_id, reason=values["reason"])
    _follow(work, job, run_id, values["state"])
    return True


def _follow(work: Work, job: _Job, run_id: int, state: str) -> None:
    if not job.is_paused:
        aftermath.of_run(work, run_id, state, job.task)


def _alert_of(task_id: int) -> str:
    return f"no_ping:{task_id}"


# --- what did not come


def end_overdue() -> None:
    """End what waited for a ping in vain, runs that never said how they ended, and those that somebody cancelled."""
    with database.read() as connection:
        due = connection.execute(_OVERDUE, {"now": database.now(connection)}).all()
    for row in due:
        with batch() as work:
            job = _Job(definition(work.connection, row.version_id), row.name, row.paused_at is not None, None)
            if row.state == "waiting":
                _miss(work, job, row)
            elif row.stop_mode:
                said = "Cancelled here. The job itself runs elsewhere, and was not stopped."
                _end(work, job, row.id, state="cancelled", reason=row.stop_reason or "person", sentence=said)
            else:
                said = f"It began, and did not say within {_minutes(job.timeout)} how it ended."
                _end(work, job, row.id, state="timed_out", reason="timeout", sentence=said)


def _miss(work: Work, job: _Job, row: Any) -> None:
    if job.is_paused:
        ending = {"state": "skipped", "reason": "paused", "sentence": "Skipped: the task was paused."}
    else:
        said = f"No ping came within {_minutes(row.not_before - row.planned_at)} after its planned time."
        ending = {"state": "missed", "reason": "no_ping", "sentence": said}
    missed = sa.update(Run).where(Run.id == row.id, Run.state == "waiting", Run.reason == "ping")
    if not work.connection.execute(missed.values(not_before=None, ended_at=work.now, **ending)).rowcount:
        return
    work.tell(ending["state"], job.task.team_id, row.id, reason=ending["reason"])
    if not job.is_paused:
        key, sentence = _alert_of(job.task_id), f"{job.name} did not ping: {ending['sentence']}"
        alerting.begin(work, key, "no_ping", sentence, job.task.team_id, task_id=job.task_id, run_id=row.id)
        aftermath.of_run(work, row.id, "missed", job.task)


def _minutes(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds / 60:,.0f} min" if seconds >= 60 else f"{seconds:.0f} s"  # noqa: PLR2004 a minute


# --- built once

_OF_TASK = Run.task_id == sa.bindparam("task")
_RUN = (Run.id, Run.number, Run.state, Run.trigger, Run.schedule_id, Run.facts)
_ONE = sa.select(*_RUN).where(Run.id == sa.bindparam("run"))
_LATEST = sa.select(*_RUN).where(_OF_TASK, Run.trigger == "ping").order_by(Run.planned_at.desc(), Run.id.desc())
_WAITING = (
    sa.select(Run.id, Run.facts)
    .where(
        IS_ACTIVE, _OF_TASK, Run.state == "waiting", Run.reason == "ping",
        Run.not_before > sa.bindparam("now", type_=Run.not_before.type),
    )
    .order_by(Run.planned_at)
    .limit(1)
)  # fmt: skip
_BY_TOKEN = sa.and_(Heartbeat.token == sa.bindparam("token"), Task.deleted_at.is_(None), Task.engine == pings.ENGINE)
_TEAM_OF = sa.select(Heartbeat.team_id).join(Task, Task.id == Heartbeat.task_id).where(_BY_TOKEN)
_JOB = (
    sa.select(
        Heartbeat.task_id, Heartbeat.team_id, Heartbeat.running_run_id, Task.name, Task.version_id, Task.paused_at
    )
    .join(Task, Task.id == Heartbeat.task_id)
    .where(_BY_TOKEN)
    .with_for_update(of=Heartbeat)
)
_SECRETS = (
    sa.select(Secret.name, Secret.sealed, Secret.version, Team.data_key)
    .join(Team, Team.id == Secret.team_id)
    .where(Secret.team_id == sa.bindparam("team"))
)
_SCHEDULES = sa.select(*PLAN, Schedule.decided_until).where(
    Schedule.task_id == sa.bindparam("task"), Schedule.state == "active"
)
_INTERVALS = _SCHEDULES.where(Schedule.kind == "interval").with_for_update()
_LOG_SO_FAR = sa.select(
    sa.func.max(LogChunk.first + LogChunk.count - 1).label("last"), sa.func.sum(LogChunk.size_bytes).label("size")
).where(LogChunk.run_id == sa.bindparam("run"))
_now = partial(sa.bindparam, "now", type_=Run.not_before.type)
_OVERDUE = (
    sa.select(
        Run.id, Run.state, Run.version_id, Run.planned_at, Run.not_before, Run.stop_mode, Run.stop_reason, Task.name,
        Task.paused_at,
    )
    .join(Task, Task.id == Run.task_id)
    .where(
        IS_ACTIVE,
        Run.lane == pings.LANE,
        sa.or_(
            sa.and_(Run.state == "waiting", Run.reason == "ping", Run.not_before <= _now()),
            sa.and_(Run.state == "running", sa.or_(Run.lease_until <= _now(), Run.stop_mode != "")),
        ),
    )
    .order_by(Run.id)
    .limit(500)
)  # fmt: skip
