"""Carrying out one claimed attempt: prepare what the engine gets, run it, store how it ended."""

import asyncio
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from app.core.errors import CarillonError
from app.domain.redaction import Redactor
from app.engines.base import (
    ArtifactMade,
    AsyncEngine,
    Cancellation,
    CheckpointReached,
    Limits,
    Outcome,
    RunRequest,
    engines,
)
from app.infra import database
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.infra.writer import Writer
from app.services.execution import checkpoints, gates, provisions
from app.services.execution.checkpoints import CheckpointKeeper
from app.services.execution.claims import Claim, Definition
from app.services.execution.outcomes import STOPPED, LogBatch, Stale, StepRow, finish, record
from app.services.execution.provisions import Provisions
from app.services.execution.recorder import Recorder
from app.services.unit import Work

T = TypeVar("T")

log = structlog.get_logger()

_LIMITS = {field.name for field in fields(Limits)}


@dataclass(frozen=True)
class Tools:
    """What a worker lends to its runs."""

    writer: Writer[Work]
    vault: Vault
    storage: Storage
    workspaces: Path
    on_news: Callable[[Recorder], None]


@dataclass(frozen=True)
class _Begun:
    """An attempt that is ready for its engine: `request`, or the outcome that keeps it from one."""

    held: Claim
    tools: Tools
    recorder: Recorder
    workspace: Path
    request: RunRequest | Outcome


def perform(held: Claim, tools: Tools, cancellation: Cancellation) -> None:
    """Carry out a claimed attempt to its end. What it shows meanwhile is stored by `flush`."""
    begun = _begin(held, tools)
    try:
        outcome = begun.request if isinstance(begun.request, Outcome) else _call(begun, begun.request, cancellation)
        _end(begun, outcome, cancellation)
    except Stale:
        log.warning("stale_token", run=held.run_id, token=held.token)
    finally:
        _clear(begun.workspace)


def is_async(held: Claim) -> bool:
    """Whether the attempt is one for `perform_async`."""
    assert held.definition
    return held.definition.engine in engines and isinstance(engines[held.definition.engine], AsyncEngine)


async def perform_async(held: Claim, tools: Tools, cancellation: Cancellation) -> None:
    """Do as `perform`, without a thread while the engine waits; what blocks goes to the loop's own few."""
    begun = await asyncio.to_thread(_begin, held, tools)
    try:
        outcome = begun.request
        if isinstance(outcome, RunRequest):
            outcome = await _call_async(begun, outcome, cancellation)
        await asyncio.to_thread(_end, begun, outcome, cancellation)
    except Stale:
        log.warning("stale_token", run=held.run_id, token=held.token)
    finally:
        await asyncio.to_thread(_clear, begun.workspace)


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
            log.warning("stale_token", run=recorder.held.run_id, token=recorder.held.token)
        except database.Away:
            recorder.give_back(steps, logs)
            is_here = False
        except Exception:
            log.exception("news_not_stored", run=recorder.held.run_id)
        finally:
            recorder.storing.release()
    return is_here


def _begin(held: Claim, tools: Tools) -> _Begun:
    assert held.definition
    workspace = tools.workspaces / f"run-{held.run_id}-{held.token}"
    given = provisions.gather(held, tools.vault)
    secrets = given.in_clear if isinstance(given, Provisions) else ()
    keeper = CheckpointKeeper(held, tools.storage, tools.writer)

    def keep(reached: CheckpointReached, cost_micros: int | None) -> None:
        flush([recorder], tools.writer)  # what was done up to a checkpoint is on record before it
        keeper.keep(reached, cost_micros)

    recorder = Recorder(held, Redactor(secrets), tools.on_news, keep)
    request = _request(held, held.definition, tools.storage, given, workspace)
    return _Begun(held, tools, recorder, workspace, request)


def _request(
    held: Claim, task: Definition, storage: Storage, given: Provisions | Outcome, workspace: Path
) -> RunRequest | Outcome:
    if task.engine not in engines:
        return Outcome("blocked", "no_engine", f"No engine named {task.engine} is installed.", "permanent")
    if isinstance(given, Outcome):
        return given
    try:
        checkpoint, spent_micros = checkpoints.last(held, storage) if is_async(held) else (None, 0)
        return RunRequest(
            run_id=held.run_id,
            attempt=held.attempt,
            idempotency_key=f"carillon-{held.run_id}/run",
            settings=task.settings,
            secrets=given.secrets,
            files=provisions.files(task, storage),
            workspace=workspace,
            limits=Limits(**{name: value for name, value in task.limits.items() if name in _LIMITS}),
            min_isolation=task.min_isolation,
            planned_at=held.planned_at.isoformat(),
            task_name=task.name,
            model=given.model,
            checkpoint=checkpoint,
            cost_cap_micros=held.cost_cap_micros,
            spent_micros=spent_micros,
        )
    except (CarillonError, *database.Away) as error:
        return _broken(held, task.engine, error)


