"""Calendars elsewhere: runs are put into a real server of CalDAV, and only what changed is put again."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server

import icalendar
import pytest
import radicale
import radicale.config
import sqlalchemy as sa

from app.core.errors import Invalid
from app.infra import fetch
from app.infra.addresses import Failure
from app.infra.caldav import Collection
from app.models.feeds import CalendarPush, PushedEvent
from app.models.tasks import Task
from app.models.teams import Team
from app.services import planned
from app.services.feeds import pushing
from app.services.unit import batch
from app.settings import Settings
from tests import factories
from tests.servers import closed_port

pytestmark = pytest.mark.alike

URL = "https://carillon.example"
PASSWORD = "a quiet bell"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Radicale:
    """A server of CalDAV with Ada's calendar, and what it was asked."""

    def __init__(self, folder):
        (folder / "users").write_text(f"ada:{PASSWORD}\n")
        settings = {
            "auth": {"type": "htpasswd", "htpasswd_filename": str(folder / "users"), "htpasswd_encryption": "plain",
                     "delay": "0"},
            "storage": {"filesystem_folder": str(folder / "store"), "_filesystem_fsync": "False"},
            "logging": {"level": "critical"},
        }  # fmt: skip
        configuration = radicale.config.load()
        configuration.update(settings, "test", privileged=True)
        answer = radicale.Application(configuration)
        self.asked = Counter()

        def counted(environ, start_response):
            self.asked[environ["REQUEST_METHOD"]] += 1
            return answer(environ, start_response)

        self.server = make_server("127.0.0.1", 0, counted, handler_class=_Quiet)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/ada/runs/"
        assert self.collection._answer("MKCALENDAR", "").status == 201
        self.asked.clear()

    @property
    def collection(self):
        return Collection(self.url, "ada", PASSWORD)

    def events(self):
        """The events that are there, by when they begin."""
        found = {}
        for name in self.collection.listing():
            answer = self.collection._answer("GET", name)
            (event,) = icalendar.Calendar.from_ical(answer.body).walk("VEVENT")
            found[event["DTSTART"].dt] = event
        return found

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def elsewhere(app, settings, tmp_path):
    fetch.configure(settings)
    server = Radicale(tmp_path)
    yield server
    server.stop()
    fetch.configure(Settings(data_dir=tmp_path))


@pytest.fixture
def vault(app, team):
    vault = app.extensions["vault"]
    with batch() as work:
        work.connection.execute(sa.update(Team).values(data_key=vault.new_data_key(team)))
    return vault


@pytest.fixture
def monthly(team):
    """A task twice a month at nine: four times or so in 60 days."""
    task_id = factories.task(team, "monthly", label="Monthly digest")
    schedule_id = factories.schedule(team, task_id, "0 9 1,15 * *", "cron", timezone="Europe/Berlin")
    return {"task_id": task_id, "schedule_id": schedule_id}


@pytest.fixture
def push(actor, vault, elsewhere):
    """Bring the calendar up to date as a worker does; returns what the server was asked meanwhile."""
    pushing.save(actor, vault, elsewhere.url, "ada", PASSWORD, "all")

    def push(*, looks=False):
        if looks:
            with batch() as work:
                work.connection.execute(sa.update(CalendarPush).values(pushed_at=None))
        elsewhere.asked.clear()
        pushing.push(vault, URL)
        return dict(elsewhere.asked)

    return push


def state(actor):
    return pushing.find(actor.person_id)


def test_runs_are_put_there_and_only_what_changes_is_put_again(team, actor, monthly, push, elsewhere):
    asked = push()
    assert asked["PROPFIND"] == 1
    assert asked["PUT"] in {3, 4, 5}
    events = elsewhere.events()
    assert {str(event["SUMMARY"]) for event in events.values()} == {"Monthly digest"}
    assert push() == {}, "nothing has changed, so nobody is asked"
    at = min(events)
    later = at + timedelta(hours=3)
    factories.run(
        team, monthly["task_id"], "waiting", schedule_id=monthly["schedule_id"], reason="time",
        key=planned.key(at.astimezone(UTC)), not_before=later, planned_at=later, notes=["Moved by Ada Park."],
    )  # fmt: skip
    assert push() == {"PUT": 1}
    moved = elsewhere.events()
    assert at not in moved
    assert moved[later]["UID"] == events[at]["UID"]
    assert moved[later]["SEQUENCE"] >= events[at]["SEQUENCE"]


