"""An attempt from claim to outcome: one claim wins, only its token writes, and each run ends once with a reason."""

from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from app.core.clock import utc_now
from app.engines.base import Outcome
from app.infra import queues
from app.models.runs import Artifact, Attempt, Event, LogChunk, Run, Step
from app.services.execution import claims, outcomes
from app.services.execution.outcomes import LogBatch, Stale, StepRow
from app.services.unit import batch
from tests import factories
from tests.factories import ago, rows

LEASE = timedelta(seconds=10)
OK = Outcome("succeeded", "ok", "It worked.")
PASSING = Outcome("failed", "http_status", "503 Service Unavailable.", "transient")


@pytest.fixture
def task(team):
    return factories.task(team)


@pytest.fixture
def held(team, task):
    return claim(factories.run(team, task))


def claim(run_id, attempt=1, worker="one"):
    with batch() as work:
        found = claims.claim(work, [(run_id, attempt)], worker, LEASE)
    return found[0] if found else None


def finish(held, outcome=OK, **more):
    with batch() as work:
        return outcomes.finish(work, held, outcome, more.get("steps", ()), more.get("logs", ()), more.get("files", ()))


def the_run(run_id):
    (found,) = rows(Run, Run.id == run_id)
    return found


def test_of_many_who_get_the_same_job_one_claims_it(team, task):
    run = factories.run(team, task)
    assert [bool(claim(run, worker=name)) for name in ("one", "two", "three")] == [True, False, False]
    (attempt,) = rows(Attempt)
    assert (attempt.worker, attempt.token, attempt.state) == ("one", 1, "running")
    assert the_run(run).lease_until > utc_now()


def test_an_old_payload_claims_nothing(team, task, held):
    finish(held, PASSING)
    assert claim(held.run_id, attempt=1) is None


def test_an_outcome_ends_run_and_attempt_with_reason_sentence_and_event(held):
    line = LogBatch(1, utc_now(), [[0.0, "info", "hello"]], 5)
    step = StepRow(1, "run", "succeeded", "", utc_now(), utc_now())
    file = {"name": "a.txt", "media_type": "text/plain", "size_bytes": 5, "digest": "0" * 64}
    assert finish(held, OK, steps=[step], logs=[line], files=[file]) == "succeeded"
    run = the_run(held.run_id)
    assert (run.state, run.reason, run.sentence, run.lease_until) == ("succeeded", "ok", "It worked.", None)
    assert run.ended_at >= run.started_at
    assert [row.state for row in rows(Attempt)] == ["succeeded"]
    assert [event.kind for event in rows(Event)] == ["running", "succeeded"]
    assert (len(rows(Step)), len(rows(LogChunk)), len(rows(Artifact))) == (1, 1, 1)


def test_a_second_ending_is_refused(held):
    finish(held)
    with pytest.raises(Stale):
        finish(held, PASSING)
    assert the_run(held.run_id).state == "succeeded"


def test_a_failure_that_may_pass_waits_then_is_tried_twice_more_and_no_more(team, task, held):
    run = held.run_id
    for attempt in (1, 2):
        assert finish(held, PASSING) == "waiting"
        waiting = the_run(run)
        assert waiting.reason == "retry"
        assert waiting.not_before <= utc_now() + timedelta(seconds=30 * 2 ** (attempt - 1))
        with batch() as work:
            again = {"state": "queued", "attempt": attempt + 1, "queued_at": work.now, "not_before": None}
            work.connection.execute(sa.update(Run).values(again))
        held = claim(run, attempt + 1)
    assert finish(held, PASSING) == "failed"
    assert [row.state for row in rows(Attempt)] == ["failed"] * 3
    assert the_run(run).sentence == "503 Service Unavailable."


def test_a_failure_that_will_not_pass_is_not_tried_again(held):
    assert finish(held, Outcome("failed", "http_status", "404 Not Found.", "permanent")) == "failed"


def test_a_shutdown_puts_the_run_back_and_uses_up_no_try(held):
    assert finish(held, Outcome("cancelled", "shutdown", "Its worker was asked to stop.")) == "queued"
    run = the_run(held.run_id)
    assert (run.state, run.attempt) == ("queued", 2)
    assert queues.waiting("io") == {queues.job_id(run.id, 2)}
    assert [row.state for row in rows(Attempt)] == ["interrupted"]
    assert finish(claim(run.id, 2), PASSING) == "waiting"


