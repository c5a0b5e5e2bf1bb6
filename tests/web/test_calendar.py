"""The calendar's pages: what stands where, what is folded, who may move it, and days with 23 or 25 hours."""

# ruff: noqa: F401, F811 fixtures of another module

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.models.feeds import BusyCalendar
from app.models.instance import Audit
from app.models.tasks import Task
from app.services import tasks
from app.services.planning import loads
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from app.services.unit import batch
from tests import factories
from tests.web.test_runs import make, page, team, viewer
from tests.web.test_timeline import berlin

VIEWS = ("month", "week", "day", "agenda")


@pytest.fixture
def at(northgate):
    return f"/t/{northgate}"


@pytest.fixture
def tomorrow():
    return (datetime.now(UTC) + timedelta(days=1)).date()


@pytest.fixture
def digest(app, ada, northgate):
    """A task that runs every day at nine (UTC)."""
    actor = ada.actor(app, northgate)
    with app.app_context():
        draft = Draft("Digest", "http", {"url": "https://example.com/"}, [Given("every day at 9:00", "UTC")])
        return tasks.create(actor, draft, app.config["SETTINGS"].data_dir).slug


def labels(text):
    """What the blocks of a grid say."""
    return re.findall(r'<li class="b [^"]*">\s*<a href="[^"]+" aria-label="([^"]+)"', text)


def test_what_ran_and_what_is_to_come_stand_in_every_view(ada, at, make, digest, tomorrow):
    today = tomorrow - timedelta(days=1)
    make("failed", planned_at=datetime.combine(today, datetime.min.time(), UTC))
    for view in VIEWS:
        text = ada.get(f"{at}/calendar/{view}/{today if view == 'agenda' else tomorrow}").text
        assert f"{at}/tasks/{digest}/planned/{tomorrow:%Y%m%d}T090000Z" in text, view
    assert "probe" in text
    assert "Failed" in text


def test_a_task_that_another_starts_stands_about_where_that_one_ends(app, ada, at, team, digest, tomorrow):
    with app.app_context():
        (first,) = factories.rows(Task, Task.slug == digest)
        factories.after(factories.task(team, "report", label="Report"), (first.id, "success"))
        factories.after(factories.task(team, "excuse", label="Excuse"), (first.id, "failure"))
    for view in VIEWS:
        text = ada.get(f"{at}/calendar/{view}/{tomorrow}").text
        assert f"{at}/tasks/report" in text, view
        assert "Excuse" not in text, view
    assert "after Digest" in text


def test_my_busy_times_are_a_layer_of_my_own(app, ada, at, team, digest, tomorrow):
    person = ada.actor(app, at.removeprefix("/t/")).person_id
    begin = datetime.combine(tomorrow, datetime.min.time(), UTC) + timedelta(hours=9)
    spans = [[begin.timestamp(), begin.timestamp() + 3600]]
    row = {
        "person_id": person, "team_id": team, "name": "Work", "host": "cal.example", "sealed": b"", "spans": spans,
        "problem": "", "created_at": begin, "refreshed_at": begin,
    }  # fmt: skip
    with app.app_context(), batch() as work:
        work.connection.execute(sa.insert(BusyCalendar).values(row))
    assert "Busy" in ada.get(f"{at}/calendar/week/{tomorrow}").text
    assert "Busy" not in ada.get(f"{at}/calendar/week/{tomorrow}?layers=load").text


def test_a_view_without_a_day_leads_to_today(ada, at):
    for view in VIEWS:
        assert ada.get(f"{at}/calendar/{view}").location == ada.get(f"{at}/calendar?view={view}").location
    assert ada.get(f"{at}/calendar/decade").status_code == 404


def test_that_there_is_nothing_is_said(ada, at):
    assert [view for view in VIEWS if "Nothing" not in ada.get(f"{at}/calendar/{view}/2026-11-24").text] == []


