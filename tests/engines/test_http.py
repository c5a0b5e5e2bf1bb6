"""The HTTP engine as a run sees it: what it asks, what it shows, how it says that it ended."""

import base64
import json
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.engines.base import ArtifactMade, Cancellation, Limits, LogWritten, RunRequest, StepEnded, StepStarted
from app.engines.http import engine
from app.infra import fetch
from app.settings import Settings
from tests.servers import closed_port, silent_server, web_server

SECRETS = {"API_KEY": "s3cr3t-of-the-bell", "LOGIN": "ada:correct horse", "LINES": "one\ntwo\n"}


@pytest.fixture(scope="module")
def server():
    with web_server() as server:
        yield server


@pytest.fixture(autouse=True)
def configure(tmp_path):
    def configure(*allowed):
        fetch.configure(Settings(data_dir=tmp_path, allow_hosts=allowed))

    configure("localhost")
    yield configure
    configure()


@pytest.fixture
def run(server, tmp_path):
    def run(path="/", cancellation=None, limits=None, **settings):
        run.emitted = []
        url = path if "://" in path else server.url + path
        request = RunRequest(
            run_id=7,
            attempt=1,
            idempotency_key="carillon-7/run",
            settings={"url": url, **settings},
            secrets=SECRETS,
            files={},
            workspace=tmp_path / "workspace",
            limits=limits or Limits(),
        )
        return engine.run(request, run.emitted.append, cancellation or Cancellation())

    run.lines = lambda: [one.text for one in run.emitted if isinstance(one, LogWritten)]
    run.steps = lambda: [(one.name, one.is_ok) for one in run.emitted if isinstance(one, StepEnded)]
    return run


# --- what it asks


def echoed(run, server, **settings):
    assert run("/echo", **settings).state == "succeeded"
    method, _, headers, body = server.requests[-1]
    return method, {name.lower(): value for name, value in headers.items()}, body


def test_a_plain_get(run, server):
    method, headers, body = echoed(run, server, headers={"X-Mine": "1"})
    assert (method, body) == ("GET", b"")
    assert headers["x-mine"] == "1"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert "idempotency-key" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_with_effects_carries_the_key_of_its_run(run, server, method):
    seen, headers, body = echoed(run, server, method=method, body='{"a": "ü"}')
    assert (seen, body) == (method, '{"a": "ü"}'.encode())
    assert headers["idempotency-key"] == "carillon-7/run"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        ({"auth": "bearer", "auth_secret": "API_KEY"}, "authorization", "Bearer s3cr3t-of-the-bell"),
        ({"auth": "basic", "auth_secret": "LOGIN"}, "authorization", "Basic YWRhOmNvcnJlY3QgaG9yc2U="),
        ({"auth": "header", "auth_secret": "API_KEY", "auth_header": "X-Key"}, "x-key", "s3cr3t-of-the-bell"),
    ],
)
def test_it_signs_in_by_a_secret_and_never_shows_it(run, server, settings, name, value):
    run("/status/204", **settings)
    headers = {name.lower(): value for name, value in server.requests[-1][2].items()}
    assert headers[name] == value
    shown = repr(run.emitted)
    assert value not in shown
    assert base64.b64encode(value.encode()).decode() not in shown


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"auth": "basic", "auth_secret": "API_KEY"}, "does not look like user:password"),
        ({"auth": "bearer", "auth_secret": "LINES"}, "has line breaks"),
    ],
)
def test_a_secret_that_can_not_be_used_blocks_the_run(run, server, settings, words):
    before = len(server.requests)
    outcome = run(**settings)
    assert (outcome.state, outcome.reason) == ("blocked", "secret")
    assert words in outcome.sentence
    assert len(server.requests) == before


# --- how it ends


def test_it_worked(run):
    outcome = run("/big/18000?type=text/html")
    assert (outcome.state, outcome.reason, outcome.error_class) == ("succeeded", "ok", "")
    assert re.fullmatch(r"Worked in (\d+ ms|\d(\.\d)? s): 200 OK, 18 KB\.", outcome.sentence)
    assert outcome.facts | {"seconds": 0} == {"status": 200, "bytes": 18_000, "seconds": 0, "content_type": "text/html"}
    assert run.steps() == [("prepare", True), ("run", True), ("collect", True)]
    assert [one.name for one in run.emitted if isinstance(one, StepStarted)] == ["prepare", "run", "collect"]


def test_tenths_of_a_second_are_said(run):
    assert re.fullmatch(r"Worked in \d(\.\d)? s: 200 OK, 4 bytes\.", run("/delay/0.2").sentence)


def test_an_answer_without_a_body_has_no_size(run):
    assert run("/status/204").sentence.endswith("s: 204 No Content.")


