"""Calendars below the web: what is kept, who uses them, and what becomes of imported ones when their address fails."""

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid, NotFound, Unavailable
from app.domain import calendars as rules
from app.infra import database, fetch, queues, redis
from app.infra.database import db
from app.models.instance import Audit
from app.models.runs import Event, Run
from app.models.tasks import Schedule
from app.models.teams import Calendar
from app.services import calendars, dispatch, uses
from app.services.calendars import Given, feeds
from app.services.unit import batch
from tests import factories
from tests.factories import rows

OFFICE = Given("Office", "hours", "Europe/Berlin", {"hours": ["Mon-Fri 09:00-17:00"]})
YEAR = datetime.now(UTC).year + 1
CHRISTMAS = datetime(YEAR, 12, 25, 12, tzinfo=UTC)


def ics(day, what="Closed"):
    lines = [
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT",
        "UID:1",
        f"DTSTART;VALUE=DATE:{day}",
        f"SUMMARY:{what}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "\r\n".join(lines)


@pytest.fixture
def actor(app, settings):
    fetch.configure(settings)
    with app.app_context():
        yield factories.owner(factories.team())


def used_by(actor, *uses_of, name="probe", state="active"):
    """A task with a schedule that uses calendars: (id, use); returns the schedule's id."""
    task = factories.task(actor.team_id, name)
    schedule = factories.schedule(actor.team_id, task, "1d")
    stored = [{"calendar": id_, "use": use, "slug": "x"} for id_, use in uses_of]
    later = datetime.now(UTC) + timedelta(days=9)
    with batch() as work:
        changed = sa.update(Schedule).where(Schedule.id == schedule)
        work.connection.execute(changed.values(calendars=stored, next_fire_at=later, state=state))
    return schedule


def now_of(schedule):
    return next(row for row in rows(Schedule) if row.id == schedule).next_fire_at


# --- made, changed, deleted


def test_a_calendar_is_made_listed_and_found(actor):
    row = calendars.add(actor, OFFICE)
    (line,) = calendars.lines(actor)
    assert (line.row.slug, line.row.version, line.says) == ("office", 1, "Mon-Fri 09:00-17:00")
    assert len(line.coming) == 1
    assert len(calendars.find(actor, row.slug, 5).coming) == 5
    assert [entry.action for entry in rows(Audit)] == ["calendar_added"]
    assert [event.kind for event in rows(Event)] == ["calendar_created"]


@pytest.mark.alike
def test_two_with_one_word_for_the_address_get_one_each(actor):
    slugs = [
        calendars.add(actor, Given(name, *("hours", "UTC", OFFICE.settings))).slug for name in ("Öffi", "Offi", "New")
    ]
    assert slugs == ["offi", "offi-2", "new-2"]


@pytest.mark.alike
def test_another_teams_calendar_is_not_there(actor):
    calendars.add(actor, OFFICE)
    stranger = factories.owner(factories.team("elsewhere"))
    for ask in (
        calendars.find,
        calendars.delete,
        calendars.refresh,
        lambda who, slug: calendars.change(who, slug, OFFICE),
    ):
        with pytest.raises(NotFound):
            ask(stranger, "office")
    assert calendars.lines(stranger) == []


def test_a_change_counts_and_lets_the_clock_look_again_at_what_uses_it(actor):
    row = calendars.add(actor, OFFICE)
    uses_it, other, paused = (
        used_by(actor, (row.id, "only")),
        used_by(actor, name="other"),
        used_by(actor, (row.id, "only"), name="paused", state="paused"),
    )
    before = {schedule: now_of(schedule) for schedule in (other, paused)}
    calendars.change(actor, row.slug, OFFICE)
    assert rows(Calendar)[0].version == 1, "nothing has changed"
    calendars.change(actor, row.slug, Given("Office", "hours", "Europe/Berlin", {"hours": ["Mon 09:00-10:00"]}))
    assert rows(Calendar)[0].version == 2
    assert now_of(uses_it) <= datetime.now(UTC)
    assert {schedule: now_of(schedule) for schedule in (other, paused)} == before
    assert [event.kind for event in rows(Event)][-1] == "calendar_changed"


@pytest.mark.alike
def test_a_change_fires_nothing_and_the_next_time_is_planned_anew(actor):
    row = calendars.add(actor, Given("Freeze", "blackout", "UTC", {"weekly": ["daily 00:00-24:00"]}))
    task = factories.task(actor.team_id)
    schedule = factories.schedule(actor.team_id, task, "0 9 * * *", "cron")
    with batch() as work:
        stored = [{"calendar": row.id, "use": "only", "slug": "freeze"}]
        work.connection.execute(sa.update(Schedule).where(Schedule.id == schedule).values(calendars=stored))
    before = now_of(schedule)
    calendars.change(actor, row.slug, Given("Freeze", "blackout", "UTC", {"weekly": ["daily 08:00-10:00"]}))
    assert now_of(schedule) < before
    dispatch.fire_due(dispatch.lead("clock", "first", timedelta(minutes=1)), timedelta(minutes=1))
    assert rows(Run) == []
    assert now_of(schedule) == before


def test_one_that_is_used_is_not_deleted_and_says_by_which_tasks(actor):
    row = calendars.add(actor, OFFICE)
    schedule = used_by(actor, (row.id, "only"))
    with pytest.raises(Invalid, match=r"The task probe uses Office. Take it out of its schedules first."):
        calendars.delete(actor, row.slug)
    with batch() as work:
        work.connection.execute(sa.update(Schedule).where(Schedule.id == schedule).values(calendars=[]))
    calendars.delete(actor, row.slug)
    assert calendars.lines(actor) == []
    assert calendars.add(actor, OFFICE).slug == "office-2", "what pointed at the old one points at nothing"


@pytest.mark.alike
@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        (Given("", "hours", "UTC", OFFICE.settings), "name", "Give it a name of 1 to 60 letters."),
        (Given("OFFICE", "hours", "UTC", OFFICE.settings), "name", "There is a calendar called OFFICE already."),
        (Given("x", "hours", "Mars/Base", OFFICE.settings), "timezone", "There is no time zone “Mars/Base”."),
        (Given("x", "weeks", "UTC"), "kind", "A calendar is one of"),
        (Given("x", "hours", "UTC", {"hours": ["Mon"]}), "hours", "Line 1: “Mon” can't be read."),
        (Given("x", "ics", "UTC"), "url", "Choose a file, paste its text, or write the address of a calendar."),
        (Given("x", "ics", "UTC", {}, "hello"), "content", "Line 1 can't be read: “hello”."),
        (Given("x", "ics", "UTC", {"url": "ftp://x"}), "url", "Type an address like https://"),
        (Given("x", "ics", "UTC", {"url": "https://x.example/a.ics"}, ics(f"{YEAR}1225")), "url", "Give an address or a file, not both"),
    ],
)  # fmt: skip
def test_each_field_says_what_it_takes(actor, given, field, sentence):
    calendars.add(actor, OFFICE)
    with pytest.raises(Invalid) as refused:
        calendars.add(actor, given)
    assert sentence in refused.value.fields[field]


