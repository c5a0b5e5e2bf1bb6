"""Variables over the API: tasks with them, runs with inputs, and the values of the team."""

import pytest

URL = "http://127.0.0.1:9/{{ month }}?to={{ team.region }}"
TASK = {
    "name": "Report", "engine": "http", "settings": {"url": URL},
    "variables": [{"name": "month", "kind": "period", "value": "{{ run.date | format('%Y-%m') }}"}],
}  # fmt: skip


@pytest.fixture
def program(ada_program):
    assert ada_program.put("/values/region", json={"value": "EMEA"}).status_code == 204
    return ada_program


@pytest.mark.alike
def test_a_task_has_variables_and_a_change_leaves_them(program):
    made = program.post("/tasks", json=TASK)
    assert made.status_code == 201, made.json
    assert made.json["variables"][0] | TASK["variables"][0] == made.json["variables"][0]
    changed = program.patch("/tasks/report", json={"version": 1, "name": "Reports"}).json
    assert [one["name"] for one in changed["variables"]] == ["month"]
    none = program.patch(
        "/tasks/report", json={"version": 2, "variables": [], "settings": {"url": "http://127.0.0.1:9/"}}
    )
    assert none.json["variables"] == []
    said = program.get("/tasks/report/versions").json["items"][0]["changes"]
    assert {("Variables", "month", ""), ("Variable month: Value", TASK["variables"][0]["value"], "")} <= {
        (one["label"], one["before"], one["after"]) for one in said
    }


@pytest.mark.alike
def test_a_mistake_names_its_field(program):
    wrong = program.post("/tasks", json=TASK | {"variables": [{"name": "month", "value": "{{ run.day }}"}]})
    assert wrong.status_code == 422
    assert "There is no value called run.day." in str(wrong.json)
    assert "variables.0.value" in [one["field"] for one in wrong.json["errors"]]
    assert "There is no value called month." in str(program.post("/tasks", json=TASK | {"variables": []}).json)


@pytest.mark.alike
def test_a_run_takes_inputs(program):
    program.post("/tasks", json=TASK)
    made = program.post("/runs", json={"task": "report", "inputs": {"month": "2025-01"}})
    assert made.status_code == 201
    assert (made.json["typed"], made.json["inputs"]) == (["month"], {})
    wrong = program.post("/runs", json={"task": "report", "inputs": {"month": "soon", "nix": 1}})
    assert wrong.status_code == 422
    assert [one["field"] for one in wrong.json["errors"]] == ["inputs.nix", "inputs.month"]
    assert "There is no variable called nix." in str(wrong.json)


@pytest.mark.alike
def test_values_of_the_team_are_listed_set_and_deleted(program):
    program.post("/tasks", json=TASK)
    (line,) = program.get("/values").json["items"]
    assert (line["name"], line["value"], line["used_by"]) == ("region", "EMEA", ["Report"])
    assert program.put("/values/Region-1", json={"value": "x"}).status_code == 422
    assert program.delete("/values/region").status_code == 204
    assert program.delete("/values/region").status_code == 404
    assert program.get("/values").json["items"] == []


@pytest.mark.alike
def test_what_a_run_would_be_given_is_said_for_any_time(program):
    program.post("/tasks", json=TASK)
    said = program.get("/tasks/report/inputs?at=2027-01-31T23:30:00Z").json
    assert said["at"] == "2027-01-31T23:30:00Z"
    assert [(one["name"], one["text"]) for one in said["variables"]] == [("month", "2027-01")]
    assert said["settings"][0]["text"] == "http://127.0.0.1:9/2027-01?to=EMEA"
