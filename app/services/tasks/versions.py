"""The history of a task: its versions, and in words what each changed."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.errors import NotFound
from app.domain import variables
from app.domain.variables import Variable
from app.engines.base import SEVERAL, engines
from app.infra.database import db
from app.models.people import Person
from app.models.tasks import Task, TaskFile, TaskVersion
from app.services.tasks import contracts, mending, order, schedules

SHOWN = 50
_MIB = 1024 * 1024
_CODE = frozenset({"script", "code", "body"})
_MOST_COMPARED = 5000
"""Lines of both versions together that are compared; twenty thousand can take a minute."""
_MOST_SHOWN = 400
_LONGEST_VALUE = 500

_LABELS = {
    "url": "Address",
    "env": "Environment variables",
    "max_bytes": "Largest answer",
    "timeout_seconds": "Time limit",
    "memory_bytes": "Memory",
    "disk_bytes": "Disk",
    "log_bytes": "Log",
    "retry_delay_seconds": "First wait before a retry",
    "retry_cap_seconds": "Longest wait before a retry",
    "grace_seconds": "Grace",
    "misfire": "If missed",
    "misfire_cap": "Made up for at most",
    "overlap": "If still running",
    "overlap_cap": "In line at most",
    "is_idempotent": "May safely run twice",
    "jitter_seconds": "Jitter",
    "spread_seconds": "Spread",
    "flexible_seconds": "May move by",
    "crash_retries": "Retries after a crash",
    "rate_retries": "Retries after “too many requests”",
    "retry_budget": "Retries an hour at most",
    "pause_after": "Paused after failures in a row",
    "quarantine_after": "Quarantined after crashes in a row",
    "priority": "Priority",
    "pool": "Pool",
    "max_running": "At once at most",
    "start_alert_seconds": "Told when not started after",
    "finish_alert_seconds": "Told when not finished after",
    "alert_after": "Told after failures in a row",
    "is_slow_told": "Told when much longer than usual",
    "min_isolation": "Isolation at least",
    "is_optional": "Optional",
    "condition": "Only if",
    "contract": "What must be true afterwards",
    "repair": "An agent may repair",
    "after": "Runs after others",
}


@dataclass(frozen=True)
class Change:
    """One thing that differs: in words, and for code the lines of a unified diff."""

    label: str
    before: str
    after: str
    diff: Sequence[str] = ()


@dataclass(frozen=True)
class Version:
    """One version with what it changed of the one before; none for the first."""

    number: int
    author: str
    created_at: datetime
    changes: Sequence[Change]


def history(task: Task) -> list[Version]:
    """Return the newest versions of a task, the newest first."""
    query = (
        sa.select(TaskVersion.number, TaskVersion.definition, TaskVersion.created_at, Person.name)
        .outerjoin(Person, Person.id == TaskVersion.author_id)
        .where(TaskVersion.task_id == task.id)
        .order_by(TaskVersion.number.desc())
        .limit(SHOWN + 1)
    )
    rows = db.session.execute(query).all()
    names = dict(db.session.execute(sa.select(TaskFile.id, TaskFile.name).where(TaskFile.task_id == task.id)).all())
    tasks = order.names(task.team_id, *(row.definition for row in rows))
    found = []
    for row, older in zip(rows, [*rows[1:], None], strict=True):
        changes = compare(older.definition, row.definition, names, tasks) if older else []
        found.append(Version(row.number, row.name or "", row.created_at, changes))
    return found[:SHOWN]


def find(task: Task, number: int) -> TaskVersion:
    """Return one version of a task, with its author. Raises NotFound."""
    query = sa.select(TaskVersion).where(TaskVersion.task_id == task.id, TaskVersion.number == number)
    version = db.session.scalar(query.options(joinedload(TaskVersion.author)))
    if version is None:
        raise NotFound
    return version


def compare(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    files: Mapping[int, str] | None = None,
    tasks: Mapping[int, str] | None = None,
) -> list[Change]:
    """Say what differs between two definitions; `files` and `tasks` name the files and other tasks by id."""
    old, new = (_flat(one, files or {}) | order.said(one, tasks or {}) for one in (before, after))
    changes = []
    for name in dict.fromkeys([*new, *old]):
        was, now = old.get(name, ""), new.get(name, "")
        if was != now:
            diff = _diff(was, now) if _is_code(name, was, now) else ()
            changes.append(Change(_label(name), _cut(was), _cut(now), diff))
    return changes


def _flat(definition: Mapping[str, Any], files: Mapping[int, str]) -> dict[str, str]:
    engine = definition["engine"]
    said = {
        "name": definition["name"],
        "schedule": schedules.words(definition["schedules"]),
        "type": _type(engine),
        "files": ", ".join(files.get(file, f"file {file}") for file in definition["files"]),
        "min_isolation": f"level {definition['min_isolation']}",
        "contract": "; ".join(contracts.words(definition.get("contract", ()))),
        "repair": mending.in_words(definition.get("repair") or {}),
    }
    for place in ("settings", "limits", "policy"):
        said |= {name: _said(name, value) for name, value in definition[place].items()}
    return said | _of_variables(variables.all_of(definition)) | _of_steps(definition.get("steps") or ())


def _of_variables(drafts: Sequence[Variable]) -> dict[str, str]:
    """Return the fields of variables that say something, each with the name of its variable before its own."""
    said = {"variables": ", ".join(one.name for one in drafts)} if drafts else {}
    for one in drafts:
        own = {name: _said("", getattr(one, name)) for name in ("value", "label", "help", "url", "path")}
        own |= {"kind": variables.KINDS.get(one.kind, one.kind), "choices": ", ".join(one.options)}
        own["needed"] = _said("", one.is_required)
        said |= {f"Variable {one.name}: {name}": text for name, text in own.items()}
    return said


def _of_steps(steps: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the fields of steps, each with the name of its step and a colon before its own."""
    said = {"steps": ", then ".join(step["name"] for step in steps)} if steps else {}
    for step in steps:
        own = {"type": _type(step["engine"])}
        own |= {name: _said(name, value) for name, value in step.items() if name not in {"name", "engine", "settings"}}
        own |= {name: _said(name, value) for name, value in step["settings"].items()}
        said |= {f"{step['name']}: {name}": text for name, text in own.items()}
    return said


def _type(engine: str) -> str:
    if engine == SEVERAL:
        return "Several steps"
    return engines[engine].label if engine in engines else engine


def _said(name: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_said(key, one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(_said("", one) for one in value)
    if name.endswith("_bytes"):
        return f"{value / _MIB:g} MiB"
    return (
        _duration(value)
        if name.endswith("_seconds")
        else str(value).replace("_", " " if name in {"misfire", "overlap"} else "_")
    )


def _duration(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _label(name: str) -> str:
    step, _, name = name.rpartition(": ")
    if step:
        return f"{step}: {_label(name)}"
    return _LABELS.get(name) or name.removesuffix("_seconds").replace("_", " ").capitalize()


def _is_code(name: str, was: str, now: str) -> bool:
    return name.rpartition(": ")[2] in _CODE and "\n" in was + now


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _diff(was: str, now: str) -> list[str]:
    before, after = was.splitlines(), now.splitlines()
    if len(before) + len(after) > _MOST_COMPARED:
        return [f"{len(before):,} lines before, {len(after):,} after: too many to compare."]
    lines = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    more = len(lines) - _MOST_SHOWN
    return [*lines[:_MOST_SHOWN], f"… {more:,} more"] if more > 0 else lines