@pytest.mark.alike
def test_a_calendar_keeps_its_kind(actor):
    calendars.add(actor, OFFICE)
    with pytest.raises(Invalid, match="A calendar keeps its kind"):
        calendars.change(actor, "office", Given("Office", "blackout", "UTC", {"weekly": ["Sun"]}))


@pytest.mark.alike
def test_a_preview_keeps_nothing(actor):
    assert len(calendars.preview(OFFICE, 3)) == 3
    assert calendars.lines(actor) == []


# --- what schedules use


def test_what_a_schedule_uses_is_read_once_and_anew_after_a_change(actor):
    row = calendars.add(actor, Given("Freeze", "blackout", "UTC", {"weekly": [], "dated": [f"{YEAR}-12-25"]}))
    stored = [{"calendar": row.id, "use": "exclude"}]
    with database.read() as connection:
        [(use, first)] = uses.of(connection, actor.team_id, stored)
        [(_, again)] = uses.of(connection, actor.team_id, stored)
    assert use == "exclude"
    assert again is first
    assert rules.covers(first, CHRISTMAS)
    calendars.change(actor, row.slug, Given("Freeze", "blackout", "UTC", {"dated": [f"{YEAR}-12-26"]}))
    with database.read() as connection:
        [(_, changed)] = uses.of(connection, actor.team_id, stored)
    assert not rules.covers(changed, CHRISTMAS)


def test_one_that_is_gone_or_of_another_team_is_not_applied_and_says_so(actor):
    foreign = factories.calendar(factories.team("elsewhere"), dated=[f"{YEAR}-12-25"])
    stored = [{"calendar": foreign, "use": "exclude", "slug": "freeze"}, {"calendar": 999, "use": "only"}]
    with database.read() as connection:
        found = uses.of(connection, actor.team_id, stored)
    effect = rules.effect(rules.applied.Fire(CHRISTMAS, ""), found, "UTC")
    assert not effect.is_left_out
    assert effect.notes == (
        "freeze was not applied: This calendar is not there any more.",
        "Calendar 999 was not applied: This calendar is not there any more.",
    )


# --- imported from an address


@contextmanager
def site(body, status=200):
    """A server on loopback that answers with `state`: [status, body]."""
    state = [status, body]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = state[1] if isinstance(state[1], bytes) else state[1].encode()
            self.send_response(state[0])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/team.ics", state
    finally:
        server.shutdown()
        server.server_close()


def imported(actor, url):
    return calendars.add(actor, Given("Team", "ics", "UTC", {"url": url}))


