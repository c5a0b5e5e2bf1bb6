"""What Today picks out of a team's runs and schedules."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
import time_machine

from app.domain.access import Actor
from app.models.tasks import Schedule, Task
from app.services import today
from app.services.unit import batch
from tests import factories

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday, 13:00 in Berlin


@pytest.fixture
def team(app):
    with app.app_context(), time_machine.travel(NOON, tick=False):
        yield Actor(0, factories.team(), "viewer")


def run(team, task, state, *, hours=0.0, took=None, **values):
    """A run planned so many hours from noon."""
    at = NOON + timedelta(hours=hours)
    times = {"started_at": at, "ended_at": at + timedelta(seconds=took)} if took is not None else {}
    return factories.run(team.team_id, task, state, planned_at=at, queued_at=at, **times, **values)


def task(team, name):
    return factories.task(team.team_id, name)


def schedule(team, task_id, expression, kind="interval", **values):
    return factories.schedule(team.team_id, task_id, expression, kind, since=NOON, **values)


def states(found):
    return [(need.name, need.state) for need in found]


@pytest.mark.parametrize("state", ["failed", "timed_out", "missed", "blocked", "unmet", "lost"])
def test_what_went_wrong_needs_somebody(team, state):
    run(team, task(team, "probe"), state, hours=-1, sentence="Why it did.")
    [need] = today.needs(team)
    assert (need.name, need.state, need.sentence) == ("probe", state, "Why it did.")


def test_a_run_that_waits_for_a_decision_needs_somebody_and_one_that_waits_for_its_time_does_not(team):
    run(team, task(team, "pay"), "waiting", reason="approval", sentence="Look what it did.")
    run(team, task(team, "probe"), "waiting", reason="retry")
    assert states(today.needs(team)) == [("pay", "waiting")]


@pytest.mark.parametrize("state", ["succeeded", "degraded"])
def test_a_later_success_settles_it(team, state):
    probe = task(team, "probe")
    run(team, probe, "failed", hours=-2)
    run(team, probe, state, hours=-1)
    assert today.needs(team) == []


@pytest.mark.parametrize("state", ["skipped", "cancelled", "running", "queued"])
def test_what_is_no_success_settles_nothing(team, state):
    probe = task(team, "probe")
    run(team, probe, "failed", hours=-2)
    run(team, probe, state, hours=-1)
    assert states(today.needs(team)) == [("probe", "failed")]


def test_a_task_is_named_once_and_the_newest_stands_first(team):
    one, two = task(team, "one"), task(team, "two")
    run(team, one, "failed", hours=-3)
    run(team, one, "timed_out", hours=-2)
    run(team, two, "failed", hours=-1)
    assert states(today.needs(team)) == [("two", "failed"), ("one", "timed_out")]


def test_a_failure_of_last_week_is_over(team):
    run(team, task(team, "probe"), "failed", hours=-24 * 7 - 1)
    assert today.needs(team) == []


def test_a_deleted_task_needs_nobody(team):
    probe = task(team, "probe")
    run(team, probe, "failed", hours=-1)
    with batch() as work:
        work.connection.execute(sa.update(Task).values(deleted_at=NOON))
    assert today.needs(team) == []
    assert not today.has_tasks(team)


def test_a_schedule_that_cannot_be_computed_needs_somebody(team):
    broken = schedule(team, task(team, "probe"), "1h")
    with batch() as work:
        work.connection.execute(
            sa.update(Schedule).where(Schedule.id == broken).values(state="broken", problem="It never comes.")
        )
    [need] = today.needs(team)
    assert (need.state, need.sentence, need.number) == ("error", "It never comes.", None)


def test_other_teams_are_not_seen(team):
    other = factories.team("other")
    theirs = factories.task(other, "theirs")
    factories.run(other, theirs, "failed", planned_at=NOON)
    factories.run(other, theirs, "running", planned_at=NOON)
    factories.schedule(other, theirs, "1h")
    assert today.needs(team) == []
    assert today.now(team).runs == []
    assert today.coming(team, BERLIN).times == []
    assert today.past(team, BERLIN).marks == []


def test_what_runs_stands_before_what_waits(team):
    probe = task(team, "probe")
    run(team, probe, "queued", hours=-0.2)
    run(team, probe, "running", hours=-0.1)
    now = today.now(team)
    assert [going.state for going in now.runs] == ["running", "queued"]
    assert now.counts == {"running": 1, "queued": 1}


def test_a_run_that_was_moved_to_tomorrow_is_nothing_of_now(team):
    run(team, task(team, "moved"), "waiting", hours=24, reason="time", not_before=NOON + timedelta(days=1))
    assert not today.now(team).runs


def test_a_long_line_is_counted_but_not_listed(team):
    probe = task(team, "probe")
    for _ in range(today.MOST_GOING + 5):
        run(team, probe, "queued")
    now = today.now(team)
    assert len(now.runs) == today.MOST_GOING
    assert now.counts["queued"] == today.MOST_GOING + 5


def test_how_long_it_should_take_is_the_median_of_the_latest_successes(team):
    probe = task(team, "probe")
    for hours, took in ((-4, 10), (-3, 30), (-2, 20)):
        run(team, probe, "succeeded", hours=hours, took=took)
    run(team, probe, "failed", hours=-1, took=500)
    run(team, probe, "running")
    run(team, task(team, "new one"), "running")
    assert [going.expected_seconds for going in today.now(team).runs] == [20, None]


def test_times_to_come_stand_in_order_with_each_time_of_a_rare_task(team):
    schedule(team, task(team, "twice"), "0 14,20 * * *", "cron", timezone="Europe/Berlin")
    schedule(team, task(team, "once"), "30 15 * * *", "cron", timezone="Europe/Berlin")
    times = today.coming(team, BERLIN).times
    assert [(time.name, time.at.astimezone(BERLIN).hour) for time in times] == [
        ("twice", 14),
        ("once", 15),
        ("twice", 20),
    ]


def test_a_frequent_task_stands_there_once_with_its_rhythm(team):
    schedule(team, task(team, "probe"), "*/15 * * * *", "cron")
    [time] = today.coming(team, BERLIN).times
    assert time.words == "Every 15 minutes"
    assert time.at == NOON + timedelta(minutes=15)


def test_the_day_after_is_no_mark_of_this_day(team):
    schedule(team, task(team, "probe"), "0 8,18 * * *", "cron", timezone="Europe/Berlin")
    coming = today.coming(team, BERLIN)
    assert [mark.minute for mark in coming.marks] == [18 * 60]
    assert len(coming.times) == 2


def test_the_day_begins_at_midnight_of_who_looks(team):
    probe = task(team, "probe")
    run(team, probe, "succeeded", hours=-12.5, took=1, number=41)  # 00:30 in Berlin, 23:30 the day before in UTC
    run(team, probe, "succeeded", hours=-13.5, took=1)  # 23:30 in Berlin
    [mark] = today.past(team, BERLIN).marks
    assert (mark.minute, mark.label) == (30, "probe #41, 00:30")
    assert today.yesterday(team, BERLIN).counts == {"succeeded": 1}
    assert today.yesterday(team, ZoneInfo("UTC")).counts == {"succeeded": 2}


def test_a_busy_day_is_drawn_in_fewer_marks_and_still_counts_every_run(team):
    probe = task(team, "probe")
    for minute in range(60):
        run(team, probe, "failed" if minute == 30 else "succeeded", hours=-3 + minute / 60)
    past = today.past(team, BERLIN)
    assert past.counts == {"succeeded": 59, "failed": 1}
    assert sum(mark.count for mark in past.marks) == 60
    assert [(mark.minute, mark.count) for mark in past.marks if mark.state == "failed"] == [(10 * 60 + 30, 1)]
    assert len(past.marks) == 7


def test_many_schedules_are_drawn_together(team):
    for number in range(45):
        schedule(team, task(team, f"task {number}"), "0 18 * * *", "cron")
    coming = today.coming(team, BERLIN)
    assert len(coming.times) == today.MOST_COMING
    assert [(mark.minute // 60, mark.count) for mark in coming.marks] == [(19, 45)]
