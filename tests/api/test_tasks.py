"""Tasks over the API: made, listed, changed, paused, copied, deleted; and what is wrong, by field."""

import io

import pytest

from tests.api.conftest import HTTP


def test_a_task_is_made_and_read_with_all_its_defaults(ada_program):
    made = ada_program.make(
        "/tasks", HTTP | {"schedules": [{"text": "every weekday at 9:00", "timezone": "Europe/Berlin"}]}
    )
    assert (made["slug"], made["version"], made["state"], made["owner"]) == ("probe", 1, "active", "Ada Park")
    assert made["limits"]["timeout_seconds"] == 3600
    assert made["policy"]["misfire"] == "latest"
    [schedule] = made["schedules"]
    assert (schedule["kind"], schedule["expression"], schedule["state"]) == ("cron", "0 9 * * 1-5", "active")
    assert made["next"][0]["local"].endswith("09:00")
    assert ada_program.get("/tasks/probe").json == made


def test_limits_and_policy_are_in_seconds_and_bytes(ada_program):
    limits = {"timeout_seconds": 90, "memory_bytes": 64 * 1024 * 1024}
    made = ada_program.make(
        "/tasks", HTTP | {"limits": limits, "policy": {"retries": 0, "misfire": "skip", "is_idempotent": False}}
    )
    assert made["limits"]["timeout_seconds"] == 90
    assert made["limits"]["memory_bytes"] == 64 * 1024 * 1024
    assert (made["policy"]["retries"], made["policy"]["misfire"], made["policy"]["is_idempotent"]) == (0, "skip", False)


def test_a_change_keeps_what_it_does_not_name(ada_program):
    made = ada_program.make(
        "/tasks", HTTP | {"limits": {"timeout_seconds": 90}, "schedules": [{"text": "every 15 minutes"}]}
    )
    changed = ada_program.patch("/tasks/probe", {"version": 1, "name": "Probe two"}).json
    assert (changed["name"], changed["version"], changed["slug"]) == ("Probe two", 2, "probe")
    assert changed["limits"] == made["limits"]
    assert changed["schedules"] == made["schedules"]
    assert changed["settings"] == made["settings"]


def test_settings_are_laid_over_those_there_are(ada_program, task):
    changed = ada_program.patch(f"/tasks/{task}", {"version": 1, "settings": {"method": "HEAD"}}).json
    assert (changed["settings"]["method"], changed["settings"]["url"]) == ("HEAD", "http://127.0.0.1:9/")


def test_a_change_of_an_older_version_is_a_conflict(ada_program, task):
    ada_program.patch(f"/tasks/{task}", {"version": 1, "name": "Two"})
    answer = ada_program.patch(f"/tasks/{task}", {"version": 1, "name": "Three"})
    assert answer.status_code == 409
    assert answer.json["detail"] == "It is at version 2 by now. Read it again, then repeat your change."


@pytest.mark.parametrize(
    ("sent", "field", "sentence"),
    [
        ({"nmae": "x"}, "nmae", "“nmae” is not known here. Did you mean “name”?"),
        ({"settings": {"url": "http://127.0.0.1:9/", "metod": "GET"}}, "settings.metod", "Did you mean “method”?"),
        ({"settings": {"url": "nowhere"}}, "settings.url", ""),
        ({"engine": "magic"}, "engine", "Choose one of the types."),
        ({"name": ""}, "name", "Give the task a name."),
        ({"limits": {"timeout_seconds": 0}}, "limits.timeout_seconds", "At least 3.0."),
        (
            {"limits": {"timeout_minutes": 5}},
            "limits.timeout_minutes",
            "“timeout_minutes” is not known here. Did you mean “timeout_seconds”?",
        ),
        ({"schedules": [{"text": "every day"}]}, "schedules.0.text", ""),
        ({"schedules": [{"text": "every hour"}, {"text": "at the end of time"}]}, "schedules.1.text", ""),
        ({"schedules": [{"kind": "cron", "expression": "61 * * * *"}]}, "schedules.0.expression", ""),
        (
            {"schedules": [{"text": "every hour", "timezone": "Mars/Base"}]},
            "schedules.0.text",
            "Choose a time zone from the list.",
        ),
        ({"policy": {"misfire": "never"}}, "policy.misfire", "Choose one from the list."),
    ],
)
def test_what_is_wrong_is_said_by_field(ada_program, sent, field, sentence):
    answer = ada_program.post("/tasks", HTTP | sent)
    assert answer.status_code == 422, answer.text
    assert answer.mimetype == "application/problem+json"
    [problem] = answer.json["errors"]
    assert problem["field"] == field
    assert sentence in problem["detail"]
    assert not problem["detail"].endswith("?.")
    assert problem["detail"] in answer.json["detail"]


