"""A lively past for one team: tasks of all kinds over ninety days, as people would have them; always the same one."""

from datetime import UTC, datetime, timedelta
from random import Random

import sqlalchemy as sa

from app.models.runs import Event, Run
from app.models.tasks import Task
from app.models.teams import Team
from app.services.insights import rollups
from app.services.unit import batch
from tests import factories

# Name, engine, model, runs a day, seconds, cost in micros, minutes saved, share that fails and why.
TASKS = (
    ("Competitor watch", "agent", "Sonnet", 4, 90.0, 62_000, 25.0, 0.02, "max_turns"),
    ("Support triage", "agent", "Sonnet", 12, 22.0, 15_000, 6.0, 0.03, "model_busy"),
    ("Support answers", "agent", "Haiku", 12, 11.0, 4_000, 6.0, 0.035, "contract"),
    ("Morning digest", "agent", "Haiku", 1, 240.0, 41_000, 30.0, 0.04, "rate_limited"),
    ("Revenue report", "agent", "Sonnet", 1, 180.0, 73_000, 45.0, 0.05, "contract"),
    ("Price watch", "http", "", 24, 0.6, None, 2.0, 0.01, "http_status"),
    ("Supplier prices", "http", "", 6, 1.4, None, None, 0.02, "http_status"),
    ("Shop front", "http", "", 48, 0.4, None, 0.5, 0.004, "http_status"),
    ("Certificate expiry", "http", "", 1, 2.0, None, 5.0, 0.01, "tls"),
    ("Back up the wiki", "shell", "", 1, 95.0, None, 10.0, 0.03, "exit_code"),
    ("Restore test", "shell", "", 1, 1800.0, None, 20.0, 0.05, "timeout"),
    ("Stock levels", "python", "", 8, 21.0, None, None, 0.01, "exit_code"),
)
WORDS = (
    "Orders",
    "Returns",
    "Visits",
    "Feeds",
    "Mail",
    "Ledger",
    "Rates",
    "Rota",
    "Invoices",
    "Freight",
    "Press",
    "Notes",
)
SLOWER = "Stock levels"
DOES_NOT = {"missed", "blocked", "skipped"}


def fill(team_id, tasks=30, days=90, seed=7):
    """Make tasks with what they have done until now; returns how many runs that are."""
    chance, now, rows = Random(seed), datetime.now(UTC).replace(microsecond=0), []
    for number in range(tasks):
        one = TASKS[number] if number < len(TASKS) else _some(number)
        rows += list(_runs(chance, team_id, _task(team_id, *one[:4], one[6]), one, now, days))
    keep(team_id, rows)
    return len(rows)


def keep(team_id, rows):
    """Store runs that have ended, in the order of their times, each with the event that says so; all are counted."""
    rows.sort(key=lambda row: row["planned_at"])
    with batch() as work:
        first = (work.connection.execute(sa.select(sa.func.max(Run.id))).scalar() or 0) + 1
        for place, row in enumerate(rows, first):
            row |= {"id": place, "number": place}
        work.connection.execute(sa.insert(Run), rows)
        following = sa.update(Team).where(Team.id == team_id).values(next_run_number=first + len(rows))
        work.connection.execute(following)
        at = work.now - timedelta(minutes=1)
        events = [{"kind": row["state"], "team_id": team_id, "run_id": row["id"], "data": {}, "at": at} for row in rows]
        work.connection.execute(sa.insert(Event), events)
    while rollups.count():
        pass


def ended(team_id, task, state, began, seconds=9.0, **values):
    """A run of a task (a row of Task) that a schedule planned, and that began when it should."""
    return {
        "team_id": team_id, "task_id": task.id, "version_id": task.version_id, "key": f"past:{began.isoformat()}",
        "trigger": "schedule", "planned_at": began, "lane": "io", "state": state, "sentence": "What became of it.",
        "started_at": began, "ended_at": began + timedelta(seconds=seconds), "facts": {}, "token": 1, **values,
    }  # fmt: skip


def _some(number):
    name = f"{WORDS[number % len(WORDS)]} {number}"
    return (name, "http", "", 2 + number % 5, 1.0 + number % 7, None, (None, 3.0, 8.0)[number % 3], 0.012, ("http_status", "dns", "timeout")[number % 3])  # fmt: skip


def _task(team_id, name, engine, model, a_day, minutes):
    settings = {"model": model, "prompt": "Look."} if engine == "agent" else None
    slug = name.lower().replace(" ", "-")
    task_id = factories.task(team_id, slug, engine, settings, label=name)
    tags = ["Support"] if name.startswith("Support") else ["Reports"] if engine == "agent" and a_day == 1 else []
    with batch() as work:
        work.connection.execute(sa.update(Task).where(Task.id == task_id).values(minutes_saved=minutes, tags=tags))
    return factories.rows(Task, Task.id == task_id)[0]


def _runs(chance, team_id, task, one, now, days):
    name, _, model, a_day, seconds, cost, _, fails, why = one
    step = timedelta(days=1) / a_day
    at = (now - timedelta(days=days)).replace(minute=0, second=0, hour=9 if a_day < 3 else 0)
    for number in range(int((now - at) / step)):
        planned = at + number * step
        age = (now - planned) / timedelta(days=1)
        is_bad = chance.random() < fails * (12 if name == "Supplier prices" and 20 < age < 23 else 1)
        state = (
            ("timed_out" if why == "timeout" else "unmet" if why == "contract" else "failed") if is_bad else "succeeded"
        )
        state = "missed" if chance.random() < 0.002 else state
        late = chance.expovariate(1 / (25 if planned.hour == 9 else 0.4))
        took = seconds * chance.lognormvariate(0, 0.25) * (1.7 if name == SLOWER and age < 12 else 1)
        began = planned + timedelta(seconds=late)
        did = state not in DOES_NOT
        more = (
            {"started_at": began, "ended_at": began + timedelta(seconds=took)}
            if did
            else {"started_at": None, "ended_at": planned}
        )
        yield ended(
            team_id, task, state, planned, key=f"past:{number}", attempt=1, token=int(did), **more,
            reason={"succeeded": "ok", "missed": "misfire_latest"}.get(state, why),
            cost_micros=round(cost * chance.lognormvariate(0, 0.3)) if cost and did else None,
            facts={"model": model} if model else {},
        )  # fmt: skip
