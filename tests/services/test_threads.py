"""Imports and threads below the web: read by a worker, kept sealed, never twice, and begun again after an end."""

import io
import json
import os
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.infra import fetch, queues, redis
from app.infra.blobs import Blob
from app.infra.database import db
from app.infra.storage import Storage, attach
from app.models.teams import Team
from app.models.threads import Import, Thread
from app.services import retention, threads
from app.services.threads import Filters, imports, reading
from app.services.unit import batch
from tests import factories
from tests.factories import ago
from tests.importers import exports

MOST = 4 * 1024 * 1024
KEY = "sk-proj-Zt9Qm2Lx8Vb4Nc7Wd1Rf6Ty3Hg5Jk0Pa"


@pytest.fixture
def vault(app, team):
    with batch() as work:
        key = app.extensions["vault"].new_data_key(team)
        work.connection.execute(sa.update(Team).where(Team.id == team).values(data_key=key))
    return app.extensions["vault"]


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "files")


@pytest.fixture
def bring(actor, storage, vault):
    """Import what is given as JSON, a zip or text, as a worker does; returns the import."""

    def bring(content, name="export.json", **more):
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        import_id = imports.start(actor, storage.folder, io.BytesIO(raw), name, MOST)
        reading.carry_out(storage, vault, import_id, MOST)
        return seen(actor, import_id)

    return bring


@pytest.fixture
def shared(settings):
    """A server on loopback that answers with `state`: [status, body]."""
    fetch.configure(settings)
    state = [200, b""]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(state[0])
            self.send_header("Content-Length", str(len(state[1])))
            self.end_headers()
            self.wfile.write(state[1])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", state
    server.shutdown()
    server.server_close()


def seen(actor, import_id):
    """The import as it is now, whatever was read before."""
    db.session.rollback()
    return imports.find(actor, import_id)


def conversation(number, said="count the rows", **more):
    made = exports.chatgpt(title=f"Rows {number}", conversation_id=f"c{number}", **more)
    made["mapping"]["q1"]["message"]["content"]["parts"] = [said]
    return made


def zipped(members):
    target = io.BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def titles(actor, **filters):
    return [row.title for row in threads.listing(actor, Filters(**filters)).rows]


def change(model, **values):
    with batch() as work:
        work.connection.execute(sa.update(model).values(values))


def test_conversations_are_kept_and_read_back_as_they_were(bring, actor, storage, vault):
    done = bring([conversation(1), conversation(2)])
    assert (done.state, done.found, done.added, done.bytes_read) == ("done", 2, 2, done.size_bytes)
    assert imports.told(done) == "2 conversations: 2 new."
    (row,) = threads.listing(actor, Filters(q="rows 2")).rows
    found = threads.body(storage.folder, vault, threads.find(actor, row.id))
    assert [message.text for message in found.visible][:1] == ["count the rows"]
    assert found.messages[0].attachments[0].name == "rows.csv"
    assert row.message_count == len(found.messages)
    assert found.messages[0].at == row.begun_at


def test_importing_again_makes_no_duplicates_and_takes_what_went_on(bring, actor, storage):
    bring([conversation(1), conversation(2)])
    before = threads.find(actor, threads.listing(actor, Filters(q="rows 1")).rows[0].id).body
    again = bring([conversation(1, said="count the rows of May"), conversation(2), conversation(2)])
    assert (again.added, again.updated, again.known) == (0, 1, 2)
    assert imports.told(again) == "3 conversations: 1 brought up to date and 2 here already."
    assert sorted(titles(actor)) == ["Rows 1", "Rows 2"]
    assert titles(actor, q="MAY rows") == ["Rows 1"]
    with pytest.raises(NotFound):
        storage.path(before)


def test_an_older_export_does_not_undo_a_newer_one(bring, actor):
    bring([conversation(1, said="the newer words")])
    old = conversation(1, said="older")
    for node in old["mapping"].values():
        if node["message"]:
            node["message"]["create_time"] -= 1000
    assert bring([old]).known == 1
    assert titles(actor, q="newer") == ["Rows 1"]


