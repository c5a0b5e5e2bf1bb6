"""Budgets in the way of a run: what it may cost is reserved when it is claimed, and settled as it costs and ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.domain import budgets
from app.domain.budgets import Admission
from app.models.budgets import Budget
from app.models.runs import IS_TIMED, Run
from app.services import spending
from app.services.execution import aftermath, capacity
from app.services.execution.versions import Definition
from app.services.unit import Work

HAS_BUDGET = sa.exists().where(Budget.team_id == Run.team_id).correlate(Run)
"""Whether the team of a run has any budget or plan, as a column of a statement on runs."""

LOOKS_AGAIN = timedelta(seconds=15)
"""A run whose pot is held by others looks again when one of them ends, and after so long at the latest."""

_LONGEST_CHAIN = 100


@dataclass
class Admitted:
    """Which of the runs just claimed may not go, and what those that a pot keeps below their own cap may spend."""

    held_back: set[int] = field(default_factory=set)
    most_micros: dict[int, int] = field(default_factory=dict)


def admit(work: Work, claimed: Sequence[tuple[Any, Definition]], began_at: datetime) -> Admitted:
    """Reserve what runs just claimed may cost, or let them wait, or end those for which too little is left.

    Exact whoever else claims: all that decide by what pots hold pass singly. `began_at` is the start that this claim
    gave to runs that had none.
    """
    admitted = Admitted()
    if not claimed:
        return admitted
    spending.pass_singly(work)
    rows = spending.of_teams(work.connection, {run.team_id for run, _ in claimed})
    for run, task in sorted(claimed, key=lambda one: (one[0].rank_at or work.now, one[0].id)):
        own = spending.concern(rows, run.team_id, run.task_id)
        admission = _admission(work, run, task, own, is_new=run.started_at == began_at)
        if not admission.sentence:
            _reserve(work, run, own, admission, is_new=run.started_at == began_at)
            if admission.most_micros is not None:
                admitted.most_micros[run.id] = admission.most_micros
            continue
        admitted.held_back.add(run.id)
        if admission.waits:
            _let_wait(work, run, admission, is_new=run.started_at == began_at)
        else:
            _block(work, run, task, own, admission, is_new=run.started_at == began_at)
    return admitted


def _admission(work: Work, run: Any, task: Definition, own: Sequence[Any], *, is_new: bool) -> Admission:
    definition = {"engine": task.engine, "settings": task.settings, "steps": task.steps}
    most = budgets.most(definition | {"repair": task.repair, "contract": task.contract}, run.cost_cap_micros)
    if not own or not (most or any(row.limit_runs is not None for row in own)):
        return Admission()
    spent = _spent(work, run) if most else 0
    known = spending.usual(work.connection, [run.task_id]) if most else {}
    pots = spending.pots(work.connection, own, run.started_at, work)
    return budgets.admit(pots, max(0, most - spent), known.get(run.task_id), is_new=is_new)


def _spent(work: Work, run: Any) -> int:
    """Return what a run and those it goes on from have cost: its cap counts all of that."""
    spent, before, looked_at = run.cost_micros or 0, run.resumes_id, 0
    while before is not None and looked_at < _LONGEST_CHAIN:
        query = sa.select(Run.cost_micros, Run.resumes_id).where(Run.id == before, Run.team_id == run.team_id)
        row = work.connection.execute(query).first()
        spent += (row.cost_micros or 0) if row else 0
        before, looked_at = row.resumes_id if row else None, looked_at + 1
    return spent


def _reserve(work: Work, run: Any, own: Sequence[Any], admission: Admission, *, is_new: bool) -> None:
    spending.move(work, own, run.started_at, reserved=admission.reserved_micros, runs=int(is_new))
    if admission.reserved_micros:
        reserved = admission.reserved_micros
        work.connection.execute(sa.update(Run).where(Run.id == run.id).values(reserved_micros=reserved))


def _let_wait(work: Work, run: Any, admission: Admission, *, is_new: bool) -> None:
    # As for a slot: for everybody else it goes from queued to waiting, under the same token and attempt.
    never = {"started_at": None} if is_new else {}
    work.connection.execute(
        sa.update(Run)
        .where(Run.id == run.id)
        .values(
            state="waiting", reason=admission.reason, sentence=admission.sentence, lease_until=None, worker="",
            token=Run.token - 1, attempt=Run.attempt - 1, not_before=work.now + LOOKS_AGAIN, **never,
        )
    )  # fmt: skip
    work.tell("waiting", run.team_id, run.id, reason=admission.reason)
    work.wake_clock()
    if capacity.has_limit(run):
        capacity.release(work, run.team_id)


def _block(
    work: Work, run: Any, task: Definition, own: Sequence[Any], admission: Admission, *, is_new: bool
) -> None:  # fmt: skip
    """End a run for which too little is left; its schedule goes on."""
    assert admission.pot
    never = {"started_at": None} if is_new else {}
    work.connection.execute(
        sa.update(Run)
        .where(Run.id == run.id)
        .values(
            state="blocked", reason=admission.reason, sentence=admission.sentence, lease_until=None, worker="",
            ended_at=work.now, **never,
        )
    )  # fmt: skip
    work.tell("blocked", run.team_id, run.id, run.token, reason=admission.reason)
    row = next(one for one in own if one.id == admission.pot.id)
    spending.tell_out(work, row, admission.pot, f"{task.name} did not start. {admission.sentence}")
    aftermath.of_run(work, run.id, "blocked", task, is_rehearsal=run.rehearses_at is not None)


# --- while it goes, and when it has ended


def charge(work: Work, run_id: int, token: int, total_micros: int) -> None:
    """Store what a run has cost in all; what it cost more moves from what was reserved to what was spent."""
    found = sa.select(Run.team_id, Run.task_id, Run.started_at, Run.cost_micros, Run.reserved_micros)
    # Locked, for whoever takes the run to be lost meanwhile frees what it had reserved: it must not be freed twice.
    run = work.connection.execute(found.where(Run.id == run_id, Run.token == token).with_for_update()).first()
    if run is None or run.cost_micros == total_micros:
        return
    more = total_micros - (run.cost_micros or 0)
    freed = min(more, run.reserved_micros or 0)
    values: dict[str, Any] = {"cost_micros": total_micros}
    if freed:
        values["reserved_micros"] = run.reserved_micros - freed
    work.connection.execute(sa.update(Run).where(Run.id == run_id, Run.token == token).values(values))
    rows = spending.of_teams(work.connection, [run.team_id])
    own = spending.concern(rows, run.team_id, run.task_id)
    if own and run.started_at:
        spending.move(work, own, run.started_at, spent=more, reserved=-freed)


def settle(work: Work, run_id: int) -> None:
    """Free what an attempt that is over had reserved and did not spend."""
    query = sa.select(Run.team_id, Run.task_id, Run.started_at, Run.reserved_micros)
    is_it = (Run.id == run_id, Run.reserved_micros.is_not(None))
    run = work.connection.execute(query.where(*is_it).with_for_update()).first()
    if run is None:
        return
    work.connection.execute(sa.update(Run).where(Run.id == run_id).values(reserved_micros=None))
    rows = spending.of_teams(work.connection, [run.team_id])
    own = spending.concern(rows, run.team_id, run.task_id)
    if own and run.started_at and run.reserved_micros:
        spending.move(work, own, run.started_at, reserved=-run.reserved_micros)
        _wake(work, run.team_id)


def _wake(work: Work, team_id: int) -> None:
    """Let the team's runs that wait for what others hold look again now; one that somebody moves on is left alone."""
    waits = sa.select(Run.id).where(IS_TIMED, Run.team_id == team_id, Run.reason.in_(("budget", "plan")))
    ids = work.connection.execute(waits.with_for_update(skip_locked=True)).scalars().all()
    if ids:
        work.connection.execute(sa.update(Run).where(Run.id.in_(ids)).values(not_before=work.now))
        work.wake_clock()


def uncount(work: Work, run_id: int) -> None:
    """Take back that a run began: it was held back before it did anything."""
    query = sa.select(Run.team_id, Run.task_id, Run.started_at).where(Run.id == run_id, Run.started_at.is_not(None))
    if run := work.connection.execute(query).first():
        rows = spending.of_teams(work.connection, [run.team_id])
        spending.move(work, spending.concern(rows, run.team_id, run.task_id), run.started_at, runs=-1)
