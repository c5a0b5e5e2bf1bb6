"""Hooks: each scheme's signatures as their senders document them, payloads, filters and what becomes of them."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from app.domain import hooks, webhooks
from app.domain.conditions import Unclear
from app.domain.hooks import Unreadable

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))


def is_authentic(scheme, secret, headers, body, now=NOW, header=""):
    return hooks.is_authentic(scheme, [secret], headers, body, now, header)


# --- signatures


def test_the_example_of_github():
    secret, body = "It's a Secret to Everybody", b"Hello, World!"
    signed = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    assert is_authentic("github", secret, signed, body)
    assert not is_authentic("github", secret, signed, body + b"!")
    assert not is_authentic("github", "another secret", signed, body)
    assert not is_authentic("github", secret, {}, body)


def test_the_example_of_slack():
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url="
        b"https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    then = datetime.fromtimestamp(1531420618, UTC)
    assert is_authentic("slack", "8f742231b10e8888abcd99yyyzzz85a5", headers, body, then)
    assert not is_authentic("slack", "8f742231b10e8888abcd99yyyzzz85a5", headers, body, then + timedelta(minutes=6))


def stripes(secret, body, at=STAMP):
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={at},v1={'0' * 64},v1={signed},v0=1"}


def test_stripe_signs_time_and_body_and_may_send_several():
    headers = stripes("whsec_stripes_own", b"{}")
    assert is_authentic("stripe", "whsec_stripes_own", headers, b"{}")
    assert not is_authentic("stripe", "whsec_stripes_own", headers, b"{ }")
    assert not is_authentic("stripe", "whsec_stripes_own", headers, b"{}", NOW + timedelta(minutes=6))
    assert not is_authentic("stripe", "whsec_stripes_own", {"stripe-signature": "t=,v1="}, b"{}")


def test_standard_webhooks_and_a_token():
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = {name.lower(): value for name, value in webhooks.headers([secret], "msg_1", int(STAMP), b"{}").items()}
    assert is_authentic("standard", secret, headers, b"{}")
    assert not is_authentic("standard", secret, headers, b"[]")
    assert is_authentic("token", "a-quiet-token", {"x-hook-token": "a-quiet-token"}, b"", header="X-Hook-Token")
    assert is_authentic(
        "token", "a-quiet-token", {"authorization": "Bearer a-quiet-token"}, b"", header="Authorization"
    )
    assert not is_authentic("token", "a-quiet-token", {"x-hook-token": "another"}, b"", header="X-Hook-Token")


@pytest.mark.parametrize("scheme", ["token", "github", "stripe", "slack", "standard", "nonsense"])
@pytest.mark.parametrize("given", ["", "ü", "v1,", "sha256=", "=", ",", "t=1,v1="])
def test_nonsense_proves_nothing(scheme, given):
    headers = dict.fromkeys(
        ("x-hub-signature-256", "stripe-signature", "x-slack-signature", "webhook-signature", "x-hook-token"), given
    )
    stamps = {"x-slack-request-timestamp": STAMP, "webhook-timestamp": STAMP, "webhook-id": "m"}
    assert not is_authentic(scheme, webhooks.secret_of(b"k" * 32), headers | stamps, b"{}", header="X-Hook-Token")


@pytest.mark.parametrize(
    ("scheme", "secret", "is_right"),
    [("github", "12345678", True), ("github", "short", False), ("slack", "line\nbreak-line", False),
     ("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", True), ("standard", "no base64 at all", False)],
)  # fmt: skip
def test_a_secret_fits_its_scheme(scheme, secret, is_right):
    assert (hooks.secret_problem(scheme, secret) == "") is is_right


# --- payloads


def test_json_and_forms_are_read():
    assert hooks.read(b'{"a": [1, {"b": "c"}]}', "application/json; charset=utf-8") == {"a": [1, {"b": "c"}]}
    assert hooks.read(b"", "") == {}
    assert hooks.read(b"a=1&b=2&b=3&c=", "application/x-www-form-urlencoded") == {"a": "1", "b": ["2", "3"], "c": ""}
    assert hooks.read(b"payload=%7B%22a%22%3A1%7D", "application/x-www-form-urlencoded") == {"a": 1}
    assert hooks.read(b'"a\\u0000b\\ud800"', "application/vnd.github+json") == "ab\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("body", "kind", "part"),
    [
        (b"{", "application/json", "no JSON"), (b'{"a": NaN}', "application/json", "no JSON"),
        (b"[" * 100_000, "application/json", "no JSON"), (b"1" * 5000, "application/json", "no JSON"),
        (b"\xff", "application/json", "no JSON"), (b"x" * (hooks.LARGEST_BYTES + 1), "application/json", "256 KiB"),
        (b"<a/>", "text/xml", "neither application/json"), (b"\xff=1", "application/x-www-form-urlencoded", "no form"),
        (b"&".join(b"a=1" for _ in range(501)), "application/x-www-form-urlencoded", "no form"),
        (b"payload=x", "application/x-www-form-urlencoded", "no JSON"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_refused(body, kind, part):
    with pytest.raises(Unreadable, match=part):
        hooks.read(body, kind)


@pytest.mark.parametrize(
    ("headers", "payload", "event"),
    [
        ({"x-github-event": "push"}, {"type": "other"}, "push"), ({}, {"type": "invoice.paid"}, "invoice.paid"),
        ({}, {"type": "event_callback", "event": {"type": "message"}}, "message"), ({}, {"event": "made"}, "made"),
        ({}, [1], ""), ({}, {"type": 5}, ""), ({}, {"type": "x" * 200}, "x" * 80),
    ],
)  # fmt: skip
def test_the_kind_of_a_call(headers, payload, event):
    assert hooks.event_of(headers, payload) == event


@pytest.mark.parametrize(
    ("scheme", "headers", "payload", "name"),
    [
        ("github", {"x-github-delivery": "72d3162e"}, {}, ""), ("stripe", {}, {"id": "evt_1"}, "evt_1"),
        ("slack", {}, {"event_id": "Ev1"}, "Ev1"), ("standard", {"webhook-id": "msg_1"}, {}, "msg_1"),
        ("stripe", {"idempotency-key": "k"}, {"id": "evt_1"}, "evt_1"), ("address", {"idempotency-key": "k"}, {}, "k"), ("address", {}, {"id": "evt_1"}, ""),
        ("stripe", {}, {"id": "x" * 201}, ""), ("stripe", {}, [], ""),
    ],
)  # fmt: skip
def test_the_name_of_a_call(scheme, headers, payload, name):
    assert hooks.name_of(scheme, headers, payload) == name


def test_slack_asks_first_whether_the_address_is_right():
    asked = {"type": "url_verification", "challenge": "3eZbrw1aB"}
    assert hooks.challenge_of("slack", asked) == "3eZbrw1aB"
    assert hooks.challenge_of("github", asked) == ""
    assert hooks.challenge_of("slack", {"type": "event_callback"}) == ""


# --- filters and values

PAYLOAD = {"action": "opened", "issue": {"number": 7, "labels": [{"name": "bug"}]}}


@pytest.mark.parametrize(
    ("condition", "does_pass"),
    [
        ("", True), ('payload.action == "opened"', True), ('event == "push"', False),
        ('payload.issue.labels[0].name == "bug" and payload.issue.number > 5', True), ("payload.absent == 1", False),
        ('not (payload.action == "closed")', True),
    ],
)  # fmt: skip
def test_a_filter_chooses(condition, does_pass):
    assert hooks.condition_problem(condition) == ""
    assert hooks.passes(condition, PAYLOAD, "issues") is does_pass


def test_a_filter_that_is_wrong_says_where():
    assert "“; drop" in hooks.condition_problem('payload.action == "a" ; drop')
    assert "Names begin with event, payload" in hooks.condition_problem("secrets.KEY == 1")
    assert "longer" in hooks.condition_problem("payload.a == 1 " * 100) or "at most" in hooks.condition_problem(
        "payload.a == 1 and " * 100
    )
    with pytest.raises(Unclear, match="number"):
        hooks.passes('payload.issue.number > "5"', PAYLOAD, "")


def test_values_are_found_by_their_paths_and_capped():
    mapping = {"title": "issue.labels[0].name", "number": "issue.number", "absent": "issue.body"}
    assert hooks.values_of(mapping, PAYLOAD) == ({"title": "bug", "number": 7}, ["issue.body"])
    with pytest.raises(Unreadable, match="at most 16 KiB"):
        hooks.values_of({"text": "text"}, {"text": "é" * 9000})
    with pytest.raises(Unreadable):
        hooks.values_of({"text": "text"}, {"text": json.loads("[" + "1," * 9000 + "1]")})