def test_one_broken_conversation_is_named_and_the_rest_go_on(bring, actor):
    done = bring([conversation(1), {"title": "Torn", "mapping": {"a": 1}}, conversation(3)])
    assert sorted(titles(actor)) == ["Rows 1", "Rows 3"]
    assert (done.found, done.broken_count) == (3, 1)
    assert done.broken[0]["name"] == "Torn"
    assert imports.told(done).endswith("2 new and 1 can't be read.")


def test_what_is_no_export_is_refused_with_a_sentence(bring):
    done = bring(b"%PDF-1.7 something")
    assert (done.state, done.sentence) == (
        "failed", "This is a PDF. Export the conversation as JSON, or copy its text into a file.",
    )  # fmt: skip


def test_a_file_that_is_empty_or_too_large_is_refused_at_once(actor, storage):
    with pytest.raises(Invalid, match="empty"):
        imports.start(actor, storage.folder, io.BytesIO(b""), "a.json", MOST)
    with pytest.raises(Invalid, match="larger than 4 MiB"):
        imports.start(actor, storage.folder, io.BytesIO(b"x" * (MOST + 1)), "a.json", MOST)
    assert list(storage.folder.glob(".new-*")) == []


def test_pasted_text_is_one_thread_and_leads_to_it(actor, storage, vault):
    text = "You: Write the weekly report\n\nChatGPT: Here it is.\n\nYou: shorter please"
    for _ in range(2):
        import_id = imports.start_text(actor, storage.folder, text)
        reading.carry_out(storage, vault, import_id, MOST)
    done = seen(actor, import_id)
    assert (done.name, done.known) == ("Pasted text", 1)
    assert threads.find(actor, done.thread_id).title == "Write the weekly report shorter please"


def test_nothing_of_a_secret_lies_in_the_open(bring, actor, storage):
    bring([conversation(1, said=f"use {KEY} for the report")])
    with batch() as work:
        row = work.connection.execute(sa.select(Thread.title, Thread.excerpt, Thread.search, Thread.body)).one()
    assert KEY not in str(row)
    assert KEY.lower() not in row.search
    assert "report" in row.search
    assert b"report" not in storage.path(row.body).read_bytes()


def test_texts_that_a_database_refuses_are_cleaned(bring, actor):
    strange = conversation(1, said="a\x00b \ud800 c")
    strange["title"] = "nul \x00 half \udc00"
    assert bring([strange]).added == 1
    assert titles(actor) == ["nul half ?"]


def test_an_import_that_was_interrupted_is_found_and_carried_on(actor, storage, vault, monkeypatch):
    content = json.dumps([conversation(number) for number in range(5)]).encode()
    import_id = imports.start(actor, storage.folder, io.BytesIO(content), "export.json", MOST)
    monkeypatch.setattr(reading, "BATCH", 2)
    with monkeypatch.context() as torn:
        torn.setattr(reading, "packed", dies_after(3))
        with pytest.raises(SystemExit):
            reading.carry_out(storage, vault, import_id, MOST)
    assert seen(actor, import_id).state == "reading"
    reading.carry_out(storage, vault, import_id, MOST)  # its reader may live: it is left alone
    assert seen(actor, import_id).token == 1
    redis.client().flushall()
    change(Import, beat_at=ago(minutes=2))
    assert imports.call_again() == 1
    assert queues.waiting(queues.THREADS) == {f"import-{import_id}"}
    assert imports.call_again() == 0  # it waits already
    reading.carry_out(storage, vault, import_id, MOST)
    done = seen(actor, import_id)
    assert (done.state, done.token, done.added, done.known) == ("done", 2, 5, 0)
    assert len(titles(actor)) == 5


