"""The circuit breaker: opens after failures in a row, lets one run try, closes when that one is answered."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import breaker
from app.domain.breaker import Breaker, admitted, after, is_shut, verdict, without_probe

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def failing(times, apart=1.0, known=None, start=NOW):
    known = known or Breaker()
    for number in range(times):
        known = after(known, "failed", 1, start + timedelta(seconds=apart * number), 0.0)
    return known


def opened():
    return failing(5)


def tried(known, said, run=7, chance=0.0):
    """What becomes of it when its time has come and one run has tried."""
    at = known.open_until
    return after(admitted(known, run), said, run, at, chance)


def test_five_failures_in_a_row_open_it_and_four_do_not():
    assert failing(4).state == "closed"
    assert (opened().state, opened().failures, opened().opened) == ("open", 5, 1)
    assert opened().open_until == NOW + timedelta(seconds=4 + 30)


def test_an_answer_in_between_begins_the_row_anew():
    known = after(failing(4), "answered", 2, NOW + timedelta(seconds=5), 0.0)
    assert known == Breaker()
    assert failing(4, known=known).state == "closed"


def test_failures_far_apart_are_not_in_a_row():
    assert failing(20, apart=61).state == "closed"
    assert failing(20, apart=60).state == "open"


def test_while_it_is_open_nobody_may_and_then_one_may():
    known = opened()
    assert is_shut(known, 7, known.open_until - timedelta(seconds=0.001))
    assert not is_shut(known, 7, known.open_until)
    probed = admitted(known, 7)
    assert (probed.state, probed.probe) == ("half_open", 7)
    assert is_shut(probed, 8, known.open_until)
    assert not is_shut(probed, 7, known.open_until)


def test_when_its_probe_has_died_another_may():
    probed = without_probe(admitted(opened(), 7))
    assert not is_shut(probed, 8, NOW)


def test_an_answered_probe_closes_it_as_if_nothing_had_been():
    assert tried(opened(), "answered") == Breaker()


def test_a_probe_that_fails_opens_it_twice_as_long_up_to_ten_minutes():
    known, pauses = opened(), []
    for _ in range(8):
        at = known.open_until
        known = tried(known, "failed")
        pauses.append((known.open_until - at).total_seconds())
    assert pauses == [60, 120, 240, 480, 600, 600, 600, 600]
    assert known.failures == 5 + 8


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_chance_makes_the_pause_a_little_longer_and_never_shorter(chance):
    known = after(failing(4), "failed", 1, NOW + timedelta(seconds=4), chance)
    pause = (known.open_until - NOW).total_seconds() - 4
    assert pause == pytest.approx(30 * (1 + chance / 4))


def test_a_probe_that_told_nothing_leaves_the_place_to_another():
    known = tried(opened(), "nothing")
    assert (known.state, known.probe) == ("half_open", None)


def test_what_began_before_it_opened_changes_nothing():
    known = opened()
    assert after(known, "answered", 3, NOW, 0.0) == known
    assert after(known, "failed", 3, NOW, 0.0) == known
    probed = admitted(known, 7)
    assert after(probed, "answered", 3, NOW, 0.0) == probed


@pytest.mark.parametrize(
    ("state", "error_class", "expected"),
    [
        ("failed", "transient", "failed"),
        ("failed", "", "failed"),
        ("timed_out", "transient", "failed"),
        ("failed", "rate_limited", "failed"),
        ("failed", "permanent", "answered"),
        ("succeeded", "", "answered"),
        ("unmet", "", "answered"),
        ("failed", "crash", "nothing"),
        ("cancelled", "", "nothing"),
        ("blocked", "permanent", "nothing"),
    ],
)
def test_only_what_may_pass_counts_against_a_target(state, error_class, expected):
    assert verdict(state, error_class) == expected


def test_a_target_has_a_name_for_people():
    assert breaker.name("host:example.com:8080") == "example.com:8080"
    assert breaker.name("model:Sonnet") == "the model Sonnet"


@given(st.lists(st.tuples(st.sampled_from(["failed", "answered", "nothing"]), st.integers(1, 3), st.floats(0, 700))))
def test_whatever_happens_at_most_one_run_tries_a_target_that_is_not_closed(steps):
    known, now, going = Breaker(), NOW, set()
    for said, run, seconds in steps:
        now += timedelta(seconds=seconds)
        if run in going:
            known = after(known, said, run, now, 0.5)
            going.discard(run)
        elif not is_shut(known, run, now):
            known = admitted(known, run)
            going.add(run)
        assert (known.state == "closed") == (known.opened == 0)
        assert known.state != "open" or known.open_until is not None
        assert known.state == "half_open" or known.probe is None