def test_what_is_planned_no_more_is_taken_away_and_what_others_put_there_stays(monthly, push, elsewhere):
    push()
    elsewhere.collection.put("mine.ics", icalendar_of_somebody())
    with batch() as work:
        work.connection.execute(sa.update(Task).values(deleted_at=work.now))
    assert push()["DELETE"] in {3, 4, 5}
    assert list(elsewhere.collection.listing()) == ["mine.ics"]


def test_what_was_changed_there_is_put_right_within_the_hour(monthly, push, elsewhere):
    push()
    gone, changed, *_ = elsewhere.collection.listing()
    elsewhere.collection.remove(gone)
    content = elsewhere.collection._answer("GET", changed).body
    elsewhere.collection.put(changed, content.replace(b"Monthly digest", b"Something else"))
    assert push() == {}
    assert push(looks=True) == {"PROPFIND": 1, "PUT": 2}
    assert {str(event["SUMMARY"]) for event in elsewhere.events().values()} == {"Monthly digest"}


def test_a_wrong_password_is_said_and_after_three_times_the_server_is_left_alone(
    actor, vault, monthly, push, elsewhere
):
    pushing.save(actor, vault, elsewhere.url, "ada", "another bell", "all")
    for _ in range(pushing.MOST_REFUSALS):
        push()
    assert "refused this user and password" in state(actor).problem
    assert state(actor).paused_at
    assert push() == {}
    pushing.save(actor, vault, elsewhere.url, "ada", PASSWORD, "all")
    assert push()["PUT"] in {3, 4, 5}
    assert state(actor).problem == ""


def test_what_can_not_be_reached_or_is_no_calendar_is_said_and_tried_again(actor, vault, monthly, push, elsewhere):
    for url, problem in (
        (f"http://127.0.0.1:{closed_port()}/", "refused the connection"),
        (elsewhere.url.replace("/runs/", "/nothing/"), "has no calendar at this address"),
        (elsewhere.url.replace("/runs/", "/"), "has no calendar at this address"),
        ("http://10.1.2.3/dav/", "is an inner address"),
    ):
        pushing.save(actor, vault, url, "ada", PASSWORD, "all")
        push()
        assert problem in state(actor).problem
        assert state(actor).paused_at is None


def test_the_password_is_sealed_and_a_form_that_lacks_something_says_what(actor, vault, elsewhere):
    with pytest.raises(Invalid) as refused:
        pushing.save(actor, vault, "cloud.example", "", "", "everything")
    assert set(refused.value.fields) == {"server", "username", "password", "scope"}
    pushing.save(actor, vault, elsewhere.url, "ada", PASSWORD, "mine")
    assert PASSWORD.encode() not in state(actor).sealed


def test_who_has_left_the_team_has_its_runs_taken_away(team, actor, monthly, push):
    push()
    with batch() as work:
        work.connection.execute(sa.text("DELETE FROM memberships"))
    assert push()["DELETE"] in {3, 4, 5}
    assert factories.rows(PushedEvent) == []


def icalendar_of_somebody():
    event = icalendar.Event()
    event.add("UID", "mine")
    event.add("SUMMARY", "Dentist")
    event.add("DTSTART", datetime(2027, 1, 1, 9, tzinfo=UTC))
    event.add("DTSTAMP", datetime(2027, 1, 1, 9, tzinfo=UTC))
    calendar = icalendar.Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", "-//Somebody//EN")
    calendar.add_component(event)
    return calendar.to_ical()


def test_a_kept_password_goes_to_no_other_server_or_user(actor, vault, elsewhere):
    pushing.save(actor, vault, elsewhere.url, "ada", PASSWORD, "all")
    pushing.save(actor, vault, elsewhere.url.replace("/runs/", "/other/"), "ada", "", "all")
    for url, username in ((f"http://127.0.0.1:{closed_port()}/", "ada"), (elsewhere.url, "ben")):
        with pytest.raises(Invalid) as refused:
            pushing.save(actor, vault, url, username, "", "all")
        assert set(refused.value.fields) == {"password"}


def test_a_slow_server_is_left_when_its_turn_is_over_and_gets_the_rest_the_next_time(monthly, push, monkeypatch):
    monkeypatch.setattr(pushing, "_PATIENCE_SECONDS", 0.0)
    assert push() == {"PROPFIND": 1}
    monkeypatch.undo()
    assert push()["PUT"] in {3, 4, 5}


def test_a_listing_that_could_grow_is_refused_in_every_encoding():
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(Failure):
            Collection("http://127.0.0.1/", "ada", PASSWORD)._read(text.encode(encoding))