def test_a_worker_that_ends_puts_back_what_it_reads(actor, storage, vault, monkeypatch):
    raw = json.dumps([conversation(number) for number in range(3)]).encode()
    import_id = imports.start(actor, storage.folder, io.BytesIO(raw), "a", MOST)
    redis.client().flushall()
    with monkeypatch.context() as ending:
        ending.setattr(reading, "_stopping", threading.Event())
        ending.setattr(reading, "packed", lambda one, packed=reading.packed: (reading.stop(), packed(one))[1])
        reading.carry_out(storage, vault, import_id, MOST)
    assert seen(actor, import_id).state == "waiting"
    assert queues.waiting(queues.THREADS) == {f"import-{import_id}"}
    reading.carry_out(storage, vault, import_id, MOST)
    assert (seen(actor, import_id).state, len(titles(actor))) == ("done", 3)


def dies_after(count, packed=reading.packed):
    left = iter(range(count))

    def one(thread):
        if next(left, None) is None:
            raise SystemExit
        return packed(thread)

    return one


def test_what_is_taken_over_by_another_worker_is_left_to_it(actor, storage, vault, monkeypatch):
    import_id = imports.start(actor, storage.folder, io.BytesIO(json.dumps([conversation(1)]).encode()), "a", MOST)

    def packed(thread):
        change(Import, token=7)
        return packed_before(thread)

    packed_before = reading.packed
    monkeypatch.setattr(reading, "packed", packed)
    reading.carry_out(storage, vault, import_id, MOST)
    assert (seen(actor, import_id).state, titles(actor)) == ("reading", [])


def test_one_that_ends_its_worker_again_and_again_is_given_up(actor, storage, vault):
    import_id = imports.start_text(actor, storage.folder, "You: a\n\nChatGPT: b")
    change(Import, token=reading.MOST_TRIES)
    reading.carry_out(storage, vault, import_id, MOST)
    given_up = seen(actor, import_id)
    assert given_up.state == "failed"
    assert given_up.sentence.startswith("It was begun 4 times")


def test_two_imports_of_one_file_at_once_keep_each_conversation_once(actor, storage, vault, monkeypatch):
    raw = json.dumps([conversation(number) for number in range(3)]).encode()
    first, second = (imports.start(actor, storage.folder, io.BytesIO(raw), "a", MOST) for _ in range(2))
    keep, came = reading.Box.keep, []

    def kept(box, packed):
        if not came:  # the other one comes between its look and its transaction
            came.append(True)
            reading.carry_out(storage, vault, second, MOST)
        return keep(box, packed)

    monkeypatch.setattr(reading.Box, "keep", kept)
    reading.carry_out(storage, vault, first, MOST)
    done = [seen(actor, one) for one in (first, second)]
    assert [(one.added, one.updated) for one in done] == [(0, 3), (3, 0)]
    assert len(titles(actor)) == 3
    assert len([path for path in storage.folder.glob("??/*") if path.is_file()]) == 1 + 3


def test_a_list_is_searched_narrowed_and_paged(bring, actor):
    bring([conversation(number, said="50% of rows") for number in range(7)])
    imported = bring([exports.claude()])
    assert len(titles(actor, format="chatgpt")) == 7
    assert titles(actor, q="50% rows 3") == ["Rows 3"]
    assert titles(actor, q="5_%") == []
    assert len(titles(actor, brought_by=str(imported.id))) == 1
    assert threads.counts(actor) == {"chatgpt": 7, "claude": 1}
    first = threads.listing(actor, Filters(), most=5)
    second = threads.listing(actor, Filters(), first.after, most=5)
    assert len({row.id for row in [*first.rows, *second.rows]}) == 8
    assert (bool(first.after), second.after) == (True, "")


