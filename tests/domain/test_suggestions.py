"""Changes worth making: found only where the runs show it, and not again after somebody has decided."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain import effects, load, suggestions
from app.domain.conflicts import Wanted
from app.domain.policy import Policy
from app.domain.suggestions import Decided, Facts, Past, Replay, Unopened

NOW = datetime(2026, 11, 28, 18, tzinfo=UTC)
FINE = Past("succeeded", seconds=20, wait_seconds=0)
NINE = [datetime(2026, 11, 29 + day, 9, tzinfo=UTC) for day in range(2)]


def propose(runs, timeout_seconds=60.0, decided=(), **more):
    policy = Policy(**{name: more.pop(name) for name in ("retries", "overlap") if name in more})
    return suggestions.propose(Facts(runs, timeout_seconds, policy, **more), decided, NOW)


def kinds(*args, **more):
    return [one.kind for one in propose(*args, **more)]


def test_a_task_that_does_well_is_left_alone():
    assert propose([FINE] * 100) == []


def test_of_few_runs_nothing_is_said():
    failed = Past("failed", transient=1)
    assert kinds([failed] * 3 + [FINE] * 6, retries=0) == []
    assert kinds([failed] * 3 + [FINE] * 7, retries=0) == ["more_retries"]


# --- time limit


def test_a_limit_that_runs_come_near_and_pass_is_raised():
    runs = [Past("timed_out", seconds=60), Past("succeeded", seconds=55)] * 5
    (one,) = propose(runs)
    assert (
        one.sentence
        == "Give it 2 min: 5 of its last 10 runs reached the time limit of 1 min, and others took up to 55 s."
    )
    assert one.change == {"limits": {"timeout_seconds": 120.0}}


def test_what_hangs_is_given_no_more_time():
    assert propose([Past("timed_out", seconds=60), FINE] * 5) == []
    assert propose([Past("timed_out", seconds=60)] * 20) == []


def test_one_that_timed_out_is_no_pattern():
    assert propose([Past("timed_out", seconds=60), *[Past("succeeded", seconds=55)] * 19]) == []


def test_a_limit_far_beyond_the_longest_run_is_lowered():
    (one,) = propose([FINE] * 60, timeout_seconds=3600.0)
    assert one.sentence == (
        "End it after 1 min when it hangs: the longest of its last 50 runs took 20 s, and the time limit is 1 h."
    )
    assert one.change == {"limits": {"timeout_seconds": 60.0}}
    assert propose([FINE] * 49, timeout_seconds=3600.0) == []
    assert propose([FINE] * 60, timeout_seconds=200.0) == []
    assert propose([FINE] * 60, timeout_seconds=3600.0, has_own_limit=True) == []


@pytest.mark.parametrize("longest", [0.4, 3, 59, 61, 400, 5000, 50_000])
def test_a_lowered_limit_leaves_room(longest):
    (one,) = propose([Past("succeeded", seconds=longest)] * 50, timeout_seconds=604_800.0)
    assert one.change["limits"]["timeout_seconds"] >= 2 * longest


# --- retries


def test_retries_that_never_helped_are_left_out():
    retried = Past("failed", tries=3, transient=3)
    (one,) = propose([retried] * 5 + [FINE] * 20)
    assert one.sentence == "Don’t try again: 5 of its last 25 runs were tried again, and that never helped."
    assert one.change == {"policy": {"retries": 0}}
    assert propose([replace(retried, state="succeeded"), *[retried] * 5, *[FINE] * 20]) == []
    assert propose([retried] * 4 + [FINE] * 20) == []


def test_a_crash_that_was_tried_again_says_nothing_of_retries():
    assert propose([Past("failed", tries=3, transient=0)] * 8 + [FINE] * 20) == []


def test_failures_that_may_pass_are_tried_again():
    failed = Past("failed", transient=1)
    (one,) = propose([failed] * 3 + [FINE] * 20, retries=0)
    assert one.sentence.startswith("Try again up to 2 times: 3 of its last 23 runs failed in a way that may pass")
    assert one.change == {"policy": {"retries": 2}}
    assert propose([failed] * 3 + [FINE] * 20) == []


def test_what_fails_most_of_the_time_is_not_mended_by_retries():
    assert propose([Past("failed", transient=1)] * 12 + [FINE] * 10, retries=0) == []


# --- its model


def asked(model, micros, count, wrong=0):
    fine = Past("succeeded", seconds=20, model=model, micros=micros)
    return [replace(fine, state="failed")] * wrong + [fine] * (count - wrong)


def test_a_cheaper_model_that_did_this_task_as_well_is_asked_instead():
    runs = asked("large", 80_000, 40, wrong=2) + asked("small", 10_000, 20, wrong=1)
    (one,) = propose(runs, model="large", others=["small", "tiny"])
    assert one.sentence == (
        "Ask small instead: a run of this task cost $0.01 with it and $0.08 with large, and of its last runs 95 % were "
        "fine with it, 95 % now."
    )
    assert one.change == {"settings": {"model": "small"}}
    assert propose(runs, model="large") == []
    assert propose(runs, model="small", others=["large"]) == []


def test_a_model_that_did_worse_or_little_or_costs_as_much_is_not_suggested():
    many = asked("large", 80_000, 40)
    for other in (asked("small", 10_000, 20, wrong=1), asked("small", 10_000, 19), asked("small", 79_000, 20)):
        assert propose(many + other, model="large", others=["small"]) == []


# --- its own rhythm


SKIPPED = Past("skipped", "overlap")


def test_runs_that_are_skipped_may_wait_instead():
    (one,) = propose([SKIPPED] * 10 + [FINE] * 40)
    assert one.sentence == (
        "Let one run wait instead: 10 of its last 50 planned runs were skipped, because the one before still went."
    )
    assert one.change == {"policy": {"overlap": "queue_one"}}
    assert propose([SKIPPED] * 9 + [FINE] * 41) == []
    assert propose([SKIPPED] * 10 + [FINE] * 40, overlap="queue_one") == []
    assert propose([replace(SKIPPED, is_planned=False)] * 10 + [FINE] * 40) == []


def test_a_run_longer_than_its_interval_is_run_less_often():
    every = timedelta(minutes=1)
    wanted = Wanted([NOW + every * number for number in range(5)], "UTC", every=every)
    (one,) = propose([SKIPPED, Past("succeeded", seconds=90)] * 20, timeout_seconds=600.0, wanted=wanted)
    assert one.sentence.startswith("Run it every 2 minutes: 20 of its last 40 planned runs were skipped")
    assert one.change == {"text": "every 2 minutes"}


# --- its time


def crowded(wait_seconds):
    runs = [(at, 60.0) for at in NINE for _ in range(6)]
    wanted = Wanted(NINE, "UTC", 60.0, own=frozenset(NINE))
    return {
        "runs": [replace(FINE, seconds=60, wait_seconds=wait_seconds)] * 20,
        "wanted": wanted,
        "load": load.forecast(runs, 1, NOW, NOW + timedelta(days=3)),
    }


def test_a_task_that_waits_in_a_crowd_is_moved_out_of_it():
    (one,) = propose(**crowded(40))
    assert one.sentence == (
        "Use 08:59: its last 20 planned runs waited 40 s on average for a slot. 5 other runs start at 09:00; 1 slot. "
        "Expect a wait of about 5 min."
    )
    assert one.change == {"shift_seconds": -60.0}


def test_a_short_wait_or_a_crowd_that_is_gone_is_nothing():
    assert propose(**crowded(14)) == []
    assert propose(**crowded(40) | {"load": load.forecast([], 1, NOW, NOW + timedelta(days=3))}) == []


# --- what was decided


@pytest.mark.parametrize(
    ("state", "kind", "days", "weight", "is_said"),
    [
        ("dismissed", "more_retries", 89, 3, False),
        ("dismissed", "more_retries", 90, 3, True),
        ("dismissed", "more_retries", 1, 1.5, True),
        ("undone", "more_retries", 1, 3, False),
        ("applied", "more_retries", 1, 1, False),
        ("applied", "fewer_retries", 1, 1, False),
        ("dismissed", "fewer_retries", 1, 3, True),
        ("dismissed", "better_time", 1, 3, True),
    ],
)
def test_what_was_decided_is_left_alone_for_a_while(state, kind, days, weight, is_said):
    before = Decided(kind, state, NOW - timedelta(days=days), weight)
    found = propose([Past("failed", transient=1)] * 3 + [FINE] * 20, retries=0, decided=[before])
    assert bool(found) == is_said


# --- what came of it


def test_what_came_of_a_change_is_said():
    waited = suggestions.figures("better_time", [replace(FINE, wait_seconds=40)])
    waits = suggestions.figures("better_time", [replace(FINE, wait_seconds=2)])
    assert suggestions.effect("better_time", waited, waits) == "Since then it waits 2 s instead of 40 s for a slot."
    skips = suggestions.figures("fewer_skips", [SKIPPED, FINE, FINE, FINE])
    none = suggestions.figures("fewer_skips", [FINE])
    assert suggestions.effect("fewer_skips", skips, none) == (
        "Since then 0 % of its planned runs are skipped instead of 25 %."
    )
    tried = suggestions.figures("fewer_retries", [Past("failed", tries=3, transient=3), FINE])
    once = suggestions.figures("fewer_retries", [Past("failed", transient=1), FINE])
    assert suggestions.effect("fewer_retries", tried, once) == (
        "Since then 50 % of its runs go wrong; before it were 50 %. A run is tried 1.0 times instead of 2.0."
    )
    assert suggestions.figures("better_time", []) == suggestions.figures("longer_limit", [SKIPPED]) == {}


# --- what nobody opens


SINCE = datetime(2026, 9, 3, 12, tzinfo=UTC)


def idle(**more):
    return Unopened(**{"since": SINCE, "days": 86.0, "runs": 86, "micros": 4_200_000, "seconds": 10_320.0} | more)


def test_what_nobody_has_opened_for_long_is_paused():
    (one,) = propose([FINE] * 40, unopened=idle())
    assert one.sentence == (
        "Pause it: nobody has opened it or a result of it since Thu 3 Sep 2026. In that time it ran 86 times, and took "
        "$4.20 and 2 h 50 min of a slot."
    )
    assert one.change == {"pause": True}
    (free,) = propose([FINE] * 40, unopened=idle(micros=0))
    assert free.sentence.endswith("and took 2 h 50 min of a slot.")
    assert propose([FINE] * 40, unopened=idle(days=59.0)) == []
    assert propose([FINE] * 40, unopened=idle(runs=19)) == []


def test_what_pausing_has_saved_is_said():
    before = propose([FINE] * 40, unopened=idle())[0].figures
    assert suggestions.is_measured("unopened", {})
    assert suggestions.effect("unopened", before, {}) == (
        "It stands still since then. Two weeks of it took $0.68 and 28 min of a slot."
    )
    assert suggestions.holds({}, {}, {"pause": True}, is_paused=True)
    assert not suggestions.holds({}, {}, {"pause": True})


@pytest.mark.parametrize(
    ("engine", "settings", "level", "stays"),
    [
        ("python", {"network": False}, 2, True),
        ("python", {"network": False}, 1, False),  # it may write to files of its host
        ("shell", {"network": True}, 2, False),
        ("http", {"method": "GET"}, 2, False),  # who asks may do so to say that it is alive
        ("agent", {"tools": ["http_get", "write_file"]}, 0, True),
        ("agent", {"tools": ["python"], "network": True}, 2, False),
        ("agent", {"tools": ["python"], "network": False}, 1, False),
        ("elsewhere", {}, 3, False),
    ],
)
def test_only_what_stays_here_can_be_of_no_use(engine, settings, level, stays):
    assert effects.stays_inside({"engine": engine, "settings": settings}, level) is stays


# --- steps instead of an agent


REPLAY = Replay({"engine": "steps", "steps": [{}, {}]}, 6.0, 6, 4)


def test_steps_take_the_place_of_an_agent_that_always_does_the_same():
    runs = asked("large", 80_000, 6)  # fewer than other suggestions need
    (one,) = propose(runs, model="large", replay=REPLAY)
    assert one.sentence == (
        "Replay its steps, without a model: its last 6 runs made the same 4 calls, in the same order. A run costs $0.08 "
        "and takes about 20 s; by the steps of its conversation it would cost nothing, and take about 6 s."
    )
    assert one.change == {"replay": REPLAY.parts}
    assert propose(runs, model="large", replay=replace(REPLAY, alike=4)) == []


def test_what_replaying_has_brought_is_said():
    agent = suggestions.figures("replay", asked("large", 80_000, 10, wrong=1))
    steps = suggestions.figures("replay", [replace(FINE, seconds=5)] * 10)
    assert suggestions.effect("replay", agent, steps) == (
        "Since then 0 % of its runs go wrong; before it were 10 %. A run costs nothing instead of $0.08, and takes 5 s "
        "instead of 20 s."
    )


def test_a_wait_for_a_pool_or_a_model_says_so():
    (one,) = propose(**crowded(40), slots="pool", slots_of="printer")
    assert "5 other runs start at 09:00; 1 slot in printer." in one.sentence
    (one,) = propose(**crowded(40), slots="rate", slots_of="Sonnet")
    assert "the rate of Sonnet lets about 1 of them begin in a minute" in one.sentence
