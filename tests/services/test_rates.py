"""What a minute of a model lets through: agents that ask it together wait for each other, and are told so."""

import pytest
import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain.occurrences import Plan
from app.domain.triggers import Trigger
from app.infra import database
from app.models.instance import Worker
from app.models.runs import Run
from app.models.teams import Model
from app.services import estimates, tasks
from app.services.planning import clashes, loads, waits
from app.services.planning.clashes import About
from app.services.unit import batch
from tests import factories
from tests.factories import ago
from tests.services.test_suggestions import ran


@pytest.fixture
def model(team):
    """A default model that takes 10,000 tokens and 20 requests a minute, and workers with room for all."""
    with batch() as work:
        values = {"team_id": team, "provider": "openai", "model": "x", "test": {}, "name": "Sonnet", "is_default": True,
                  "tokens_per_minute": 10_000, "requests_per_minute": 20}  # fmt: skip
        times = {"created_at": work.now, "changed_at": work.now}
        work.connection.execute(sa.insert(Model).values(values | times))
        here = {"name": "w", "host": "h", "pid": 1, "io_slots": 64, "code_slots": 1, "isolation": {}}
        work.connection.execute(sa.insert(Worker).values(here | {"started_at": ago(hours=1), "seen_at": work.now}))


def agents(team, count, tokens, turns=1):
    """So many agents that start together in an hour, each of which has used so many tokens; returns when."""
    at = ago(hours=-1).replace(second=0, microsecond=0)
    for number in range(count):
        task_id = factories.task(team, f"a{number}", "agent", {"prompt": "x"})
        factories.schedule(team, task_id, f"{at.minute} {at.hour} * * *", "cron")
        facts = {"model": "Sonnet", "turns": turns, "tokens_in": tokens - 100, "tokens_out": 100}
        ran(team, task_id, 3, seconds=5.0, facts=facts)
        learn(team, task_id)
    loads.refresh()
    return at


def learn(team, task_id):
    with batch() as work:
        for run_id in work.connection.execute(sa.select(Run.id).where(Run.task_id == task_id)).scalars():
            work.tell("succeeded", team, run_id)
    with database.write() as connection:
        connection.execute(sa.text("UPDATE events SET at = :at"), {"at": str(ago(minutes=1))})
    estimates.learn()


def of_model(team):
    with database.read() as connection:
        return loads.of(connection, [f"model:{team}:Sonnet"]).get(f"model:{team}:Sonnet")


def test_runs_wait_for_the_tokens_of_a_minute(team, model):
    at = agents(team, 6, tokens=2_500)
    load = of_model(team)
    assert (load.slots, load.starting(at)) == (4, 6)
    assert load.wait(at) == pytest.approx(60, abs=2)


@pytest.mark.alike
def test_runs_wait_for_the_requests_of_a_minute(team, model):
    at = agents(team, 3, tokens=500, turns=10)
    load = of_model(team)
    assert (load.slots, load.starting(at)) == (2, 3)
    assert load.delay(at) == pytest.approx(60, abs=2)


@pytest.mark.alike
def test_the_box_says_so_and_offers_a_quiet_time(team, model):
    at = agents(team, 6, tokens=2_500)
    plan = Plan(Trigger("cron", f"{at.minute} {at.hour} * * *", "UTC"))
    seen = clashes.Look(About(team, engine="agent"), utc_now()).at(plan)
    (clash,) = [one for one in seen.conflicts if one.kind == "rate"]
    assert "the rate of Sonnet lets about 4 of them begin in a minute" in clash.sentence
    assert any(way.shift for way in clash.ways)
    assert any("quieter" in choice.reasons for choice in seen.choices)


@pytest.mark.alike
def test_without_a_rate_or_a_known_need_nothing_waits(team, model):
    with batch() as work:
        work.connection.execute(sa.update(Model).values(tokens_per_minute=None, requests_per_minute=None))
    agents(team, 6, tokens=2_500)
    assert of_model(team) is None


@pytest.mark.alike
def test_how_long_the_next_run_of_a_task_will_wait_is_known(team, model):
    agents(team, 6, tokens=2_500)
    factories.task(team, "by hand", "agent")
    actor = factories.owner(team)
    assert waits.of_task(tasks.find(actor, "a0")) == pytest.approx(60, abs=2)
    assert waits.of_task(tasks.find(actor, "by hand")) is None
