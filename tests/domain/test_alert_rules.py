"""Alert rules: who is told, when, and that nobody is told twice."""

from datetime import UTC, datetime, time, timedelta

import pytest

from app.domain import alert_rules, alert_words, stored_rules
from app.domain.alert_rules import EVENTS, Happened, Pace, Past, Quiet, Rule, Wishes

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FAILED = Happened("failed", task_id=1, tags=frozenset({"billing"}), failures=1)
BERLIN = "Europe/Berlin"
NIGHT = Pace(BERLIN, Quiet(time(22), time(7)))


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rule(*channels, events=("failed",), **more):
    return Rule(frozenset(events), channels=frozenset(channels), ends=frozenset(channels), **more)


def told(rules, happened=FAILED, now=NOON):
    return {one.channel: one.due_at for one in alert_rules.tellings(rules, happened, now)}


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-24 12:00", "2026-11-24 12:00"),  # by day
        ("2026-11-24 20:59:59", "2026-11-24 20:59:59"),
        ("2026-11-24 21:00", "2026-11-25 06:00"),  # 22:00 there
        ("2026-11-25 03:00", "2026-11-25 06:00"),  # after midnight it ends on the same day
        ("2026-11-25 06:00", "2026-11-25 06:00"),  # it has just ended
        ("2026-03-28 23:00", "2026-03-29 05:00"),  # an hour less, in spring
        ("2026-10-24 21:00", "2026-10-25 06:00"),  # an hour more, in autumn
    ],
)
def test_quiet_hours_hold_a_message_until_they_end(now, due):
    assert NIGHT.due_at("failed", at(now), is_held=False) == at(due)


@pytest.mark.parametrize(
    ("until", "now", "due"),
    [
        (time(2, 30), "2026-03-29 00:30", "2026-03-29 01:00"),  # 02:30 is left out: the first minute there is
        (time(2, 30), "2026-10-25 00:10", "2026-10-25 00:30"),  # 02:10, the first pass
        (time(2, 30), "2026-10-25 01:10", "2026-10-25 01:30"),  # and the second: minutes, not a day
    ],
)
def test_quiet_hours_may_end_in_an_hour_that_is_left_out_or_comes_twice(until, now, due):
    assert Pace(BERLIN, Quiet(time(22), until)).due_at("failed", at(now), is_held=False) == at(due)


def test_what_is_urgent_is_sent_at_night():
    assert NIGHT.due_at("budget", at("2026-11-24 23:00"), is_held=False) == at("2026-11-24 23:00")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-24 12:00", "2026-11-24 16:00"),
        ("2026-11-24 16:00", "2026-11-25 16:00"),  # that one has gone out
        ("2026-10-24 16:00", "2026-10-25 16:00"),  # the clocks change between: it is 17:00 there
        ("2026-03-28 17:00", "2026-03-29 15:00"),
    ],
)
def test_a_digest_goes_out_at_its_hour_of_the_day(now, due):
    assert Pace(BERLIN, digest_at=time(17)).due_at("slow", at(now), is_held=True) == at(due)


def test_a_digest_in_quiet_hours_waits_for_their_end():
    pace = Pace(BERLIN, Quiet(time(22), time(7)), time(23))
    assert pace.due_at("slow", at("2026-11-24 12:00"), is_held=True) == at("2026-11-25 06:00")


def test_without_a_digest_nothing_is_held():
    assert Pace().due_at("slow", NOON, is_held=True) == NOON


@pytest.mark.parametrize(
    ("more", "is_told"),
    [
        ({}, True),
        ({"events": ["slow"]}, False),
        ({"after": 2}, False),
        ({"tasks": frozenset({1})}, True),
        ({"tasks": frozenset({2})}, False),
        ({"tags": frozenset({"billing"})}, True),
        ({"tags": frozenset({"sales"})}, False),
        ({"tasks": frozenset({2}), "tags": frozenset({"billing"})}, True),
    ],
)
def test_a_rule_is_about_its_events_tasks_and_tags(more, is_told):
    assert bool(told([rule("email:1", **more)])) is is_told


def test_a_channel_is_told_once_by_several_rules_and_by_the_soonest():
    held = rule("channel:1", held=frozenset({"failed"}), pace=Pace(digest_at=time(17)))
    assert told([held, rule("channel:1"), rule("channel:1")]) == {"channel:1": NOON}


def test_of_several_rules_one_that_wants_each_failure_gets_it():
    rules = [rule("channel:1"), rule("channel:1", is_each=True)]
    for order in (rules, rules[::-1]):
        (one,) = alert_rules.tellings(order, FAILED, NOON)
        assert one.is_each


