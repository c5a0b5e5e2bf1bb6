"""Threads as people bring them in and find them: a form that works alone, files sent by a script, and the list."""

import io
import json
import socket

import pytest

from app.infra.storage import Storage
from app.services.threads import imports, reading
from tests.importers import exports
from tests.processes import eventually
from tests.web.conftest import put_in
from tests.web.live_site import serve

MIB = 1024 * 1024


@pytest.fixture
def at(northgate):
    return f"/t/{northgate}/threads"


@pytest.fixture
def worker(app):
    """Reads what waits, as a worker does."""

    def work():
        settings = app.config["SETTINGS"]
        with app.app_context():
            storage = Storage(settings.data_dir / "files")
            for import_id in range(1, 9):
                reading.carry_out(storage, app.extensions["vault"], import_id, settings.import_bytes)

    return work


def conversation(number, **more):
    return exports.chatgpt(title=f"Rows {number}", conversation_id=f"c{number}", **more)


def bring(ada, at, content, name="export.json"):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return ada.post(f"{at}/imports", {"file": (io.BytesIO(raw), name)}, content_type="multipart/form-data")


def test_a_file_is_brought_in_by_the_form_and_listed(ada, at, worker):
    assert "Drop an export here" in ada.get(at).text
    answer = bring(ada, at, [conversation(1), conversation(2), {"title": "Torn", "mapping": {"a": 1}}])
    assert (answer.status_code, answer.location) == (303, f"{at}/imports/1")
    assert "Waits for a worker." in ada.get(answer.location).text
    worker()
    shown = ada.get(answer.location).text
    assert "3 conversations: 2 new and 1 can&#39;t be read." in shown
    assert "Torn" in shown
    listed = ada.get(at).text
    assert "Rows 1" in listed
    assert "Torn" not in listed


def test_what_can_not_be_read_of_several_files_is_said_above_the_list(ada, at, worker):
    files = [(io.BytesIO(json.dumps([conversation(n)]).encode()), f"{n}.json") for n in (1, 2)]
    torn = (io.BytesIO(json.dumps([conversation(3), {"title": "Torn", "mapping": {"a": 1}}]).encode()), "torn.json")
    ada.post(f"{at}/imports", {"file": [*files, torn]}, content_type="multipart/form-data")
    worker()
    listed = ada.get(at).text
    assert f'href="{at}/imports/3">torn.json</a>' in listed
    assert "2 conversations: 1 new and 1 can&#39;t be read." in listed
    assert "1.json" not in listed