def _call(begun: _Begun, request: RunRequest, cancellation: Cancellation) -> Outcome:
    assert begun.held.definition
    name = begun.held.definition.engine
    try:
        targets = _targets(name, request)
        if held_back := gates.before(begun.held, targets):
            return held_back
        outcome = engines[name].run(request, begun.recorder.emit, cancellation)
        gates.after(begun.held, targets, outcome)
    except Exception as error:  # noqa: BLE001 told below
        return _broken(begun.held, name, error)
    return outcome


async def _call_async(begun: _Begun, request: RunRequest, cancellation: Cancellation) -> Outcome:
    assert begun.held.definition
    name = begun.held.definition.engine
    engine = engines[name]
    assert isinstance(engine, AsyncEngine)
    try:
        targets = _targets(name, request)
        if held_back := await asyncio.to_thread(gates.before, begun.held, targets):
            return held_back
        outcome = await engine.run_async(request, begun.recorder.emit, cancellation)
        await asyncio.to_thread(gates.after, begun.held, targets, outcome)
    except Exception as error:  # noqa: BLE001 told below
        return _broken(begun.held, name, error)
    return outcome


def _targets(engine: str, request: RunRequest) -> list[str]:
    """Return what the engine will reach, if it says so: `host:…`, `model:…`."""
    named = getattr(engines[engine], "targets", None)
    return list(named(request)) if named else []


def _broken(held: Claim, engine: str, error: Exception) -> Outcome:
    """Return what an error means for the attempt; that it is not ours any more is no outcome."""
    if isinstance(error, Stale):
        raise error
    if isinstance(error, CarillonError):
        return Outcome("failed", "engine", error.message, "permanent")
    if isinstance(error, database.Away):
        return provisions.DATABASE_AWAY
    log.error("engine_error", run=held.run_id, engine=engine, exc_info=error)
    return Outcome("failed", "engine_error", f"Carillon's {engine} engine broke: {error!r}.", "transient")


def _in_words(outcome: Outcome, cancellation: Cancellation) -> Outcome:
    if outcome.state != "cancelled":
        return outcome
    reason = cancellation.reason or "person"
    return Outcome("cancelled", reason, STOPPED.get(reason, "Stopped."), facts=outcome.facts)


def _end(begun: _Begun, outcome: Outcome, cancellation: Cancellation) -> None:
    recorder, tools = begun.recorder, begun.tools
    outcome = recorder.hide(_in_words(outcome, cancellation))
    try:
        store = partial(_kept, storage=tools.storage, workspace=begun.workspace)
        artifacts = [_insist(partial(store, made)) for made in recorder.artifacts]
    except OSError as error:
        sentence = f"The run worked, but its files could not be kept: {error.strerror}."
        artifacts, outcome = [], Outcome("failed", "no_space", sentence, "transient", facts=outcome.facts)
    recorder.close_steps("succeeded" if outcome.state == "succeeded" else outcome.state)
    with recorder.storing:
        steps, logs = recorder.take()
        shown: dict[str, Any] = {"steps": steps, "logs": logs, "artifacts": artifacts, "isolation": recorder.isolation}
        change = partial(finish, held=begun.held, outcome=outcome, cost_micros=recorder.cost_micros, **shown)
        _insist(lambda: tools.writer.do(change))


def _kept(made: ArtifactMade, storage: Storage, workspace: Path) -> dict[str, Any]:
    digest, size = storage.keep_file(made.path, workspace)
    return {"name": made.name, "media_type": made.media_type, "size_bytes": size, "digest": digest}


def _insist(write: Callable[[], T]) -> T:
    """Store an outcome even if the database is away for a while; the lease decides when it is too late."""
    for pause_seconds in (0.2, 0.5, 1, 2, 4, 8, 16):
        try:
            return write()
        except database.Away:
            log.warning("outcome_waits_for_database")
            time.sleep(pause_seconds)
    return write()


def _clear(workspace: Path) -> None:
    """Remove the workspace, even where the run took the rights to its own folders away."""
    if not workspace.exists():
        return
    pending = [workspace]
    while pending:
        folder = pending.pop()
        folder.chmod(stat.S_IRWXU)
        pending += [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    shutil.rmtree(workspace, ignore_errors=True)
