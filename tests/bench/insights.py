"""Insights: how long each answer takes over a million runs, and how fast runs are counted."""

import time
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace

import sqlalchemy as sa

from app.domain.access import Actor
from app.domain.analytics import periods
from app.domain.analytics.answers import QUESTIONS
from app.infra import database
from app.infra.database import db
from app.models.runs import Event, Run
from app.models.tasks import Task
from app.models.teams import Membership, Team
from app.services import insights
from app.services.insights import rollups
from app.services.unit import batch
from tests.bench import history
from tests.bench.ranks import ranks

MODELS = ("Sonnet", "Haiku")
AGENTS = 5
"""So many of the tasks are agents, each run of which has a price."""

DAYS = 180
"""Half of them before the period that is asked about: what got slower is told against them."""

COUNTED = 20_000
TIMES = 20


def measure(here, is_quick):
    runs = 20_000 if is_quick else 1_000_000
    with database.write() as connection:
        tasks = [history._task(connection, here.team, number, datetime.now(UTC)) for number in range(history.TASKS)]
        agents = sa.update(Task).where(Task.id.in_([task[0] for task in tasks[:AGENTS]]))
        connection.execute(agents.values(engine="agent", minutes_saved=5.0))
        connection.execute(sa.update(Team).where(Team.id == here.team).values(hourly_micros=50_000_000))
    fill(here.team, tasks, runs, at_most=2_000 if is_quick else COUNTED)
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE")  # as the database does by itself before long
    counted = count(here.team)
    with database.read() as connection:
        person = connection.execute(sa.select(Membership.person_id).where(Membership.team_id == here.team)).scalar()
    actor = Actor(person, here.team, "owner")
    chosen = periods.last(90, "Europe/Berlin", datetime.now(UTC))
    return {question: ranks([_took(question, actor, chosen) for _ in range(TIMES)]) for question in QUESTIONS} | counted


def _took(question, actor, chosen):
    began = time.perf_counter()
    insights.answer(question, actor, chosen, compares=True)
    db.session.rollback()
    return time.perf_counter() - began


# --- a past that is there and counted


def fill(team, tasks, runs, at_most):
    """Store `runs` runs of tasks over DAYS, counted; the last `at_most` of them are only told, for `count`."""
    chance, now = Random(7), datetime.now(UTC) - timedelta(minutes=5)
    with database.read() as connection:
        first = (connection.execute(sa.select(sa.func.max(Run.id))).scalar() or 0) + 1
    for done in range(0, runs, 20_000):
        some = range(done, min(done + 20_000, runs))
        rows = []
        for number in some:
            task = chance.randrange(len(tasks))
            at = now - timedelta(days=DAYS) * (1 - (number + 1) / runs)
            row = history._run(chance, team, tasks[task], at, number)
            if task < AGENTS and row["started_at"]:
                row |= {"cost_micros": chance.randrange(1000, 90_000), "facts": {"model": MODELS[task % 2]}}
            rows.append({"cost_micros": None} | row | {"id": first + number, "number": 10_000_000 + number})
        told = max(0, min(len(rows), done + len(rows) - (runs - at_most)))
        with batch() as work:
            history._store(work.connection, Run, rows)
            counting = [SimpleNamespace(**row) for row in rows[: len(rows) - told]]
            rollups._store(work, rollups._added(work.connection, counting))
            events = [_event(row) for row in rows[len(rows) - told :]]
            if events:
                work.connection.execute(sa.insert(Event), events)


def _event(row):
    return {"kind": row["state"], "team_id": row["team_id"], "run_id": row["id"], "data": {}, "at": row["ended_at"]}


def count(_team):
    """How fast what was told is counted, and how long one transaction of it holds the writer."""
    began, held, total = time.perf_counter(), [], 0
    while True:
        start = time.perf_counter()
        found = rollups.count()
        held.append(time.perf_counter() - start)
        total += found
        if not found:
            break
    return {"counted_per_s": round(total / (time.perf_counter() - began)), "transaction_ms": ranks(held)}