def test_an_address_is_fetched_by_a_worker_and_again_when_it_has_changed(actor):
    with site(ics(f"{YEAR}1225")) as (url, state):
        row = imported(actor, url)
        schedule = used_by(actor, (row.id, "exclude"))
        assert calendars.find(actor, "team").is_fetching
        (job,) = queues.waiting(queues.UPKEEP)
        asked = queues.SafeJob.fetch(job, connection=redis.client())
        assert (asked.func_name, list(asked.args)) == (queues.CALENDARS, [row.id])
        assert feeds.refresh(row.id) == {"fetched": 1, "failed": 0}
        line = calendars.find(actor, "team")
        assert [span.what for span in line.coming] == ["Closed"]
        assert line.row.refreshed_at
        assert now_of(schedule) <= datetime.now(UTC)
        version = line.row.version
        feeds.refresh()
        assert calendars.find(actor, "team").row.version == version, "it was the same"
        state[1] = ics(f"{YEAR}1226", "Moved")
        feeds.refresh()
        line = calendars.find(actor, "team")
        assert (line.row.version, [span.what for span in line.coming]) == (version + 1, ["Moved"])


@pytest.mark.alike
@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (404, "", "127.0.0.1 answered 404 Not Found. Check the address."),
        (200, "<html>", "Line 1 can't be read: “<html>”. Export the calendar again."),
        (200, b"BEGIN:VCALENDAR\xff", "The file is not in UTF-8, as calendar files are. Export it as ICS."),
        (200, b"x" * (2 * 1024 * 1024 + 9), "The file is larger than 2 MiB. Export fewer events."),
    ],
)
def test_what_was_there_stays_when_it_can_not_be_fetched_again(actor, status, body, problem):
    with site(ics(f"{YEAR}1225")) as (url, state):
        row = imported(actor, url)
        feeds.refresh(row.id)
        state[:] = [status, body]
        assert feeds.refresh() == {"fetched": 0, "failed": 1}
        line = calendars.find(actor, "team")
        assert line.problem == problem
        assert [span.what for span in line.coming] == ["Closed"]
        state[:] = [200, ics(f"{YEAR}1225")]
        feeds.refresh()
        assert calendars.find(actor, "team").problem == ""


@pytest.mark.alike
def test_inner_addresses_are_refused_as_everywhere(actor, settings):
    fetch.configure(replace(settings, allow_hosts=()))
    with site(ics(f"{YEAR}1225")) as (url, _):
        row = imported(actor, url)
        feeds.refresh(row.id)
    line = calendars.find(actor, "team")
    assert "inner address" in line.problem
    assert line.coming == []


@pytest.mark.alike
def test_another_address_is_fetched_anew_and_a_file_takes_its_place(actor):
    with site(ics(f"{YEAR}1225")) as (url, _):
        row = imported(actor, url)
        feeds.refresh(row.id)
        calendars.change(actor, "team", Given("Team", "ics", "UTC", {"url": url + "?other"}))
        assert calendars.find(actor, "team").is_fetching
        calendars.change(actor, "team", Given("Team", "ics", "UTC", {}, ics(f"{YEAR}1231", "File")))
    line = calendars.find(actor, "team")
    assert (line.is_fetching, [span.what for span in line.coming]) == (False, ["File"])
    calendars.change(actor, "team", Given("Ours", "ics", "UTC", {}))
    assert calendars.find(actor, "team").row.content, "the file stays when only the name changes"
    with pytest.raises(Invalid, match="has no address"):
        calendars.refresh(actor, "team")


@pytest.mark.alike
def test_a_calendar_that_was_changed_while_it_was_fetched_keeps_the_change(actor, monkeypatch):
    with site(ics(f"{YEAR}1225")) as (url, _):
        row = imported(actor, url)
        fetched = fetch.document

        def meanwhile(*asked):
            found = fetched(*asked)
            db.session.rollback()
            calendars.change(actor, "team", Given("Team", "ics", "UTC", {}, ics(f"{YEAR}1231", "File")))
            return found

        monkeypatch.setattr(fetch, "document", meanwhile)
        feeds.refresh(row.id)
    assert [span.what for span in calendars.find(actor, "team").coming] == ["File"]


@pytest.mark.alike
def test_without_redis_it_is_fetched_within_the_hour_and_asking_says_so(actor, monkeypatch):
    def away(*_):
        raise redis.Away[0]

    with site(ics(f"{YEAR}1225")) as (url, _):
        row = imported(actor, url)
        monkeypatch.setattr(queues, "call", away)
        with pytest.raises(Unavailable, match="The queue does not answer"):
            calendars.refresh(actor, row.slug)
        imported_again = calendars.add(actor, Given("Second", "ics", "UTC", {"url": url}))
        feeds.refresh()
    assert calendars.find(actor, imported_again.slug).coming
