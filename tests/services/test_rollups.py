"""Runs added up: each once, whatever comes late, in quarters of an hour and days; and all counted anew."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app.domain.analytics import histogram, periods
from app.infra import database
from app.infra.storage import Storage
from app.models.instance import Fact
from app.models.rollups import LATE, OF_DAY, OF_TASK, OF_TEAM, Rollup
from app.models.runs import Event, Run
from app.models.tasks import Task
from app.services import retention
from app.services.insights import reading, rollups
from app.services.unit import batch
from tests import factories
from tests.factories import ago
from tests.past import ended as past_run
from tests.past import keep

MORNING = (datetime.now(UTC) - timedelta(days=2)).replace(hour=9, minute=7, second=0, microsecond=0)


def ended(team, task_id, state="succeeded", began=MORNING, seconds=10.0, **values):
    """A run that has ended, and the event that says so."""
    values = {"planned_at": began, "started_at": began, "trigger": "schedule", **values}
    values.setdefault("ended_at", began + timedelta(seconds=seconds))
    run = factories.run(team, task_id, state, **values)
    tell(team, run, state)
    return run


def tell(team, run, kind):
    with batch() as work:
        event = {"kind": kind, "team_id": team, "run_id": run, "data": {}, "at": ago(minutes=1)}
        work.connection.execute(sa.insert(Event).values(event))


def counted():
    while rollups.count():
        pass
    return factories.rows(Rollup)


@pytest.fixture
def probe(team):
    return factories.task(team)


def test_each_run_is_counted_once_by_quarter_and_by_day(team, probe):
    for _ in range(3):
        ended(team, probe, cost_micros=100)
    ended(team, probe, "failed", MORNING + timedelta(minutes=20), reason="http_status")
    found = [row for row in counted() if row.grain != LATE]
    at = MORNING.replace(minute=0)
    assert {(row.grain, row.at, row.task_id, row.state, row.runs) for row in found} == {
        (OF_TEAM, at, 0, "succeeded", 3), (OF_TASK, at, probe, "succeeded", 3),
        (OF_DAY, at.replace(hour=0), probe, "succeeded", 3),
        (OF_TEAM, at + timedelta(minutes=15), 0, "failed", 1), (OF_TASK, at + timedelta(minutes=15), probe, "failed", 1),
        (OF_DAY, at.replace(hour=0), probe, "failed", 1),
    }  # fmt: skip
    assert {(row.cost_micros, row.priced, row.seconds) for row in found if row.state == "succeeded"} == {(300, 3, 30.0)}
    ended(team, probe)
    assert {row.runs for row in counted() if row.state == "succeeded"} == {4}
    assert [row.runs for row in factories.rows(Rollup, Rollup.grain == LATE)] == [5]
    assert rollups.count() == 0


@pytest.mark.alike
def test_a_run_that_is_deleted_stays_counted_and_nothing_counts_twice(team, probe):
    run = ended(team, probe)
    before = counted()
    with batch() as work:
        work.connection.execute(sa.delete(Run).where(Run.id == run))
    assert counted() == before


def test_all_is_counted_anew_and_comes_to_the_same(team, probe):
    for number in range(5):
        ended(team, probe, began=MORNING + timedelta(minutes=number * 11))
    before = counted()
    with batch() as work:
        work.connection.execute(sa.update(Rollup).values(runs=99))
    rollups.rebuild()
    assert counted() == before


@pytest.mark.alike
def test_what_is_older_than_runs_are_kept_stays_as_it_was(team, probe):
    old = ended(team, probe, began=ago(days=370))
    ended(team, probe)
    before = counted()
    with batch() as work:
        work.connection.execute(sa.delete(Run).where(Run.id == old))
    rollups.rebuild()
    assert counted() == before
    ended(team, probe, "missed", ago(days=369), started_at=None)
    assert len(counted()) == len(before) + 3


@pytest.mark.alike
def test_anew_while_it_is_counted_anew(team, probe):
    for number in range(3):
        ended(team, probe, began=MORNING + timedelta(days=-number))
    before = counted()
    rollups.rebuild()
    rollups.count()
    rollups.rebuild()
    assert counted() == before


@pytest.mark.alike
def test_rehearsals_and_what_may_be_put_back_do_not_count(team, probe):
    ended(team, probe, rehearses_at=ago())
    ended(team, probe, "skipped", ago(hours=-5), started_at=None, ended_at=ago(hours=1), reason="person")
    assert counted() == []


@pytest.mark.alike
def test_a_folded_row_counts_as_often_as_it_stands_for(team, probe):
    ended(team, probe, "missed", started_at=None, folded_count=40)
    assert {row.runs for row in counted()} == {40}


@pytest.mark.alike
def test_lateness_is_that_of_schedules_and_a_model_is_what_was_asked(team):
    agent = factories.task(team, "agent", "agent", settings={"model": "Sonnet"})
    ended(team, agent, planned_at=MORNING - timedelta(seconds=60))
    ended(team, agent, planned_at=MORNING - timedelta(days=9), trigger="backfill", facts={"model": "Opus"})
    rows = counted()
    assert {row.model for row in rows if row.grain == OF_DAY} == {"Sonnet", "Opus"}
    assert [row.late for row in rows if row.grain == LATE] == [{f"36:{histogram.bucket(60)}": 1}]


@pytest.mark.alike
def test_teams_stand_apart(team, probe):
    other = factories.team("other")
    ended(other, factories.task(other))
    ended(team, probe)
    assert {(row.team_id, row.runs) for row in counted()} == {(team, 1), (other, 1)}
    assert {row.name for row in factories.rows(Fact)} >= {rollups.FACT}


@pytest.mark.alike
@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("UTC", "2026-03-27", "2026-03-30"),
        ("Europe/Berlin", "2026-03-28", "2026-03-30"),  # clocks go forward
        ("Europe/Berlin", "2026-03-29", "2026-03-29"),
        ("Asia/Kathmandu", "2026-03-27", "2026-03-29"),
        ("Australia/Lord_Howe", "2026-04-04", "2026-04-06"),  # back by half an hour
        ("America/New_York", "2026-03-26", "2026-04-07"),
    ],
)
def test_sums_of_any_days_are_those_of_the_runs_themselves(team, probe, zone, first, last, monkeypatch):
    task = factories.rows(Task, Task.id == probe)[0]
    start = datetime(2026, 3, 25, 0, 3, tzinfo=UTC)
    monkeypatch.setattr(periods, "fine_since", lambda _: start)
    began = [start + timedelta(minutes=97 * number) for number in range(200)]
    keep(team, [past_run(team, task, "succeeded", at, planned_at=at - timedelta(seconds=30)) for at in began])
    period = periods.read("", first, last, zone, datetime.now(UTC))
    local = [at.astimezone(ZoneInfo(zone)) for at in began]
    local = [at for at in local if first <= at.date().isoformat() <= last]
    with database.read() as connection:
        assert sum(part.runs for part in reading.parts(connection, team, period)) == len(local)
        late = reading.late_by_hour(connection, team, period)
        assert {hour: histogram.size(some) for hour, some in late.items()} == Counter(at.hour for at in local)
        if period.unit == "day":
            series = reading.series(connection, team, period.cuts())
            by_day = Counter((at.date() - period.first).days for at in local)
            assert {place: runs for place, _, runs, _ in series} == by_day


# --- what is kept


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_of_long_ago_days_are_kept_and_periods_still_share_and_leave_out_nothing(team, probe, zone, tmp_path):
    task = factories.rows(Task, Task.id == probe)[0]
    now = datetime.now(UTC)
    began = [now - timedelta(hours=5 * number) for number in range(1400)]
    keep(team, [past_run(team, task, "succeeded", at, planned_at=at) for at in began])
    quarters = {row.at for row in factories.rows(Rollup, Rollup.grain == OF_TASK)}
    removed = retention.prune(Storage(tmp_path))["rollups"]
    assert {row.at for row in factories.rows(Rollup, Rollup.grain == OF_TASK)} == {
        at for at in quarters if at >= periods.fine_since(now)
    }
    assert removed == len(quarters) - len(factories.rows(Rollup, Rollup.grain == OF_TASK)) > 0
    assert len(factories.rows(Rollup, Rollup.grain == OF_TEAM)) == len(began)
    firsts = [(now - timedelta(days=back)).date() for back in (280, 240, 210, 201, 199, 180, 30, -1)]

    def runs(first, end):
        period = periods.read("", first.isoformat(), (end - timedelta(days=1)).isoformat(), zone, now)
        with database.read() as connection:
            return sum(part.runs for part in reading.parts(connection, team, period))

    assert sum(runs(first, end) for first, end in pairwise(firsts)) == runs(firsts[0], firsts[-1])
    local = [at.astimezone(ZoneInfo(zone)).date() for at in began]
    assert runs(firsts[4], firsts[5]) == sum(firsts[4] <= day < firsts[5] for day in local)
    assert abs(runs(firsts[0], firsts[1]) - sum(firsts[0] <= day < firsts[1] for day in local)) <= 2
