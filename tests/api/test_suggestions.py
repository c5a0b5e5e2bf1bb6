"""Suggestions for programs: listed, applied, undone, dismissed."""

import pytest

from app.models.teams import Team
from app.services.planning import suggestions
from tests import factories
from tests.factories import rows
from tests.services.test_suggestions import ran

pytestmark = pytest.mark.alike


@pytest.fixture
def flaky(app, ada_program):
    """A task that fails now and then and never tries again."""
    with app.app_context():
        team_id = next(row.id for row in rows(Team) if row.slug == "northgate")
        task_id = factories.task(team_id, "flaky", retries=0)
        ran(team_id, task_id, 20)
        ran(team_id, task_id, 4, "failed", error_class="transient", since_days=5)
        suggestions.find()


def test_one_is_applied_and_undone(ada_program, flaky):
    (found,) = ada_program.get("/suggestions").json["items"]
    assert (found["task"], found["kind"], found["state"]) == ("flaky", "more_retries", "open")
    address = f"/suggestions/{found['id']}"
    applied = ada_program.post(f"{address}/application").json
    assert (applied["state"], applied["version"]) == ("applied", 2)
    assert ada_program.post(f"{address}/dismissal").status_code == 409
    assert ada_program.post(f"{address}/undo").json["state"] == "undone"
    assert ada_program.get("/suggestions").json["items"] == []


def test_one_is_dismissed_and_a_stranger_finds_none(ada_program, cid_program, flaky):
    (found,) = ada_program.get("/suggestions").json["items"]
    assert cid_program.get("/suggestions").json["items"] == []
    assert cid_program.post(f"/suggestions/{found['id']}/dismissal").status_code == 404
    assert ada_program.post(f"/suggestions/{found['id']}/dismissal").json["state"] == "dismissed"
