"""Repairs on the pages and over the API: switched on in the editor, seen with their changes, taken over or dismissed."""

import pytest

from app.models.tasks import Task
from tests import factories
from tests.api.conftest import program
from tests.factories import rows
from tests.web.conftest import put_in
from tests.web.test_steps_editor import TWO
from tests.web.test_tasks_editor import definition

STEP = {
    "name": "count", "engine": "python", "settings": {"code": "one = 1\nprint(one / 0)\n"}, "condition": "",
    "is_optional": False, "timeout_seconds": 3600.0, "retries": 0, "retry_delay_seconds": 10,
}  # fmt: skip
FACTS = {
    "repairs": [
        {
            "step": "count", "before": {"code": STEP["settings"]["code"]}, "after": {"code": "one = 1\nprint(one)\n"},
            "why": "It divided by zero.", "model": "Sonnet", "state": "offered",
        }
    ]
}  # fmt: skip


@pytest.fixture
def mended(app, ada, northgate):
    """Run #1 of a task, in which a step was repaired; returns its address."""
    with app.app_context():
        team = ada.actor(app, northgate).team_id
        task = factories.task(team, "count", steps=[STEP], label="Count")
        factories.run(team, task, "succeeded", facts=FACTS, sentence="All 1 step worked.", ended_at=factories.ago())
    return f"/t/{northgate}/runs/1"


def test_a_repair_is_switched_on_in_the_editor_and_stays_as_typed(app, ada, northgate):
    typed = TWO | {"repair": "1", "repair_model": "", "repair_cap": "1.20"}
    assert ada.post(f"/t/{northgate}/tasks/new", typed).status_code == 303
    assert definition(app)["repair"] == {"model": "", "cost_cap_cents": 120}
    page = ada.get(f"/t/{northgate}/tasks/digest/edit").text
    assert 'name="repair" value="1" checked' in page
    assert "up to $1.20 a run" in page
    wrong = ada.post(f"/t/{northgate}/tasks/digest/edit", typed | {"version": "1", "repair_cap": "much"})
    assert (wrong.status_code, 'value="much"' in wrong.text, "f-repair_cap-error" in wrong.text) == (422, True, True)
    ada.post(f"/t/{northgate}/tasks/digest/edit", TWO | {"version": "1"})
    assert "repair" not in definition(app)
    assert "An agent may repair" in ada.get(f"/t/{northgate}/tasks/digest/history").text


def test_what_was_repaired_is_shown_and_taken_over(app, ada, mended):
    page = ada.get(mended).text
    assert "The step count was repaired" in page
    assert "It divided by zero." in page
    assert "-print(one / 0)" in page
    assert "+print(one)" in page
    assert "Take it over as version 2" in page
    assert ada.post(f"{mended}/repairs/count", {"answer": "take_over"}).status_code == 303
    page = ada.get(mended).text
    assert "Taken over as version 2." in page
    assert "Take it over" not in page
    assert definition(app)["steps"][0]["settings"]["code"] == "one = 1\nprint(one)\n"


def test_a_repair_that_no_run_tried_is_shown_as_that(app, ada, northgate):
    with app.app_context():
        team = ada.actor(app, northgate).team_id
        task = factories.task(team, "count", steps=[STEP], label="Count")
        facts = {"repairs": [{**FACTS["repairs"][0], "is_tried": False}]}
        factories.run(team, task, "failed", facts=facts, sentence="It failed.", ended_at=factories.ago())
    page = ada.get(f"/t/{northgate}/runs/1").text
    assert "A repair of the step count, not tried" in page
    assert "The step has secrets and the network" in page
    assert "was repaired" not in page
    assert ada.post(f"/t/{northgate}/runs/1/repairs/count", {"answer": "take_over"}).status_code == 303
    assert definition(app)["steps"][0]["settings"]["code"] == "one = 1\nprint(one)\n"


def test_who_may_only_run_sees_it_and_decides_nothing(app, cid, northgate, mended):
    put_in(app, cid, northgate, "runner")
    assert "Editors take it over or dismiss it" in cid.get(mended).text
    assert cid.post(f"{mended}/repairs/count", {"answer": "take_over"}).status_code == 403


def test_programs_do_the_same(app, ada, northgate, mended):
    caller = program(app, ada, northgate)
    [repair] = caller.get("/runs/1").json["facts"]["repairs"]
    assert repair["state"] == "offered"
    answer = caller.post("/runs/1/repairs/count", {"answer": "dismiss"})
    assert (answer.status_code, answer.json["facts"]["repairs"][0]["state"]) == (200, "dismissed")
    assert caller.post("/runs/1/repairs/count", {"answer": "take_over"}).status_code == 409
    assert caller.post("/runs/1/repairs/other", {"answer": "dismiss"}).status_code == 404
    changed = caller.patch("/tasks/count", {"version": 1, "repair": {"cost_cap_cents": 20}}).json
    assert changed["repair"] == {"model": "", "cost_cap_cents": 20}
    kept = caller.patch("/tasks/count", {"version": 2, "name": "Counts"}).json
    assert kept["repair"] == {"model": "", "cost_cap_cents": 20}
    assert caller.patch("/tasks/count", {"version": 3, "repair": None}).json["repair"] is None
    assert rows(Task)[0].version_number == 4


def test_the_page_of_a_task_says_that_an_agent_may_repair_it(app, ada, northgate):
    with app.app_context():
        team = ada.actor(app, northgate).team_id
        factories.task(team, "count", steps=[STEP], repair={"model": "Sonnet", "cost_cap_cents": 50})
    assert (
        "An agent may repair a failed step, with Sonnet, up to $0.50 a run."
        in ada.get(f"/t/{northgate}/tasks/count").text
    )
