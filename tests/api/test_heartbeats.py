"""The address of a job that runs elsewhere, for programs."""

from urllib.parse import urlsplit


def test_the_address_is_shown_and_changed(ada_program, client):
    slug = ada_program.make("/tasks", {"name": "Backup", "engine": "ping"})["slug"]
    first = ada_program.get(f"/tasks/{slug}/heartbeat").json
    assert first["last_ping_at"] is None
    assert client.get(urlsplit(first["url"]).path).status_code == 200
    assert ada_program.get(f"/tasks/{slug}/heartbeat").json["last_kind"] == "success"
    assert ada_program.get("/runs?trigger=ping").json["items"][0]["state"] == "succeeded"
    second = ada_program.post(f"/tasks/{slug}/heartbeat/regeneration").json
    assert second["url"] != first["url"]
    assert client.get(urlsplit(first["url"]).path).status_code == 404


def test_a_task_that_runs_here_has_none(ada_program, task):
    assert ada_program.get(f"/tasks/{task}/heartbeat").status_code == 404
