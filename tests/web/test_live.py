"""Live pages over a real server: who may listen, and that what arrives is what the database holds."""

import http.client
import random
import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.infra import redis, valkey
from app.infra.database import db
from app.models.runs import LogChunk
from app.services import accounts, teams
from app.web import broadcast, live
from app.web.hub import MOST_OF_BROWSER
from tests.web.conftest import token_in
from tests.web.live_site import DIARY, Listener, begin_story, cookie, serve

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def diary(monkeypatch):
    monkeypatch.setitem(live.views, "diary", DIARY)


@pytest.fixture
def story(app, ada, northgate):
    return begin_story(app, ada, northgate)


@pytest.fixture
def site(app):
    yield from serve(app)


# --- who may listen


def test_only_members_who_are_signed_in_may_listen(site, story, ben, cid):
    for path, visit, status in (
        (story.path, None, 401),
        (story.path, cid, 404),
        (story.path.replace("/7", "/8"), ben, 404),
        (story.path.replace("diary", "nothing"), ben, 404),
        (story.path, ben, 200),
    ):
        with Listener(site, path, visit) as listener:
            assert listener.status == status, path


def test_a_stream_may_not_be_kept_nor_held_back(site, story, ada):
    with Listener(site, story.path, ada) as listener:
        assert listener.headers["Content-Type"].startswith("text/event-stream")
        assert listener.headers["Cache-Control"] == "no-store"
        assert listener.headers["X-Accel-Buffering"] == "no"
        assert "default-src 'none'" in listener.headers["Content-Security-Policy"]


def test_a_stream_ends_when_its_sign_in_is_revoked(app, site, story, ada):
    with Listener(site, story.path, ada) as listener:
        assert listener.next()
        with app.app_context():
            accounts.sign_out(accounts.who(cookie(ada)))
        assert listener.until(lambda event: event.name)[-1].name == "signed-out"
        assert listener.next() is None


def test_a_stream_ends_for_a_member_who_is_removed(app, site, story, ada, ben, northgate):
    actor = ada.actor(app, northgate)
    with Listener(site, story.path, ben) as listener:
        assert listener.next()
        with app.app_context():
            teams.remove(actor, next(member.id for member in teams.members(actor) if member.person_id == ben.id))
        assert listener.until(lambda event: event.name)[-1].name == "signed-out"


def test_the_sixth_page_of_a_browser_ends_the_first_so_that_pages_still_load(site, story, ada):
    first = Listener(site, story.path, ada)
    assert first.next()
    others = [Listener(site, story.path, ada) for _ in range(MOST_OF_BROWSER)]
    assert first.until(lambda event: event.name)[-1].name == "crowded"
    assert first.next() is None
    assert all(listener.next() for listener in others)
    for listener in [first, *others]:
        listener.cut()


# --- what arrives


def test_what_is_there_comes_first(site, story, ada):
    story.write(3, text="one\rtwo\nthree & <b>")
    with Listener(site, story.path, ada) as listener:
        lines, parts = listener.next(), listener.next()
    assert lines.lines == [1, 2, 3]
    assert lines.id == "3"
    assert lines.data.startswith('<hx-partial hx-target="#log-lines" hx-swap="beforeend"><li>1 one\ntwo\nthree')
    assert '<hx-partial hx-target="#state" hx-swap="outerMorph"><p id="state">running</p></hx-partial>' in parts.data


def test_lines_that_the_page_has_are_not_sent(site, story, ada):
    story.write(1200)
    with Listener(site, f"{story.path}?after=3", ada) as listener:
        assert listener.lines_upto(1200) == list(range(4, 1201))
    with Listener(site, f"{story.path}?after=3", ada, last_id="1195") as listener:
        assert listener.next().lines == [1196, 1197, 1198, 1199, 1200]


def test_pages_that_are_not_equally_far_share_a_run(site, story, ada):
    story.write(1100)
    with (
        Listener(site, f"{story.path}?after=99999999999999", ada) as mistaken,
        Listener(site, f"{story.path}?after=1090", ada) as ahead,
        Listener(site, story.path, ada) as behind,
    ):
        story.write(5)
        assert ahead.lines_upto(1105) == list(range(1091, 1106))
        assert behind.lines_upto(1105) == list(range(1, 1106))
        assert "state" in mistaken.next().data


def test_only_parts_that_changed_are_sent_again(site, story, ada):
    with Listener(site, story.path, ada) as listener:
        assert 'id="stop"' in listener.next().data
        story.set("waiting")
        changed = listener.next().data
    assert "waiting" in changed
    assert 'id="stop"' not in changed


def test_a_form_in_a_part_carries_the_token_of_whoever_listens(site, story, ada, ben):
    with Listener(site, story.path, ada) as hers, Listener(site, story.path, ben) as his:
        for listener, visit in ((hers, ada), (his, ben)):
            assert token_in(listener.next().data) == visit.token()