def test_a_run_stands_at_its_wall_time_also_when_clocks_change(berlin, at, make):
    hour = timedelta(hours=1)
    spring, autumn = datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    for instant in (spring, spring + hour, autumn, autumn + hour):
        make("succeeded", planned_at=instant)
    said = labels(berlin.get(f"{at}/calendar/week/2026-03-29?hours=all").text)
    assert [label[7:23] for label in said] == ["Sun 29 Mar 01:30", "Sun 29 Mar 03:30"]
    said = labels(berlin.get(f"{at}/calendar/week/2026-10-25?hours=all").text)
    assert {label[7:23] for label in said} == {"Sun 25 Oct 02:30"}


def test_what_runs_often_is_one_line(app, ada, at, team, tomorrow):
    with app.app_context():
        factories.schedule(team, factories.task(team, "uptime", label="Uptime"), "15m")
    for view in VIEWS:
        text = ada.get(f"{at}/calendar/{view}/{tomorrow}").text
        assert re.search(r"every 15 minutes.{0,80}×96 a day", text, re.DOTALL), view
        assert "/planned/" not in text
        assert f"{at}/tasks/uptime/planned?day=" in text


def test_many_that_run_often_fold_to_one_line(app, ada, at, team, tomorrow):
    with app.app_context():
        for number in range(14):
            factories.schedule(team, factories.task(team, f"check-{number}", label=f"Check {number}"), "1h")
    for view in VIEWS:
        text = ada.get(f"{at}/calendar/{view}/{tomorrow}").text
        folded = text.partition('<details class="often">')[2].partition("</details>")[0]
        assert "<b>14 tasks run often</b>" in folded, view
        assert folded.count("every hour") == 14


def test_one_run_of_a_task_that_runs_often_is_moved_and_another_skipped(app, ada, at, team, tomorrow):
    with app.app_context():
        factories.schedule(team, factories.task(team, "uptime", label="Uptime"), "*/15 * * * *", "cron")
    of_day = f"{at}/tasks/uptime/planned?day={tomorrow}&view=week"
    times = re.findall(r'href="([^"]+/planned/[^"]+)" data-dialog[^>]*>([^<]+)<', ada.get(of_day).text)
    assert [said for _, said in times][:5] == ["00:00", "00:15", "00:30", "00:45", "01:00"]
    assert len(times) == 96
    first, second = (url.partition("?")[0] for url, _ in times[:2])
    moved = ada.post(f"{first}/move", {"to": f"{tomorrow}T00:07", "which": "one"}, follow_redirects=True).text
    assert "Uptime moved to" in moved
    ada.post(f"{second}/skip")
    text = ada.get(of_day).text
    assert ">00:07 moved</a>" in text
    assert '>00:15<span class="sr">, skipped</span>' in text
    assert ada.get(f"{at}/tasks/uptime/planned?day=yesterday").status_code == 404


def test_the_times_of_one_that_always_runs_are_told_hour_by_hour(app, ada, at, team, tomorrow):
    with app.app_context():
        factories.schedule(team, factories.task(team, "beat", label="Beat"), "10s")
    first = ada.get(f"{at}/tasks/beat/planned?day={tomorrow}").text
    assert first.count("/planned/") == 200
    assert len(set(re.findall(r" data-dialog>(00:[\d:]+)</a>", first))) == 200
    at_noon = re.search(rf'href="([^"]+day={tomorrow}[^"]+since=12[^"]+)"', first)[1].replace("&amp;", "&")
    assert "<dt>12</dt>" in ada.get(at_noon).text
    assert "Show those after" in first


def test_many_that_start_together_share_a_block(app, ada, at, team, tomorrow):
    with app.app_context():
        for number in range(14):
            task = factories.task(team, f"task-{number}", label=f"Task {number}")
            factories.schedule(team, task, "0 9 * * *", "cron")
    week = ada.get(f"{at}/calendar/week/{tomorrow}").text
    assert "14 at once" in week
    agenda = ada.get(f"{at}/calendar/agenda/{tomorrow}").text
    assert agenda.count("/planned/") == 14 * 7


