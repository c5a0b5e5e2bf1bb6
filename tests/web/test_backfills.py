"""A backfill on its pages and over the API."""

import pytest

from app.services import tasks
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from tests import factories
from tests.api.conftest import ada_program, ben_program, cid_program, task
from tests.web.conftest import ada, ben, cid, northgate, token_in

__all__ = ["ada", "ada_program", "ben", "ben_program", "cid", "cid_program", "northgate", "task"]

PLACE = "/tasks/report/backfill"
YESTERDAY = factories.ago(days=1)


@pytest.fixture
def report(app, ada, northgate):
    """A task that ran, or should have run, every hour of yesterday."""
    with app.app_context():
        draft = Draft("Report", "http", {"url": "http://127.0.0.1:9/"}, [Given("every hour", "UTC")])
        tasks.create(ada.actor(app, northgate), draft, app.config["SETTINGS"].data_dir)
    return f"/t/{northgate}"


def test_it_is_looked_at_asked_for_watched_and_cancelled(ada, report):
    day = f"{YESTERDAY:%Y-%m-%d}"
    assert "Backfill" in ada.get(f"{report}/tasks/report").text
    looked_at = ada.get(f"{report}{PLACE}?since={day}&until={day}&concurrency=3&only_open=1").text
    assert "24 runs" in looked_at
    assert "No price is known" in looked_at
    made = ada.post(f"{report}{PLACE}", {"since": day, "until": day, "concurrency": "3", "only_open": "1"})
    shown = ada.get(made.headers["Location"]).text
    assert "<b>0 of 24</b> done, 24 waiting" in " ".join(shown.split())
    assert f"{day} 05:00" in shown
    cancelled = ada.post(f"{made.headers['Location']}/cancellation")
    assert "24 cancelled" in ada.get(cancelled.headers["Location"]).text
    assert "24 of 24 done, cancelled" in ada.get(f"{report}{PLACE}").text


def test_what_was_typed_comes_back_with_what_is_wrong(ada, report):
    answer = ada.post(f"{report}{PLACE}", {"since": "someday", "until": "2026-01-02", "concurrency": "2"})
    assert answer.status_code == 422
    assert 'value="someday"' in answer.text
    assert "Write a day such as 2026-11-01" in answer.text
    assert token_in(answer.text)


def test_strangers_and_viewers(ada, cid, report):
    assert cid.get(f"{report}{PLACE}").status_code == 404
    assert cid.get(f"{report}/backfills/1").status_code == 404
    assert ada.get(f"{report}/backfills/1").status_code == 404


def test_a_program_plans_asks_reads_and_cancels(ada_program, cid_program, report):
    sent = {"since": f"{YESTERDAY:%Y-%m-%d}", "until": f"{YESTERDAY:%Y-%m-%d}", "concurrency": 2}
    plan = ada_program.post("/tasks/report/backfills/plan", sent).json
    assert (plan["runs"], plan["done"], plan["cost_micros"]) == (24, 0, None)
    made = ada_program.make("/tasks/report/backfills", sent)
    assert (made["states"], made["is_over"]) == ({"waiting": 24}, False)
    assert cid_program.get(f"/backfills/{made['id']}").status_code == 404
    assert ada_program.delete(f"/backfills/{made['id']}").status_code == 204
    assert ada_program.get(f"/backfills/{made['id']}").json["is_over"] is True
    assert ada_program.delete(f"/backfills/{made['id']}").status_code == 409
    refused = ada_program.post("/tasks/report/backfills", {"since": "x", "until": "y"})
    assert (refused.status_code, "since" in refused.text) == (422, True)