def test_the_list_has_the_filters_of_the_page_and_goes_on_by_cursor(ada_program):
    for name in ("Alpha", "Beta", "Gamma"):
        ada_program.make("/tasks", HTTP | {"name": name})
    ada_program.post("/tasks/beta/pause", {"note": "Until Monday"})
    assert [one["slug"] for one in ada_program.get("/tasks?status=paused").json["items"]] == ["beta"]
    assert [one["slug"] for one in ada_program.get("/tasks?q=amm").json["items"]] == ["gamma"]
    first = ada_program.get("/tasks?sort=name&limit=2")
    assert [one["slug"] for one in first.json["items"]] == ["alpha", "beta"]
    address = first.headers["Link"].partition(">")[0].removeprefix("<http://localhost/api/v1")
    second = ada_program.get(address).json
    assert ([one["slug"] for one in second["items"]], second["next_cursor"]) == (["gamma"], None)


def test_pause_and_resume_keep_the_note(ada_program, task):
    paused = ada_program.post(f"/tasks/{task}/pause", {"note": "The site moves"}).json
    assert (paused["state"], paused["pause"]["note"], paused["pause"]["by"]) == ("paused", "The site moves", "Ada Park")
    assert ada_program.post(f"/tasks/{task}/resume").json["pause"] is None


def test_a_pause_until_a_moment_says_how_it_ends(ada_program, task):
    asked = {"resume_at": "2040-12-01T09:00:00Z", "how": "recover"}
    paused = ada_program.post(f"/tasks/{task}/pause", asked).json["pause"]
    assert (paused["resume_at"], paused["how"]) == ("2040-12-01T09:00:00Z", "recover")
    assert ada_program.post(f"/tasks/{task}/resume", {"how": "recover"}).json["pause"] is None
    assert ada_program.post(f"/tasks/{task}/pause", asked | {"resume_at": "2020-12-01T09:00:00Z"}).status_code == 422
    assert ada_program.post(f"/tasks/{task}/resume", {"how": "somehow"}).status_code == 422


def test_a_copy_is_paused_and_a_deleted_task_comes_back(ada_program, task):
    copy = ada_program.make(f"/tasks/{task}/copy", None)
    assert (copy["name"], copy["state"]) == ("Probe copy", "paused")
    assert ada_program.delete(f"/tasks/{task}").status_code == 204
    assert ada_program.get(f"/tasks/{task}").status_code == 404
    assert ada_program.post(f"/tasks/{task}/recovery").json["slug"] == task
    assert ada_program.get(f"/tasks/{task}").status_code == 200


def test_versions_tell_what_changed_and_lead_back(ada_program, task):
    ada_program.patch(f"/tasks/{task}", {"version": 1, "settings": {"method": "HEAD"}})
    listed = ada_program.get(f"/tasks/{task}/versions").json
    assert listed["present"] == 2
    assert listed["items"][0]["changes"] == [{"label": "Method", "before": "GET", "after": "HEAD", "diff": []}]
    assert ada_program.get(f"/tasks/{task}/versions/1").json["definition"]["settings"]["method"] == "GET"
    assert ada_program.post(f"/tasks/{task}/versions/1/restoration").json["settings"]["method"] == "GET"
    assert ada_program.get(f"/tasks/{task}/versions/9").status_code == 404


def test_files_are_added_replaced_and_removed(ada_program, task):
    def send(name, content):
        sent = {"files": (io.BytesIO(content), name)}
        headers = {"Authorization": f"Bearer {ada_program.token}"}
        return ada_program.client.post(f"/api/v1/tasks/{task}/files", data=sent, headers=headers)

    assert send("list.csv", b"a,b").json["items"] == [{"name": "list.csv", "size_bytes": 3}]
    assert send("list.csv", b"a,b,c").json == {"items": [{"name": "list.csv", "size_bytes": 5}], "version": 3}
    assert send(".hidden", b"x").status_code == 422
    assert ada_program.delete(f"/tasks/{task}/files/other.csv").status_code == 404
    assert ada_program.delete(f"/tasks/{task}/files/list.csv").json["items"] == []
