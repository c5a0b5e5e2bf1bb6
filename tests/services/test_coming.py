"""What is still to come: each planned time of a window once, with the rows that differ in their place."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.infra import database
from app.models.tasks import Schedule
from app.services import coming, planned
from app.services.unit import batch
from tests import factories

NOON = datetime(2027, 1, 4, 12, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def look(team):
    def look(since=NOON, until=NOON + DAY, **more):
        with database.read() as connection:
            return coming.coming(connection, [team], since, until, NOON, **more)

    return look


@pytest.fixture
def hourly(team):
    task_id = factories.task(team)
    schedule_id = factories.schedule(team, task_id, "0 * * * *", "cron", since=NOON)
    return {"task_id": task_id, "schedule_id": schedule_id}


def row(team, hourly, fire_at, state, **values):
    return factories.run(
        team, hourly["task_id"], state, schedule_id=hourly["schedule_id"], key=planned.key(fire_at), **values
    )


def starts(found):
    return [run.at for one in found for run in one.runs if not run.is_left_out]


def test_a_window_has_its_planned_times(look, hourly):
    assert starts(look(until=NOON + 3 * HOUR)) == [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]


def test_a_moved_run_stands_where_it_was_moved_to_and_no_more_where_it_was(team, look, hourly):
    row(
        team, hourly, NOON + 2 * HOUR, "waiting", reason="time", not_before=NOON + 2.5 * HOUR,
        planned_at=NOON + 2.5 * HOUR,
    )  # fmt: skip
    assert starts(look(until=NOON + 3 * HOUR)) == [NOON + HOUR, NOON + 2.5 * HOUR, NOON + 3 * HOUR]
    assert starts(look(NOON + 2.2 * HOUR, NOON + 2.7 * HOUR)) == [NOON + 2.5 * HOUR]


def test_what_was_moved_to_earlier_and_has_run_does_not_come_again(team, look, hourly):
    row(team, hourly, NOON + 2 * HOUR, "succeeded", planned_at=NOON - HOUR)
    assert starts(look(until=NOON + 3 * HOUR)) == [NOON + HOUR, NOON + 3 * HOUR]


def test_what_a_person_skips_is_told_as_left_out(team, look, hourly):
    row(team, hourly, NOON + 2 * HOUR, "skipped", reason="person", planned_at=NOON + 2 * HOUR)
    (one,) = look(until=NOON + 3 * HOUR)
    assert [(run.at, run.number) for run in one.runs if run.is_left_out] == [(NOON + 2 * HOUR, 1)]


def test_keys_are_in_the_order_of_their_instants_whatever_language_the_database_speaks(team, hourly):
    row(team, hourly, NOON + 2 * HOUR, "queued")
    with database.read() as connection:
        if connection.dialect.name == "postgresql":  # in that of English `at;` comes before `at:2027`
            assert connection.execute(sa.text("SELECT pg_collation_for(key) FROM runs")).scalar_one() == '"C"'


def test_two_schedules_that_meet_share_a_run(team, look, hourly):
    factories.schedule(team, hourly["task_id"], "0 14 * * *", "cron", since=NOON)
    assert starts(look(until=NOON + 3 * HOUR)) == [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]


def test_a_frequent_one_is_cut_and_says_so(team, look):
    factories.schedule(team, factories.task(team), "* * * * *", "cron", since=NOON)
    (one,) = look(most=10)
    assert (len(one.runs), one.has_more) == (10, True)


def test_another_teams_and_a_broken_schedule_bring_nothing(team, look):
    other = factories.team("other")
    factories.schedule(other, factories.task(other, "theirs"), "0 * * * *", "cron", since=NOON)
    assert look() == []


def test_what_a_calendar_moves_into_the_window_is_there(team, look):
    freeze = factories.calendar(team, dated=["2027-01-04"])
    schedule_id = factories.schedule(team, factories.task(team), "0 14 4 1 *", "cron", since=NOON)
    late = (NOON + 11 * HOUR, NOON + 3 * DAY)
    assert look(*late) == []
    with batch() as work:
        stored = [{"calendar": freeze, "use": "delay", "slug": "freeze"}]
        work.connection.execute(sa.update(Schedule).where(Schedule.id == schedule_id).values(calendars=stored))
    (one,) = look(*late)
    assert [(run.at, run.fire_at) for run in one.runs] == [(NOON + 12 * HOUR, NOON + 2 * HOUR)]
    assert "Freeze" in one.runs[0].notes[0]