def test_the_list_is_searched_and_narrowed(ada, at, worker):
    bring(ada, at, [conversation(1), conversation(2), exports.claude()])
    worker()
    assert ada.htmx(at).status_code == 405
    part = ada.get(f"{at}?q=rows+2", headers={"HX-Request": "true", "HX-Request-Type": "partial"}).text
    assert ("Rows 2" in part, "Rows 1" in part, "<html" in part) == (True, False, False)
    assert "Rows" not in ada.get(f"{at}?format=claude").text.partition("<table")[2]
    assert "No thread matches." in ada.get(f"{at}?q=nothing").text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Choose a file, paste a conversation, or give an address."),
        ({"address": "gopher://old"}, "Type an address like https://example.com/health."),
        ({"file": (io.BytesIO(b""), "empty.json")}, "The file is empty."),
    ],
)
def test_what_can_not_be_taken_is_said_above_the_form(ada, at, given, sentence):
    answer = ada.post(f"{at}/imports", given, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'name="text"' in answer.text


def test_one_pasted_conversation_leads_to_its_page(ada, at, worker):
    answer = ada.post(f"{at}/imports", {"text": "You: Plan my week\n\nChatGPT: Here it is."})
    worker()
    assert f'href="{at}/1" data-lead' in ada.get(answer.location).text


def send(visit, at, content, **more):
    headers = {"X-CSRFToken": visit.token(), "Accept": "application/json"}
    more = {"content_type": "application/octet-stream", "headers": headers} | more
    return visit.client.post(f"{at}/files?name=a%2Fb.json", data=content, **more)


def test_a_script_sends_a_file_as_it_is(ada, at, app):
    answer = send(ada, at, json.dumps([conversation(1)]))
    assert answer.json == {"url": f"{at}/imports/1"}
    with app.app_context():
        assert imports.find(ada.actor(app, at.split("/")[2]), 1).name == "b.json"
    assert send(ada, at, b"").json["error"] == "The file is empty."
    assert send(ada, at, b"x", content_type="text/plain").status_code == 422


def test_a_file_may_be_larger_than_other_requests_up_to_the_setting(ada, at, app, settings):
    app.config["MAX_CONTENT_LENGTH"] = 1000
    content = json.dumps([conversation(1)]).ljust(2000).encode()
    assert bring(ada, at, content).status_code == 303
    assert send(ada, at, content).status_code == 200
    assert ada.post(f"{at}/selection/analysis", {"thread": "x" * 2000}).status_code == 413
    app.config["SETTINGS"] = type(settings)(**{**settings.__dict__, "import_mib": 1})
    assert "larger than 1 MiB" in send(ada, at, b" " * (MIB + 1)).json["error"]
    assert send(ada, at, b" " * (5 * MIB + 1)).status_code == 413


def test_who_is_not_known_sends_nothing_large(app, client, at):
    app.config["MAX_CONTENT_LENGTH"] = 1000
    answer = client.post(f"{at}/imports", data={"text": "x" * 5000}, content_type="multipart/form-data")
    assert answer.status_code == 413


def test_who_may_bring_nothing_in_sends_nothing_large(app, at, cid, northgate):
    put_in(app, cid, northgate, "viewer")
    app.config["MAX_CONTENT_LENGTH"] = 1000
    assert bring(cid, at, b" " * 5000).status_code == 413


def test_a_viewer_reads_the_list_and_brings_nothing_in(app, ada, at, worker, cid, northgate):
    bring(ada, at, [conversation(1)])
    worker()
    put_in(app, cid, northgate, "viewer")
    listed = cid.get(at).text
    assert "Rows 1" in listed
    assert "data-drop" not in listed
    assert bring(cid, at, [conversation(2)]).status_code == 403
    assert send(cid, at, b"{}").status_code == 403


def test_selected_threads_are_analysed_or_deleted_and_brought_back(ada, at, worker):
    bring(ada, at, [conversation(1), conversation(2)])
    worker()
    ada.post(f"{at}/selection/analysis", {"thread": ["1", "2"]})
    assert ada.get(at).text.count("Waits") == 2
    answer = ada.post(f"{at}/selection/deletion", {"thread": ["1", "2"]})
    after = ada.get(answer.location).text
    assert "2 threads are deleted." in after
    assert "Rows 1" not in after
    ada.post(f"{at}/recovery?thread=1")
    assert ada.get(at).text.count("Rows ") == 2  # its name, and that of its box


def test_threads_that_are_not_the_teams_are_not_there(ada, at, worker, cid):
    bring(ada, at, [conversation(1)])
    worker()
    theirs = f"/t/{cid.slug}/threads"
    assert cid.post(f"{theirs}/selection/deletion", {"thread": "1"}).status_code == 404
    assert cid.get(f"{theirs}/imports/1").status_code == 404
    assert cid.get(f"{theirs}?brought_by=1").text.count("Rows 1") == 0


@pytest.fixture
def site(app):
    app.config["MAX_CONTENT_LENGTH"] = 1000
    yield from serve(app)


def test_a_large_file_goes_straight_to_the_disk_and_one_that_is_cut_is_forgotten(site, app, ada, at, settings):
    content = json.dumps([conversation(1)]).encode()
    cookie = ada.client.get_cookie("carillon").value
    head = (
        f"POST {at}/files?name=a.json HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nCookie: carillon={cookie}\r\n"
        f"X-CSRFToken: {ada.token()}\r\nContent-Type: application/octet-stream\r\nAccept: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", site.port), 5) as cut:
        cut.sendall(head + content[: len(content) // 2])
    with socket.create_connection(("127.0.0.1", site.port), 5) as whole:
        whole.sendall(head + content)
        answer = b"".join(iter(lambda: whole.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"/threads/imports/1" in answer
    assert "a.json" in ada.get(at).text
    assert ada.get(f"{at}/imports/2").status_code == 404
    eventually(lambda: not list((settings.data_dir / "files").glob(".new-*")), seconds=3)
