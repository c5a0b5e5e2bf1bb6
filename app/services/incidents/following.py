"""Incidents as they open, grow and close: made of the runs that ended, each seen once, in their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from app.domain import failures
from app.domain.failures import Failure, Signature
from app.infra import database
from app.models.runs import IS_REAL, Alert, Event, Run
from app.models.tasks import Task
from app.models.telling import Incident, IncidentTask
from app.services import alerting, cursor, evidence
from app.services.unit import Work, batch

log = structlog.get_logger()

FACT = "incidents"
FAILED = frozenset({"failed", "timed_out", "unmet"})
WORKED = frozenset({"succeeded", "degraded"})

_OF_FAILURES = ("failing", "unmet", "paused")
_STANDS, _SILENT = "Its tasks were paused or deleted.", "It was not seen for 30 days."
_MOST, _MOST_ROUNDS = 100, 20
"""So many runs are taken in by one transaction, so that a run that ends waits some hundredths of a second at most."""

_RETURNS = timedelta(days=1)
_STALE = timedelta(days=30)
"""An incident of which nothing was seen for so long is closed: its tasks do not run any more."""


@dataclass
class _Spell:
    """Runs of a task one after the other that worked, or failed by one cause: how many, and the last of them."""

    signature: Signature | None  # None: they worked
    first_at: datetime
    last: Any
    count: int = 1


def follow() -> int:
    """Take in what ended since the last time, up to some thousand runs; returns how many. Any process may call it.

    The place in the events is stored with what was made of them: none is counted twice, whoever dies. What failures
    come from is read before, so that nobody waits for it to write.
    """
    total = 0
    for _ in range(_MOST_ROUNDS):
        count, has_more = _round()
        total += count
        if not has_more:
            break
    return total


def _round() -> tuple[int, bool]:
    with database.read() as connection:
        newest = connection.execute(sa.select(sa.func.max(Event.id))).scalar() or 0
        reached = cursor.reached(connection, FACT)
        if reached == newest:
            return 0, False  # without waiting for the right to write
        upto = cursor.head(connection, database.now(connection), reached)
        runs = [] if reached is None else connection.execute(_ENDED, {"after": reached, "until": upto}).all()
        spells = _spells(connection, runs)
    is_cut = len(runs) == _MOST
    if reached == upto:
        return 0, False
    with batch() as work:
        if cursor.place(work, FACT) != reached:
            return 0, True  # another process has taken them in
        for spell in spells:
            if spell.signature:
                _fails(work, spell, spell.signature)
            else:
                _works(work, spell.last)
        cursor.move(work, FACT, runs[-1].event if is_cut else upto)
    return len(runs), is_cut


def _spells(connection: sa.Connection, runs: Sequence[Any]) -> list[_Spell]:
    """Return runs as the spells of their tasks, in the order in which these began."""
    found: list[_Spell] = []
    latest: dict[int, _Spell] = {}
    for run in runs:
        signature = None if run.kind in WORKED else _signature(connection, run)
        spell = latest.get(run.task_id)
        if spell and (spell.signature and spell.signature.key) == (signature and signature.key):
            spell.signature, spell.last, spell.count = signature, run, spell.count + 1
        else:
            latest[run.task_id] = _Spell(signature, run.at, run)
            found.append(latest[run.task_id])
    return found


def _signature(connection: sa.Connection, run: Any) -> Signature:
    try:
        told = evidence.of_run(connection, run.id)
        failure = told.failure if told else Failure(run.reason, "", run.sentence, run.engine, task=run.task_id)
        return failures.signature(failure)
    except sa.exc.SQLAlchemyError:
        raise
    except Exception:  # what one run has said must not hold up the others
        log.exception("no_signature", run=run.id)
        return Signature(f"{run.reason or 'failed'}-{run.task_id}"[:64], f"{run.name} failed", "")


def close_idle() -> int:
    """Close incidents whose tasks are all paused, gone, or silent for a month; returns how many.

    A task that Carillon itself has paused still waits for somebody: its incident stays open.
    """
    with database.read() as connection:
        is_silent = Incident.last_at < database.now(connection) - _STALE
        idle = sa.select(Incident.id, is_silent).where(Incident.closed_at.is_(None), sa.or_(sa.not_(_ALIVE), is_silent))
        rows = connection.execute(idle.order_by(Incident.id)).all()
    for incident_id, was_silent in rows:
        with batch() as work:
            if was_silent or not _is_alive(work.connection, incident_id):
                _close(work, incident_id, _SILENT if was_silent else _STANDS, work.now)
    return len(rows)


# --- it failed


def _fails(work: Work, spell: _Spell, signature: Signature) -> None:
    run = spell.last
    incident_id = _opened(work, spell, signature)
    for left in _leave(work, run, keep=incident_id):
        if not _is_alive(work.connection, left):
            _close(work, left, "", run.at)  # without a word: it is not over, it goes on otherwise
    values = {"incident": incident_id, "task": run.task_id, "count": spell.count, "at": run.at, "run": run.id}
    if not work.connection.execute(_TOUCHED_AGAIN, values).rowcount:
        work.connection.execute(
            sa.insert(IncidentTask).values(
                incident_id=incident_id, task_id=run.task_id, failures=spell.count, first_at=spell.first_at,
                last_at=run.at, run_id=run.id,
            )
        )  # fmt: skip
    _point(work, run, incident_id)
    work.ring(run.team_id)


def _point(work: Work, run: Any, incident_id: int) -> None:
    """Let what people are told of the task belong to its incident; who was told of another one hears that it is new."""
    for alert in work.connection.execute(_ALERTS, {"task": run.task_id, "text": str(run.task_id), "at": run.at}).all():
        if alert.incident_id in {None, incident_id} or alert.kind == "paused":
            work.connection.execute(_OURS, {"alert": alert.id, "incident": incident_id})
        elif alert.ended_at is None:
            alerting.end(work, alert.key, "")
            sentence = f"{run.name} fails for another reason now: {run.sentence}"
            alerting.begin(work, alert.key, alert.kind, sentence, run.team_id, task_id=run.task_id, run_id=run.id)
            is_new_one = (Alert.key == alert.key, Alert.ended_at.is_(None))
            work.connection.execute(sa.update(Alert).where(*is_new_one).values(incident_id=incident_id))


def _opened(work: Work, spell: _Spell, signature: Signature) -> int:
    """Return the open incident of a signature, a new one if there is none, with these failures counted."""
    run = spell.last
    asked = {"team": run.team_id, "signature": signature.key, "since": run.at - _RETURNS}
    known = work.connection.execute(_KNOWN, asked).first()
    if known is None:  # or it ended only because its tasks failed otherwise for a while
        known = work.connection.execute(_RETURNED, asked).first()
    if known:
        values = {"incident": known.id, "count": spell.count, "at": run.at, "said": run.sentence}
        work.connection.execute(_GROWN, values)
        ident: int = known.id
    else:
        values = {
            "team_id": run.team_id, "signature": signature.key, "cause": signature.cause[:200],
            "target": signature.target[:200], "sentence": run.sentence, "failures": spell.count,
            "opened_at": spell.first_at, "last_at": run.at,
        }  # fmt: skip
        ident = work.connection.execute(sa.insert(Incident).values(values).returning(Incident.id)).scalar_one()
    if known is None or known.closed_at:
        work.tell("incident_opened", run.team_id, run.id, incident=ident)
    return ident


# --- it works again, or fails otherwise


def _works(work: Work, run: Any) -> None:
    for incident_id in _leave(work, run):
        if not _is_alive(work.connection, incident_id):
            _close(work, incident_id, _recovery(work.connection, incident_id, run.name), run.at)


def _leave(work: Work, run: Any, keep: int = 0) -> Sequence[int]:
    """Let the task leave its open incidents but one: it fails otherwise now, or works; returns those it left."""
    left = work.connection.execute(_LEFT, {"task": run.task_id, "keep": keep, "at": run.at})
    return sorted(left.scalars())


def _is_alive(connection: sa.Connection, incident_id: int) -> bool:
    return connection.execute(_LIVES, {"incident": incident_id}).first() is not None


def _close(work: Work, incident_id: int, recovery: str, at: datetime) -> None:
    row = work.connection.execute(
        sa.update(Incident)
        .where(Incident.id == incident_id, Incident.closed_at.is_(None))
        .values(closed_at=at, recovery=recovery[:500])
        .returning(Incident.team_id)
    ).first()
    if row is None:
        return
    work.connection.execute(sa.update(Alert).where(Alert.incident_id == incident_id).values(is_new=True))
    work.tell("incident_closed", row.team_id, None, incident=incident_id)


def _recovery(connection: sa.Connection, incident_id: int, name: str) -> str:
    works = sa.and_(IncidentTask.over_at.is_not(None), Task.failures == 0)
    counts = sa.select(sa.func.count(), sa.func.sum(sa.case((works, 1), else_=0))).select_from(IncidentTask)
    its = counts.join(Task, Task.id == IncidentTask.task_id).where(IncidentTask.incident_id == incident_id)
    count, working = connection.execute(its).one()
    if count == 1:
        return f"{name} works again."
    if count == working:
        return f"All {count} tasks work again, {name} as the last."
    return f"{name} works again. None of the {count} tasks fails by it any more."


def _time(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=Alert.at.type)


_ALIVE = sa.exists().where(
    IncidentTask.incident_id == Incident.id, IncidentTask.over_at.is_(None), IncidentTask.task_id == Task.id,
    sa.or_(Task.paused_at.is_(None), Task.paused_for.in_(("failures", "crashes"))), Task.deleted_at.is_(None),
)  # fmt: skip
_LIVES = sa.select(Incident.id).where(Incident.id == sa.bindparam("incident"), _ALIVE)
_OF_SIGNATURE = (
    sa.select(Incident.id, Incident.closed_at)
    .where(Incident.team_id == sa.bindparam("team"), Incident.signature == sa.bindparam("signature"))
    .order_by(Incident.id.desc())
    .limit(1)
)
_KNOWN = _OF_SIGNATURE.where(Incident.closed_at.is_(None))
_RETURNED = _OF_SIGNATURE.where(Incident.recovery == "", Incident.closed_at > _time("since"))
_GROWN = (
    sa.update(Incident)
    .where(Incident.id == sa.bindparam("incident"))
    .values(
        failures=Incident.failures + sa.bindparam("count"), last_at=_time("at"), sentence=sa.bindparam("said"),
        closed_at=None,
    )
)  # fmt: skip
_TOUCHED_AGAIN = (
    sa.update(IncidentTask)
    .where(IncidentTask.incident_id == sa.bindparam("incident"), IncidentTask.task_id == sa.bindparam("task"))
    .values(
        failures=IncidentTask.failures + sa.bindparam("count"), last_at=_time("at"), run_id=sa.bindparam("run"),
        over_at=None,
    )
)  # fmt: skip
_LEFT = (
    sa.update(IncidentTask)
    .where(IncidentTask.task_id == sa.bindparam("task"), IncidentTask.over_at.is_(None))
    .where(IncidentTask.incident_id != sa.bindparam("keep"))
    .values(over_at=_time("at"))
    .returning(IncidentTask.incident_id)
)
_SEEN = sa.select(Alert.id, Alert.key, Alert.kind, Alert.incident_id, Alert.ended_at).where(Alert.at <= _time("at"))
_TEXT = sa.bindparam("text", type_=sa.String)
_OPEN = (Alert.ended_at.is_(None),)
_ALERTS = sa.union_all(  # each part finds its rows by an index
    _SEEN.where(Alert.key.in_([sa.literal(f"{kind}:") + _TEXT for kind in _OF_FAILURES]), *_OPEN),
    _SEEN.where(
        Alert.ended_at > _time("at"), Alert.task_id == sa.bindparam("task"), Alert.kind.in_(_OF_FAILURES)
    ),
    _SEEN.where(  # a target is left alone since a run of the task failed by it
        Alert.key.between("breaker:", "breaker;"), *_OPEN, Alert.incident_id.is_(None), Alert.kind == "breaker",
        sa.exists().where(Run.id == Alert.run_id, Run.task_id == sa.bindparam("task")),
    ),
)  # fmt: skip
_OURS = (
    sa.update(Alert).where(Alert.id == sa.bindparam("alert")).values(incident_id=sa.bindparam("incident"), is_new=True)
)
_ENDED = (
    sa.select(
        Event.id.label("event"), Event.kind, Event.at, Run.id, Run.team_id, Run.task_id, Run.reason, Run.sentence,
        Task.name, Task.engine,
    )
    .join(Run, Run.id == Event.run_id)
    .join(Task, Task.id == Run.task_id)
    .where(
        Event.id > sa.bindparam("after"), Event.id <= sa.bindparam("until"), Event.kind.in_(sorted(FAILED | WORKED)),
        IS_REAL, Task.deleted_at.is_(None),
    )
    .order_by(Event.id)
    .limit(_MOST)
)  # fmt: skip
