"""Calendar feeds: what an app that knows the secret address is told, and what it is not."""

from datetime import UTC, datetime, timedelta
from time import process_time

import icalendar
import pytest
import sqlalchemy as sa
import time_machine

from app.models.feeds import CalendarFeed
from app.models.runs import Run
from app.models.tasks import Task
from app.models.teams import Membership, Team
from app.services import planned
from app.services.feeds import entries
from app.services.unit import batch
from app.web import feeds as doors
from tests import factories

URL = "/t/northgate/settings/integrations"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _fresh_minute(monkeypatch):
    monkeypatch.setattr(doors, "_minute", doors.Minute())


def address(visit, scope="team", url=URL):
    """Turn a feed on, and return the address that the page shows."""
    page = visit.post(f"{url}/feeds/{scope}", follow_redirects=True).text
    return page.partition(f'id="address-{scope}">')[2].partition("<")[0].removeprefix("http://localhost:8700")


def team_id(app, slug):
    with app.app_context():
        return factories.rows(Team, Team.slug == slug)[0].id


@pytest.fixture
def daily(app, northgate):
    """A task of Northgate, each day at nine in Berlin."""
    team = team_id(app, northgate)
    with app.app_context():
        task_id = factories.task(team, "digest", label="Morning digest; news, and more")
        schedule_id = factories.schedule(team, task_id, "0 9 * * *", "cron", timezone="Europe/Berlin")
    return {"team_id": team, "task_id": task_id, "schedule_id": schedule_id}


def fetch(app, path, **headers):
    return app.test_client().get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def events(answer):
    assert answer.status_code == 200, answer.text
    return icalendar.Calendar.from_ical(answer.data).walk("VEVENT")


def names(answer):
    return {str(event["SUMMARY"]) for event in events(answer)}


def past(app, daily, ago, state="succeeded", **values):
    """A run of the digest that was planned so long ago."""
    at = (datetime.now(UTC) - ago).replace(microsecond=0)
    values = {"schedule_id": daily["schedule_id"], "key": planned.key(at), "planned_at": at} | values
    with app.app_context():
        factories.run(daily["team_id"], daily["task_id"], state, **values)
    return at


# --- what it shows


def test_what_is_planned_is_there_in_the_zone_of_its_schedule(app, ada, daily):
    found = events(fetch(app, address(ada)))
    assert len(found) in {59, 60}
    assert {str(event["SUMMARY"]) for event in found} == {"Morning digest; news, and more"}
    assert {(event["DTSTART"].dt.hour, event["DTSTART"].params["TZID"]) for event in found} == {(9, "Europe/Berlin")}
    assert {event["STATUS"] for event in found} == {"CONFIRMED"}
    assert len({event["UID"] for event in found}) == len(found)


def test_what_ran_says_how_it_ended_and_nothing_of_what_it_worked_on(app, ada, daily):
    at = past(
        app, daily, 2 * DAY, "failed", sentence="mail.example refused the connection.", typed={"to": "bo@x.example"},
        inputs={"to": "bo@x.example"}, facts={"answer": "canary"},
    )  # fmt: skip
    started, ended = at + timedelta(seconds=2), at + timedelta(minutes=7, seconds=5)
    past(app, daily, DAY, "succeeded", started_at=started + DAY, ended_at=ended + DAY)
    answer = fetch(app, address(ada))
    failed, fine, *_ = sorted(events(answer), key=lambda event: event["DTSTART"].dt)
    assert failed["SUMMARY"] == "Failed: Morning digest; news, and more"
    assert failed["DESCRIPTION"] == "Failed. mail.example refused the connection."
    assert (fine["SUMMARY"], fine["DESCRIPTION"]) == ("Morning digest; news, and more", "Succeeded.")
    assert fine["DTEND"].dt - fine["DTSTART"].dt == timedelta(minutes=8)
    assert "/t/northgate/runs/" in fine["URL"]
    assert "bo@x.example" not in answer.text
    assert "canary" not in answer.text


def test_a_run_keeps_its_uid_and_its_sequence_grows(app, ada, daily):
    path = address(ada)
    first = min(events(fetch(app, path)), key=lambda event: event["DTSTART"].dt)
    at = first["DTSTART"].dt.astimezone(UTC)
    values = {"schedule_id": daily["schedule_id"], "key": planned.key(at), "planned_at": at + HOUR}
    with app.app_context():
        factories.run(
            daily["team_id"], daily["task_id"], "waiting", reason="time", not_before=at + HOUR,
            notes=["Moved by Ada Park."], **values,
        )  # fmt: skip
        with batch() as work:
            work.tell("run_moved", daily["team_id"], 1)
    moved = next(event for event in events(fetch(app, path)) if event["UID"] == first["UID"])
    assert moved["DTSTART"].dt == at + HOUR
    assert moved["DESCRIPTION"] == "Every day at 09:00. Moved by Ada Park."
    assert moved["SEQUENCE"] > first["SEQUENCE"]
    with app.app_context(), batch() as work:
        skipped = {"state": "skipped", "reason": "person", "not_before": None, "planned_at": at}
        work.connection.execute(sa.update(Run).values(skipped))
        work.tell("run_skipped", daily["team_id"], 1)
    skipped = next(event for event in events(fetch(app, path)) if event["UID"] == first["UID"])
    assert skipped["STATUS"] == "CANCELLED"
    assert skipped["SEQUENCE"] >= moved["SEQUENCE"]


