"""What becomes of planned times: run, left out, waited for, missed; exactly by policy, each with its reason."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.firing import ON_TIME, SINGLE_ROWS, decide
from app.domain.occurrences import Occurrence, Plan, between
from app.domain.policy import Policy
from app.domain.triggers import Fire, Trigger

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def every_minute(hours=0, minutes=0):
    """The planned times of a job of every minute, stopped for so long until NOW."""
    trigger = Trigger("cron", "* * * * *", "UTC")
    return list(
        between(Plan(trigger), NOW - timedelta(hours=hours, minutes=minutes), NOW - ON_TIME - timedelta(seconds=1))
    )


def at(**ago):
    fire = Fire(NOW - timedelta(**ago), "")
    return Occurrence(fire, fire.at)


def of(decisions, *actions):
    return [decision for decision in decisions if decision.action in actions]


# --- misfire


@pytest.mark.parametrize(
    ("misfire", "ran"),
    [("skip", 0), ("latest", 1), ("all", 10)],
)
def test_a_job_of_every_minute_stopped_three_hours(misfire, ran):
    due = every_minute(hours=3)
    decisions = decide(due, NOW, Policy(misfire=misfire, overlap="allow"), 0, 0)
    assert len(of(decisions, "queue")) == ran
    assert [decision.what for decision in of(decisions, "queue")] == due[len(due) - ran :]
    assert sum(decision.count for decision in of(decisions, "miss")) == len(due) - ran


@pytest.mark.parametrize(
    ("policy", "reasons"),
    [
        (Policy(misfire="skip"), {"grace": 1, "misfire_skip": 2}),
        (Policy(misfire="latest"), {"grace": 1, "misfire_latest": 1}),
        (Policy(misfire="all", misfire_cap=1), {"grace": 1, "misfire_cap": 1}),
        (Policy(misfire="all", misfire_cap=0), {"grace": 1, "misfire_cap": 2}),
        (Policy(misfire="all", overlap="allow"), {"grace": 1}),
        (Policy(misfire="latest", grace_seconds=600), {"grace": 3}),
    ],
)
def test_each_missed_time_says_why(policy, reasons):
    decisions = decide([at(hours=2), at(minutes=40), at(minutes=20)], NOW, policy, 0, 0)
    missed = of(decisions, "miss")
    assert Counter(decision.reason for decision in missed) == reasons
    assert all(decision.sentence.startswith("Missed") for decision in missed)


@pytest.mark.parametrize("misfire", ["skip", "latest", "all"])
def test_a_time_that_is_a_little_late_is_simply_run(misfire):
    decisions = decide([at(seconds=29)], NOW, Policy(misfire=misfire), 0, 0)
    assert [decision.action for decision in decisions] == ["queue"]


def test_a_grace_shorter_than_a_restart_is_kept():
    late, right = at(seconds=11), at(seconds=9)
    decisions = decide([late, right], NOW, Policy(grace_seconds=10), 0, 0)
    assert [(decision.what, decision.action) for decision in decisions] == [(late, "miss"), (right, "queue")]


def test_a_late_time_is_not_made_up_for_when_one_is_due_now():
    decisions = decide([at(minutes=5), at(seconds=1)], NOW, Policy(overlap="allow"), 0, 0)
    assert [decision.action for decision in decisions] == ["miss", "queue"]


@pytest.mark.parametrize("misfire", ["latest", "all"])
def test_none_is_the_latest_while_more_are_due(misfire):
    decisions = decide([at(minutes=9), at(minutes=8)], NOW, Policy(misfire=misfire), 0, 0, has_more=True)
    assert [decision.action for decision in decisions] == ["miss", "miss"]


def test_a_long_gap_folds_all_but_the_newest_hundred():
    due = every_minute(hours=24)
    decisions = decide(due, NOW, Policy(misfire="skip"), 0, 0)
    folded, single = decisions[0], decisions[1:]
    assert len(single) == SINGLE_ROWS
    assert (folded.reason, folded.count) == ("folded", len(due) - SINGLE_ROWS)
    assert (folded.what, folded.until) == (due[0], due[-SINGLE_ROWS - 1].fire.at)
    assert folded.sentence == "Missed 1,339 times: Carillon was not running then."
    assert single[0].what == due[-SINGLE_ROWS]


def test_a_hundred_missed_times_are_not_folded():
    decisions = decide(every_minute(hours=3)[-SINGLE_ROWS:], NOW, Policy(misfire="skip"), 0, 0)
    assert {decision.count for decision in decisions} == {1}


# --- overlap


@pytest.mark.parametrize(
    ("policy", "active", "waiting", "action", "reason"),
    [
        (Policy(overlap="allow"), 5, 0, "queue", ""),
        (Policy(overlap="skip"), 0, 0, "queue", ""),
        (Policy(overlap="skip"), 1, 0, "skip", "overlap"),
        (Policy(overlap="queue_one"), 1, 0, "wait", "overlap"),
        (Policy(overlap="queue_one"), 2, 1, "skip", "overlap_full"),
        (Policy(overlap="queue_all", overlap_cap=3), 3, 2, "wait", "overlap"),
        (Policy(overlap="queue_all", overlap_cap=3), 4, 3, "skip", "overlap_full"),
        (Policy(overlap="cancel_old"), 0, 0, "queue", ""),
        (Policy(overlap="cancel_old"), 1, 0, "cancel_old", "overlap"),
    ],
)
def test_a_run_that_meets_the_one_before(policy, active, waiting, action, reason):
    (decision,) = decide([at()], NOW, policy, active, waiting)
    assert (decision.action, decision.reason) == (action, reason)
    assert bool(decision.sentence) == bool(reason)


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("allow", ["queue"] * 4),
        ("skip", ["queue", "skip", "skip", "skip"]),
        ("queue_one", ["queue", "wait", "skip", "skip"]),
        ("queue_all", ["queue", "wait", "wait", "skip"]),
        ("cancel_old", ["skip", "skip", "skip", "queue"]),
    ],
)
def test_times_made_up_for_meet_each_other(overlap, expected):
    due = [at(minutes=minutes) for minutes in (8, 6, 4, 2)]
    decisions = decide(due, NOW, Policy(misfire="all", overlap=overlap, overlap_cap=2), 0, 0)
    assert [decision.action for decision in decisions] == expected


def test_nothing_due_decides_nothing():
    assert decide([], NOW, Policy(), 0, 0) == []


@given(
    st.lists(st.integers(0, 200_000), unique=True, max_size=250),
    st.builds(
        Policy,
        misfire=st.sampled_from(("skip", "latest", "all")),
        misfire_cap=st.integers(0, 12),
        grace_seconds=st.sampled_from((0.0, 5.0, 3600.0, 86400.0)),
        overlap=st.sampled_from(("allow", "skip", "queue_one", "queue_all", "cancel_old")),
        overlap_cap=st.integers(0, 5),
    ),
    st.integers(0, 3),
)
def test_every_planned_time_is_decided_exactly_once(seconds, policy, active):
    due = [at(seconds=ago) for ago in sorted(seconds, reverse=True)]
    decisions = decide(due, NOW, policy, active, 0)
    assert sum(decision.count for decision in decisions) == len(due)
    assert len({decision.what for decision in decisions}) == len(decisions)
    assert all(
        NOW - decision.what.at <= timedelta(seconds=policy.grace_seconds)
        for decision in decisions
        if decision.action != "miss"
    )


def test_of_several_due_at_once_only_the_newest_takes_the_place_of_the_old():
    due = [at(seconds=2), at(seconds=1), at(seconds=0)]
    decisions = decide(due, NOW, Policy(overlap="cancel_old"), 0, 0)
    assert [decision.action for decision in decisions] == ["skip", "skip", "queue"]
    decisions = decide(due, NOW, Policy(overlap="cancel_old"), 1, 0)
    assert [decision.action for decision in decisions] == ["skip", "skip", "cancel_old"]


def test_while_more_are_due_missed_times_share_one_row():
    (folded,) = decide(every_minute(hours=24), NOW, Policy(), 0, 0, has_more=True)
    assert folded.count == len(every_minute(hours=24))