def test_times_are_those_of_the_listener(app, site, story, ada, ben):
    with app.app_context():
        accounts.save_profile(ben.id, "Ben Okri", "Asia/Tokyo")
    with Listener(site, story.path, ada) as hers, Listener(site, story.path, ben) as his:
        assert "12:00" in hers.next().data
        assert "21:00" in his.next().data


def test_it_says_when_it_is_over(site, story, ada):
    with Listener(site, story.path, ada) as listener:
        assert listener.next()
        story.write(600)
        story.set("succeeded")
        events = listener.until(lambda event: event.name)
        assert [number for event in events for number in event.lines] == list(range(1, 601))
        assert any("succeeded" in event.data for event in events)
        assert events[-1].name == "finished"
        assert listener.next() is None


@pytest.mark.parametrize("view", ["diary", "runs"])
def test_a_stream_cut_at_twenty_moments_misses_nothing_and_repeats_nothing(app, site, story, ada, view):
    path = story.path.replace("diary", view)
    dice = random.Random(20)
    writer = threading.Thread(target=lambda: [story.write(dice.randint(1, 40)) or time.sleep(0.02) for _ in range(100)])
    writer.start()
    seen, last_id = [], None
    for moment in [dice.uniform(0.01, 0.25) for _ in range(20)]:
        with Listener(site, path, ada, last_id) as listener:
            timer = threading.Timer(moment, listener.break_off)
            timer.start()
            with suppress(OSError, http.client.HTTPException):
                while event := listener.next():
                    seen += event.lines
                    last_id = event.id or last_id
            timer.join()
    writer.join()
    story.set("succeeded")
    with Listener(site, path, ada, last_id) as listener:
        for event in listener.until(lambda event: event.name):
            seen += event.lines
    with app.app_context():
        stored = db.session.scalar(sa.select(sa.func.sum(LogChunk.count)).where(LogChunk.run_id == story.run_id))
    assert seen == list(range(1, stored + 1))


# --- when something is slow or away


def test_who_reads_slowly_holds_nobody_up_and_gets_all_in_the_end(site, story, ada, ben, monkeypatch):
    monkeypatch.setattr(broadcast, "MOST_WAITING", 3)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", site.port))
    slow.sendall(f"GET {story.path} HTTP/1.1\r\nHost: x\r\nCookie: carillon={cookie(ben)}\r\n\r\n".encode())
    slow.settimeout(5)
    assert slow.recv(1) == b"H"
    with Listener(site, story.path, ada) as listener:
        while not site.hub.numbers()["stream_drops"][1]:
            assert story.written < 20_000
            story.write(100, text="x" * 2000)
            assert listener.lines_upto(story.written)[-1] == story.written
            assert len(slow.recv(1)) == 1
    story.set("succeeded")
    text = b""
    while piece := slow.recv(1 << 20):
        text += piece
        if b"event: finished" in text:
            break
    slow.close()
    assert [int(number) for number in re.findall(rb"<li>(\d+) x", text)] == list(range(1, story.written + 1))


@pytest.fixture
def bell(home):
    """A Valkey of our own that may be stopped and started."""
    folder = home / "bell"
    folder.mkdir()
    servers = []

    def start():
        servers.append(valkey.start(folder, folder / "data", password="bell", persists=False))
        return servers[-1]

    yield start
    servers[-1].stop()


class TestWithoutTheBell:
    @pytest.fixture
    def settings(self, settings, bell):
        self.start, self.server = bell, bell()
        return replace(settings, redis_url=self.server.url)

    def test_pages_stay_true_while_redis_is_away_and_are_quick_after(self, site, story, ada):
        with Listener(site, story.path, ada) as listener:
            assert listener.next()
            self.server.stop()
            story.write(2)
            assert listener.lines_upto(2) == [1, 2]
            self.server = self.start()
            wait_until_heard()
            began = time.monotonic()
            story.write()
            assert listener.lines_upto(story.written) == [story.written]
            assert time.monotonic() - began < 1


def wait_until_heard():
    """Until the hub listens again; it tries every two seconds."""
    for _ in range(60):
        if redis.client().pubsub_numsub(redis.BELL)[0][1]:
            return
        time.sleep(0.1)
    pytest.fail("The hub did not listen again.")


def test_without_an_event_loop_the_same_address_streams_from_a_thread(app, story, ada):
    story.write(3)
    story.set("succeeded")
    with ada.client.get(f"{story.path}?after=1") as answer:
        text = answer.get_data(as_text=True)
    assert re.findall(r"<li>(\d+)", text) == ["2", "3"]
    assert "id: 3\n" in text
    assert text.endswith("event: finished\ndata:\n\n")


def test_metrics_tell_of_the_streams(site, story, ada):
    with Listener(site, story.path, ada) as listener:
        assert listener.next()
        assert "carillon_streams 1.0" in ada.get("/metrics").text
