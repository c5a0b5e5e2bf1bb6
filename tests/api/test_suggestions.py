"""Suggestions for programs: listed, applied, undone, dismissed."""

import pytest
import sqlalchemy as sa

from app.models.tasks import Task
from app.models.teams import Team
from app.services.planning import suggestions
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows
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


@pytest.mark.parametrize("place", ["", "/log", "/log.txt"])
def test_a_program_that_reads_a_run_has_use_of_its_task(ada_program, cid_program, flaky, place):
    with batch() as work:
        work.connection.execute(sa.update(Task).values(seen_at=ago(days=70)))
    cid_program.get(f"/runs/1{place}")
    ada_program.get("/runs")
    assert rows(Task)[0].seen_at < ago(days=69)
    ada_program.get(f"/runs/1{place}")
    assert rows(Task)[0].seen_at > ago(minutes=1)


def test_one_is_dismissed_and_a_stranger_finds_none(ada_program, cid_program, flaky):
    (found,) = ada_program.get("/suggestions").json["items"]
    assert cid_program.get("/suggestions").json["items"] == []
    assert cid_program.post(f"/suggestions/{found['id']}/dismissal").status_code == 404
    assert ada_program.post(f"/suggestions/{found['id']}/dismissal").json["state"] == "dismissed"
