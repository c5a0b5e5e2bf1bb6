"""Alert rules, wishes and notifications for programs."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.models.telling import Notification
from app.services.unit import batch
from tests.api.conftest import HTTP, program

RULE = {"name": "Nights", "events": ["failed"], "tell": ["owner"], "tags": ["billing"], "after": 2}


def test_a_rule_is_made_read_changed_and_deleted(ada_program):
    made = ada_program.make("/alert-rules", RULE)
    assert made["sentence"] == (
        "When a run failed of tasks tagged billing 2 times in a row, tell the owner of the task at once."
    )
    at = f"/alert-rules/{made['id']}"
    assert ada_program.post(f"{at}/off").json["is_on"] is False
    changed = ada_program.put(at, {**RULE, "digest_at": "17:00", "zone": "Europe/Berlin"}).json
    assert (changed["digest_at"], changed["zone"]) == ("17:00", "Europe/Berlin")
    listed = ada_program.get("/alert-rules").json
    assert [rule["name"] for rule in listed["items"]] == ["Nights"]
    assert listed["choices"]["owner"] == "the owner of the task"
    assert ada_program.post("/alert-rules/preview", RULE).json == {"messages": [], "days": {}, "is_cut": False}
    assert ada_program.delete(at).status_code == 204
    assert ada_program.get(at).status_code == 404
    assert ada_program.post(f"{at}/recovery").json["name"] == "Nights"
    refused = ada_program.post("/alert-rules", {**RULE, "zone": "Nowhere", "tell": ["person:99"]})
    assert {one["field"] for one in refused.json["errors"]} == {"zone", "tell"}


def test_wishes_count_in_all_teams_and_take_a_token_of_ones_own_space(ada_program):
    assert ada_program.get("/wishes").status_code == 403
    assert ada_program.put("/wishes", {"ways": {"failed": []}}).status_code == 403


def test_wishes_are_read_and_set(own_program):
    before = own_program.get("/wishes").json
    assert before["ways"]["failed"] == ["app", "email", "push"]
    assert "slow" in before["held"]
    wanted = {"ways": {"failed": []}, "held": [], "quiet_since": "22:00", "quiet_until": "07:00", "digest_at": ""}
    after = own_program.put("/wishes", wanted).json
    assert after["ways"]["failed"] == ["app"]
    assert after["ways"]["unmet"] == ["app", "email", "push"]
    assert (after["held"], after["quiet_since"], after["digest_at"]) == ([], "22:00", "")
    assert own_program.put("/wishes", {"ways": {"nothing": []}}).status_code == 422


def test_notifications_are_listed_and_read_by_who_was_told(app, ada, ben, northgate, ada_program):
    at = datetime.now(UTC)
    team = ada.actor(app, northgate).team_id
    with app.app_context(), batch() as work:
        for number in range(3):
            values = {"person_id": ada.id, "team_id": team, "key": f"alert:{number}", "event": "failed"}
            told = {"sentence": f"Failed {number}.", "created_at": at, "changed_at": at - timedelta(minutes=number)}
            work.connection.execute(sa.insert(Notification).values(values | told))
    first = ada_program.get("/notifications?limit=2").json
    assert [one["sentence"] for one in first["items"]] == ["Failed 0.", "Failed 1."]
    rest = ada_program.get(f"/notifications?limit=2&cursor={first['next_cursor']}").json
    assert [one["sentence"] for one in rest["items"]] == ["Failed 2."]
    one = first["items"][0]["id"]
    assert ada_program.post(f"/notifications/{one}/read").json["is_read"]
    assert len(ada_program.get("/notifications?only=unread").json["items"]) == 2
    bens = program(app, ben, northgate, ("read", "run"))
    assert bens.get("/notifications").json["items"] == []
    assert bens.post(f"/notifications/{one}/read").status_code == 404
    assert ada_program.post("/notifications/read").status_code == 204
    assert ada_program.get("/notifications?only=unread").json["items"] == []


def test_a_task_is_muted_and_unmuted(ada_program):
    ada_program.make("/tasks", HTTP)
    assert ada_program.put("/tasks/probe/mute", {"until": "2026-12-24T09:00:00"}).status_code == 422
    assert ada_program.put("/tasks/probe/mute", {}).status_code == 204
    assert [one["task"] for one in ada_program.get("/mutes").json["items"]] == ["probe"]
    assert ada_program.delete("/tasks/probe/mute").status_code == 204
    assert ada_program.get("/mutes").json["items"] == []
    assert ada_program.put("/tasks/nothing/mute", {}).status_code == 404


def test_tasks_are_tagged_and_found_by_their_tags(ada_program):
    for name in ("Probe", "Other"):
        ada_program.make("/tasks", HTTP | {"name": name})
    assert ada_program.put("/tasks/probe/tags", {"tags": ["Nightly", "billing"]}).json["tags"] == ["billing", "nightly"]
    assert [one["slug"] for one in ada_program.get("/tasks?tag=billing").json["items"]] == ["probe"]
    assert ada_program.put("/tasks/probe/tags", {"tags": ["x" * 40]}).status_code == 422
