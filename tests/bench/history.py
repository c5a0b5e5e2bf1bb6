"""A long history for one team: runs with attempts, steps and logs, spread evenly over the past; always the same one."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from random import Random

import sqlalchemy as sa

from app.domain.policy import Policy
from app.engines.base import Limits
from app.models.runs import Attempt, LogChunk, Run, Step
from app.models.tasks import Schedule, Task, TaskVersion
from app.models.teams import Team

TASKS = 40
AT_ONCE = 2_000
LONG_LOG = 2_000
"""Lines of the last run's log; the others have a dozen."""

# A state, its share in a thousand, and the reason and words stored with it.
FATES = (
    ("succeeded", 925, "ok", "200 OK, 18 KB."),
    ("failed", 25, "http_status", "The server answered 500."),
    ("timed_out", 5, "timeout", "Its time limit of 20 s ended it."),
    ("cancelled", 5, "person", "Stopped on request."),
    ("skipped", 22, "overlap", "Skipped: the run before it was still going."),
    ("missed", 14, "misfire_latest", "Missed: Carillon was not running then; a later one ran instead."),
    ("blocked", 4, "no_secret", "The secret API_KEY does not exist. Set it in Settings, then run again."),
)
LOGS_DAYS = 90
"""Older runs have lost their logs."""

DID_NOT = {"skipped", "missed", "blocked"}
NAMES = ("Morning digest", "Nightly export", "Price watch", "Backup rotation", "Certificate expiry")


def fill(connection, runs=100_000, team_id=1, days=90, seed=7):
    """Store `runs` runs of TASKS tasks, the last planned now and with a long log; returns its number."""
    chance, now = Random(seed), datetime.now(UTC)
    tasks = [_task(connection, team_id, number, now) for number in range(TASKS)]
    first = connection.execute(sa.select(Team.next_run_number).where(Team.id == team_id)).scalar_one()
    next_id = (connection.execute(sa.select(sa.func.max(Run.id))).scalar() or 0) + 1
    for done in range(0, runs, AT_ONCE):
        some = range(done, min(done + AT_ONCE, runs))
        rows = [
            _run(chance, team_id, tasks[n % TASKS], now - timedelta(days=days) * (1 - (n + 1) / runs), n)
            | {"id": next_id + n, "number": first + n}
            for n in some
        ]
        rows[-1] |= {"state": "succeeded"} if done + AT_ONCE >= runs else {}
        _store(connection, Run, rows)
        since = now - timedelta(days=LOGS_DAYS)
        ran = [row for row in rows if row["state"] not in DID_NOT]
        _store_attempts(connection, ran, since, next_id + runs - 1)
    connection.execute(sa.update(Team).where(Team.id == team_id).values(next_run_number=first + runs))
    return first + runs - 1


def _task(connection, team_id, number, now):
    name = f"{NAMES[number % len(NAMES)]} {number + 1}"
    values = {"team_id": team_id, "slug": f"task-{number + 1}", "name": name, "engine": "http", "version_number": 1}
    times = {"created_at": now - timedelta(days=365), "changed_at": now - timedelta(days=365)}
    task = connection.execute(sa.insert(Task).values(values | times).returning(Task.id)).scalar_one()
    definition = {
        "name": name, "engine": "http", "settings": {"url": "https://status.example/", "method": "GET"}, "limits": asdict(Limits()),
        "policy": asdict(Policy()), "min_isolation": 0, "files": [], "schedules": [],
    }  # fmt: skip
    values = {"team_id": team_id, "task_id": task, "number": 1, "definition": definition, "created_at": now}
    version = connection.execute(sa.insert(TaskVersion).values(values).returning(TaskVersion.id)).scalar_one()
    connection.execute(sa.update(Task).where(Task.id == task).values(version_id=version))
    schedule = {
        "team_id": team_id, "task_id": task, "kind": "interval", "expression": "1h", "timezone": "UTC", "policy": {},
        "anchor_at": now, "state": "paused", "decided_until": now, "created_at": now,
    }  # fmt: skip
    return task, version, connection.execute(sa.insert(Schedule).values(schedule).returning(Schedule.id)).scalar_one()


