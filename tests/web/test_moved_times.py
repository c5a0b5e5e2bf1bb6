"""Calendars, jitter and pauses on the pages: chosen, shown before they happen, and told afterwards."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.models.tasks import Schedule, Task
from app.models.teams import Calendar, Team
from app.services.unit import batch
from tests.web.test_schedule_box import ask
from tests.web.test_tasks import WEBSITE, make, rows, viewer, when  # noqa: F401 fixtures


@pytest.fixture
def freeze(app, ada, northgate):
    """A blackout of every weekend."""
    with app.app_context(), batch() as work:
        team = work.connection.execute(sa.select(Team.id).where(Team.slug == northgate)).scalar_one()
        row = {
            "team_id": team, "slug": "freeze", "name": "Freeze", "kind": "blackout", "timezone": "UTC",
            "settings": {"weekly": ["Fri 18:00 - Mon 06:00"]}, "content": "", "created_at": work.now,
            "changed_at": work.now,
        }  # fmt: skip
        work.connection.execute(sa.insert(Calendar).values(row))


def test_without_calendars_there_is_a_way_to_make_one(ada, northgate):
    page = ada.get(f"/t/{northgate}/tasks/new").text
    assert "make a calendar" in page
    assert 'name="when-0-calendars"' not in page


@pytest.mark.usefixtures("freeze")
def test_what_a_calendar_leaves_out_is_struck_with_the_reason(ada, northgate):
    part = ask(ada, northgate, when("every day at 12:00", calendars="exclude:freeze"))
    assert part.count('<li class="left-out"><s>') in {1, 2}
    assert "(Freeze)" in part
    assert "Freeze: leave out what falls in it" in part


@pytest.mark.usefixtures("freeze")
def test_what_a_calendar_moves_says_from_where_and_why(ada, northgate):
    part = ask(ada, northgate, when("every saturday at 12:00", calendars="delay:freeze"))
    assert part.count("instead of ") == 5
    assert "Moved from Sat" in part


@pytest.mark.usefixtures("freeze")
def test_a_weekend_of_minutes_is_one_line(ada, northgate):
    part = ask(ada, northgate, when("every 5 minutes", calendars="exclude:freeze"), show="30")
    assert part.count("left-out") <= 1


@pytest.mark.usefixtures("freeze")
def test_all_that_would_be_left_out_is_said(ada, northgate):
    part = ask(ada, northgate, when("every saturday at 12:00", calendars="exclude:freeze"))
    assert "Its calendars leave out every time looked at" in part


def test_jitter_and_spread_are_told_before_they_are_exact(ada, northgate):
    part = ask(ada, northgate, when("every day at 12:00"), jitter="300")
    assert "Each starts up to 5 min later (jitter)" in part
    assert "up to" not in ask(ada, northgate, when("every day at 12:00"), jitter="soon")


@pytest.mark.usefixtures("freeze")
def test_the_choice_is_kept_shown_again_and_told_on_the_page(app, ada, northgate):
    make(ada, northgate, **when("every saturday at 12:00", calendars="exclude:freeze"))
    (schedule,) = rows(app, Schedule)
    assert [(one["use"], one["slug"]) for one in schedule.calendars] == [("exclude", "freeze")]
    form = ada.get(f"/t/{northgate}/tasks/shop-window/edit").text
    assert '<option value="exclude:freeze" selected>' in form
    page = ada.get(f"/t/{northgate}/tasks/shop-window").text
    assert "not during Freeze" in page
    assert "left out" in page


def test_a_calendar_that_is_not_the_teams_is_refused_beside_its_field(ada, northgate):
    typed = WEBSITE | when("every day at 12:00", calendars="exclude:elsewhere")
    answer = ada.post(f"/t/{northgate}/tasks/new", typed)
    assert answer.status_code == 422
    assert "There is no calendar called elsewhere." in answer.text


# --- pauses


def test_a_pause_says_who_why_and_until_when(app, ada, northgate):
    make(ada, northgate)
    until = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT09:00")
    address = f"/t/{northgate}/tasks/shop-window"
    ada.post(f"{address}/pause", {"note": "The shop moves.", "resume_at": until, "how": "recover"})
    page = ada.get(address).text
    assert "by Ada Park: “The shop moves.”" in page
    assert "It resumes by itself" in page
    assert "makes up for times planned meanwhile" in page
    assert 'data-open="resume-dialog"' in page
    assert rows(app, Task)[0].resume_how == "recover"


def test_a_pause_until_what_is_over_keeps_what_was_typed(ada, northgate):
    make(ada, northgate)
    address = f"/t/{northgate}/tasks/shop-window/pause"
    answer = ada.post(address, {"note": "Move", "resume_at": "2020-01-01T09:00"})
    assert answer.status_code == 422
    assert "This is over already." in answer.text
    assert 'value="Move"' in answer.text
    wrong = ada.post(address, {"resume_at": "soon"})
    assert "Choose a day and a time" in wrong.text


def test_who_resumes_is_asked_what_becomes_of_the_times_meanwhile(app, ada, northgate):
    make(ada, northgate)
    address = f"/t/{northgate}/tasks/shop-window"
    ada.post(f"{address}/pause")
    asked = ada.get(f"{address}/resume").text
    assert "Times that were planned meanwhile" in asked
    ada.post(f"{address}/resume", {"how": "recover"})
    assert rows(app, Task)[0].paused_at is None