def test_who_is_told_at_once_is_not_told_again_by_an_escalation():
    late = {"escalates_after": timedelta(minutes=30), "escalates_to": frozenset({"email:1", "email:2"})}
    found = alert_rules.tellings([rule("email:1", **late)], FAILED, NOON)
    assert [(one.channel, one.due_at, one.is_escalation) for one in found] == [
        ("email:1", NOON, False), ("email:2", NOON + timedelta(minutes=30), True),
    ]  # fmt: skip


def test_its_end_is_told_however_often_it_had_failed():
    over = Happened("failed", task_id=1, failures=0)
    assert alert_rules.ends([rule("email:1", after=3)], over, NOON) == {"email:1": NOON}


def test_by_default_a_failure_is_told_and_what_is_slow_is_only_shown():
    rules = alert_rules.of_wishes(Wishes(), 7, "you own the task")
    assert set(told(rules)) == {"app:7", "email:7", "push:7"}
    assert set(told(rules, Happened("slow", 1))) == {"app:7"}
    assert set(alert_rules.ends(rules, FAILED, NOON)) == {"app:7", "email:7"}


def test_wishes_choose_ways_and_pace():
    wishes = Wishes(
        {"failed": frozenset({"app", "channel:3"})}, frozenset({"failed"}), after=2, pace=Pace(digest_at=time(17))
    )
    rules = alert_rules.of_wishes(wishes, 7, "")
    assert told(rules) == {}
    twice = Happened("failed", 1, failures=2)
    assert told(rules, twice) == dict.fromkeys(("app:7", "channel:3"), at("2026-11-24 17:00"))


def test_every_kind_of_alert_is_told_as_one_event():
    kinds = [kind for event in EVENTS.values() for kind in event.kinds]
    assert len(kinds) == len(set(kinds))
    assert {alert_rules.event_of(kind) for kind in kinds} == EVENTS.keys() - {"recovered", "unmet"}
    assert alert_rules.event_of("failing", "unmet") == "unmet"
    assert alert_rules.event_of("something new") == "carillon"


# --- what a rule would have sent


def past(minutes, task=1, group=None, lasts=10, **more):
    begun = NOON + timedelta(minutes=minutes)
    happened = Happened("failed", task, **more)
    return Past(begun, begun + timedelta(minutes=lasts), f"Task {task} failed.", group or f"alert:{minutes}", happened)


def test_a_storm_would_have_been_one_message():
    storm = [past(0, task, "incident:1") for task in range(40)]
    (sent,) = alert_rules.replayed(rule("email:1"), storm)
    assert sent.at == NOON
    assert sent.channel == "email:1"
    assert len(sent.sentences) == 1


def test_what_was_due_together_would_have_been_one_message():
    held = rule("email:1", held=frozenset({"failed"}), pace=Pace(digest_at=time(17)))
    (sent,) = alert_rules.replayed(held, [past(0), past(30, 2)])
    assert sent.at == NOON + timedelta(hours=5)
    assert sent.sentences == ("Task 1 failed.", "Task 2 failed.")


def test_an_escalation_would_have_been_sent_only_of_what_lasted():
    late = {"escalates_after": timedelta(minutes=30), "escalates_to": frozenset({"email:2"})}
    sent = alert_rules.replayed(rule(**late), [past(0), past(60, 2, lasts=45)])
    assert [(one.at, one.channel) for one in sent] == [(NOON + timedelta(minutes=90), "email:2")]


def test_a_rule_is_stored_and_read_back():
    kept = Rule(
        frozenset({"failed", "slow"}), frozenset({1}), frozenset({"billing"}), frozenset({"email:1"}),
        frozenset({"email:1", "email:2"}), 2, is_each=True, held=frozenset({"slow"}),
        pace=Pace(BERLIN, Quiet(time(22), time(7), frozenset({"budget"})), time(17)),
        escalates_after=timedelta(minutes=30), escalates_to=frozenset({"email:2"}),
    )  # fmt: skip
    assert stored_rules.rule(stored_rules.definition(kept)) == kept
    quiet = stored_rules.rule({"events": ["failed", "of another version"], "channels": ["email:1"], "tells_end": False})
    assert quiet == Rule(frozenset({"failed"}), channels=frozenset({"email:1"}))


def test_a_rule_is_said_in_words():
    kept = rule("channel:1", "email:owner", events=("failed", "unmet"), tags=frozenset({"billing"}), pace=NIGHT)
    assert alert_words.sentence(kept, {}, {"channel:1": "#ops", "email:owner": "the owner"}) == (
        "When a run failed or a contract was not met of tasks tagged billing, tell #ops and the owner at once, but not"
        " from 22:00 to 07:00."
    )
    assert alert_words.sentence(rule("email:9", tasks=frozenset({5}), is_each=True), {}, {}) == (
        "When a run failed of a task that is gone, each time, tell nobody at once."
    )
    for event in EVENTS.keys() - {"recovered"}:
        assert alert_words.sentence(rule("email:1", events=(event,)), {}, {"email:1": "Ada"}).endswith(
            ", tell Ada at once."
        )
