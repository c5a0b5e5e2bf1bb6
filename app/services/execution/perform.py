"""Carrying out one claimed attempt: prepare what the engine gets, run it, store how it ended."""

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from app.core.errors import CarillonError, Invalid
from app.domain.redaction import Redactor
from app.engines.base import ArtifactMade, Cancellation, Limits, Outcome, RunRequest, engines
from app.infra import database
from app.infra.storage import Storage
from app.infra.vault import Vault, WrongKey
from app.infra.writer import Writer
from app.models.tasks import TaskFile
from app.models.teams import Secret, Team
from app.services.execution.claims import Claim, Definition
from app.services.execution.outcomes import STOPPED, LogBatch, Stale, StepRow, finish, record
from app.services.execution.recorder import Recorder
from app.services.unit import Work

log = structlog.get_logger()

_DATABASE_AWAY = Outcome("failed", "database", "The database was away when it was to begin.", "transient")

_LIMITS = {field.name for field in fields(Limits)}


@dataclass(frozen=True)
class Tools:
    """What a worker lends to its runs."""

    writer: Writer[Work]
    vault: Vault
    storage: Storage
    workspaces: Path
    on_news: Callable[[Recorder], None]


def perform(held: Claim, tools: Tools, cancellation: Cancellation) -> None:
    """Carry out a claimed attempt to its end. What it shows meanwhile is stored by `flush`."""
    workspace = tools.workspaces / f"run-{held.run_id}-{held.token}"
    recorder = Recorder(held, Redactor(()), tools.on_news)
    try:
        secrets, refusal = _secrets(held, tools.vault)
        recorder = Recorder(held, Redactor(secrets.values()), tools.on_news)
        outcome = refusal or _run(held, tools, recorder, secrets, workspace, cancellation)
        _finish(held, tools, recorder, workspace, recorder.hide(_in_words(outcome, cancellation)))
    except Stale:
        log.warning("stale_token", run=held.run_id, token=held.token)
    finally:
        _clear(workspace)


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
        change = partial(record, held=recorder.held, steps=steps, logs=logs, isolation=recorder.isolation)
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


def _run(
    held: Claim, tools: Tools, recorder: Recorder, secrets: dict[str, str], workspace: Path, cancellation: Cancellation
) -> Outcome:
    assert held.definition
    task = held.definition
    if task.engine not in engines:
        return Outcome("blocked", "no_engine", f"No engine named {task.engine} is installed.", "permanent")
    try:
        request = _request(held, task, tools.storage, secrets, workspace)
        return engines[task.engine].run(request, recorder.emit, cancellation)
    except CarillonError as error:
        return Outcome("failed", "engine", error.message, "permanent")
    except database.Away:
        return _DATABASE_AWAY
    except Exception as error:
        log.exception("engine_error", run=held.run_id, engine=task.engine)
        return Outcome("failed", "engine_error", f"Carillon's {task.engine} engine broke: {error!r}.", "transient")


def _request(held: Claim, task: Definition, storage: Storage, secrets: dict[str, str], workspace: Path) -> RunRequest:
    return RunRequest(
        run_id=held.run_id,
        attempt=held.attempt,
        idempotency_key=f"carillon-{held.run_id}/run",
        settings=task.settings,
        secrets=secrets,
        files=_files(task, storage),
        workspace=workspace,
        limits=Limits(**{name: value for name, value in task.limits.items() if name in _LIMITS}),
        min_isolation=task.min_isolation,
        planned_at=held.planned_at.isoformat(),
        task_name=task.name,
    )


def _in_words(outcome: Outcome, cancellation: Cancellation) -> Outcome:
    if outcome.state != "cancelled":
        return outcome
    reason = cancellation.reason or "person"
    return Outcome("cancelled", reason, STOPPED.get(reason, "Stopped."), facts=outcome.facts)


def _finish(held: Claim, tools: Tools, recorder: Recorder, workspace: Path, outcome: Outcome) -> None:
    try:
        artifacts = [_kept(made, tools.storage, workspace) for made in recorder.artifacts]
    except OSError as error:
        sentence = f"The run worked, but its files could not be kept: {error.strerror}."
        artifacts, outcome = [], Outcome("failed", "no_space", sentence, "transient", facts=outcome.facts)
    recorder.close_steps("succeeded" if outcome.state == "succeeded" else outcome.state)
    with recorder.storing:
        steps, logs = recorder.take()
        shown: dict[str, Any] = {"steps": steps, "logs": logs, "artifacts": artifacts, "isolation": recorder.isolation}
        change = partial(finish, held=held, outcome=outcome, **shown)
        _insist(lambda: tools.writer.do(change))


def _kept(made: ArtifactMade, storage: Storage, workspace: Path) -> dict[str, Any]:
    digest, size = storage.keep_file(made.path, workspace)
    return {"name": made.name, "media_type": made.media_type, "size_bytes": size, "digest": digest}


def _insist(write: Callable[[], Any]) -> None:
    """Store an outcome even if the database is away for a while; the lease decides when it is too late."""
    for pause_seconds in (0.2, 0.5, 1, 2, 4, 8, 16):
        try:
            write()
        except database.Away:
            log.warning("outcome_waits_for_database")
            time.sleep(pause_seconds)
        else:
            return
    write()


def _secret_names(task: Definition) -> list[str]:
    single = task.settings.get("auth_secret")
    return [*(task.settings.get("secrets") or ()), *([single] if single else ())]


def _secrets(held: Claim, vault: Vault) -> tuple[dict[str, str], Outcome | None]:
    """Return the secrets the task names, in clear, or why it can't run without them."""
    assert held.definition
    names = _secret_names(held.definition)
    if not names:
        return {}, None
    wanted = sa.select(Secret.name, Secret.sealed, Secret.version, Team.data_key).join(Team, Team.id == Secret.team_id)
    try:
        with database.read() as connection:
            rows = connection.execute(wanted.where(Secret.team_id == held.team_id, Secret.name.in_(names))).all()
        found = {
            row.name: vault.unseal(row.data_key, row.sealed, Secret.aad_of(held.team_id, row.name, row.version))
            for row in rows
        }
    except WrongKey as error:
        return {}, Outcome("blocked", "wrong_key", error.message, "permanent")
    except database.Away:
        return {}, _DATABASE_AWAY
    if missing := sorted(set(names) - set(found)):
        sentence = f"The secret {missing[0]} does not exist. Set it in Settings, then run again."
        return {}, Outcome("blocked", "no_secret", sentence, "permanent")
    return found, None


def _files(task: Definition, storage: Storage) -> dict[str, Path]:
    if not task.files:
        return {}
    with database.read() as connection:
        rows = connection.execute(
            sa.select(TaskFile.name, TaskFile.digest).where(
                TaskFile.team_id == task.team_id, TaskFile.id.in_(task.files)
            )
        ).all()
    if len(rows) < len(task.files):
        raise Invalid({"files": "A file of this task is gone. Add it again."})
    return {row.name: storage.path(row.digest) for row in rows}


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