def test_a_deleted_thread_can_be_brought_back_and_then_its_content_goes(bring, actor, storage):
    bring([conversation(1), conversation(2)])
    one, two = (row.id for row in threads.listing(actor, Filters()).rows)
    body = threads.find(actor, one).body
    threads.delete(actor, [one])
    assert len(titles(actor)) == 1
    threads.recover(actor, [one])
    threads.delete(actor, [one, two])
    assert threads.purge(storage) == 0
    change(Thread, deleted_at=ago(minutes=61))
    assert threads.purge(storage) == 2
    with pytest.raises(NotFound):
        storage.path(body)
    with pytest.raises(NotFound):
        threads.recover(actor, [one])


@pytest.mark.alike
def test_content_that_lies_in_the_database_goes_from_there(bring, actor, storage, settings):
    attach(replace(settings, storage="database"))
    bring([conversation(1)])
    (row,) = factories.rows(Thread)
    assert [blob.digest for blob in factories.rows(Blob)].count(row.body) == 1
    change(Thread, deleted_at=ago(minutes=61))
    threads.purge(storage)
    assert row.body not in {blob.digest for blob in factories.rows(Blob)}
    with pytest.raises(NotFound):
        storage.path(row.body)


def test_a_deleted_thread_comes_back_when_it_is_imported_again(bring, actor):
    bring([conversation(1)])
    threads.delete(actor, [threads.listing(actor, Filters()).rows[0].id])
    assert bring([conversation(1)]).added == 1
    assert titles(actor) == ["Rows 1"]


@pytest.mark.alike
def test_threads_of_another_team_are_not_there(bring, actor):
    done = bring([conversation(1)])
    (row,) = threads.listing(actor, Filters()).rows
    stranger = factories.owner(factories.team("southgate"))
    for ask in (threads.analyse, threads.delete, threads.recover):
        with pytest.raises(NotFound):
            ask(stranger, [row.id])
    with pytest.raises(NotFound):
        threads.find(stranger, row.id)
    with pytest.raises(NotFound):
        imports.find(stranger, done.id)
    assert titles(stranger) == []


@pytest.mark.alike
def test_the_file_of_an_import_goes_hours_after_it_was_read(bring, storage):
    done = bring([conversation(1)])
    path = storage.path(done.digest)
    retention.prune(storage)
    assert path.is_file()
    os.utime(path, (0, 0))
    change(Import, ended_at=ago(hours=3))
    assert retention.prune(storage)["uploads"] == 1
    assert not path.is_file()


def test_analysis_is_asked_for_once(bring, actor):
    bring([conversation(1)])
    (row,) = threads.listing(actor, Filters()).rows
    threads.analyse(actor, [row.id])
    assert len(titles(actor, state="going")) == 1
    change(Thread, analysis_state="running")
    threads.analyse(actor, [row.id])
    assert threads.find(actor, row.id).analysis_state == "running"


def test_a_shared_file_is_fetched_by_the_worker(actor, storage, vault, shared):
    address, state = shared
    state[:] = [200, json.dumps([conversation(1)]).encode()]
    done = fetched(actor, storage, vault, f"{address}/export.json?sig=abc123")
    assert (done.state, done.added, done.address) == ("done", 1, "")
    assert "abc123" not in done.name
    state[:] = [404, b"no"]
    assert fetched(actor, storage, vault, address).sentence == "127.0.0.1 answered 404 Not Found. Check the address."
    state[:] = [200, b"<!doctype html><html><body>Sign in</body></html>"]
    assert fetched(actor, storage, vault, address).sentence.startswith("This is a web page.")
    state[:] = [200, b" " * (MOST + 1)]
    assert "larger than 4 MiB" in fetched(actor, storage, vault, address).sentence


def fetched(actor, storage, vault, address):
    import_id = imports.start_address(actor, address)
    reading.carry_out(storage, vault, import_id, MOST)
    return seen(actor, import_id)


def test_an_address_that_is_none_is_refused_at_once(actor):
    with pytest.raises(Invalid) as refused:
        imports.start_address(actor, "file:///etc/passwd")
    assert list(refused.value.fields) == ["address"]
