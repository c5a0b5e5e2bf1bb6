"""Tasks of several steps over the API: made, read, changed, compared, and what is wrong by field."""

import pytest

from app.models.tasks import Task
from tests.factories import rows

FETCH = {"name": "fetch", "engine": "http", "settings": {"url": "http://127.0.0.1:9/"}}
COUNT = {
    "name": "count",
    "engine": "python",
    "settings": {"code": "print(1)"},
    "condition": "steps.fetch.status == 200",
}
TWO = {"name": "Two", "engine": "steps", "steps": [FETCH, COUNT]}


def test_a_task_with_steps_is_made_read_and_changed(ada_program):
    made = ada_program.make("/tasks", TWO)
    assert (made["engine"], made["settings"]) == ("steps", {})
    assert [(step["name"], step["engine"], step["timeout_seconds"]) for step in made["steps"]] == [
        ("fetch", "http", 3600), ("count", "python", 3600),
    ]  # fmt: skip
    assert made["steps"][0]["settings"]["method"] == "GET"
    assert ada_program.get("/tasks/two").json == made
    renamed = ada_program.patch("/tasks/two", {"version": 1, "name": "Three"}).json
    assert renamed["steps"] == made["steps"]
    shorter = ada_program.patch("/tasks/two", {"version": 2, "steps": [FETCH | {"is_optional": True}]}).json
    assert [step["is_optional"] for step in shorter["steps"]] == [True]
    [version, *_] = ada_program.get("/tasks/two/versions").json["items"]
    changes = {one["label"]: (one["before"], one["after"]) for one in version["changes"]}
    assert changes["fetch: Optional"] == ("no", "yes")
    assert changes["Steps"] == ("fetch, then count", "fetch")


def test_a_task_with_steps_becomes_one_of_a_single_engine(ada_program):
    ada_program.make("/tasks", TWO)
    changed = ada_program.patch("/tasks/two", {"version": 1, "engine": "shell", "settings": {"script": "true"}}).json
    assert (changed["engine"], changed["steps"]) == ("shell", [])


def test_a_task_of_one_engine_says_nothing_of_steps_and_stays_as_it_was(ada_program, task):
    assert ada_program.get(f"/tasks/{task}").json["steps"] == []
    again = ada_program.patch(f"/tasks/{task}", {"version": 1, "settings": {}}).json
    assert again["version"] == 1


def step(**changed):
    return {**TWO, "steps": [FETCH, COUNT | changed]}


@pytest.mark.parametrize(
    ("sent", "field", "sentence"),
    [
        (TWO | {"steps": []}, "steps", "Add at least one step."),
        (TWO | {"engine": "http"}, "engine", "A task with steps has the engine “steps”."),
        (step(name="Fetch"), "steps.1.name", "There is a step called fetch already."),
        (step(name="1st"), "steps.1.name", "A name begins with a letter"),
        (step(engine="nothing"), "steps.1.engine", "Choose one of the types."),
        (step(engine="steps", settings={}), "steps.1.engine", "Choose one of the types."),
        (step(engine="ping", settings={}), "steps.1.engine", "Choose one of the types."),
        (step(settings={"code": ""}), "steps.1.settings.code", "Fill this in."),
        (step(settings={"cod": "x"}), "steps.1.settings.cod", "Did you mean “code”?"),
        (step(condition="steps.later.state"), "steps.1.condition", "needs a step called later before this one."),
        (step(condition="status ="), "steps.1.condition", "This can't be read from here on: “=”."),
        (step(timeout_seconds=0), "steps.1.timeout_seconds", "At least 3."),
        (step(settings={"code": "1", "env": {"A": "{{ steps.nix.x }}"}}), "steps.1.settings.env", "a step called nix"),
        (step(settings={"code": "1", "secrets": ["NIX"]}), "steps.1.settings.secrets", "no secret called NIX"),
    ],
)
def test_what_is_wrong_is_told_by_field(ada_program, sent, field, sentence):
    answer = ada_program.post("/tasks", sent)
    assert answer.status_code == 422
    told = {one["field"]: one["detail"] for one in answer.json["errors"]}
    assert sentence in told[field], told


@pytest.mark.parametrize("url", ["{{ steps.fetch.json.next }}", "https://{{ steps.fetch.json.host }}/v1"])
def test_what_a_step_puts_out_does_not_decide_who_gets_a_secret(ada_program, url):
    ada_program.put("/secrets/API_KEY", {"value": "only for tests"})
    ask = {"url": url, "auth": "bearer", "auth_secret": "API_KEY"}
    answer = ada_program.post("/tasks", {**TWO, "steps": [FETCH, {"name": "ask", "engine": "http", "settings": ask}]})
    assert "With a secret, write the server out" in answer.text
    ask["url"] = "https://api.example/v1/{{ steps.fetch.json.id }}"
    assert (
        ada_program.post(
            "/tasks", {**TWO, "steps": [FETCH, {"name": "ask", "engine": "http", "settings": ask}]}
        ).status_code
        == 201
    )


def test_placeholders_are_kept_as_they_are_written(ada_program):
    ask = {"url": "{{ steps.fetch.json.next }}", "headers": {"X-Of": "{{steps.fetch.status}}"}}
    sent = {**TWO, "steps": [FETCH, {"name": "ask", "engine": "http", "settings": ask}]}
    made = ada_program.make("/tasks", sent)
    assert made["steps"][1]["settings"]["url"] == ask["url"]
    assert made["steps"][1]["settings"]["headers"] == ask["headers"]


def test_runs_of_steps_wait_in_the_lane_of_their_engines(app, ada_program):
    ada_program.make("/tasks", TWO)
    ada_program.make("/tasks", {**TWO, "name": "Light", "steps": [FETCH]})
    for slug, lane in (("two", "code"), ("light", "io")):
        with app.app_context():
            assert rows(Task, Task.slug == slug)[0].lane == lane
