"""What is learned from runs that have ended: each once, rehearsals not, and read anew when it has changed."""

import random
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.infra import database
from app.models.library import TemplateUse
from app.models.planning import Forecast
from app.models.runs import Event, Run
from app.models.teams import Model
from app.services import estimates
from app.services.estimates import Subject
from app.services.unit import batch
from tests import factories
from tests.factories import ago


@pytest.fixture
def probe(team):
    return factories.task(team)


def ended(team, task_id, seconds, state="succeeded", began_before=5, **values):
    """A run that began so many minutes ago and has ended, and the event that says so."""
    began = ago(minutes=began_before)
    run = factories.run(team, task_id, state, started_at=began, ended_at=began + timedelta(seconds=seconds), **values)
    with batch() as work:
        event = {"kind": state, "team_id": team, "run_id": run, "data": {}, "at": ago(minutes=1)}
        work.connection.execute(sa.insert(Event).values(event))
    return run


def usual(team, task_id):
    with database.read() as connection:
        return estimates.of(connection, team, [Subject(task_id, "http")], ago())[task_id]


def test_nothing_is_known_before_anything_has_run(team, probe):
    assert usual(team, probe).typical_seconds is None
    assert estimates.learn() == 0


def test_what_has_ended_is_learned_from_once(team, probe):
    for _ in range(4):
        ended(team, probe, 40.0)
    assert estimates.learn() == 4
    assert usual(team, probe).typical_seconds == pytest.approx(40.0, rel=0.05)
    assert estimates.learn() == 0
    for _ in range(6):
        ended(team, probe, 80.0)
    assert estimates.learn() == 6
    assert usual(team, probe).typical_seconds == pytest.approx(80.0, rel=0.25)


def test_rehearsals_and_what_never_began_teach_nothing(team, probe):
    ended(team, probe, 40.0, rehearses_at=ago())
    run = ended(team, probe, 0.0, state="skipped")
    with batch() as work:
        work.connection.execute(sa.update(Run).where(Run.id == run).values(started_at=None))
    estimates.learn()
    assert usual(team, probe).typical_seconds is None


@pytest.mark.alike
def test_what_may_still_be_written_beside_it_waits(team, probe):
    ended(team, probe, 40.0)
    with batch() as work:
        work.connection.execute(sa.update(Event).values(at=work.now))
    assert estimates.learn() == 0


@pytest.mark.alike
def test_one_run_or_team_that_breaks_our_code_is_told_once_and_the_others_are_learned_from(
    team, probe, monkeypatch, caplog
):
    other = factories.team("other")
    theirs = factories.task(other)
    for where, task_id in ((team, probe), (other, theirs)):
        ended(where, task_id, 40.0)
    estimates.learn()
    with batch() as work:
        work.connection.execute(sa.update(Forecast).where(Forecast.team_id == team).values(state={"a": 1}))
    broken = ended(team, probe, 40.0)
    for where, task_id in ((team, probe), (other, theirs)):
        ended(where, task_id, 40.0)
    learned = estimates._ended
    monkeypatch.setattr(estimates, "_ended", lambda run: 1 / 0 if run.id == broken else learned(run))
    estimates._kept.clear()
    assert (estimates.learn(), estimates.learn()) == (3, 0)
    assert usual(team, probe).typical_seconds == pytest.approx(40.0, rel=0.05)
    assert usual(other, theirs).runs == 2
    told = [record.getMessage() for record in caplog.records]
    assert [sum(word in line for line in told) for word in ("run_not_learned", "estimates_forgotten")] == [1, 1]


def test_the_template_and_the_model_of_a_run_tell_of_others(team):
    """A new task is guessed from those of its template; an agent that is given another model, from runs with that."""
    with batch() as work:
        times = {"created_at": work.now, "changed_at": work.now}
        model = {"team_id": team, "provider": "openai", "model": "x", "test": {}, **times}
        work.connection.execute(sa.insert(Model).values(name="small", is_default=True, **model))
    tasks = [factories.task(team, f"t{number}", "python") for number in range(9)]
    with batch() as work:
        for number, task_id in enumerate(tasks):
            use = {"slug": "probe" if number % 2 else "report", "number": 1, "answers": {}, "created_at": work.now}
            work.connection.execute(sa.insert(TemplateUse).values(task_id=task_id, team_id=team, **use))
    new = tasks.pop()
    for number, task_id in [*enumerate(tasks)] * 3:
        ended(team, task_id, 6.0 if number % 2 else 600.0)
    agent = factories.task(team, "agent", "agent", {"prompt": "x", "model": ""})
    for number, name in enumerate(random.Random(1).choices(("large", "small"), k=30)):
        ended(team, agent, 300.0 if name == "large" else 30.0, began_before=600 - 10 * number, facts={"model": name})
    estimates.learn()
    with database.read() as connection:
        found = estimates.of(connection, team, [Subject(new, "python"), Subject(agent, "agent")], ago())
        large = estimates.of(connection, team, [Subject(agent, "agent", attrs={"model": "large"})], ago())[agent]
    assert found[new].typical_seconds > 200
    assert found[agent].typical_seconds == pytest.approx(30, rel=0.5)
    assert large.typical_seconds == pytest.approx(300, rel=0.5)


@pytest.mark.alike
def test_another_teams_runs_tell_nothing(team, probe):
    other = factories.team("other")
    ended(other, factories.task(other), 40.0)
    assert estimates.learn() == 1
    assert usual(team, probe).typical_seconds is None


@pytest.mark.alike
def test_a_script_costs_nothing_whatever_the_agents_of_the_team_do(team, probe):
    agent = factories.task(team, "asker", "agent")
    for _ in range(3):
        ended(team, agent, 40.0, cost_micros=80_000)
    estimates.learn()
    with database.read() as connection:
        new = [Subject(0, "python"), Subject(-1, "steps")]
        found = estimates.of(connection, team, [Subject(agent, "agent"), Subject(probe, "http"), *new], ago())
    assert [found[one].tokens for one in (0, -1)] == [None, None]
    assert found[agent].cost_micros == pytest.approx(80_000, rel=0.1)
    assert (found[probe].cost_micros, found[probe].tokens) == (None, None)
