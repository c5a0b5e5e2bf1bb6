"""Walls and badges for programs."""

from tests.api.conftest import HTTP, program


def test_a_wall_is_made_listed_seen_and_removed(app, ada_program):
    made = ada_program.post("/walls", {"name": "Kitchen", "masks_names": True}).json
    client, path = app.test_client(), made["url"].partition("8700")[2]
    assert (made["teams"], made["is_own"], client.get(path).status_code) == (["Northgate"], True, 200)
    (listed,) = ada_program.get("/walls").json["items"]
    assert listed["seen_at"]
    assert listed | {"seen_at": None} == made
    assert ada_program.delete(f"/walls/{made['id']}").status_code == 204
    assert (client.get(path).status_code, ada_program.get("/walls").json) == (404, {"items": []})
    assert ada_program.delete(f"/walls/{made['id']}").status_code == 404


def test_a_badge_is_made_changed_and_revoked(app, ada, northgate, ada_program):
    slug = ada_program.make("/tasks", HTTP)["slug"]
    assert ada_program.get(f"/tasks/{slug}/badge").status_code == 404
    made = ada_program.put(f"/tasks/{slug}/badge").json
    client = app.test_client()
    assert client.get(made["json_url"].partition("8700")[2]).json["name"] == "Probe"
    masked = ada_program.put(f"/tasks/{slug}/badge", {"masks_names": True}).json
    assert (masked["svg_url"], ada_program.get(f"/tasks/{slug}/badge").json["masks_names"]) == (made["svg_url"], True)
    small = program(app, ada, northgate, ("read", "run", "write"))
    assert small.get(f"/tasks/{slug}/badge").status_code == 403
    assert ada_program.delete(f"/tasks/{slug}/badge").status_code == 204
    assert client.get(made["json_url"].partition("8700")[2]).status_code == 404