def test_a_month_shows_where_runs_would_wait_before_what_is_fine(app, ada, at, team, tomorrow):
    with app.app_context():
        for number in range(8):  # agents of a minute, on one slot while there is no worker
            factories.schedule(team, factories.task(team, f"late-{number}", "agent"), "0 21 * * *", "cron")
        for hour in range(6):
            factories.schedule(team, factories.task(team, f"early-{hour}"), f"0 {hour} * * *", "cron")
        loads.refresh()
    [cell] = re.findall(
        rf"<td[^>]*>\s*<a class=\"d\" href=\"[^\"]*{tomorrow}.*?</td>",
        ada.get(f"{at}/calendar/month/{tomorrow}").text,
        re.DOTALL,
    )
    assert "8 at once" in cell
    assert 'aria-label="Runs wait at 21:00"' in cell
    assert cell.index("21:00</time>") < cell.index("00:00</time>")
    week = ada.get(f"{at}/calendar/week/{tomorrow}?hours=all").text
    assert re.search(r'class="heat-4"><title>21:00, 8 starts, slots \d+% full, runs wait</title>', week)
    assert "Load: how full the slots are" in week


def test_hours_of_which_nothing_is_kept_tell_what_starts(app, ada, at, team, make):
    make("succeeded", planned_at=datetime(2026, 11, 24, 9, tzinfo=UTC))
    week = ada.get(f"{at}/calendar/week/2026-11-24").text
    assert "<title>09:00, 1 start</title>" in week
    assert "Load: starts for each slot" in week


def test_a_blackout_is_told_and_can_be_hidden(app, ada, at, team, make):
    with app.app_context():
        factories.calendar(team, dated=["2026-11-24 12:00 - 2026-11-24 18:00 Freeze"])
    make("succeeded", planned_at=datetime(2026, 11, 24, 9, tzinfo=UTC))
    shown = ada.get(f"{at}/calendar/week/2026-11-24").text
    assert '<li class="black h12 q0 lh6 lq0">' in shown
    hidden = ada.get(f"{at}/calendar/week/2026-11-24?layers=load").text
    assert 'class="black' not in hidden
    assert ">Blackouts</a>" in hidden


def test_a_run_is_moved_skipped_and_put_back_by_forms(ada, at, digest, tomorrow):
    planned = f"{at}/tasks/{digest}/planned/{tomorrow:%Y%m%d}T090000Z"
    moved = ada.post(f"{planned}/move", {"to": f"{tomorrow}T10:15", "which": "one"}, follow_redirects=True).text
    assert "Digest moved to" in moved
    assert re.search(r"Digest, \w+ \d+ \w+ 10:15, moved", moved)
    assert "Moved by Ada Park" in ada.get(planned).text
    assert "is skipped this once" in ada.post(f"{planned}/skip", follow_redirects=True).text
    assert "at 09:00 again" in ada.post(f"{planned}/undo", follow_redirects=True).text


def test_what_is_undone_on_a_day_stays_on_that_day(ada, at, digest, tomorrow):
    planned = f"{at}/tasks/{digest}/planned/{tomorrow:%Y%m%d}T090000Z"
    moved = ada.post(f"{planned}/move", {"to": f"{tomorrow}T11:00", "view": "day"}, follow_redirects=True).text
    undone = ada.post(re.search(r'action="([^"]+/undo[^"]*)"', moved)[1].replace("&amp;", "&"))
    assert undone.location.startswith(f"{at}/calendar/day/{tomorrow}")


def test_all_are_moved_and_that_is_undone(ada, at, digest, tomorrow):
    planned = f"{at}/tasks/{digest}/planned/{tomorrow:%Y%m%d}T090000Z"
    looked = ada.post(f"{planned}/move", {"to": f"{tomorrow}T10:15", "which": "all", "look": "1"}).text
    assert "Digest then runs every day at 10:15 (UTC)." in looked
    moved = ada.post(f"{planned}/move", {"to": f"{tomorrow}T10:15", "which": "all"}, follow_redirects=True).text
    undo = re.search(r'action="([^"]+/versions/2/undo[^"]*)"', moved)[1]
    ada.post(undo)
    assert ada.get(planned).status_code == 200


