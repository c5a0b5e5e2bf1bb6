"""The list of runs on both databases: what is usual, why things did not happen, what matches, and the time axis."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import NotFound
from app.models.runs import Run
from app.services import run_list
from app.services.run_list import Filters
from app.services.run_list.timeline import MOST_BARS, MOST_LANES, MOST_RUNS, timeline
from app.services.unit import batch
from tests import factories


@pytest.fixture
def actor(app):
    with app.app_context():
        yield factories.owner(factories.team())


def last_day(**more):
    now = datetime.now(UTC)
    return Filters(now - timedelta(days=1), now, **more)


def ran(team, task, minutes_ago, seconds, state="succeeded", **values):
    at = factories.ago(minutes=minutes_ago)
    return factories.run(
        team, task, state, planned_at=at, started_at=at, ended_at=at + timedelta(seconds=seconds), **values
    )


def test_slow_and_expensive_ones_stand_out(actor):
    task = factories.task(actor.team_id)
    for minute in range(12):
        ran(actor.team_id, task, 100 - minute, 10 + minute % 3, cost_micros=1000 + minute % 3)
    ran(actor.team_id, task, 50, 300, cost_micros=900_000)
    for filters in (last_day(is_slow=True), last_day(is_expensive=True), last_day(is_slow=True, is_expensive=True)):
        assert [run.number for run in run_list.listing(actor, filters).rows] == [13]
        assert run_list.matching(actor, filters).numbers == [13]
    assert run_list.listing(actor, last_day(is_slow=True)).usual_seconds == {task: pytest.approx(12, abs=0.01)}


def test_without_a_price_nothing_is_expensive(actor):
    task = factories.task(actor.team_id)
    for minute in range(12):
        ran(actor.team_id, task, minute, 10)
    assert run_list.listing(actor, last_day(is_expensive=True)).rows == []


def test_reasons_add_up_to_the_account(actor):
    task = factories.task(actor.team_id)
    for state, reason, count in (("skipped", "overlap", 1), ("skipped", "overlap", 1), ("missed", "folded", 30)):
        factories.run(actor.team_id, task, state, reason=reason, folded_count=count)
    found = run_list.reasons(actor, last_day())
    assert [(one.state, one.reason, one.count) for one in found] == [
        ("missed", "folded", 30),
        ("skipped", "overlap", 2),
    ]
    assert sum(one.count for one in found) == run_list.account(actor, last_day()).did_not


def test_no_more_match_than_can_be_dealt_with_together(actor):
    task = factories.task(actor.team_id)
    for _ in range(103):
        factories.run(actor.team_id, task, "queued")
    found = run_list.matching(actor, last_day(status="going"))
    assert (found.numbers[0], len(found.numbers), found.has_more) == (103, 100, True)
    assert run_list.matching(actor, last_day(status="going"), upto=3).numbers == [3, 2, 1]
    with pytest.raises(NotFound):
        run_list.matching(actor, last_day(status="nonsense"))


def test_the_last_good_run_is_one_before(actor):
    task, other = factories.task(actor.team_id), factories.task(actor.team_id, "other")
    ran(actor.team_id, task, 50, 1)
    ran(actor.team_id, task, 40, 1, "failed")
    ran(actor.team_id, other, 30, 1)
    ran(actor.team_id, task, 20, 1, "failed")
    ran(actor.team_id, task, 10, 1)
    assert run_list.last_good(actor, 4) == 1
    assert run_list.last_good(actor, 1) is None
    with pytest.raises(NotFound):
        run_list.last_good(factories.owner(factories.team("elsewhere")), 4)


# --- the time axis


def window(hours_before=12, hours_after=12, **more):
    now = datetime.now(UTC)
    return Filters(now - timedelta(hours=hours_before), now + timedelta(hours=hours_after), **more)


def test_what_was_and_what_is_planned_share_a_lane(actor):
    task = factories.task(actor.team_id, label="Probe")
    ran(actor.team_id, task, 90, 60)
    factories.run(actor.team_id, task, "skipped", planned_at=factories.ago(minutes=30))
    factories.run(
        actor.team_id, task, "running", planned_at=factories.ago(minutes=5), started_at=factories.ago(minutes=5)
    )
    factories.schedule(actor.team_id, task, "3h")
    found = timeline(actor, window(hours_after=13))
    [lane] = found.lanes
    assert [bar.state for bar in lane.bars] == ["succeeded", "skipped", "running", *["planned"] * 4]
    done, skipped, going, *planned = lane.bars
    assert (done.end - done.start, skipped.end - skipped.start) == (timedelta(seconds=60), timedelta(0))
    assert going.end == found.now
    assert [bar.seconds for bar in planned] == [60.0] * 4


def test_a_frequent_schedule_is_one_bar(actor):
    factories.schedule(actor.team_id, factories.task(actor.team_id), "15m")
    factories.schedule(actor.team_id, factories.task(actor.team_id, "second"), "1s")
    [bar] = timeline(actor, window(hours_after=24, task="probe")).lanes[0].bars
    assert (bar.words, bar.count, bar.has_more) == ("Every 15 minutes", 96, False)
    [bar] = timeline(actor, window(task="second")).lanes[0].bars
    assert (bar.count, bar.has_more) == (1000, True)


def test_a_run_that_began_before_the_window_reaches_into_it(actor):
    task = factories.task(actor.team_id)
    ran(actor.team_id, task, 5 * 60, 2 * 3600)
    ran(actor.team_id, task, 6 * 60, 60)
    assert len(timeline(actor, window(hours_before=4)).lanes[0].bars) == 1


def test_however_much_there_is_little_is_drawn(actor):
    at, start = factories.ago(hours=1), datetime.now(UTC)
    for number in range(MOST_LANES + 3):
        task = factories.task(actor.team_id, f"task-{number:02}")
        factories.schedule(actor.team_id, task, "1s")
        rows(actor.team_id, task, 70, at)
    found = timeline(actor, window())
    assert (len(found.lanes), found.more_lanes) == (MOST_LANES, 3)
    assert sum(len(lane.bars) for lane in found.lanes) <= MOST_BARS
    assert found.drawn_since > found.since
    assert sum(bar.count for lane in found.lanes for bar in lane.bars if bar.states) <= MOST_RUNS
    assert (datetime.now(UTC) - start).total_seconds() < 30


def test_bars_that_become_one_keep_their_numbers(actor):
    task = factories.task(actor.team_id)
    rows(actor.team_id, task, 1200, factories.ago(hours=1))
    ran(actor.team_id, task, 61, 1, "failed")
    [lane] = timeline(actor, window()).lanes
    assert len(lane.bars) <= MOST_BARS
    assert sum(bar.count for bar in lane.bars) == 1201
    assert [bar.state for bar in lane.bars].count("failed") == 1


def test_filters_hold_for_what_is_planned_too(actor):
    one, two = factories.task(actor.team_id, "one", "shell"), factories.task(actor.team_id, "two")
    for task in (one, two):
        factories.schedule(actor.team_id, task, "1h")
    assert [lane.slug for lane in timeline(actor, window(engine="shell")).lanes] == ["one"]
    assert [lane.slug for lane in timeline(actor, window(task="two")).lanes] == ["two"]
    assert timeline(actor, window(), with_future=False).lanes == []
    assert timeline(factories.owner(factories.team("elsewhere")), window()).lanes == []


def rows(team, task, count, at):
    """Many runs at once, a second apart."""
    [first] = [factories.rows(Run, Run.id == factories.run(team, task, planned_at=at))[0]._mapping]
    with batch() as work:
        values = [
            {name: value for name, value in first.items() if name != "id"} | {"number": first["number"] + 100_000 * task + n, "key": f"many:{n}"}
            | {"state": "succeeded", "planned_at": at + timedelta(seconds=n), "started_at": at + timedelta(seconds=n)}
            | {"ended_at": at + timedelta(seconds=n + 1)}
            for n in range(1, count)
        ]  # fmt: skip
        work.connection.execute(sa.insert(Run), values)
