"""Before a rehearsal: each thing the task needs is looked at, and what is not there is said, all at once."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.domain.expressions import ExpressionError
from app.engines.base import SEVERAL, Cancellation, LogWritten, RunRequest, StepStarted, engines
from app.infra import fetch, sandbox
from app.infra.addresses import Failure
from app.services.execution.claims import Definition
from app.services.execution.inputs import filled
from app.services.execution.provisions import Provisions
from app.services.execution.recorder import Recorder

STEP = "Preflight"
"""The part of a rehearsal in which what the task needs is looked at."""

SECONDS = 5.0
"""For one host to answer."""

MOST_HOSTS = 20


@dataclass(frozen=True)
class Need:
    """One thing that the task needs: whether it is there, and what was seen."""

    name: str
    is_there: bool
    said: str


def look(
    recorder: Recorder, given: Provisions, base: RunRequest, context: Mapping[str, Any], cancellation: Cancellation
) -> None:
    """Show what the task needs and whether it is there; what is missing stops nothing, so that all is heard of.

    Once the run is to stop nobody else is asked.
    """
    task = recorder.held.definition
    assert task
    recorder.emit(StepStarted(STEP))
    found = list(_needs(task, given, base, context, cancellation))
    for one in found:
        recorder.emit(LogWritten(f"{one.name}: {one.said}", "info" if one.is_there else "error"))
    missing = [one.name for one in found if not one.is_there]
    there = f"{len(found)} of {len(found)} there" if found else "Needs nothing"
    detail = f"Missing: {', '.join(missing)}" if missing else there
    recorder.end_step(STEP, "failed" if missing else "succeeded", detail)


def _needs(
    task: Definition, given: Provisions, base: RunRequest, context: Mapping[str, Any], cancellation: Cancellation
) -> Iterator[Need]:
    # Without its secrets, models or files no attempt gets this far.
    yield from (Need(f"Secret {name}", True, "set") for name in sorted(given.secrets))
    yield from (Need(f"Model {model.name}", True, "configured") for model in given.models.values())
    for name, path in base.files.items():
        yield Need(f"File {name}", path.exists(), "kept" if path.exists() else "its content is gone; add it again")
    parts = [(one["engine"], one["settings"]) for one in task.steps] or [(task.engine, task.settings)]
    if any(engine in engines and engines[engine].lane == "code" for engine, _ in parts):
        yield _isolation(base.min_isolation)
    for engine in sorted({engine for engine, _ in parts} - {SEVERAL}):
        if engine not in engines:
            yield Need(f"Engine {engine}", False, "not installed")
    with suppress(fetch.Stopped):
        yield from (_host(origin, cancellation) for origin in _origins(parts, given, context))


def _isolation(wanted: int) -> Need:
    if not sandbox.can_run():
        return Need("Isolation", False, sandbox.NO_SANDBOX)
    level = sandbox.level()
    return Need("Isolation", level >= wanted, f"level {level} here, {wanted} wanted")


def _origins(parts: list[tuple[str, Mapping[str, Any]]], given: Provisions, context: Mapping[str, Any]) -> list[str]:
    """Return the servers that are asked, as far as their addresses are known before anything has run."""
    found: dict[str, None] = {}
    for engine, settings in parts:
        if engine != "http":
            continue
        try:
            url = str(filled(engine, settings, context, given.secrets).get("url", ""))
        except (ExpressionError, ValueError):
            continue  # made of what a step before it answers
        there = urlsplit(url)
        if there.netloc:
            found[f"{there.scheme}://{there.netloc.rpartition('@')[2]}/"] = None
    for model in given.models.values():
        if model.base_url:
            there = urlsplit(model.base_url)
            found[f"{there.scheme}://{there.netloc}/"] = None
    return list(found)[:MOST_HOSTS]


def _host(origin: str, cancellation: Cancellation) -> Need:
    """Ask a server for the head of its first page: whatever it answers, it can be reached. Raises Stopped."""
    name = f"Host {urlsplit(origin).netloc}"
    call = fetch.Call(fetch.Request("HEAD", origin, timeout_seconds=SECONDS, redirects=0))
    cancellation.on_now(call.stop)
    try:
        answer = call.answer()
    except Failure as failure:
        return Need(name, False, failure.message)
    return Need(name, True, f"answers ({answer.status})")
