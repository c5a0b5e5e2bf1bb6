"""One run beside another: what each ran with and what became of it, where their logs part, and what they made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.core.errors import NotFound
from app.domain import comparison
from app.domain.access import Actor
from app.domain.comparison import Row, Side
from app.domain.lifecycle import ENDED
from app.domain.parting import Parting, parting
from app.infra.database import db
from app.infra.storage import Storage
from app.models.runs import Artifact, LogChunk, Run
from app.services import runs

MOST_LINES = 2000
"""Lines of a log that are compared."""

_MOST_FILES = 5
_MOST_BYTES = 256 * 1024
_TEXTS = ("text/", "application/json", "application/xml", "application/x-ndjson")
_ANSWER = "answer"


@dataclass(frozen=True)
class Compared:
    """Two runs side by side; left is the one before. `outputs` are what both made as text and differs, by name."""

    left: Run
    right: Run
    sentence: str
    rows: Sequence[Row]
    log: Parting
    outputs: Mapping[str, Parting]
    is_going: bool


def compare(actor: Actor, number: int, other: int, folder: Path) -> Compared:
    """Return run `number` beside run `other`, with what they made from the store in `folder`. Raises NotFound."""
    left, right = runs.find(actor, other).run, runs.find(actor, number).run
    one, two = _side(left), _side(right)
    found = comparison.differences(one, two)
    return Compared(
        left, right, comparison.sentence(found), comparison.rows(one, two, found),
        parting(_lines(left.id), _lines(right.id)), _outputs(left, right, Storage(folder)),
        is_going=not {left.state, right.state} <= ENDED,
    )  # fmt: skip


def _side(run: Run) -> Side:
    last = run.attempts[-1] if run.attempts else None
    isolation = last.isolation if last else {}
    return Side(
        run.task.name, run.version.number, run.state, _asked_by(run), run.planned_at, run.started_at, run.ended_at,
        len(run.attempts) or 1, run.worker, f"level {isolation['level']}" if "level" in isolation else "",
        run.cost_micros, _facts(run), _steps(run),
        {file.name: (file.size_bytes, file.digest) for file in run.artifacts}, run.inputs,
        {one["words"]: one["state"] for one in run.checks}, _model(run), _tools(run), isolation.get("python", ""),
        isolation.get("packages", {}), run.sentence, run.reason,
    )  # fmt: skip


_TRIGGERS = {"schedule": "a schedule", "api": "a program", "upstream": "another task"}


def _asked_by(run: Run) -> str:
    name = run.requested_by.name if run.requested_by else "a person who left"
    return _TRIGGERS.get(run.trigger, name)


def _steps(run: Run) -> dict[str, float]:
    took: dict[str, float] = {}
    for attempt in run.attempts:
        for step in attempt.steps:
            if step.ended_at:
                took[step.name] = took.get(step.name, 0.0) + (step.ended_at - step.started_at).total_seconds()
    return took


def _facts(run: Run) -> dict[str, Any]:
    """Return the facts of a run that are one value each, with what its steps counted."""
    plain = {name: value for name, value in run.facts.items() if not isinstance(value, dict | list)}
    return plain | dict(run.facts.get("counted") or {})


def _settings(run: Run) -> list[Mapping[str, Any]]:
    definition = run.version.definition
    return [one["settings"] for one in definition.get("steps") or ()] or [definition.get("settings") or {}]


def _model(run: Run) -> str:
    """Return the models it asked, as the run tells or its task names them."""
    named = [run.facts.get("model"), *(one.get("model") for one in _settings(run))]
    return ", ".join(dict.fromkeys(name for name in named if name))


def _tools(run: Run) -> str:
    return ", ".join(dict.fromkeys(tool for one in _settings(run) for tool in one.get("tools") or ()))


def _lines(run_id: int) -> list[str]:
    query = sa.select(LogChunk.lines).where(LogChunk.run_id == run_id, LogChunk.first <= MOST_LINES)
    chunks = db.session.scalars(query.order_by(LogChunk.first))
    return [str(line[2]) for chunk in chunks for line in chunk][:MOST_LINES]


# --- what they made


def _outputs(left: Run, right: Run, storage: Storage) -> dict[str, Parting]:
    """Return where the texts part that both made under one name."""
    before = {file.name: file for file in left.artifacts}
    pairs = [(before[file.name], file) for file in right.artifacts if file.name in before]
    changed = [pair for pair in pairs if pair[0].digest != pair[1].digest and _is_text(pair[0]) and _is_text(pair[1])]
    found = {}
    for was, now in changed[:_MOST_FILES]:
        found[now.name] = parting(_text(storage, was).splitlines(), _text(storage, now).splitlines())
    answers = [str(run.facts.get(_ANSWER) or "") for run in (left, right)]
    if answers[0] != answers[1] and all(answers) and f"{_ANSWER}.md" not in found:
        found[_ANSWER] = parting(*(answer.splitlines() for answer in answers))
    return {name: one for name, one in found.items() if one.lines}


def _is_text(file: Artifact) -> bool:
    return file.media_type.startswith(_TEXTS) and file.size_bytes <= _MOST_BYTES


def _text(storage: Storage, file: Artifact) -> str:
    try:
        return storage.path(file.digest).read_bytes().decode("utf-8", "replace")
    except (NotFound, OSError):  # its content is gone
        return ""
