"""What stands above every page: a restore that nobody has confirmed."""

from datetime import UTC, datetime

import pytest

from app.models.runs import Run
from app.models.tasks import Schedule, Task
from app.services import restoring
from app.services.tasks import restored
from tests import factories
from tests.factories import rows
from tests.web.conftest import put_in

MADE_AT = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)


@pytest.fixture
def slug(app, ada):
    """Ada's team, restored while a task of it had a schedule and a run in the queue."""
    team = ada.actor(app, ada.slug).team_id
    with app.app_context():
        task = factories.task(team, "digest")
        factories.schedule(team, task, "1h")
        factories.run(team, task)
        restoring.settle(MADE_AT)
    restored._unconfirmed.cache_clear()
    yield ada.slug
    restored._unconfirmed.cache_clear()


def test_after_a_restore_every_page_says_so_until_somebody_resumes_all(app, ada, slug):
    for page in ("today", "tasks", "runs"):
        shown = ada.get(f"/t/{slug}/{page}").text
        assert "Restored from a backup (Fri 20 Nov" in shown
        assert "1 task is paused" in shown
    with app.app_context():
        assert [(run.state, run.reason) for run in rows(Run)] == [("cancelled", "restored")]
        assert [(task.paused_for, row.state) for task in rows(Task) for row in rows(Schedule)] == [
            ("restore", "paused")
        ]
    assert ada.post(f"/t/{slug}/restored").status_code == 303
    assert "Restored from" not in ada.get(f"/t/{slug}/today").text
    with app.app_context():
        assert [(task.paused_at, row.state) for task in rows(Task) for row in rows(Schedule)] == [(None, "active")]
        assert "queued" not in {run.state for run in rows(Run)}


def test_who_may_not_change_tasks_sees_it_and_can_not_resume(app, cid, ada, slug):
    put_in(app, cid, slug, "viewer")
    assert "disabled" in cid.get(f"/t/{slug}/today").text.partition("Restored from")[2].partition("Resume all")[0]
    assert cid.post(f"/t/{slug}/restored").status_code == 403


def test_another_teams_restore_is_not_there(ben, slug):
    assert ben.post(f"/t/{slug}/restored").status_code == 404
    assert "Restored from" not in ben.get(f"/t/{ben.slug}/today").text