@pytest.mark.parametrize(
    ("status", "error_class"),
    [(500, "transient"), (503, "transient"), (408, "transient"), (425, "transient"), (404, "permanent"), (401, "permanent"), (304, "permanent")],
)  # fmt: skip
def test_an_unexpected_status(run, server, status, error_class):
    outcome = run(f"/status/{status}")
    assert (outcome.state, outcome.reason, outcome.error_class) == ("failed", "http_status", error_class)
    assert outcome.sentence.startswith(f"127.0.0.1:{server.port} answered {status} ")
    assert outcome.sentence.endswith("; expected 2xx.")
    assert outcome.facts["status"] == status
    assert run.steps() == [("prepare", True), ("run", False)]


def test_a_server_that_asks_to_wait_is_heard(run):
    outcome = run("/status/429?retry-after=17")
    assert (outcome.state, outcome.reason, outcome.error_class) == ("failed", "rate_limited", "rate_limited")
    assert outcome.retry_after_seconds == 17
    assert run("/status/503?retry-after=3").retry_after_seconds == 3


def test_a_date_to_wait_for_is_heard(run):
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 57 < run(f"/status/429?retry-after={at.replace(' ', '%20')}").retry_after_seconds <= 60


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("soon", None),
        ("-5", None),
        ("999999999", 86_400),
        ("9" * 40, None),
        ("Wed,%2021%20Oct%202015%2007:28:00%20GMT", 0),
    ],
)
def test_a_strange_wish_to_wait_does_no_harm(run, text, seconds):
    assert run(f"/status/429?retry-after={text}").retry_after_seconds == seconds


def test_an_inner_address_blocks_the_run(run, configure, server):
    configure()
    outcome = run()
    assert (outcome.state, outcome.reason, outcome.error_class) == ("blocked", "inner_address", "permanent")
    assert "CARILLON_ALLOW_HOSTS" in outcome.sentence


def test_a_refused_connection_may_pass(run):
    port = closed_port()
    outcome = run(f"http://localhost:{port}/")
    assert (outcome.state, outcome.reason, outcome.error_class) == ("failed", "refused", "transient")
    assert outcome.sentence == f"localhost:{port} refused the connection."
    assert run.lines()[-1] == outcome.sentence


def test_a_slow_server_times_out(run, server):
    started = time.monotonic()
    outcome = run("/delay/9", timeout_seconds=0.2)
    assert time.monotonic() - started < 2
    assert (outcome.state, outcome.reason, outcome.error_class) == ("timed_out", "timeout", "transient")
    assert outcome.sentence == f"127.0.0.1:{server.port} did not answer within 0.2 s."


def test_the_limit_of_the_task_bounds_the_time(run):
    assert run("/delay/9", limits=Limits(timeout_seconds=0.2)).state == "timed_out"


def test_it_stops_at_once(run):
    cancellation = Cancellation()
    threading.Timer(0.15, cancellation.ask, ["person"]).start()
    started = time.monotonic()
    outcome = run("/delay/9", cancellation)
    assert time.monotonic() - started < 2
    assert (outcome.state, outcome.reason) == ("cancelled", "person")


@pytest.mark.parametrize("mode", ["now", "after_step"])
def test_stopped_before_it_asks_it_does_not_ask(run, server, mode):
    before = len(server.requests)
    cancellation = Cancellation()
    cancellation.ask("overlap", mode)
    assert run("/", cancellation).state == "cancelled"
    assert len(server.requests) == before


def test_stopping_after_the_step_lets_the_request_end(run):
    cancellation = Cancellation()
    threading.Timer(0.1, cancellation.ask, ["person", "after_step"]).start()
    assert run("/delay/0.3", cancellation).state == "succeeded"


def test_five_hundred_wait_at_once_and_stop_at_once(configure, tmp_path):
    with silent_server() as (port, accepted):
        cancellations = [Cancellation() for _ in range(500)]
        outcomes = []

        def wait(cancellation):
            request = RunRequest(
                1, 1, "k", {"url": f"http://127.0.0.1:{port}/"}, {}, {}, tmp_path / "workspace", Limits()
            )
            outcomes.append(engine.run(request, lambda _: None, cancellation).state)

        threads = [threading.Thread(target=wait, args=(one,)) for one in cancellations]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 20
        while len(accepted) < 500 and time.monotonic() < until:
            time.sleep(0.02)
        assert len(accepted) == 500
        for cancellation in cancellations:
            cancellation.ask("shutdown")
        for thread in threads:
            thread.join(10)
        assert outcomes == ["cancelled"] * 500


# --- what is expected of the answer

DOCUMENT = {
    "status": "up",
    "count": 3,
    "price": "12.5",
    "is_ok": True,
    "none": None,
    "items": [{"name": "bell"}, {"name": "tower"}],
    "tags": ["a", 2],
    "message": "all is well",
}


