"""Why a run failed: what was stored of it, with the line of its log that tells most. A helper."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.domain import evidence
from app.domain.evidence import Evidence, Line
from app.domain.failures import Failure
from app.engines.base import SEVERAL
from app.models.runs import Attempt, LogChunk, Run, Step
from app.models.tasks import TaskVersion

_MOST_BYTES = 256 * 1024
"""So much of the end of a log is read."""

_MOST_CHUNKS = 64


@dataclass(frozen=True)
class Told:
    """A failure, and the line of the log that tells most of it, if one does."""

    failure: Failure
    evidence: Evidence | None


def of_run(connection: Any, run_id: int) -> Told | None:
    """Return why a run failed, None for one that is not there. Reads a bounded part of the end of its log."""
    query = sa.select(Run.reason, Run.sentence, Run.facts, Run.task_id, TaskVersion.definition)
    row = connection.execute(query.join(TaskVersion, TaskVersion.id == Run.version_id).where(Run.id == run_id)).first()
    if row is None:
        return None
    last = sa.select(Attempt.id, Attempt.error_class).where(Attempt.run_id == run_id).order_by(Attempt.token.desc())
    attempt = connection.execute(last.limit(1)).first()
    found = evidence.find(_end(connection, run_id), row.sentence)
    engine = row.definition["engine"]
    step = _last_step(connection, attempt.id) if attempt and engine == SEVERAL else ""
    part = next((one for one in row.definition.get("steps") or () if one["name"] == step), None)
    failure = Failure(
        row.reason, attempt.error_class if attempt else "", row.sentence, part["engine"] if part else engine,
        step if part else "", found.text if found else "", row.facts.get("exit_code"), row.task_id,
    )  # fmt: skip
    return Told(failure, found)


def _last_step(connection: Any, attempt_id: int) -> str:
    query = sa.select(Step.name).where(Step.attempt_id == attempt_id, Step.state.not_in(("succeeded", "skipped")))
    name: str | None = connection.execute(query.order_by(Step.position.desc()).limit(1)).scalar()
    return name or ""


def _end(connection: Any, run_id: int) -> Sequence[Line]:
    sizes = sa.select(LogChunk.first, LogChunk.count, LogChunk.size_bytes).where(LogChunk.run_id == run_id)
    lines = size = 0
    first = None
    for chunk in connection.execute(sizes.order_by(LogChunk.first.desc()).limit(_MOST_CHUNKS)):
        if first is not None and (lines >= evidence.LINES or size + chunk.size_bytes > _MOST_BYTES):
            break
        first, lines, size = chunk.first, lines + chunk.count, size + chunk.size_bytes
    if first is None:
        return ()
    query = sa.select(LogChunk.first, LogChunk.lines).where(LogChunk.run_id == run_id, LogChunk.first >= first)
    return [
        Line(chunk.first + offset, level, text)
        for chunk in connection.execute(query.order_by(LogChunk.first))
        for offset, (_, level, text) in enumerate(chunk.lines)
    ]
