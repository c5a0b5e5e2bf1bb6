"""After a restore: what was under way is ended in words, and nothing is planned until somebody says so."""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.infra import database, redis
from app.models.budgets import BudgetPeriod, ModelReading
from app.models.instance import ALIVE, Clock, Fact, Leader, Worker
from app.models.runs import IS_ACTIVE, Attempt, Backfill, Delivery, Run
from app.models.tasks import Heartbeat, Schedule, Task
from app.services.unit import Work, batch

REASON = "restored"
"""Why runs of that time ended. The tasks are paused for `restore`."""

_FACT = "restore"
_NOTE = "Carillon was restored from a backup of {}. Resume it when nothing else carries this task out."
_UNKNOWN = "Ended: Carillon was restored from a backup of {} while it ran; what it did after that is not known."
_NOT_BEGUN = "Cancelled: it waited when the backup of {} was made, from which Carillon was restored."


@dataclass(frozen=True)
class Restored:
    """What a restore left: how many tasks were paused, how many runs were ended, and what the old Redis still holds."""

    tasks: int
    runs: int
    is_redis_empty: bool


def alive() -> list[str]:
    """Return the names of clocks and workers that were seen on this database lately."""
    with database.read() as connection:
        now = database.now(connection)
        return [
            name
            for table in (Clock, Worker)
            for name in connection.execute(
                sa.select(table.name).where(table.stopped_at.is_(None), table.seen_at > now - ALIVE)
            ).scalars()
        ]


def settle(made_at: datetime) -> Restored:
    """Make a database that was restored from a backup made at `made_at` (UTC) safe to start: all in one transaction.

    Runs that were under way end, and are not started again; tasks pause for `restore`; old clocks and workers, and what
    Redis holds, belong to another epoch.
    """
    said = f"{made_at:%Y-%m-%d %H:%M} UTC"
    with batch() as work:
        runs = _end_runs(work, said)
        tasks = _pause(work, said)
        _forget_processes(work)
        work.connection.execute(sa.delete(Fact).where(Fact.name.in_((_FACT, "redis_epoch"))))
        noted = {"made_at": made_at.isoformat(), "tasks": tasks, "runs": runs}
        epoch = {"epoch": uuid.uuid4().hex}  # Redis has none or another one: it counts as wiped, and is built again
        facts = {_FACT: noted, "redis_epoch": epoch}
        rows = [{"name": name, "value": value, "at": work.now} for name, value in facts.items()]
        work.connection.execute(sa.insert(Fact), rows)
        work.audit("restored", f"backup of {said}", **noted)
    is_empty = False
    with suppress(*redis.Away, OSError):
        redis.empty()
        is_empty = True
    return Restored(tasks, runs, is_empty)


def _end_runs(work: Work, said: str) -> int:
    begun = Run.state.in_(("running", "lost"))
    ended = 0
    for state, sentence, which in (
        ("failed", _UNKNOWN, begun),
        ("cancelled", _NOT_BEGUN, Run.state.in_(("queued", "waiting"))),
    ):
        gone = sa.update(Run).where(IS_ACTIVE, which)
        words: dict[str, Any] = {"state": state, "reason": REASON, "sentence": sentence.format(said)}
        gone = gone.values(words | {"lease_until": None, "not_before": None, "ended_at": work.now})
        for run_id, team_id in work.connection.execute(gone.returning(Run.id, Run.team_id)).all():
            work.tell(state, team_id, run_id, reason=REASON)
            ended += 1
    words = {"state": "lost", "reason": REASON, "sentence": _UNKNOWN.format(said), "ended_at": work.now}
    work.connection.execute(sa.update(Attempt).where(Attempt.state == "running").values(words))
    work.connection.execute(sa.update(Heartbeat).values(running_run_id=None))
    work.connection.execute(sa.update(Backfill).where(Backfill.cancelled_at.is_(None)).values(cancelled_at=work.now))
    work.connection.execute(sa.update(Run).where(Run.reserved_micros.is_not(None)).values(reserved_micros=None))
    work.connection.execute(sa.update(ModelReading).values(reserved_micros=None))
    work.connection.execute(sa.update(BudgetPeriod).values(reserved_micros=0))
    late = {"state": "failed", "next_try_at": None, "problem": "Carillon was restored before it was sent."}
    work.connection.execute(sa.update(Delivery).where(Delivery.state == "waiting").values(late))
    return ended


def _pause(work: Work, said: str) -> int:
    paused = {"paused_at": work.now, "paused_by_id": None, "pause_note": _NOTE.format(said), "paused_for": "restore"}
    some = sa.update(Task).where(Task.paused_at.is_(None), Task.deleted_at.is_(None)).values(paused)
    count = work.connection.execute(some).rowcount
    asleep = sa.update(Task).where(Task.resume_at.is_not(None)).values(resume_at=None)  # none wakes up by itself
    work.connection.execute(asleep)
    still = sa.update(Schedule).where(Schedule.state == "active").values(state="paused", next_fire_at=None)
    work.connection.execute(still)
    return count


def _forget_processes(work: Work) -> None:
    for table in (Clock, Worker):
        work.connection.execute(sa.update(table).where(table.stopped_at.is_(None)).values(stopped_at=work.now))
    work.connection.execute(sa.update(Leader).values(epoch=Leader.epoch + 1, holder="", lease_until=work.now))
