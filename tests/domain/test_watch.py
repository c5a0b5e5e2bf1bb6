"""Rules of the watchdog: when something counts as absent, what is said, and that nothing flickers."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain import watch
from app.domain.watch import HERD, Finding, Steady

NOW = datetime(2026, 11, 24, 9, 6, tzinfo=UTC)
FIVE = timedelta(seconds=5)


def ago(**parts):
    return NOW - timedelta(**parts)


def finding(key="clock", kind="clock", team_id=None):
    return Finding(key, kind, f"{key} is late.", team_id)


# --- the parts


def test_a_clock_that_leads_and_keeps_up_is_well():
    assert watch.clock(NOW, NOW + FIVE, FIVE, 0, None) is None
    assert watch.clock(NOW, ago(seconds=4), FIVE, 0, None) is None
    assert watch.clock(NOW, NOW + FIVE, FIVE, 3, ago(seconds=29)) is None


def test_a_clock_that_is_gone_or_behind_is_said_with_the_time():
    gone = watch.clock(NOW, ago(minutes=4), FIVE, 0, None)
    assert gone.sentence == "No clock is alive since 09:02 UTC: schedules and retries wait until one is started."
    behind = watch.clock(NOW, NOW + FIVE, FIVE, 3, ago(seconds=61))
    assert behind.sentence == "The clock does not keep up: 3 schedules are past their time, since 09:04 UTC."
    assert watch.clock(NOW, None, FIVE, 0, None).key == gone.key == behind.key


def test_without_a_worker_it_is_said_only_when_runs_wait():
    assert watch.workers(NOW, 0, FIVE, 0, None) is None
    assert watch.workers(NOW, 0, FIVE, 1, ago(seconds=4)) is None
    said = watch.workers(NOW, 0, FIVE, 12, ago(minutes=2)).sentence
    assert said == "No worker is alive, and 12 runs wait, the oldest since 09:04 UTC."


def test_a_queue_is_too_long_by_the_age_of_its_oldest():
    assert watch.workers(NOW, 2, FIVE, 900, ago(minutes=10)) is None
    found = watch.workers(NOW, 2, FIVE, 1, ago(minutes=11))
    assert found.kind == "queue"
    assert found.sentence.startswith("The oldest queued run has waited for 11 min")


def test_clocks_that_differ():
    assert watch.skew("web-1", 0.9) is None
    assert watch.skew("web-1", -3.21).sentence == "The clock of web-1 is 3.2 s behind the database's. Let NTP set it."
    assert watch.skew("web-1", 3.21).key == "skew:web-1"


# --- tasks and runs


def test_past_is_after_so_many_seconds_and_never_without_a_limit():
    assert watch.is_past(ago(seconds=301), 300, NOW)
    assert not watch.is_past(ago(seconds=299), 300, NOW)
    assert not watch.is_past(ago(days=9), 0, NOW)
    assert not watch.is_past(None, 300, NOW)


@pytest.mark.parametrize(
    ("has_worker", "place", "sentence", "said"),
    [
        (False, 2, "", "no worker is alive"),
        (True, 0, "", "it is next in the queue"),
        (True, 2, "", "it is 3rd in the queue"),
        (True, 10, "", "it is 11th in the queue"),
        (True, 21, "", "it is 22nd in the queue"),
        (True, None, "", "it waits for its turn"),
        (True, None, "Waits for a slot of reports.", "waits for a slot of reports"),
    ],
)
def test_why_it_has_not_started(has_worker, place, sentence, said):
    assert watch.why_not_started(has_worker=has_worker, place=place, sentence=sentence) == said


def test_slow_is_told_of_ten_runs_and_more():
    assert watch.limit([10.0] * 9) is None
    assert watch.limit([10.0] * 10) == 35.0  # three times the usual, and some slack
    hundred = [float(number) for number in range(1, 101)]
    assert watch.limit(hundred) == 104.0  # the 99th of a hundred
    assert watch.limit([0.1] * 200) == pytest.approx(5.1)


# --- herds


def test_a_few_are_told_one_by_one_and_many_as_one():
    few = [finding(f"not_started:{number}", "not_started", 1) for number in range(HERD)]
    assert watch.folded(few, ()) == few
    many = [*few, finding("not_started:9", "not_started", 1)]
    (one,) = watch.folded(many, ())
    assert one.sentence == "6 tasks have not started in time. One of them: not_started:0 is late."
    assert one.key == watch.herd_key("not_started", 1)


def test_herds_are_of_one_team_and_one_kind():
    mixed = [finding(f"slow:{number}", "slow", number % 2) for number in range(2 * HERD)]
    mixed += [finding(f"missed:{number}", "missed", 1) for number in range(HERD)]
    assert watch.folded(mixed, ()) == sorted(mixed, key=lambda one: (one.kind != "slow", one.team_id, one.key))


def test_what_was_told_alone_stays_alone_when_a_herd_comes_and_the_herd_lasts_to_its_last():
    many = [finding(f"slow:{number}", "slow", 1) for number in range(HERD + 3)]
    told = {"slow:0", "slow:1"}
    found = {one.key for one in watch.folded(many, told)}
    assert found == {"slow:0", "slow:1", "slow:team:1"}
    left = watch.folded([many[7]], {"slow:team:1"})
    assert [one.key for one in left] == ["slow:team:1"]
    assert watch.folded([], {"slow:team:1"}) == []


def test_only_what_may_be_told_now_is_looked_at_closely():
    late = [finding(f"not_started:{number}", "not_started", number % 3) for number in range(30)]
    chosen = watch.told_first(late, {"not_started:0", "not_started:team:1"})
    assert [one.key for one in chosen] == [f"not_started:{number}" for number in (2, 5, 8, 11, 14, 3, 6, 9, 12, 15)]


# --- steadiness


def looks(steady, *rounds):
    """Each round is (keys that are there, keys that are open); returns what begins and what is over, per round."""
    results = []
    for there, open_keys in rounds:
        begun, over = steady.settle([finding(key) for key in there], dict.fromkeys(open_keys, "clock"), 1.0)
        results.append(([one.key for one in begun], over))
    return results


def test_it_begins_when_it_has_been_there_long_enough():
    here = (["clock"], [])
    assert looks(Steady(0, 2), here, here, here) == [([], []), ([], []), (["clock"], [])]


def test_what_flickers_neither_begins_nor_ends():
    there, gone = (["clock"], []), ([], [])
    assert all(result == ([], []) for result in looks(Steady(0, 2), *[there, there, gone] * 4))
    still, away = (["clock"], ["clock"]), ([], ["clock"])
    assert all(result == ([], []) for result in looks(Steady(0, 2), *[away, away, still] * 4))


def test_it_is_over_when_it_has_been_gone_long_enough():
    away = ([], ["clock"])
    assert looks(Steady(0, 2), *[away] * 6)[-1] == ([], ["clock"])
    assert looks(Steady(0, 2), *[away] * 5)[-1] == ([], [])


def test_a_process_that_stood_still_counts_little_of_it():
    steady = Steady(0, 1.5)
    steady.settle([finding()], {}, 0.0)
    assert steady.settle([finding()], {}, 300.0) == ([], [])
    assert steady.settle([finding()], {}, 300.0)[0]


def test_at_the_start_parts_that_are_not_there_yet_are_not_told():
    steady = Steady(20, 4)
    told = [bool(steady.settle([finding()], {}, 2.0)[0]) for _ in range(12)]
    assert told == [False] * 9 + [True] * 3
    skew = Finding("skew:a", "skew", "It is.")
    steady = Steady(20, 20)
    steady.settle([skew], {}, 0.0)
    assert steady.settle([skew], {}, 10.0)[0] == [skew]


@pytest.mark.parametrize("kind", sorted(watch.RULES))
def test_every_kind_says_when_it_is_over(kind):
    assert watch.recovery(kind, "Morning digest", "succeeded").endswith(".")
    assert watch.recovery(kind, "") is not None


def test_a_recovery_says_how_it_came_out():
    assert watch.recovery("not_started", "Morning digest", "running") == "Morning digest has started."
    assert watch.recovery("not_started", "Morning digest", "cancelled") == "Morning digest is no longer late."
    assert watch.recovery("slow", "Morning digest", "timed_out") == "Morning digest has ended: timed out."