def _run(chance, team_id, task, planned_at, number):
    state, _, reason, sentence = chance.choices(FATES, [share for _, share, _, _ in FATES])[0]
    started_at = planned_at + timedelta(milliseconds=chance.randint(2, 40))
    ended_at = started_at + timedelta(seconds=chance.lognormvariate(1.5, 0.6))
    ran = state not in DID_NOT
    return {
        "team_id": team_id, "task_id": task[0], "version_id": task[1], "schedule_id": task[2], "key": f"past:{number}",
        "trigger": "schedule", "planned_at": planned_at, "lane": "io", "state": state, "reason": reason,
        "sentence": sentence, "folded_count": 40 if state == "missed" and number % 50 == 0 else 1, "token": int(ran),
        "worker": "north-1" if ran else "", "queued_at": planned_at if ran else None,
        "started_at": started_at if ran else None, "ended_at": ended_at if ran else planned_at, "facts": {},
    }  # fmt: skip


def _store(connection, table, rows):
    """Insert many rows. SQLite's driver gets them as they lie in the file: the mapper would take most of the time."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.insert(table), rows)
        return
    missing = {
        column.name: _default(column) for column in table.__table__.columns if column.default and column.name not in rows[0]
    }  # fmt: skip
    names = [*rows[0], *missing]
    tail = tuple(_as_stored(value) for value in missing.values())
    places = ", ".join("?" * len(names))
    connection.exec_driver_sql(
        f"INSERT INTO {table.__tablename__} ({', '.join(names)}) VALUES ({places})",
        [(*map(_as_stored, row.values()), *tail) for row in rows],
    )


def _default(column):
    return column.default.arg(None) if column.default.is_callable else column.default.arg


def _as_stored(value):
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ", "microseconds")
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def _store_attempts(connection, runs, logs_since, last_id):
    first = (connection.execute(sa.select(sa.func.max(Attempt.id))).scalar() or 0) + 1
    attempts = [
        {
            "id": first + place, "run_id": run["id"], "number": 1, "token": 1, "state": run["state"], "reason": run["reason"],
            "sentence": run["sentence"], "worker": "north-1", "isolation": {}, "started_at": run["started_at"],
            "ended_at": run["ended_at"],
        }
        for place, run in enumerate(runs)
    ]  # fmt: skip
    _store(connection, Attempt, attempts)
    pairs = zip(attempts, runs, strict=True)
    _store(connection, Step, [step for attempt, run in pairs for step in _steps(attempt["id"], run)])
    young = [run for run in runs if run["started_at"] >= logs_since]
    if young:
        _store(connection, LogChunk, [chunk for run in young for chunk in _log(run, run["id"] == last_id)])


def _steps(attempt, run):
    span = run["ended_at"] - run["started_at"]
    for position, (name, start, end) in enumerate(
        (("prepare", 0.0, 0.02), ("run", 0.02, 0.97), ("collect", 0.97, 1.0))
    ):
        yield {
            "attempt_id": attempt, "position": position + 1, "name": name, "state": "succeeded", "detail": "", "facts": {},
            "started_at": run["started_at"] + span * start, "ended_at": run["started_at"] + span * end,
        }  # fmt: skip


def _log(run, is_long):
    lines = LONG_LOG if is_long else 12
    levels = ("info", "info", "debug", "info", "warn", "info", "info", "error")
    for first in range(1, lines + 1, 100):
        some = range(first, min(first + 100, lines + 1))
        content = [[n / 50, levels[n % 8], f"GET /feed/{n % 41} answered 200, {n * 7919 % 4096} bytes"] for n in some]
        yield {
            "run_id": run["id"], "first": first, "count": len(content), "size_bytes": 40 * len(content), "token": 1,
            "at": run["started_at"], "lines": content,
        }  # fmt: skip
