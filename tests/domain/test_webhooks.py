"""Webhooks: signatures as Standard Webhooks has them, thin messages, and tries over a day and more."""

import base64
import random
from datetime import UTC, datetime, timedelta

import pytest

from app.domain import webhooks
from app.domain.webhooks import Answered, Told
from tests.house.source import quoted, table

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"k" * 32).decode()


# --- signatures


def test_the_example_of_the_specification():
    signed = webhooks.signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def given(secrets=(SECRET,), at=NOW, body=b"{}", ident="msg_1"):
    headers = webhooks.headers(secrets, ident, int(at.timestamp()), body)
    return {name.lower(): value for name, value in headers.items()}


def test_a_message_is_good_for_five_minutes_before_and_after():
    assert webhooks.is_signed([SECRET], given(), b"{}", NOW)
    assert webhooks.is_signed([SECRET], given(at=NOW - timedelta(minutes=4)), b"{}", NOW)
    assert not webhooks.is_signed([SECRET], given(at=NOW - timedelta(minutes=6)), b"{}", NOW)
    assert not webhooks.is_signed([SECRET], given(at=NOW + timedelta(minutes=6)), b"{}", NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "msg_2"}, {"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, {"webhook-timestamp": "soon"},
        {"webhook-timestamp": ""}, {"webhook-signature": ""}, {"webhook-signature": "v1,"},
        {"webhook-signature": "v2,g0hM9SsE"}, {"webhook-signature": "v1,ünsigned"},
    ],
)  # fmt: skip
def test_what_was_changed_is_not_signed(changed):
    assert not webhooks.is_signed([SECRET], given() | changed, b"{}", NOW)


def test_another_body_or_secret_is_not_signed():
    assert not webhooks.is_signed([SECRET], given(), b"{ }", NOW)
    assert not webhooks.is_signed([OTHER], given(), b"{}", NOW)


def test_two_secrets_sign_side_by_side():
    both = given((SECRET, OTHER))
    assert both["webhook-signature"].count("v1,") == 2
    assert webhooks.is_signed([SECRET], both, b"{}", NOW)
    assert webhooks.is_signed([OTHER], both, b"{}", NOW)


@pytest.mark.parametrize("wrong", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!!", "ü"])
def test_what_is_no_secret_is_refused(wrong):
    with pytest.raises(ValueError):
        webhooks.key_of(wrong)


def test_a_secret_is_the_same_with_and_without_its_mark():
    key = bytes(range(32))
    assert webhooks.key_of(webhooks.secret_of(key)) == key
    assert webhooks.key_of(webhooks.secret_of(key).removeprefix("whsec_")) == key


# --- messages


def test_a_message_is_thin():
    facts = {"reason": "exit_code", "attempt": 2, "inputs": {"a": 1}, "sentence": "s", "why": "x" * 65, "secret": "s"}
    told = Told(7, "failed", NOW, "northgate", "nightly", 12, "https://c.example/t/northgate/runs/12", facts)
    assert webhooks.payload(told) == {
        "type": "failed",
        "timestamp": "2026-11-28T09:00:00+00:00",
        "data": {
            "event": 7, "team": "northgate", "task": "nightly", "run": 12,
            "url": "https://c.example/t/northgate/runs/12", "reason": "exit_code", "attempt": 2,
        },
    }  # fmt: skip


def test_every_event_of_the_glossary_can_be_chosen():
    documented = {kind for row in table("docs/glossary.md", "## Events") for kind in quoted(row[0])}
    assert documented <= set(webhooks.EVENTS)


@pytest.mark.parametrize(
    ("condition", "is_wanted"),
    [
        ("", True),
        ('data.task == "nightly" and data.reason != "person"', True),
        ('type == "succeeded"', False),
        ("data.absent == 1", False),
        ("data.task > 1", True),  # can't be decided: nothing is lost
    ],
)
def test_a_condition_chooses(condition, is_wanted):
    said = {"type": "failed", "data": {"task": "nightly", "reason": "exit_code"}}
    assert webhooks.condition_problem(condition) == ""
    assert webhooks.wants(condition, said) is is_wanted


@pytest.mark.parametrize(
    ("condition", "part"),
    [("data.x ==", "missing at its end"), ("run.date == 1", "Names begin with data"), ("data.x == 1 ; 2", "“; 2”")],
)
def test_a_wrong_condition_says_where(condition, part):
    assert part in webhooks.condition_problem(condition)


# --- tries


def test_tries_go_on_for_about_28_hours():
    at, tries = NOW, 1
    while following := webhooks.next_try(tries, Answered(500), at, 0.0):
        at, tries = following, tries + 1
    assert tries == webhooks.MOST_TRIES == 8
    assert timedelta(hours=27) < at - NOW < timedelta(hours=28)


def test_waits_differ_a_little_and_a_receiver_may_ask_for_longer():
    waits = {webhooks.next_try(2, Answered(500), NOW, random.random()) for _ in range(20)}
    assert len(waits) > 10
    assert all(timedelta(minutes=5) <= one - NOW <= timedelta(minutes=6) for one in waits)
    assert webhooks.next_try(1, Answered(429, "", 90.0), NOW, 0.0) == NOW + timedelta(seconds=90)
    assert webhooks.next_try(1, Answered(429, "", 10.0**9), NOW, 0.0) == NOW + timedelta(days=1)
    assert webhooks.next_try(1, Answered(500, "", 90.0), NOW, 0.0) == NOW + timedelta(seconds=5)
    assert webhooks.next_try(1, Answered(410), NOW, 0.0) is None


def test_an_address_that_fails_is_left_alone_for_longer_and_longer():
    rests = [webhooks.rests_until(number, NOW, 0.0) for number in range(12)]
    assert rests[:5] == [None] * 5
    seconds = [(one - NOW).total_seconds() for one in rests[5:]]
    assert seconds == [30, 60, 120, 240, 480, 900, 900]


def test_a_redirect_is_no_success_and_says_what_to_do():
    assert not Answered(301).is_good
    assert "set the new address" in Answered(301).said
    assert Answered(0, "x.example refused the connection.").said == "x.example refused the connection."
    assert Answered(204).said == ""
