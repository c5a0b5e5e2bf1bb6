"""Circuit breakers as rows: shared by all workers of a team, and changed only under the lock of their row."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.core.errors import NotFound
from app.domain import breaker
from app.domain.access import Actor
from app.domain.breaker import Verdict
from app.infra import database
from app.infra.database import db
from app.models.runs import IS_ACTIVE, Run
from app.models.teams import Breaker
from app.services import alerting
from app.services.unit import Work, batch

APART = timedelta(seconds=0.1)
"""Runs that wait for the same target go on so far apart, so that it is not run over when it is back."""

_FARTHEST = timedelta(seconds=60)
_LONGEST_PROBLEM = 300


@dataclass(frozen=True)
class Shut:
    """A target that is left alone until an instant (UTC); while a probe is under way, until about then."""

    target: str
    failures: int
    until: datetime


def states(team_id: int, targets: Sequence[str]) -> set[str]:
    """Return the states of those of these targets that failed lately: one look into a table that is nearly empty."""
    query = sa.select(Breaker.state).where(Breaker.team_id == team_id, Breaker.target.in_(targets))
    with database.read() as connection:
        return set(connection.execute(query).scalars())


def admit(work: Work, team_id: int, run_id: int, targets: Sequence[str]) -> Shut | None:
    """Let a run reach all its targets, as the probe of those that are half open; or say which one is shut.

    Of many that ask at the same moment one becomes the probe.
    """
    found = {target: _without_dead_probe(work, known) for target, known in _locked(work, team_id, targets).items()}
    for target, known in found.items():
        if breaker.is_shut(known, run_id, work.now):
            is_probed = known.state == "half_open" or known.open_until is None
            pause = timedelta(seconds=breaker.FIRST_PAUSE_SECONDS)
            return Shut(target, known.failures, work.now + pause if is_probed else known.open_until or work.now)
    for target, known in found.items():
        _store(work, team_id, target, known, breaker.admitted(known, run_id))
    return None


def note(work: Work, team_id: int, run_id: int, targets: Sequence[str], said: Verdict, problem: str) -> None:
    """Take note of what an attempt told of its targets. One that opens is an alert, which ends when it closes."""
    if said == "failed":
        _add_missing(work, team_id, targets)
    for target, known in _locked(work, team_id, targets).items():
        chance = random.random()  # noqa: S311 spreads the tries of many, guards nothing
        after = breaker.after(known, said, run_id, work.now, chance)
        _store(work, team_id, target, known, after, problem if said == "failed" else None)
        if after.state == "open" and known.state == "closed":
            sentence = _opened(target, after.failures, problem)
            alerting.begin(work, _key(team_id, target), "breaker", sentence, team_id, run_id=run_id)
        elif after.state == "closed" and known.state != "closed":
            _closed(work, team_id, target, f"{_capital(target)} answers again.")
        elif after.state == "half_open" and known.probe == run_id:
            release(work, team_id, most=1)  # the probe told nothing: another one, now


def _opened(target: str, failures: int, problem: str) -> str:
    name = _capital(target)
    if problem.startswith(f"{name} "):
        return f"{problem.rstrip('.')}, {failures} times in a row. Runs that need it wait."
    return f"{name} failed {failures} times in a row, so runs that need it wait. {problem}"


def release(work: Work, team_id: int, most: int = 1000) -> None:
    """Let runs that wait for a target go on now, a little apart from each other."""
    is_held = (IS_ACTIVE, Run.team_id == team_id, Run.state == "waiting", Run.reason == "breaker")
    waiting = work.connection.execute(sa.select(Run.id).where(*is_held).order_by(Run.not_before, Run.id).limit(most))
    for place, run_id in enumerate(waiting.scalars().all()):
        again = work.now + min(APART * place, _FARTHEST)
        work.connection.execute(sa.update(Run).where(Run.id == run_id, *is_held).values(not_before=again))
        work.ring(team_id, run_id)
    work.wake_clock()


def pause_of(work: Work, team_id: int, target: str, seconds: float) -> timedelta:
    """Return how long the next run that needs a target has to wait: so many seconds, and behind those that wait.

    None at all if the target has answered since: who lets the others go on has not seen this one wait.
    """
    known = _locked(work, team_id, [target]).get(target)
    if known is None or known.state == "closed":
        return timedelta()
    is_held = (IS_ACTIVE, Run.team_id == team_id, Run.state == "waiting", Run.reason == "breaker")
    count = work.connection.execute(sa.select(sa.func.count()).select_from(Run).where(*is_held)).scalar_one()
    return timedelta(seconds=seconds) + min(APART * count, _FARTHEST)


# --- what people see of them


@dataclass(frozen=True)
class Line:
    """A target that is left alone: what it is called, how often it failed, why, and until when (UTC).

    `is_probed` says that a run tries it right now.
    """

    target: str
    name: str
    state: str
    failures: int
    problem: str
    open_until: datetime | None
    changed_at: datetime
    is_probed: bool


def listing(actor: Actor) -> list[Line]:
    """Return the targets that runs of the team leave alone, by name."""
    query = sa.select(Breaker).where(Breaker.team_id == actor.team_id, Breaker.state != "closed")
    rows = db.session.scalars(query.order_by(Breaker.target)).all()
    return [
        Line(
            row.target, breaker.name(row.target), row.state, row.failures, row.problem, row.open_until, row.changed_at,
            row.probe_run_id is not None,
        )
        for row in rows
    ]  # fmt: skip


def try_now(actor: Actor, target: str) -> None:
    """Close a breaker: runs that wait for its target go on at once. Raises NotFound for one that is not open."""
    with batch(actor) as work:
        known = _locked(work, actor.team_id, [target]).get(target)
        if known is None or known.state == "closed":
            raise NotFound
        _store(work, actor.team_id, target, known, breaker.Breaker())
        _closed(work, actor.team_id, target, f"Somebody lets runs try {breaker.name(target)} again.")
        work.audit("breaker_closed", target)


# --- rows


def _closed(work: Work, team_id: int, target: str, sentence: str) -> None:
    alerting.end(work, _key(team_id, target), sentence)
    release(work, team_id)


def _locked(work: Work, team_id: int, targets: Sequence[str]) -> dict[str, breaker.Breaker]:
    """Return what is known of these targets, locked until the end of the transaction; in one order everywhere."""
    query = sa.select(Breaker.__table__).where(Breaker.team_id == team_id, Breaker.target.in_(targets))
    rows = work.connection.execute(query.order_by(Breaker.target).with_for_update())
    return {
        row.target: breaker.Breaker(
            row.state, row.failures, row.opened, row.open_until, row.probe_run_id,
            row.changed_at if row.failures else None,
        )
        for row in rows
    }  # fmt: skip


def _without_dead_probe(work: Work, known: breaker.Breaker) -> breaker.Breaker:
    if known.probe is None:
        return known
    query = sa.select(Run.id).where(Run.id == known.probe, Run.state == "running")
    is_alive = work.connection.execute(query).first() is not None
    return known if is_alive else breaker.without_probe(known)


def _add_missing(work: Work, team_id: int, targets: Sequence[str]) -> None:
    insert = postgresql.insert if work.connection.dialect.name == "postgresql" else sqlite.insert
    for target in sorted(targets):
        row = {"team_id": team_id, "target": target, "state": "closed", "changed_at": work.now}
        work.connection.execute(insert(Breaker).values(row).on_conflict_do_nothing())


def _store(
    work: Work, team_id: int, target: str, before: breaker.Breaker, after: breaker.Breaker, problem: str | None = None
) -> None:
    its_row = (Breaker.team_id == team_id, Breaker.target == target)
    if after == breaker.Breaker():
        work.connection.execute(sa.delete(Breaker).where(*its_row))
    elif after != before:
        values: dict[str, Any] = {
            "state": after.state, "failures": after.failures, "opened": after.opened, "open_until": after.open_until,
            "probe_run_id": after.probe, "changed_at": after.changed_at or work.now,
        }  # fmt: skip
        if problem is not None:
            values["problem"] = problem[:_LONGEST_PROBLEM]
        work.connection.execute(sa.update(Breaker).where(*its_row).values(values))
    if after.state != before.state:
        work.ring(team_id)


def _key(team_id: int, target: str) -> str:
    return f"breaker:{team_id}:{target}"


def _capital(target: str) -> str:
    name = breaker.name(target)
    return name if target.startswith("host:") else name[0].upper() + name[1:]
