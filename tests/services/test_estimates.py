"""What is learned from runs that have ended: each once, rehearsals not, and read anew when it has changed."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.infra import database
from app.models.runs import Event, Run
from app.services import estimates
from app.services.estimates import Subject
from app.services.unit import batch
from tests import factories
from tests.factories import ago


@pytest.fixture
def probe(team):
    return factories.task(team)


def ended(team, task_id, seconds, state="succeeded", **values):
    """A run that has ended a minute ago, and the event that says so."""
    began = ago(minutes=5)
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
        found = estimates.of(connection, team, [Subject(agent, "agent"), Subject(probe, "http")], ago())
    assert found[agent].cost_micros == pytest.approx(80_000, rel=0.1)
    assert (found[probe].cost_micros, found[probe].tokens) == (None, None)