def test_a_task_with_many_runs_a_day_is_one_event_a_day(app, ada, northgate, daily):
    with app.app_context():
        task_id = factories.task(daily["team_id"], "probe")
        schedule_id = factories.schedule(daily["team_id"], task_id, "*/15 * * * *", "cron")
        frequent = daily | {"task_id": task_id, "schedule_id": schedule_id}
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - DAY
    for number in range(8):
        state = "failed" if number == 3 else "succeeded"
        at = noon + number * timedelta(minutes=15)
        past(app, frequent, DAY, state, key=planned.key(at), planned_at=at)
    found = [event for event in events(fetch(app, address(ada))) if "probe" in event["SUMMARY"]]
    assert len(found) == 61
    assert {event["DTEND"].dt - event["DTSTART"].dt for event in found} == {DAY}
    yesterday, today, *_ = sorted(found, key=lambda event: event["DTSTART"].dt)
    assert (yesterday["SUMMARY"], yesterday["DESCRIPTION"]) == ("probe ×8", "8 runs: 1 failed, 7 succeeded.")
    assert (today["SUMMARY"], today["DESCRIPTION"]) == ("probe", "Every 15 minutes.")


def test_of_too_many_runs_to_compute_the_nearest_are_there_one_by_one(app, ada, daily, monkeypatch):
    monkeypatch.setattr(entries, "_MOST_TOGETHER", 20)
    found = events(fetch(app, address(ada)))
    assert len(found) == 20
    assert {event["DTEND"].dt - event["DTSTART"].dt for event in found} == {timedelta(minutes=5)}


@pytest.mark.alike
def test_it_goes_thirty_days_back_and_sixty_ahead_on_days_of_its_person(app, ada, daily):
    for days in (29, 33):
        past(app, daily, days * DAY)
    begins = sorted(event["DTSTART"].dt for event in events(fetch(app, address(ada))))
    now = datetime.now(UTC)
    assert begins[0] < now - 28 * DAY
    assert begins[0] > now - 31 * DAY
    assert begins[-1] > now + 58 * DAY
    assert begins[-1] < now + 61 * DAY


@pytest.mark.alike
def test_a_run_is_one_event_from_its_plan_to_its_end_and_new_words_raise_its_sequence(app, ada, daily):
    path = address(ada)
    told = min(events(fetch(app, path)), key=lambda event: event["DTSTART"].dt)
    at = told["DTSTART"].dt.astimezone(UTC)
    with app.app_context(), batch() as work:
        renamed = sa.update(Task).where(Task.id == daily["task_id"])
        work.connection.execute(renamed.values(name="Evening digest", changed_at=work.now + timedelta(seconds=2)))

    def now():
        (event,) = [event for event in events(fetch(app, path)) if event["UID"] == told["UID"]]
        return event

    named = now()
    assert (named["SUMMARY"], named["SEQUENCE"] > told["SEQUENCE"]) == ("Evening digest", True)
    with time_machine.travel(at + HOUR, tick=False):
        past(app, daily, HOUR, "failed", ended_at=at + timedelta(minutes=7), sentence="It broke.")
        ended = now()
    assert (ended["DTSTART"].dt, ended["SUMMARY"]) == (at, "Failed: Evening digest")
    assert (ended["DESCRIPTION"], ended["SEQUENCE"] > named["SEQUENCE"]) == ("Failed. It broke.", True)


@pytest.mark.alike
def test_time_alone_changes_nothing_until_the_next_day(app, ada, daily):
    path = address(ada)
    noon = datetime.now(UTC).replace(hour=12, minute=0) + DAY
    with time_machine.travel(noon, tick=False) as clock:
        first = fetch(app, path)
        clock.move_to(noon + 5 * HOUR)
        assert fetch(app, path, If_None_Match=first.headers["ETag"]).status_code == 304
        clock.move_to(noon + DAY)
        assert fetch(app, path, If_None_Match=first.headers["ETag"]).status_code == 200


# --- whose