@pytest.mark.parametrize(
    ("path", "op", "value", "problem"),
    [
        ("status", "exists", None, ""),
        ("none", "exists", None, ""),
        ("nothing", "exists", None, "The answer has no nothing."),
        ("items[2].name", "exists", None, "The answer has no items[2].name."),
        ("items.name", "exists", None, "The answer has no items.name."),
        ("status[0]", "exists", None, "The answer has no status[0]."),
        ("items[1].name", "equals", "tower", ""),
        ("status", "equals", "down", "status is “up”; expected “down”."),
        ("count", "equals", 3, ""),
        ("count", "equals", "3", ""),
        ("count", "equals", "3.0", ""),
        ("is_ok", "equals", "true", ""),
        ("is_ok", "equals", "1", "is_ok is true; expected “1”."),
        ("none", "equals", "null", ""),
        ("tags", "contains", "a", ""),
        ("tags", "contains", "2", ""),
        ("tags", "contains", "b", 'tags is ["a", 2]; expected to contain “b”.'),
        ("message", "contains", "well", ""),
        ("message", "contains", "ill", "message is “all is well”; expected to contain “ill”."),
        ("items[0]", "contains", "name", ""),
        ("count", "contains", "3", "count is 3; expected to contain “3”."),
        ("count", "above", "2.5", ""),
        ("count", "above", 3, "count is 3; expected above 3."),
        ("count", "below", 4, ""),
        ("count", "below", 2, "count is 3; expected below 2."),
        ("price", "above", 12, ""),
        ("status", "above", 1, "status is “up”; expected above 1."),
        ("is_ok", "above", 0, "is_ok is true; expected above 0."),
    ],
)  # fmt: skip
def test_json_is_held_against_what_is_expected(run, path, op, value, problem):
    expected = [{"path": path, "op": op, "value": value}]
    outcome = run("/mirror", method="POST", body=json.dumps(DOCUMENT), expect_json=expected)
    assert (outcome.state, outcome.reason) == (("unmet", "expectation") if problem else ("succeeded", "ok"))
    if problem:
        assert outcome.sentence == problem
        assert run.steps()[-1] == ("collect", False)


@pytest.mark.parametrize("body", ["", "not", "[" * 60_000, "{", "1" * 5000])
def test_what_is_no_json_is_unmet(run, body):
    outcome = run("/mirror", method="POST", body=body, expect_json=[{"path": "a"}])
    assert outcome.state == "unmet"
    assert outcome.sentence == "The answer is not JSON; expected JSON with a."


def test_a_document_that_is_a_list(run):
    assert run('/json?body=[{"a":1}]', expect_json=[{"path": "[0].a", "op": "equals", "value": 1}]).state == "succeeded"


def test_text_is_looked_for(run):
    assert run("/text?body=Gr%C3%BC%C3%9Fe", expect_text="Grüße").state == "succeeded"
    assert run("/text?body=Gr%C3%BC%C3%9Fe&charset=iso-8859-1", expect_text="Grüße").state == "succeeded"
    outcome = run("/", expect_text="Welcome")
    assert (outcome.state, outcome.sentence) == ("unmet", "“Welcome” is not in the answer.")


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "nonsense", "zlib"])
def test_a_strange_charset_does_no_harm(run, charset):
    started = time.monotonic()
    path = f"/big/1000000?type=text/plain%3B%20charset%3D{charset}"
    assert run(path, expect_text="x" * 1000).state == "succeeded"
    assert time.monotonic() - started < 2


# --- what is kept and shown


def test_the_answer_is_kept_as_a_file(run):
    run("/json?body={}", save_as="report.json")
    (made,) = [one for one in run.emitted if isinstance(one, ArtifactMade)]
    assert (made.name, made.media_type) == ("report.json", "application/json")
    assert made.path.read_bytes() == b"{}"


def test_a_file_is_never_kept_in_part(run):
    outcome = run("/big/5000", save_as="report.txt", max_bytes=1000)
    assert (outcome.state, outcome.reason) == ("failed", "too_large")
    assert outcome.sentence == "The answer is longer than the 1 KB this task keeps, so report.txt was not saved."
    assert not [one for one in run.emitted if isinstance(one, ArtifactMade)]


def test_the_log_tells_the_request_the_answer_and_its_beginning(run, server):
    run("/text?body=first%0Asecond")
    url = f"{server.url}/text?body=first%0Asecond"
    first, second, *body = run.lines()
    assert first == f"GET {url}"
    assert second.startswith("200 OK, ")
    assert second.endswith(" ms, 12 bytes, text/plain")
    assert body == ["first", "second"]


def test_the_log_has_the_first_two_kilobytes(run):
    run("/big/5000")
    assert run.lines()[2:] == ["x" * 2048, "… 3 KB more"]


def test_a_body_that_is_no_text_is_not_shown(run):
    run("/text?body=%00%01%02")
    assert run.lines()[2:] == ["(not text, not shown)"]


def test_a_character_cut_in_two_is_left_out(run):
    run("/text?body=" + "x" * 2047 + "%C3%BC")
    assert run.lines()[2] == "x" * 2047


def test_redirects_are_told(run, server):
    run("/redirect/302?to=/")
    assert run.lines()[1] == f"redirected to {server.url}/"


def test_settings_that_no_longer_hold_block_the_run(run):
    outcome = run("/", method="FETCH")
    assert (outcome.state, outcome.reason) == ("blocked", "settings")
    assert outcome.sentence.startswith("Choose one of")
