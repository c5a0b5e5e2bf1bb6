"""What a thread asks for, by the API: analysed, decided about, and made into a task."""

import json

import pytest

from app.infra.storage import Storage
from app.models.teams import Secret
from app.models.threads import Thread
from app.services.threads import analyses, imports, reading
from tests import factories
from tests.web.test_review import KEY, REPORT


@pytest.fixture
def thread(app, ada_program):
    """The number of a thread that was brought in and analysed."""
    ada_program.make("/imports", {"text": json.dumps(REPORT)})
    settings = app.config["SETTINGS"]
    with app.app_context():
        storage, vault = Storage(settings.data_dir / "files"), app.extensions["vault"]
        reading.carry_out(storage, vault, factories.rows(imports.Import)[-1].id, settings.import_bytes)
        thread_id = factories.rows(Thread)[-1].id
        analyses.carry_out(storage, vault, thread_id)
    return thread_id


def findings(ada_program, thread, kind):
    return [one for one in ada_program.get(f"/threads/{thread}/analysis").json["findings"] if one["kind"] == kind]


def test_what_was_found_is_read_with_its_evidence_and_without_secrets(ada_program, thread):
    answer = ada_program.get(f"/threads/{thread}/analysis")
    assert (answer.json["state"], answer.json["problems"]) == ("done", [])
    [when] = findings(ada_program, thread, "schedule")
    assert (when["value"]["cron"], when["evidence"][0]["message"]) == ("0 9 * * 1", 0)
    assert KEY not in answer.text
    assert KEY not in ada_program.get(f"/threads/{thread}/task").text


def test_a_thread_is_analysed_again_and_decisions_stay(ada_program, thread):
    [goal] = findings(ada_program, thread, "objective")
    changed = ada_program.patch(f"/findings/{goal['id']}", {"value": "Say how many regions there are."})
    assert (changed.json["state"], changed.json["changed"]) == ("changed", {"value": "Say how many regions there are."})
    again = ada_program.post(f"/threads/{thread}/analysis", {})
    assert (again.status_code, again.json["state"]) == (202, "waiting")
    assert ada_program.get(f"/threads/{thread}/task").json["objective"] == "Say how many regions there are."
    refused = ada_program.patch(f"/findings/{goal['id']}", {"act": "sing"})
    assert refused.status_code == 422


def test_a_model_is_asked_only_where_there_is_one(ada_program, thread):
    answer = ada_program.post(f"/threads/{thread}/analysis", {"deepens": True})
    assert answer.status_code == 422
    assert "No model is set up" in answer.text


def test_a_secret_moves_to_the_vault_for_those_who_may(app, ada, ada_program, ben_program, northgate, thread):
    [secret] = findings(ada_program, thread, "secret")
    assert ben_program.patch(f"/findings/{secret['id']}", {"secret": "GITHUB_TOKEN"}).status_code == 403
    assert ada_program.patch(f"/findings/{secret['id']}", {"secret": "my token"}).status_code == 422
    moved = ada_program.patch(f"/findings/{secret['id']}", {"secret": "GITHUB_TOKEN"})
    assert moved.json["changed"] == {"secret": "GITHUB_TOKEN"}
    assert KEY not in moved.text
    with app.app_context():
        assert [one.name for one in factories.rows(Secret)] == ["GITHUB_TOKEN"]
    again = ada_program.patch(f"/findings/{secret['id']}", {"secret": "GITHUB_TOKEN"})
    assert (again.status_code, "There is a secret called GITHUB_TOKEN already" in again.text) == (422, True)


def test_a_task_is_made_paused_or_started(ada_program, thread):
    made = ada_program.make(f"/threads/{thread}/task", {"how": "replay", "name": "Regions"})
    assert (made["state"], made["schedules"][0]["timezone"]) == ("paused", "Europe/Berlin")
    started = ada_program.make(f"/threads/{thread}/task", {"how": "replay", "starts": True, "schedules": []})
    assert (started["state"], started["schedules"]) == ("active", [])


def test_strangers_find_nothing(cid_program, thread, ada_program):
    [goal] = findings(ada_program, thread, "objective")
    asked = [
        cid_program.get(f"/threads/{thread}/analysis"),
        cid_program.get(f"/threads/{thread}/task"),
        cid_program.post(f"/threads/{thread}/analysis", {}),
        cid_program.post(f"/threads/{thread}/needs", {}),
        cid_program.post(f"/threads/{thread}/task", {}),
        cid_program.patch(f"/findings/{goal['id']}", {"act": "drop"}),
        cid_program.patch(f"/findings/{goal['id']}", {"secret": "X_KEY"}),
    ]
    assert [answer.status_code for answer in asked] == [404] * len(asked)
