"""A team to begin with, inside an application context, and who owns it; files that need another make their own."""

import pytest

from tests import factories


@pytest.fixture
def team(app):
    with app.app_context():
        yield factories.team()


@pytest.fixture
def actor(team):
    return factories.owner(team)