def ask_to_stop(run_id):
    with batch() as work:
        asked = {"stop_mode": "after_step", "stop_reason": "person"}
        work.connection.execute(sa.update(Run).where(Run.id == run_id).values(asked))


def test_a_shutdown_does_not_bring_back_what_a_person_stopped(held):
    ask_to_stop(held.run_id)
    assert finish(held, Outcome("cancelled", "shutdown", "Its worker was asked to stop.")) == "cancelled"
    run = the_run(held.run_id)
    assert (run.state, run.reason, run.sentence) == ("cancelled", "person", "Stopped on request.")
    assert queues.waiting("io") == set()


def test_what_a_person_asked_to_stop_is_not_tried_again(held):
    ask_to_stop(held.run_id)
    assert finish(held, PASSING) == "failed"
    run = the_run(held.run_id)
    assert (run.state, run.stop_mode) == ("failed", "")
    assert run.sentence == "503 Service Unavailable. Not tried again: it was asked to stop."


def test_a_run_that_waited_for_the_one_before_is_not_late_for_that(team):
    task = factories.task(team, name="line", overlap="queue_one")
    run = factories.run(team, task, planned_at=ago(hours=5))
    assert claim(run)


def test_what_a_stopped_worker_writes_later_changes_nothing(held):
    with batch() as work:
        assert outcomes.lose(work, held.run_id, held.token) == "queued"
    second = claim(held.run_id, 2, worker="two")
    for late in (
        partial(outcomes.record, steps=(), logs=[LogBatch(1, utc_now(), [[0, "info", "late"]], 4)], isolation={}),
        partial(outcomes.finish, outcome=OK, steps=(), logs=()),
    ):
        with pytest.raises(Stale), batch() as work:
            late(work, held)
    assert rows(LogChunk) == []
    assert finish(second) == "succeeded"
    assert [(row.token, row.state) for row in rows(Attempt)] == [(1, "lost"), (2, "succeeded")]


def test_a_run_that_kills_every_worker_ends_after_its_tries(team, task):
    run = factories.run(team, task)
    states = []
    for attempt in (1, 2, 3):
        held = claim(run, attempt)
        with batch() as work:
            states.append(outcomes.lose(work, run, held.token))
    assert states == ["queued", "queued", "failed"]
    assert (the_run(run).reason, the_run(run).state) == ("lost", "failed")


def test_a_lost_run_that_must_not_repeat_waits_for_a_person(team):
    run = factories.run(team, factories.task(team, name="pay", is_idempotent=False))
    token = claim(run).token
    with batch() as work:
        outcomes.lose(work, run, token)
    assert (the_run(run).state, the_run(run).reason) == ("waiting", "approval")
    assert queues.depth("io") == 0


def test_a_run_whose_grace_passed_in_the_queue_is_missed(team, task):
    run = factories.run(team, task, planned_at=ago(hours=2))
    assert claim(run) is None
    assert (the_run(run).state, the_run(run).reason) == ("missed", "grace")
    assert the_run(run).started_at is None


def test_renewing_tells_what_is_still_ours_and_who_asked_to_stop(team, task, held):
    other = claim(factories.run(team, task), worker="two")
    with batch() as work:
        work.connection.execute(sa.update(Run).values(stop_mode="now", stop_reason="person"))
    with batch() as work:
        kept = claims.renew(work, [held.run_id, other.run_id], "one", timedelta(minutes=5))
        assert claims.stops(work, [held.run_id]) == {held.run_id: ("now", "person")}
    assert kept == {held.run_id: (1, "now", "person")}
    assert the_run(held.run_id).lease_until > utc_now() + timedelta(minutes=4)
    assert the_run(other.run_id).lease_until < utc_now() + timedelta(minutes=4)


def test_the_next_in_line_is_queued_when_the_run_before_it_ends(team):
    task = factories.task(team, name="line", overlap="queue_one")
    held = claim(factories.run(team, task))
    waiting = factories.run(team, task, "waiting", reason="overlap")
    finish(held)
    assert the_run(waiting).state == "queued"
    assert queues.waiting("io") == {queues.job_id(waiting, 1)}
