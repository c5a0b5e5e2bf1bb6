"""Tasks after others over the API: by slugs, laid over, refused by field, and all of them as a graph."""

import pytest

from tests.api.conftest import HTTP


@pytest.fixture
def chain(ada_program):
    ada_program.make("/tasks", HTTP | {"name": "Extract"})
    return ada_program.make("/tasks", HTTP | {"name": "Load", "after": {"tasks": [{"task": "extract"}]}})


@pytest.mark.alike
def test_what_a_task_runs_after_is_sent_kept_and_switched_off(ada_program, chain):
    assert chain["after"] == {
        "tasks": [{"task": "extract", "on": "success"}], "join": "all", "window_seconds": 86_400.0, "passes": True,
    }  # fmt: skip
    kept = ada_program.patch("/tasks/load", {"version": 1, "name": "Load all"}).json
    assert kept["after"] == chain["after"]
    sent = {"tasks": [{"task": "extract", "on": "any"}], "join": 1, "window_seconds": 3600, "passes": False}
    assert ada_program.patch("/tasks/load", {"version": 2, "after": sent}).json["after"] == sent
    assert ada_program.get("/tasks/graph").json["links"] == [{"upstream": "extract", "task": "load", "on": "any"}]
    assert ada_program.patch("/tasks/load", {"version": 3, "after": None}).json["after"] is None
    assert ada_program.get("/tasks/graph").json == {"tasks": [], "links": []}


@pytest.mark.alike
def test_circles_and_tasks_of_nobody_are_refused_by_field(ada_program, chain):
    circle = ada_program.patch("/tasks/extract", {"version": 1, "after": {"tasks": [{"task": "load"}]}})
    assert circle.status_code == 422
    assert circle.json["errors"][0]["field"] == "after"
    assert "Extract → Load → Extract" in circle.json["detail"]
    unknown = ada_program.patch("/tasks/extract", {"version": 1, "after": {"tasks": [{"task": "nowhere"}]}})
    assert unknown.json["errors"] == [
        {"field": "after.tasks.0.task", "detail": "There is no such task. Choose another, or remove the line."}
    ]
    many = {"tasks": [{"task": "extract"}], "join": 2}
    assert ada_program.patch("/tasks/load", {"version": 1, "after": many}).json["errors"][0]["field"] == "after.join"


@pytest.mark.alike
def test_the_graph_tells_the_last_run_of_each(ada_program, chain):
    assert ada_program.get("/tasks/graph").json == {
        "tasks": [
            {"slug": "extract", "name": "Extract", "state": "active", "last_run": ""},
            {"slug": "load", "name": "Load", "state": "active", "last_run": ""},
        ],
        "links": [{"upstream": "extract", "task": "load", "on": "success"}],
    }
