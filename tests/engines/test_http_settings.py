"""The settings of an HTTP task: what is typed wrongly is told beside its field."""

import time

import pytest
from pydantic import ValidationError

from app.engines.http_settings import HttpSettings


def wrong(**settings):
    with pytest.raises(ValidationError) as caught:
        HttpSettings(**{"url": "http://x.example/", **settings})
    (error,) = caught.value.errors()
    return error["loc"][0], error["msg"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "example"}, "Type an address like https://example.com/health."),
        ({"url": "http://a:b@x.example/"}, "Keep user and password out of the address; use a secret."),
        ({"method": "FETCH"}, "Choose one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS."),
        ({"headers": {"a b": "c"}}, "“a b” is no name of a header; one is like Accept."),
        ({"headers": {"{a}": "c"}}, "“{a}” is no name of a header; one is like Accept."),
        ({"headers": {"A": "b\r\nC: d"}}, "The header A has a line break; keep it on one line."),
        ({"headers": {"Content-Length": "1"}}, "Carillon sets Content-Length itself; leave it out."),
        ({"headers": "A: b"}, "Type headers like Accept: application/json."),
        ({"auth": "magic"}, "Choose how to sign in."),
        ({"auth": "bearer"}, "Choose the secret to sign in with."),
        ({"auth": "header", "auth_secret": "A"}, "Type the name of the header, like X-API-Key."),
        ({"expect_status": "ok"}, "Type statuses like 2xx, 200 or 200-299, 304."),
        ({"expect_status": ""}, "Type statuses like 2xx, 200 or 200-299, 304."),
        ({"expect_status": "999"}, "Type statuses like 2xx, 200 or 200-299, 304."),
        ({"expect_json": [{"path": "a..b"}]}, "Type a path like data.items[0].name."),
        ({"expect_json": [{"path": "a", "op": "like"}]}, "Choose what to compare."),
        ({"expect_json": [{"path": "a", "op": "above", "value": "x"}]}, "Type a number."),
        ({"expect_json": [{"path": "a", "op": "equals"}]}, "Type what it must be."),
        ({"max_bytes": 0}, "Type bytes from 1 to 10,485,760."),
        ({"max_bytes": "many"}, "Type bytes from 1 to 10,485,760."),
        ({"timeout_seconds": 0}, "Type seconds from 0.1 to 3,600."),
        ({"save_as": "../x"}, "Type the name of a file, like report.json."),
        ({"save_as": ".."}, "Type the name of a file, like report.json."),
    ],
)
def test_what_is_typed_wrongly_is_told_beside_its_field(settings, words):
    field = "auth_secret" if words.startswith("Choose the secret") else list(settings)[-1]
    field = "auth_header" if "name of the header," in words else field
    assert wrong(**settings) == (field, words)


@pytest.mark.parametrize(
    ("expected", "status", "is_met"),
    [
        ("2xx", 299, True), ("2XX", 200, True), ("404", 404, True), ("404", 200, False), ("200-299, 404", 404, True),
        ("200-299, 404", 250, True), ("200-299, 404", 400, False), ("2xx,4xx", 418, True), ("500", 500, True),
    ],
)  # fmt: skip
def test_which_statuses_are_expected(expected, status, is_met):
    assert HttpSettings(url="http://x.example", expect_status=expected).expects(status) == is_met


@pytest.mark.parametrize("text", ["[0]" * 3000 + "!.", "a." * 3000 + ".", "2xx,200-299," * 3000 + "x."])
def test_checking_what_is_typed_takes_no_time(text):
    started = time.monotonic()
    for settings in ({"expect_status": text}, {"expect_json": [{"path": text}]}):
        with pytest.raises(ValidationError):
            HttpSettings(url="http://x.example/", **settings)
    assert time.monotonic() - started < 1
