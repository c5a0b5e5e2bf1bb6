"""The checker finds what is missing, extra, early, late, doubled or without a reason, and is quiet when all is well."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models.instance import Audit, Fact
from app.models.runs import Alert, Attempt, Event, Run
from app.models.tasks import Schedule
from app.services import dispatch, runs, verify
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows

LEASE = timedelta(seconds=10)


@pytest.fixture
def plan(app):
    """A schedule of ten past minutes, all decided."""
    with app.app_context():
        team = factories.team()
        task = factories.task(team, misfire="all", overlap="allow")
        factories.schedule(team, task, "1m", since=ago(minutes=10, seconds=5), misfire="all", overlap="allow")
        dispatch.fire_due(dispatch.lead("clock", "first", LEASE), LEASE)
        yield team, task


def broken():
    return sorted(finding.rule for finding in verify.last(timedelta(days=1)).findings)


def change(statement):
    with batch() as work:
        work.connection.execute(statement)


def first():
    return rows(Run)[0].id


def test_it_is_quiet_when_plan_and_record_agree(plan):
    report = verify.last(timedelta(days=1))
    assert (report.planned, report.runs, report.findings) == (10, 10, [])


def test_it_finds_a_planned_time_without_a_run(plan):
    change(sa.delete(Run).where(Run.id == first()))
    assert broken() == ["missing"]


def test_it_finds_a_run_nobody_planned(plan):
    change(sa.update(Run).where(Run.id == first()).values(key="at:never"))
    assert broken() == ["extra", "missing"]


def test_it_finds_a_start_before_its_time(plan):
    change(sa.update(Run).where(Run.id == first()).values(started_at=rows(Run)[0].planned_at - timedelta(seconds=1)))
    assert broken() == ["early"]


def test_it_finds_an_ending_without_a_reason_or_a_story(plan):
    change(sa.update(Run).where(Run.id == first()).values(state="failed", reason=""))
    assert broken() == ["ending", "story"]


def test_it_finds_two_endings(plan):
    run = first()
    values = {"state": "succeeded", "reason": "ok", "sentence": "It worked.", "ended_at": ago(seconds=0)}
    change(sa.update(Run).where(Run.id == run).values(values))
    for kind in ("failed", "succeeded"):
        event = {"team_id": plan[0], "run_id": run, "kind": kind, "token": 1, "data": {}, "at": ago(seconds=0)}
        change(sa.insert(Event).values(event))
    assert broken() == ["story"]


def test_it_finds_two_attempts_at_once(plan):
    run = first()
    change(sa.update(Run).where(Run.id == run).values(token=2))
    for token in (1, 2):
        attempt = {
            "run_id": run, "number": token, "token": token, "state": "running", "worker": "w", "isolation": {},
            "started_at": ago(seconds=0),
        }  # fmt: skip
        change(sa.insert(Attempt).values(attempt))
    assert broken() == ["overlap"]


def test_it_finds_a_run_that_nobody_is_on_record_for(plan):
    team, task = plan
    actor = factories.owner(team)
    runs.start(actor, task)
    assert broken() == []
    change(sa.delete(Audit))
    assert broken() == ["unasked"]


def test_it_finds_a_schedule_that_was_forgotten(plan):
    change(sa.update(Schedule).values(next_fire_at=None))
    assert broken() == ["stalled"]


def test_what_a_rule_planned_that_can_no_longer_be_computed_is_not_called_extra(plan):
    change(sa.update(Schedule).values(timezone="Mars/Olympus", state="broken", next_fire_at=None))
    assert broken() == []


def test_what_the_nightly_check_found_is_kept_and_told_until_it_is_mended(plan):
    change(sa.update(Schedule).values(next_fire_at=None))
    verify.nightly(timedelta(days=1))
    (fact,) = rows(Fact, Fact.name == verify.FACT)
    assert (fact.value["planned"], fact.value["count"]) == (10, 1)
    assert [alert.sentence.partition(".")[0] for alert in rows(Alert)] == [
        "The record does not agree with the plan in one place"
    ]
    change(sa.update(Schedule).values(next_fire_at=ago(seconds=-60)))
    verify.nightly(timedelta(days=1))
    assert [alert.recovery for alert in rows(Alert)] == ["The record agrees with the plan again."]


def test_a_long_stop_is_explained_by_one_folded_row(app):
    with app.app_context():
        team = factories.team()
        task = factories.task(team)
        factories.schedule(team, task, "1m", since=ago(hours=20), grace_seconds=60)
        dispatch.fire_due(dispatch.lead("clock", "first", LEASE), LEASE)
        report = verify.last(timedelta(days=1))
        assert report.planned >= 1200
        assert report.runs < 110
        assert report.findings == []
