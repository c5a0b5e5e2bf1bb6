"""One call of an engine: what may hold it back, what it answers, and what an error means for the attempt."""

import asyncio
import errno
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog

from app.core.errors import CarillonError
from app.engines.base import AsyncEngine, Cancellation, Emit, Outcome, RunRequest, engines
from app.infra import database
from app.services.execution import gates, provisions
from app.services.execution.outcomes import Stale
from app.services.execution.recorder import Recorder

T = TypeVar("T")

log = structlog.get_logger()


def call(name: str, request: RunRequest, recorder: Recorder, emit: Emit, cancellation: Cancellation) -> Outcome:
    """Let an engine work. Raises Stale alone: whatever else goes wrong is an outcome."""
    held = recorder.held
    try:
        targets = _targets(name, request)
        if held_back := insist(partial(gates.before, held, targets)):
            return held_back
        outcome = engines[name].run(request, emit, cancellation)
        insist(partial(gates.after, held, targets, recorder.hide(outcome)))
    except Exception as error:  # noqa: BLE001 told below
        return broken(recorder, name, error)
    return outcome


async def call_async(name: str, request: RunRequest, recorder: Recorder, cancellation: Cancellation) -> Outcome:
    """Do as `call` with an AsyncEngine, on the loop of the worker."""
    held, engine = recorder.held, engines[name]
    assert isinstance(engine, AsyncEngine)
    try:
        targets = _targets(name, request)
        if held_back := await asyncio.to_thread(insist, partial(gates.before, held, targets)):
            return held_back
        outcome = await engine.run_async(request, recorder.emit, cancellation)
        await asyncio.to_thread(insist, partial(gates.after, held, targets, recorder.hide(outcome)))
    except Exception as error:  # noqa: BLE001 told below
        return broken(recorder, name, error)
    return outcome


def _targets(engine: str, request: RunRequest) -> list[str]:
    """Return what the engine will reach, if it says so: `host:…`, `model:…`."""
    named = getattr(engines[engine], "targets", None)
    return list(named(request)) if named else []


def broken(recorder: Recorder, engine: str, error: Exception) -> Outcome:
    """Return what an error means for the attempt; that it is not ours any more is no outcome. Raises Stale."""
    if isinstance(error, Stale):
        raise error
    if isinstance(error, CarillonError):
        return Outcome("failed", "engine", error.message, "permanent")
    if isinstance(error, database.Away):
        return provisions.DATABASE_AWAY
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Outcome("failed", "no_space", "The disk is full: the run could not begin.", "transient")
    log.error("engine_error", run=recorder.held.run_id, engine=engine, exc_info=error)
    return Outcome("failed", "engine_error", f"Carillon's {engine} engine broke: {error!r}.", "transient")


def insist(ask: Callable[[], T]) -> T:
    """Ask or write something even if the database is away for a while; the lease decides when it is too late."""
    for pause_seconds in (0.2, 0.5, 1, 2, 4, 8, 16):
        try:
            return ask()
        except database.Away:
            log.warning("outcome_waits_for_database")
            time.sleep(pause_seconds)
    return ask()
