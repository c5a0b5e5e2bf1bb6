"""Carrying out one claimed attempt: prepare what the engine gets, run it, store how it ended."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from app.core.errors import CarillonError, NoSpace
from app.domain import money, outside, reporting
from app.domain.redaction import Redactor
from app.domain.reporting import Order
from app.engines.base import (
    SEVERAL,
    AsyncEngine,
    Cancellation,
    CheckpointReached,
    Limits,
    LogWritten,
    Outcome,
    RunRequest,
    engines,
)
from app.infra import database, disk
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.infra.workspace import clear
from app.infra.writer import Writer
from app.services import counting
from app.services.execution import (
    checkpoints,
    contract,
    inputs,
    mending,
    preflight,
    provisions,
    rehearsing,
    repairing,
    steps,
)
from app.services.execution.calls import broken, call, call_async, insist
from app.services.execution.checkpoints import CheckpointKeeper
from app.services.execution.claims import Claim
from app.services.execution.flow import Flow
from app.services.execution.inputs import Inputs, Unfillable
from app.services.execution.outcomes import STOPPED, LogBatch, Stale, StepRow, finish, record
from app.services.execution.provisions import Provisions
from app.services.execution.recorder import Recorder
from app.services.execution.showing import kept
from app.services.unit import Work

log = structlog.get_logger()

_LIMITS = {one.name for one in fields(Limits)}

_checking = ThreadPoolExecutor(16, thread_name_prefix="check")
"""Where contracts are checked: pages and models are waited for, which the loop's own few threads must not."""


@dataclass(frozen=True)
class Tools:
    """What a worker lends to its runs; `report` looks up what one of a run is to tell (services/insights/reports)."""

    writer: Writer[Work]
    vault: Vault
    storage: Storage
    workspaces: Path
    on_news: Callable[[Recorder], None]
    report: Callable[[int, datetime], Order | Outcome] | None = None


@dataclass(frozen=True)
class _Begun:
    """An attempt that is ready for its engine or its steps, or the outcome that keeps it from that."""

    held: Claim
    tools: Tools
    recorder: Recorder
    workspace: Path
    work: RunRequest | Flow | Outcome
    context: Mapping[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)


def perform(held: Claim, tools: Tools, cancellation: Cancellation) -> None:
    """Carry out a claimed attempt to its end. What it shows meanwhile is stored by `flush`."""
    begun = _begin(held, tools, cancellation)
    try:
        _end(begun, _worked(begun, cancellation), cancellation)
    except Stale:
        _refused(held, tools.writer)
    finally:
        clear(begun.workspace)


def _worked(begun: _Begun, cancellation: Cancellation) -> Outcome:
    assert begun.held.definition
    match begun.work:
        case Flow():
            return steps.carry_out(begun.work)
        case RunRequest():
            recorder = begun.recorder
            return call(begun.held.definition.engine, begun.work, recorder, recorder.emit, cancellation)
    return begun.work


def is_async(held: Claim) -> bool:
    """Whether the attempt is one for `perform_async`."""
    assert held.definition
    return held.definition.engine in engines and isinstance(engines[held.definition.engine], AsyncEngine)


async def perform_async(held: Claim, tools: Tools, cancellation: Cancellation) -> None:
    """Do as `perform`, without a thread while the engine waits; what blocks goes to the loop's own few."""
    assert held.definition
    begun = await asyncio.to_thread(_begin, held, tools, cancellation)
    try:
        outcome = begun.work
        assert not isinstance(outcome, Flow)
        if isinstance(outcome, RunRequest):
            outcome = await call_async(held.definition.engine, outcome, begun.recorder, cancellation)
        pool = _checking if held.definition.contract else None
        await asyncio.get_running_loop().run_in_executor(pool, _end, begun, outcome, cancellation)
    except Stale:
        _refused(held, tools.writer)
    finally:
        await asyncio.to_thread(clear, begun.workspace)