def test_a_link_of_somebody_else_offers_nothing_to_undo(app, ada, at, digest, tomorrow):
    planned = f"{at}/tasks/{digest}/planned/{tomorrow:%Y%m%d}T090000Z"
    for what in ("run_moved", "run_skipped", "task_changed", "run_put_back"):
        assert "toast" not in ada.get(f"{at}/calendar/week/{tomorrow}?saved={what}").text.partition('id="toasts"')[2]
    moved = ada.post(f"{planned}/move", {"to": f"{tomorrow}T10:15", "which": "one"}).location
    assert "Digest moved to" in ada.get(moved).text
    assert "Undo" not in ada.get(moved.replace("run_moved", "run_skipped")).text
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Audit).values(at=factories.ago(minutes=6)))
    assert "Digest moved to" not in ada.get(moved).text


def test_a_time_that_clocks_leave_out_is_refused(berlin, at, digest):
    planned = f"{at}/tasks/{digest}/planned/20270328T090000Z"
    refused = berlin.post(f"{planned}/move", {"to": "2027-03-28T02:45", "which": "one"})
    assert refused.status_code == 422
    assert "02:45 does not exist on that day" in refused.text


def test_this_and_later_says_days(ada, at, digest, tomorrow):
    planned = f"{at}/tasks/{digest}/planned/{tomorrow + timedelta(days=7):%Y%m%d}T090000Z"
    asked = {"to": f"{tomorrow + timedelta(days=7)}T10:15", "which": "later"}
    looked = ada.post(f"{planned}/move", asked | {"look": "1"}).text
    assert re.search(r"Digest then runs from \w+ \d+ \w+( \d+)? at 10:15 on, every day at 10:15 \(UTC\)\.", looked)
    moved = ada.post(f"{planned}/move", asked, follow_redirects=True).text.partition('id="toasts"')[2]
    assert re.search(r"every day at 09:00 \(UTC\), until \w+ \d+ \w+ \d+; every day at 10:15 \(UTC\), from \w+", moved)


def test_where_a_week_has_no_room_the_calendar_begins_with_the_agenda(ada, at):
    assert "/calendar/week/" in ada.get(f"{at}/calendar").location
    ada.client.set_cookie("narrow", "1")
    assert "/calendar/agenda/" in ada.get(f"{at}/calendar").location
    assert "/calendar/month/" in ada.get(f"{at}/calendar?view=month").location


def test_what_is_refused_keeps_what_was_typed(ada, at, digest, tomorrow):
    planned = f"{at}/tasks/{digest}/planned/{tomorrow:%Y%m%d}T090000Z"
    typed = f"{tomorrow + timedelta(days=1)}T10:15"
    refused = ada.post(f"{planned}/move", {"to": typed, "which": "all"})
    assert refused.status_code == 422
    assert "Move only this run" in refused.text
    assert f'value="{typed}"' in refused.text


def test_a_viewer_sees_and_does_not_move(viewer, ada, at, digest, tomorrow):
    planned = f"{at}/tasks/{digest}/planned/{tomorrow:%Y%m%d}T090000Z"
    assert "data-move" in ada.get(f"{at}/calendar/week/{tomorrow}").text
    text = viewer.get(f"{at}/calendar/week/{tomorrow}").text
    assert "data-move" not in text
    assert "Digest" in text
    assert "Move it" not in viewer.get(planned).text
    assert viewer.post(f"{planned}/skip").status_code == 403


def test_there_is_no_such_page(ada, at):
    paths = ("year/2026-11-24", "week/yesterday", "week/0001-01-01")
    assert [ada.get(f"{at}/calendar/{path}").status_code for path in paths] == [404, 404, 404]
