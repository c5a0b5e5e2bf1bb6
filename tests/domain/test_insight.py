"""The sentence on top of a run's page, for every state."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.insight import Case, tell, usual_seconds
from app.domain.lifecycle import STATES

NOW = datetime(2026, 11, 24, 9, 2, tzinfo=UTC)


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def ended(state="succeeded", took=60.0, **more):
    return tell(Case(state, started_at=ago(took), ended_at=NOW, **more), NOW)


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_sentence_even_without_a_stored_one(state):
    assert tell(Case(state), NOW).lead.endswith(".")


@pytest.mark.parametrize("state", sorted(set(STATES) - {"running"}))
def test_the_stored_sentence_leads(state):
    assert tell(Case(state, "It was Tuesday."), NOW).lead == "It was Tuesday."


# --- before and while it runs


def test_a_queued_run_says_its_place_in_line():
    assert "next in line" in tell(Case("queued"), NOW).more
    assert "number 2 in line: one run is before it" in tell(Case("queued", ahead=1), NOW).more
    assert "number 3 in line: 2 runs are before it" in tell(Case("queued", ahead=2), NOW).more


def test_a_run_that_is_tried_again_says_when():
    later = NOW + timedelta(seconds=30)
    assert tell(Case("waiting", "503.", "retry", not_before=later), NOW).due_at == later


def test_a_run_that_is_held_back_says_when_in_the_readers_time_alone():
    later = NOW + timedelta(seconds=30)
    said = "Waits: example.com failed 5 times in a row; next try at 14:05 UTC."
    told = tell(Case("waiting", said, "breaker", not_before=later), NOW)
    assert (told.lead, told.due_at) == ("Waits: example.com failed 5 times in a row.", later)


def test_a_running_run_says_what_it_does_and_when_it_should_end():
    told = tell(Case("running", step="collect", started_at=ago(20), usual_seconds=60), NOW)
    assert told.lead == "Collecting its files."
    assert told.due_at == NOW + timedelta(seconds=40)


def test_a_little_late_it_should_end_now_and_much_later_it_is_slow():
    assert tell(Case("running", started_at=ago(70), usual_seconds=60), NOW).due_at == NOW
    slow = tell(Case("running", started_at=ago(91), usual_seconds=60), NOW)
    assert slow.due_at is None
    assert slow.more == "It takes longer than usual."


def test_a_first_run_promises_nothing():
    told = tell(Case("running", started_at=ago(5)), NOW)
    assert told.due_at is None
    assert "No earlier run" in told.more


def test_the_second_attempt_says_so():
    assert tell(Case("running", step="run", attempts=2), NOW).lead == "Attempt 2. Running."


def test_stopping_is_said_until_it_has_stopped():
    assert tell(Case("running", stop_mode="now"), NOW).lead == "Stopping."
    assert tell(Case("running", stop_mode="after_step", step="run"), NOW).more == "It stops after this step."


# --- how it compares


def test_a_run_that_was_tried_again_is_not_called_slow():
    told = ended("succeeded", 100, sentence="Worked in 40 s.", usual_seconds=60, attempts=2)
    assert (told.more, told.pace) == ("It took 2 attempts.", "")


@pytest.mark.parametrize(
    ("took", "pace"), [(30, "faster than usual"), (60, "as usual"), (88, "as usual"), (100, "slower than usual")]
)
def test_a_finished_run_is_compared_with_the_usual(took, pace):
    assert ended(took=took, usual_seconds=60).pace == pace


def test_below_a_second_nothing_is_slow():
    assert ended(took=0.9, usual_seconds=0.1).pace == "as usual"


def test_without_history_nothing_is_compared():
    told = ended(took=12)
    assert (told.took_seconds, told.pace) == (12, "")


def test_the_usual_is_the_median():
    assert usual_seconds([(ago(10), NOW), (ago(500), NOW), (ago(20), NOW)]) == 20
    assert usual_seconds([]) is None


# --- what went wrong


def test_a_failure_says_what_is_kept_and_what_to_do_next():
    told = ended("failed", sentence="It ended with exit code 3.", reason="exit_code", attempts=3, files=2)
    assert told.more == "All 3 attempts ended like this. Its log and 2 files are kept."
    assert "mend the task" in told.next_step
    assert told.way == "task"


@pytest.mark.parametrize(
    ("state", "reason", "way"),
    [("timed_out", "timeout", "task"), ("blocked", "no_secret", "secrets"), ("failed", "lost", "workers")],
)
def test_the_way_out_follows_from_the_reason(state, reason, way):
    assert tell(Case(state, reason=reason), NOW).way == way


def test_an_unknown_reason_still_leads_to_the_log():
    assert "log" in ended("failed", reason="from_a_plug_in").next_step


def test_what_never_ran_says_that_nothing_ran():
    for state in ("missed", "skipped", "blocked", "cancelled"):
        assert tell(Case(state), NOW).more == "Nothing ran."
    assert "stays as it is" in ended("cancelled").more