def flush(recorders: Iterable[Recorder], writer: Writer[Work]) -> bool:
    """Store what attempts have shown so far, all in one transaction; stale ones are left to their leases.

    Returns False when the database is away: then it is all kept for the next time.
    """
    started: list[tuple[Recorder, list[StepRow], list[LogBatch], Future[None]]] = []
    for recorder in recorders:
        recorder.storing.acquire()
        steps, logs = recorder.take()
        if not steps and not logs:
            recorder.storing.release()
            continue
        shown: dict[str, Any] = {"isolation": recorder.isolation, "cost_micros": recorder.cost_micros}
        change = partial(record, held=recorder.held, steps=steps, logs=logs, **shown)
        started.append((recorder, steps, logs, writer.submit(change)))
    is_here = True
    for recorder, steps, logs, stored in started:
        try:
            stored.result()
        except Stale:
            _refused(recorder.held, writer)
        except database.Away:
            recorder.give_back(steps, logs)
            is_here = False
        except Exception:
            log.exception("news_not_stored", run=recorder.held.run_id)
        finally:
            recorder.storing.release()
    return is_here


def _refused(held: Claim, writer: Writer[Work]) -> None:
    """Say and count that a late write was refused: another attempt holds the run."""
    log.warning("stale_token", run=held.run_id, token=held.token)
    writer.submit(partial(counting.count, name="writes_refused"))


def _begin(held: Claim, tools: Tools, cancellation: Cancellation) -> _Begun:
    assert held.definition
    try:
        given = insist(partial(provisions.gather, held, tools.vault))
    except database.Away:
        given = provisions.DATABASE_AWAY
    secrets = given.in_clear if isinstance(given, Provisions) else ()
    keeper = CheckpointKeeper(held, tools.storage, tools.writer)

    def keep(reached: CheckpointReached, cost_micros: int | None) -> None:
        flush([recorder], tools.writer)  # what was done up to a checkpoint is on record before it
        keeper.keep(reached, cost_micros)

    recorder = Recorder(held, Redactor(secrets), tools.on_news, keep)
    workspace = tools.workspaces / f"run-{held.run_id}-{held.token}"
    try:
        if isinstance(given, Outcome):
            return _Begun(held, tools, recorder, workspace, given)
        named = insist(partial(inputs.gather, held, tools.writer, cancellation))
        for note in named.notes:
            recorder.emit(LogWritten(note, "warn"))
        work = insist(partial(_work, tools, given, named, keeper, recorder, workspace, cancellation))
    except Unfillable as error:
        recorder.emit(LogWritten(error.outcome.sentence, "error"))
        return _Begun(held, tools, recorder, workspace, error.outcome)
    except (CarillonError, OSError, *database.Away) as error:
        return _Begun(held, tools, recorder, workspace, broken(recorder, held.definition.engine, error))
    return _Begun(held, tools, recorder, workspace, work, named.context)


def _work(
    tools: Tools,
    given: Provisions,
    named: Inputs,
    keeper: CheckpointKeeper,
    recorder: Recorder,
    workspace: Path,
    cancellation: Cancellation,
) -> RunRequest | Flow | Outcome:
    held = recorder.held
    assert held.definition
    task = held.definition
    if task.engine not in engines and task.engine != SEVERAL:
        return Outcome("blocked", "no_engine", f"No engine named {task.engine} is installed.", "permanent")
    kept_before = checkpoints.last(held, tools.storage)
    files = provisions.files(task, held.run_id)
    request = RunRequest(
        run_id=held.run_id,
        attempt=held.attempt,
        idempotency_key=f"carillon-{held.run_id}/run",
        settings=contract.keeping(task.engine, inputs.filled_task(task, named, given.secrets), task, named.context),
        secrets=given.secrets,
        files={name: tools.storage.path(digest) for name, digest in files.items()},
        workspace=workspace,
        limits=Limits(**{name: value for name, value in task.limits.items() if name in _LIMITS}),
        min_isolation=max(task.min_isolation, outside.ISOLATION if named.outside else 0),
        planned_at=held.meant_for.isoformat(),
        is_rehearsal=held.rehearses_at is not None,
        task_name=task.name,
        model=given.model_for(task.engine, task.settings),
        checkpoint=kept_before.checkpoint,
        cost_cap_micros=held.cost_cap_micros,
        spent_micros=kept_before.spent_micros,
        most_micros=held.most_micros,
        variables=named.values,
    )
    if held.most_micros is not None:
        recorder.emit(LogWritten(f"Its budget leaves {money.said(held.most_micros)} for it.", "warn"))
    if request.is_rehearsal:
        preflight.look(recorder, given, request, named.context, cancellation)
    if task.engine == reporting.ENGINE:
        return _with_report(request, held, tools)
    if task.engine != SEVERAL:
        return request
    # What came from outside must not talk an agent into other code.
    repairs = None if named.outside else repairing.begin(recorder, tools.vault, cancellation)
    return Flow(
        request, given, kept_before, keeper, recorder, tools.storage, cancellation, files, named.context, repairs,
        named.outside,
    )  # fmt: skip