def test_mine_are_those_that_i_own_and_all_those_of_my_teams(app, ada, ben, northgate, daily, cid):
    with app.app_context():
        own = factories.task(daily["team_id"], "own", label="My own")
        factories.schedule(daily["team_id"], own, "0 10 * * *", "cron")
        with batch() as work:
            work.connection.execute(sa.update(Task).where(Task.id == own).values(owner_id=ben.id))
        elsewhere = factories.team("elsewhere")
        factories.schedule(elsewhere, factories.task(elsewhere, "theirs"), "0 10 * * *", "cron")
    digest = "Morning digest; news, and more"
    assert names(fetch(app, address(ben, "mine"))) == {"My own"}
    assert names(fetch(app, address(ben))) == {"My own", digest}
    page = ben.post("/me/calendars/feed", follow_redirects=True).text
    everything = "/feeds/" + page.partition("/feeds/")[2].partition("<")[0].partition('"')[0]
    assert names(fetch(app, everything)) == {"My own", digest}
    assert ben.post(f"/t/{ben.slug}/settings/integrations/feeds/mine").status_code == 404
    assert ben.post(f"{URL}/feeds/all").status_code == 404


def test_who_has_left_the_team_sees_nothing_of_it_at_once(app, ada, ben, northgate, daily):
    path = address(ben)
    assert events(fetch(app, path))
    with app.app_context(), batch() as work:
        is_his = (Membership.person_id == ben.id, Membership.team_id == daily["team_id"])
        work.connection.execute(sa.delete(Membership).where(*is_his))
    answer = fetch(app, path)
    assert events(answer) == []
    assert "Northgate" not in answer.text


# --- the address


def test_an_address_is_kept_secret_shown_again_and_useless_after_it_was_renewed_or_turned_off(app, ada, daily):
    path = address(ada)
    assert address(ada) == path, "whoever turns it on again sees the same"
    with app.app_context():
        (row,) = factories.rows(CalendarFeed)
        assert path.removeprefix("/feeds/").removesuffix(".ics") not in str(row)
    page = ada.post(f"{URL}/feeds/team/rotation", follow_redirects=True).text
    assert path not in page
    unknown = fetch(app, path)
    assert (unknown.status_code, unknown.text) == (404, "There is nothing here.\n")
    fresh = address(ada)
    assert fetch(app, fresh).status_code == 200
    ada.post(f"{URL}/feeds/team/removal")
    gone = fetch(app, fresh)
    assert (gone.status_code, gone.text, dict(gone.headers)) == (404, unknown.text, dict(unknown.headers))
    assert fetch(app, "/feeds/x.ics").text == unknown.text


def test_the_page_says_who_fetched_it_last(app, ada, daily):
    path = address(ada)
    assert "Not fetched yet" in ada.get(URL).text
    fetch(app, path, User_Agent="Google-Calendar-Importer")
    assert "by Google Calendar" in ada.get(URL).text
    assert doors.client_name("Mozilla/5.0 (X11; rv:140.0) Thunderbird/140.1") == "Thunderbird"
    assert doors.client_name("vdirsyncer/0.21") == "vdirsyncer"
    assert doors.client_name("") == "an app without a name"


def test_whoever_fetches_too_often_or_guesses_has_to_wait(app, ada, daily, monkeypatch):
    monkeypatch.setattr(doors, "OF_ADDRESS", 2)
    monkeypatch.setattr(doors, "UNKNOWN_OF_PLACE", 2)
    path = address(ada)
    assert [fetch(app, path).status_code for _ in range(3)] == [200, 200, 429]
    assert [fetch(app, f"/feeds/{number}.ics").status_code for number in range(3)] == [404, 404, 429]
    assert fetch(app, "/feeds/7.ics").headers["Retry-After"] == "60"


# --- HTTP


def test_what_has_not_changed_is_not_sent_again(app, ada, daily):
    path = address(ada)
    first = fetch(app, path)
    tag, since = first.headers["ETag"], first.headers["Last-Modified"]
    assert first.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert first.headers.get("Set-Cookie") is None
    assert fetch(app, path, If_None_Match=tag).status_code == 304
    assert fetch(app, path, If_Modified_Since=since).status_code == 304
    head = app.test_client().head(path)
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", tag)
    past(app, daily, DAY)
    changed = fetch(app, path, If_None_Match=tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


@pytest.mark.alike
def test_many_frequent_tasks_of_one_hour_a_day_are_told_in_good_time(app, ada, northgate):
    team = team_id(app, northgate)
    with app.app_context():
        for number in range(60):
            factories.schedule(team, factories.task(team, f"t{number}"), "* 23 * * *", "cron")
    path, begun = address(ada), process_time()
    answer = fetch(app, path)
    assert process_time() - begun < 2.5  # with each hour of 60 days tried it took 4
    assert len({event["DTSTART"].dt for event in events(answer)}) in {59, 60, 61}
