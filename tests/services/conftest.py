"""A team to begin with, inside an application context, and who owns it; files that need another make their own."""

from datetime import UTC, datetime

import pytest
import time_machine

from tests import factories


@pytest.fixture
def team(app):
    with app.app_context():
        yield factories.team()


@pytest.fixture
def actor(team):
    return factories.owner(team)


@pytest.fixture
def stopped(app, monkeypatch):
    """Stops the time of process and database, inside an application context: `stopped(at)` begins, and sets it."""
    with app.app_context(), time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        monkeypatch.setattr("app.infra.database.now", lambda _: datetime.now(UTC))
        yield traveller.move_to


@pytest.fixture
def extract(team):
    return factories.task(team, "extract", label="Extract", retries=0)


@pytest.fixture
def load(team):
    return factories.task(team, "load", label="Load", retries=0)


@pytest.fixture
def report(team):
    return factories.task(team, "report", label="Report", retries=0)