def _with_report(request: RunRequest, held: Claim, tools: Tools) -> RunRequest | Outcome:
    assert tools.report
    order = tools.report(held.run_id, held.meant_for)
    return replace(request, inputs={reporting.ENGINE: order}) if isinstance(order, Order) else order


def _in_words(outcome: Outcome, cancellation: Cancellation) -> Outcome:
    if outcome.state != "cancelled":
        return outcome
    reason = cancellation.reason or "person"
    return Outcome("cancelled", reason, STOPPED.get(reason, "Stopped."), facts=outcome.facts)


def _end(begun: _Begun, outcome: Outcome, cancellation: Cancellation) -> None:
    recorder = begun.recorder
    outcome, artifacts, checks = _held(begun, outcome, cancellation)
    if (again := _mended(begun, outcome, checks)) is not None:
        outcome, artifacts, checks = _held(begun, again, cancellation)
    if isinstance(begun.work, Flow):
        outcome = mending.counted(begun.work, outcome)
    if begun.held.rehearses_at:
        outcome = rehearsing.told(outcome, recorder.effects)
    if outcome.reason == "no_space":
        clear(begun.workspace)  # what it wrote may be what fills the disk: how it ended could not be stored
    recorder.close_steps("succeeded" if outcome.state == "succeeded" else outcome.state)
    with recorder.storing:
        rows, logs = recorder.take()
        shown: dict[str, Any] = {"steps": rows, "logs": logs, "artifacts": artifacts, "isolation": recorder.isolation}
        shown |= {"cost_micros": recorder.cost_micros, "checks": checks}
        change = partial(finish, held=begun.held, outcome=outcome, **shown)
        insist(lambda: begun.tools.writer.do(change))


def _held(
    begun: _Begun, outcome: Outcome, cancellation: Cancellation
) -> tuple[Outcome, list[dict[str, Any]], list[dict[str, Any]]]:
    """Keep the files, and hold the contract against what there is; returns the outcome, the files and the checks."""
    recorder, tools = begun.recorder, begun.tools
    outcome = recorder.hide(_for_want_of_room(_in_words(outcome, cancellation)))
    try:
        store = partial(kept, storage=tools.storage, workspace=begun.workspace)
        artifacts = [insist(partial(store, made)) for made in recorder.artifacts]
        artifacts += begun.work.artifacts if isinstance(begun.work, Flow) else []
    except (OSError, NoSpace) as error:
        sentence = f"The run worked, but its files could not be kept: {getattr(error, 'strerror', 'the disk is full')}."
        artifacts, outcome = [], Outcome("failed", "no_space", sentence, "transient", facts=outcome.facts)
    outcome, checks = _held_to_contract(begun, outcome, artifacts, cancellation)
    return outcome, artifacts, checks


def _mended(begun: _Begun, outcome: Outcome, checks: list[dict[str, Any]]) -> Outcome | None:
    """Return how it ends after a repair where the contract is unmet; None where there is none."""
    if not isinstance(begun.work, Flow) or (outcome.state, outcome.reason) != ("unmet", "contract"):
        return None
    return steps.mended(begun.work, [one["evidence"] for one in checks if one["state"] != "met"])


def _held_to_contract(
    begun: _Begun, outcome: Outcome, artifacts: list[dict[str, Any]], cancellation: Cancellation
) -> tuple[Outcome, list[dict[str, Any]]]:
    results = begun.work.results if isinstance(begun.work, Flow) else {}
    ended = contract.Ended(
        begun.recorder, begun.tools.storage, begun.tools.vault, cancellation, outcome, time.monotonic() - begun.began,
        artifacts, results, {**begun.context, "steps": results},
    )  # fmt: skip
    outcome, checks = contract.hold(ended)
    return _in_words(outcome, cancellation), checks


def _for_want_of_room(outcome: Outcome) -> Outcome:
    """Say of an attempt that failed on a full disk that this may be why, whatever the work itself made of it."""
    if outcome.state != "failed" or not disk.is_full(just_now=True):
        return outcome
    sentence = f"The disk was full when it failed: {outcome.sentence}"
    return replace(outcome, reason="no_space", sentence=sentence, error_class="transient")
