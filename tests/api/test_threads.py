"""Threads for programs: brought in as file, text or address, watched, searched page by page, and deleted."""

import io
import json

import pytest

from app.infra.storage import Storage
from app.services.threads import reading
from tests.api.conftest import program
from tests.importers import exports

TEXT = {"text": "You: Plan my week\n\nChatGPT: Here it is."}


@pytest.fixture
def worker(app):
    """Reads what waits, as a worker does."""

    def work():
        settings = app.config["SETTINGS"]
        with app.app_context():
            for import_id in range(1, 5):
                storage = Storage(settings.data_dir / "files")
                reading.carry_out(storage, app.extensions["vault"], import_id, settings.import_bytes)

    return work


def send(program, content, name="export.json"):
    headers = {"Authorization": f"Bearer {program.token}"}
    return program.client.post("/api/v1/imports/files", data={"file": (io.BytesIO(content), name)}, headers=headers)


def conversations(count):
    made = [exports.chatgpt(title=f"Rows {number}", conversation_id=f"c{number}") for number in range(count)]
    return json.dumps([*made, {"title": "Torn", "mapping": {"a": 1}}]).encode()


def test_a_file_is_brought_in_and_watched(ada_program, worker):
    made = send(ada_program, conversations(3))
    assert made.status_code == 201
    assert (made.json["state"], made.json["source"], made.json["name"]) == ("waiting", "api", "export.json")
    worker()
    done = ada_program.get(f"/imports/{made.json['id']}").json
    assert (done["state"], done["found"], done["added"], done["broken_count"]) == ("done", 4, 3, 1)
    assert done["broken"][0]["name"] == "Torn"
    assert done["sentence"] == "4 conversations: 3 new and 1 can't be read."


def test_a_text_is_brought_in_once_for_one_key(ada_program, worker):
    first = ada_program.make("/imports", TEXT, Idempotency_Key="monday")
    assert ada_program.make("/imports", TEXT, Idempotency_Key="monday")["id"] == first["id"]
    worker()
    thread = ada_program.get(f"/imports/{first['id']}").json["thread"]
    assert ada_program.get(f"/threads/{thread}").json["title"] == "Plan my week"


@pytest.mark.parametrize("sent", [{}, {**TEXT, "address": "https://a.example/x.json"}, {"address": "file:///x"}])
def test_what_is_neither_text_nor_address_is_refused(ada_program, sent):
    assert ada_program.post("/imports", sent).status_code == 422


def test_threads_are_searched_page_by_page_deleted_and_brought_back(ada_program, worker):
    send(ada_program, conversations(5))
    worker()
    first = ada_program.get("/threads?limit=3").json
    second = ada_program.get(f"/threads?limit=3&cursor={first['next_cursor']}").json
    assert len({item["id"] for item in first["items"] + second["items"]}) == 5
    assert second["next_cursor"] is None
    (found,) = ada_program.get("/threads?q=rows+4").json["items"]
    assert ada_program.delete(f"/threads/{found['id']}").status_code == 204
    assert ada_program.get(f"/threads/{found['id']}").status_code == 404
    assert ada_program.post(f"/threads/{found['id']}/recovery", {}).json["title"] == "Rows 4"


def test_who_may_not_or_does_not_belong_gets_nothing(app, ada, ada_program, northgate, cid, worker):
    send(ada_program, conversations(1))
    worker()
    reader = program(app, ada, northgate, scopes=("read",))
    assert send(reader, b"[]").status_code == 403
    assert reader.delete("/threads/1").status_code == 403
    stranger = program(app, cid, cid.slug)
    assert [stranger.get(path).status_code for path in ("/threads/1", "/imports/1")] == [404, 404]
    assert stranger.delete("/threads/1").status_code == 404
    assert stranger.get("/threads").json["items"] == []


def test_a_file_may_be_larger_than_other_requests(app, ada_program):
    app.config["MAX_CONTENT_LENGTH"] = 100
    assert send(ada_program, conversations(1)).status_code == 201
    assert ada_program.post("/imports", {"text": "x" * 200}).status_code == 413
