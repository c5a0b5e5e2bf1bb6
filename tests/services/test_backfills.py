"""Backfills: looked at first, each logical date once, a few at a time, and cancelled."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict, Invalid, NotFound
from app.domain.access import Actor
from app.infra.database import db
from app.models.runs import Backfill, Run
from app.services import backfills
from app.services.backfills import Wanted
from app.services.unit import batch
from tests import factories
from tests.factories import rows

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FORTNIGHT = Wanted("2026-11-01", "2026-11-14")


@pytest.fixture
def task(team):
    """A task of nine o'clock in Berlin, every day."""
    task = factories.task(team, name="report", overlap="skip", priority="high")
    factories.schedule(team, task, "0 9 * * *", "cron", since=LONG_AGO, timezone="Europe/Berlin")
    return task


def done(team, task, day, state="succeeded", **more):
    at = datetime(2026, 11, day, 8, tzinfo=UTC)
    values = {"key": f"at:{at.isoformat()}", "planned_at": at, "ended_at": at + timedelta(seconds=30)}
    return factories.run(team, task, state, **values | {"started_at": at} | more)


def test_a_plan_says_what_would_run_and_what_it_costs(team, actor, task):
    done(team, task, 3, cost_micros=200_000)
    done(team, task, 4, cost_micros=400_000)
    done(team, task, 5, "failed", cost_micros=9_000_000)
    plan = backfills.plan(actor, "report", FORTNIGHT, NOW)
    assert (len(plan.dates), plan.done, plan.cost_micros, plan.seconds) == (12, 2, 12 * 300_000, 12 * 30)
    assert [fire.local for fire in plan.dates[:3]] == ["2026-11-01 09:00", "2026-11-02 09:00", "2026-11-05 09:00"]
    assert rows(Backfill) == []


def test_all_times_may_be_run_again(team, actor, task):
    done(team, task, 3)
    assert len(backfills.plan(actor, "report", Wanted("2026-11-01", "2026-11-14", "1", False), NOW).dates) == 14


def test_its_runs_have_their_logical_dates_wait_and_come_behind_all_others(team, actor, task):
    missed = done(team, task, 5, "missed", started_at=None)
    made = backfills.create(actor, "report", Wanted("2026-11-04", "2026-11-06", "2"), NOW)
    runs = rows(Run, Run.backfill_id == made)
    assert [run.planned_local for run in runs] == [f"2026-11-0{day} 09:00" for day in (4, 5, 6)]
    assert {(run.state, run.reason, run.trigger, run.priority) for run in runs} == {
        ("waiting", "capacity", "backfill", 2)
    }
    number = rows(Run, Run.id == missed)[0].number
    assert [run.notes for run in runs] == [[], [f"Makes up for run #{number}, which is missed."], []]
    assert rows(Run, Run.id == missed)[0].state == "missed"


def test_asked_for_again_only_what_failed_is_there_once_more(actor, task):
    first = backfills.create(actor, "report", Wanted("2026-11-04", "2026-11-06"), NOW)
    with pytest.raises(Invalid, match="or is about to"):  # a second click
        backfills.create(actor, "report", Wanted("2026-11-04", "2026-11-06"), NOW)
    db.session.rollback()
    with batch() as work:
        for day, state in ((4, "failed"), (5, "succeeded")):
            is_it = Run.planned_local == f"2026-11-0{day} 09:00"
            work.connection.execute(sa.update(Run).where(is_it).values(state=state))
    second = backfills.create(actor, "report", Wanted("2026-11-04", "2026-11-06"), NOW)
    assert len(rows(Run, Run.backfill_id == first)) == 3
    assert [run.planned_local for run in rows(Run, Run.backfill_id == second)] == ["2026-11-04 09:00"]


def test_how_far_it_is_and_its_end(actor, task):
    made = backfills.create(actor, "report", FORTNIGHT, NOW)
    with batch() as work:
        work.connection.execute(sa.update(Run).where(Run.planned_local == "2026-11-05 09:00").values(state="succeeded"))
        work.connection.execute(sa.update(Run).where(Run.planned_local == "2026-11-06 09:00").values(state="running"))
    backfills.cancel(actor, made)
    detail = backfills.find(actor, made)
    assert detail.counts == {"succeeded": 1, "running": 1, "cancelled": 12}
    assert (detail.over, detail.planned, detail.row.cancelled_at is not None) == (13, 14, True)
    with pytest.raises(Conflict):
        backfills.cancel(actor, made)


@pytest.mark.alike
@pytest.mark.parametrize(
    ("wanted", "field", "sentence"),
    [
        (
            Wanted("soon", "2026-11-14"),
            "since",
            "Write a day such as 2026-11-01, or a moment such as 2026-11-01T09:00.",
        ),
        (Wanted("2026-11-14", "2026-11-01"), "until", "Choose a later end"),
        (Wanted("2026-12-01", "2026-12-14"), "until", "or still to come"),
        (Wanted("2026-11-01", "2026-11-14", "many"), "concurrency", "Write a whole number from 1 to 50."),
        (Wanted("2026-11-01T10:00", "2026-11-01T11:00"), "since", "was planned"),
    ],
)
def test_what_can_not_be_is_said(actor, task, wanted, field, sentence):
    with pytest.raises(Invalid) as refused:
        backfills.plan(actor, "report", wanted, NOW)
    assert sentence in refused.value.fields[field]


@pytest.mark.alike
def test_a_task_without_a_schedule_and_one_with_too_many_times(team, actor):
    factories.task(team, name="by-hand")
    minutes = factories.task(team, name="minutes")
    factories.schedule(team, minutes, "* * * * *", "cron", since=LONG_AGO)
    with pytest.raises(Invalid, match="no schedule"):
        backfills.plan(actor, "by-hand", FORTNIGHT, NOW)
    with pytest.raises(Invalid, match="more than 5,000"):
        backfills.plan(actor, "minutes", FORTNIGHT, NOW)


def test_a_stranger_finds_nothing(actor, task):
    made = backfills.create(actor, "report", Wanted("2026-11-04", "2026-11-06"), NOW)
    stranger = Actor(actor.person_id, factories.team("elsewhere"), "owner")
    for ask in (lambda: backfills.find(stranger, made), lambda: backfills.cancel(stranger, made)):
        with pytest.raises(NotFound):
            ask()
    with pytest.raises(NotFound):
        backfills.plan(stranger, "report", FORTNIGHT, NOW)
