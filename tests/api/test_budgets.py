"""Budgets and plans over the API."""

from tests.api.conftest import program


def test_budgets_are_set_and_listed(ada_program, ben_program):
    sent = {"day_micros": None, "month_micros": 20_000_000, "timezone": "Europe/Berlin"}
    [pot] = ada_program.put("/budgets", sent).json["items"]
    assert (pot["whose"], pot["period"], pot["limit_micros"], pot["spent_micros"]) == ("team", "month", 20_000_000, 0)
    assert ben_program.get("/budgets").json["items"] == [pot]
    assert ben_program.put("/budgets", sent).status_code == 403
    assert ada_program.put("/budgets", {"day_micros": 1, "month_micros": None, "timezone": "Mars"}).status_code == 422
    assert ada_program.put("/budgets", {"day_micros": None, "month_micros": None}).json["items"] == []


def test_a_task_has_a_budget_of_its_own(ada_program):
    settings = {"prompt": "Write it."}
    assert ada_program.post("/tasks", {"name": "Digest", "engine": "agent", "settings": settings}).status_code == 201
    sent = {"day_micros": 500_000, "month_micros": None, "timezone": "UTC"}
    [pot] = ada_program.put("/tasks/digest/budget", sent).json["items"]
    assert (pot["whose"], pot["task"], pot["limit_micros"]) == ("task", "digest", 500_000)
    assert ada_program.put("/tasks/nothing/budget", sent).status_code == 404


def test_plans_are_set_asked_for_and_answered_by_the_administrator(app, ada, cid):
    ours, theirs = program(app, ada, ada.slug), program(app, cid, cid.slug)
    plan = ours.put(f"/plans/{cid.slug}", {"daily_runs": 50}).json
    assert (plan["team"], plan["daily_runs"], plan["monthly_micros"]) == (cid.slug, 50, None)
    assert theirs.get("/plan").json == plan
    asked = theirs.post("/plan/requests", {"note": "More, please."})
    assert (asked.status_code, asked.json["request"]["state"]) == (201, "open")
    assert theirs.get("/plans").status_code == 403
    first = ours.get("/plans").json["items"][0]
    assert first["request"]["note"] == "More, please."
    answer = {"decision": "declined", "answer": "Next year."}
    number = first["request"]["id"]
    assert theirs.post(f"/plans/requests/{number}/answer", answer).status_code == 403
    assert ours.post(f"/plans/requests/{number}/answer", answer).status_code == 204
    assert ours.post(f"/plans/requests/{number}/answer", answer).status_code == 409
    assert theirs.get("/plan").json["request"] is None


def test_a_schedule_that_passes_the_plan_is_refused_unless_an_admin_asks_for_it(app, ada):
    ours = program(app, ada, ada.slug)
    ours.put(f"/plans/{ada.slug}", {"daily_runs": 24})
    often = {"schedules": [{"text": "every 30 minutes", "timezone": "UTC"}]}
    task = {"name": "Probe", "engine": "http", "settings": {"url": "https://example.com/"}, **often}
    refused = ours.post("/tasks", task)
    assert (refused.status_code, "the plan allows the team 24." in refused.text) == (422, True)
    assert ours.post("/tasks", {**task, "over_plan": True}).status_code == 201
