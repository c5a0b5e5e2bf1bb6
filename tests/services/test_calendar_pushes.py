"""Calendars elsewhere: runs are put into a real server of CalDAV, and only what changed is put again."""

import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import icalendar
import pytest
import sqlalchemy as sa

from app.core.errors import Invalid
from app.infra import addresses, caldav, fetch
from app.infra.addresses import Failure
from app.infra.caldav import Collection
from app.models.feeds import CalendarPush, PushedEvent
from app.models.tasks import Task
from app.models.teams import Team
from app.services import planned
from app.services.feeds import accounts, pushing
from app.services.unit import batch
from app.settings import Settings
from tests import factories
from tests.dav import PASSWORD, Radicale
from tests.servers import closed_port

pytestmark = pytest.mark.alike

URL = "https://carillon.example"


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
def push(actor, vault, settings, elsewhere):
    """Bring the calendar up to date as a worker does; returns what the server was asked meanwhile."""
    accounts.save(actor, vault, elsewhere.url, "ada", PASSWORD, "all")

    def push(*, looks=False):
        if looks:
            with batch() as work:
                work.connection.execute(sa.update(CalendarPush).values(pushed_at=None))
        elsewhere.asked.clear()
        pushing.push(vault, replace(settings, public_url=URL))
        return dict(elsewhere.asked)

    return push


def state(actor):
    return accounts.find(actor.person_id)


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
    accounts.save(actor, vault, elsewhere.url, "ada", "another bell", "all")
    for _ in range(pushing.MOST_REFUSALS):
        push()
    assert "refused this user and password" in state(actor).problem
    assert state(actor).paused_at
    assert push() == {}
    accounts.save(actor, vault, elsewhere.url, "ada", PASSWORD, "all")
    assert push()["PUT"] in {3, 4, 5}
    assert state(actor).problem == ""


def test_what_can_not_be_reached_or_is_no_calendar_is_said_and_tried_again(actor, vault, monthly, push, elsewhere):
    for url, problem in (
        (f"http://127.0.0.1:{closed_port()}/", "refused the connection"),
        (elsewhere.url.replace("/runs/", "/nothing/"), "has no calendar at this address"),
        (elsewhere.url.replace("/runs/", "/"), "has no calendar at this address"),
        ("http://10.1.2.3/dav/", "is an inner address"),
    ):
        accounts.save(actor, vault, url, "ada", PASSWORD, "all")
        push()
        assert problem in state(actor).problem
        assert state(actor).paused_at is None


def test_the_password_is_sealed_and_a_form_that_lacks_something_says_what(actor, vault, elsewhere):
    with pytest.raises(Invalid) as refused:
        accounts.save(actor, vault, "cloud.example", "", "", "everything")
    assert set(refused.value.fields) == {"server", "username", "password", "scope"}
    accounts.save(actor, vault, elsewhere.url, "ada", PASSWORD, "mine")
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
    accounts.save(actor, vault, elsewhere.url, "ada", PASSWORD, "all")
    accounts.save(actor, vault, elsewhere.url.replace("/runs/", "/other/"), "ada", "", "all")
    for url, username in ((f"http://127.0.0.1:{closed_port()}/", "ada"), (elsewhere.url, "ben")):
        with pytest.raises(Invalid) as refused:
            accounts.save(actor, vault, url, username, "", "all")
        assert set(refused.value.fields) == {"password"}


def test_a_slow_server_is_left_when_its_turn_is_over_and_gets_the_rest_the_next_time(monthly, push, monkeypatch):
    monkeypatch.setattr(pushing, "_PATIENCE_SECONDS", 0.0)
    assert push() == {"PROPFIND": 1}
    monkeypatch.undo()
    assert push()["PUT"] in {3, 4, 5}


LISTING = """<?xml version="1.0" encoding="utf-8"?><multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<response><href>/c/</href><propstat><prop><resourcetype><C:calendar/></resourcetype></prop></propstat></response>
{}</multistatus>"""
FILE = "<response><href>/c/{}.ics</href><propstat><prop><getetag>&quot;{}&quot;</getetag></prop></propstat></response>"


def listing(*pieces):
    reading = caldav._Reading(Failure("protocol", "no calendar"))
    for piece in pieces:
        reading.write(piece)
    return reading.files()


def test_a_listing_that_could_grow_is_refused_in_every_encoding():
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    for content in (text.replace("utf-16", "utf-8").encode(), text.encode("utf-16"), b"<a>" * 100):
        with pytest.raises(Failure):
            listing(content)


def test_a_listing_takes_little_room_however_long_it_is(monkeypatch):
    content = LISTING.format("".join(FILE.format(number, number) for number in range(5_000))).encode()
    pieces = [content[at : at + 65_536] for at in range(0, len(content), 65_536)]
    tracemalloc.start()
    found = listing(*pieces)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(found), found["7.ics"]) == (5_000, '"7"')
    assert most < 2 * len(content)  # names and ETags; a tree of it takes forty times its size
    monkeypatch.setattr(caldav, "MOST_FILES", 100)
    with pytest.raises(Failure, match="more than 100 events"):
        listing(*pieces)


def test_what_others_say_of_their_files_is_no_name_of_one():
    shared = FILE.replace("<prop>", "<prop><owner><href>/principals/ben.ics</href></owner>").format("a", 1)
    assert listing(LISTING.format(shared).encode()) == {"a.ics": '"1"'}


def test_a_password_goes_over_no_open_network(actor, vault, push, elsewhere, monkeypatch):
    monkeypatch.setattr(addresses, "is_inner", lambda _: False)
    with pytest.raises(Invalid) as refused:
        accounts.save(actor, vault, elsewhere.url, "ada", PASSWORD, "all")
    assert refused.value.fields["server"].startswith("Over http anybody on the way could read the password.")
    assert push() == {}, "nor does what was saved before"
    assert "Use an https address of 127.0.0.1" in state(actor).problem


def test_a_run_that_the_server_does_not_take_holds_up_no_other(actor, monthly, push, elsewhere, monkeypatch):
    put, names = Collection.put, []

    def taken(collection, name, content):
        names.append(name)
        if name == names[0]:
            raise Failure("protocol", "127.0.0.1 answered 400 Bad Request.")
        return put(collection, name, content)

    monkeypatch.setattr(Collection, "put", taken)
    push()
    assert state(actor).problem == "127.0.0.1 answered 400 Bad Request."
    assert len(elsewhere.events()) == len(names) - 1
    monkeypatch.undo()
    assert push() == {"PROPFIND": 1, "PUT": 1}
    assert state(actor).problem == ""


def test_one_calendar_that_breaks_our_code_is_told_once_and_the_others_are_pushed(
    team, actor, vault, monthly, push, elsewhere, monkeypatch, caplog
):
    other = factories.owner(factories.team("elsewhere"))
    with batch() as work:
        row = {"person_id": other.person_id, "team_id": team, "scope": "all", "url": elsewhere.url, "username": "x"}
        row |= {"id": 0, "kind": "caldav", "sealed": b"sealed under another key", "refusals": 0, "problem": ""}
        work.connection.execute(sa.insert(CalendarPush).values(created_at=work.now, **row))
    assert push()["PUT"] in {3, 4, 5}
    assert "does not open with this key file" in state(other).problem
    assert state(actor).problem == ""
    monkeypatch.setattr(pushing.entries, "of", lambda *_: 1 / 0)
    for _ in range(2):
        push()
    assert "Something broke on our side" in state(actor).problem
    assert sum("ZeroDivisionError" in record.getMessage() for record in caplog.records) == 1
    monkeypatch.undo()
    push()
    assert state(actor).problem == ""
