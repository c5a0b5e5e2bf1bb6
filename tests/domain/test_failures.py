"""The signature of a failure: one cause is one key over tasks and engines, and two causes are two."""

import itertools
import json
import time
from pathlib import Path

import pytest

from app.domain import evidence
from app.domain.failures import Failure, plain, signature

RECORDED = json.loads((Path(__file__).parent / "recorded" / "code.json").read_text(encoding="utf-8"))
"""What real programs showed when they failed in the sandbox, by what was done."""

_TASKS = itertools.count(1)


def of_program(name):
    """The failure of a recorded run, as it is judged: by what was stored of it and by the line that tells most."""
    ran = RECORDED[name]
    lines = [evidence.Line(number, *line) for number, line in enumerate(ran["lines"], 1)]
    found = evidence.find(lines, ran["sentence"])
    return Failure(
        ran["reason"], ran["error_class"], ran["sentence"], ran["engine"], line=found.text if found else "",
        exit_code=ran["exit_code"], task=next(_TASKS),
    )  # fmt: skip


def of(reason, sentence, engine="http", **more):
    return Failure(reason, "transient", sentence, engine, **{"task": next(_TASKS), **more})


DOWN = [
    of("refused", "localhost:8099 refused the connection."),
    of("refused", "localhost:8099 refused the connection. It tries again after 12 s."),
    of("refused", "Fetch: localhost:8099 refused the connection.", "steps", step="Fetch"),
    of("refused", "Fetch: localhost:8099 refused the connection.", "steps"),
    of("timeout", "127.0.0.1:8099 did not accept a connection within 10 s."),
    of("timeout", "localhost:8099 did not answer within 30 s."),
    of("timeout", "localhost:8099 sent nothing for 5 s."),
    of("reset", "localhost:8099 broke off the connection before its answer was complete."),
    of("unreachable", "localhost:8099 can't be reached: no route to host."),
    of("http_status", "localhost:8099 answered 503 Service Unavailable; expected 200-299."),
    of("http_status", "localhost:8099 answered 502 Bad Gateway; expected 200-299. Not tried again: its task may use 3 retries an hour, and has."),
    of("breaker", "Not started: localhost:8099 failed 5 times in a row, until its grace had passed."),
    of("model_away", "Llama: localhost:8099 refused the connection.", "agent"),
    of("model_away", "Llama can't be reached at http://localhost:8099/v1, or broke off its answer.", "agent"),
    of("requirements", "The packages could not be installed: ERROR: HTTPConnectionPool(host='localhost', port=8099): Max retries exceeded with url: /simple (Caused by NewConnectionError: [Errno 111] Connection refused)", "python"),
    *(of_program(name) for name in (
        "requests refused", "httpx refused", "urllib refused", "aiohttp refused", "psycopg refused", "redis refused",
        "curl refused", "git refused", "psql refused", "bash tcp", "node refused", "node http refused",
    )),
]  # fmt: skip


@pytest.mark.parametrize("failure", DOWN, ids=lambda one: f"{one.engine}: {one.line or one.sentence}"[:60])
def test_a_host_that_is_down_is_one_failure_whoever_asked_it(failure):
    found = signature(failure)
    assert (found.cause, found.target) == ("localhost:8099 is not available", "localhost:8099")
    assert found.key == signature(DOWN[0]).key


DIFFERENT = [
    of("refused", "localhost:8099 refused the connection."),
    of("refused", "localhost:8098 refused the connection."),
    of("refused", "api.example.com refused the connection."),
    of("dns", "There is no host named api.example.com."),
    of("dns", "The name api.example.com could not be looked up: no name server answers."),
    of("tls", "The certificate of api.example.com can't be trusted: self-signed certificate."),
    of("http_status", "api.example.com answered 401 Unauthorized; expected 200-299."),
    of("http_status", "api.example.com answered 404 Not Found; expected 200-299."),
    of("http_status", "api.example.com answered 500 Internal Server Error; expected 200-299."),
    of("http_status", "api.example.com answered 422 Unprocessable Content; expected 200-299."),
    of("rate_limited", "api.example.com answered 429 Too Many Requests; expected 200-299."),
    of("inner_address", "api.example.com is an inner address. An administrator can allow it with CARILLON_ALLOW_HOSTS."),
    of("rate_limited", "Sonnet is asked too often: “slow down”.", "agent"),
    of("model_key", "Sonnet refused its key: “bad key”. Check it in Settings, Models.", "agent"),
    of("model_key", "Haiku refused its key. Check it in Settings, Models.", "agent"),
    of("model_busy", "Sonnet is overloaded.", "agent"),
    of("quota", "The account of Sonnet has used up what it may.", "agent"),
    of("no_such_model", "https://api.example.com/v1 has no model llama-9.", "agent"),
    of("no_secret", "The secret API_KEY does not exist. Set it in Settings, then run again."),
    of("no_secret", "The secret OTHER_KEY does not exist. Set it in Settings, then run again."),
    of("no_space", "The disk is full: the run could not begin."),
    of("no_isolation", "This task needs isolation level 3; this worker has 2.", "shell"),
    of("lost", "Its worker vanished.", "shell"),
    of("budget", "Out of budget: the team's November has $0.10 left of $5.00, and this run may cost $0.50.", "agent"),
    of("memory", "Stopped: it used more than 256 MiB of memory.", "python"),
    of("memory", "Stopped: it used more than 256 MiB of memory.", "python"),
    of("timeout", "Stopped at its time limit of 60 s.", "shell"),
    of("timeout", "Stopped at its time limit of 60 s.", "shell"),
    of("exit_code", "Ended with exit code 1.", "shell"),
    of("exit_code", "Ended with exit code 1.", "shell"),
    of("contract", "At least 1 file: there is none."),
    of("contract", "At least 1 file: there is none."),
    *(of_program(name) for name in (
        "requests 404", "requests 401", "requests tls", "requests dns", "httpx status", "module", "environ",
        "environ", "unbound", "file", "command", "command sh", "disk", "processes", "permission shell", "not executable",
        "syntax python", "json", "value error", "chained", "zero", "exit 3 word", "sigsegv", "requirements",
        "requirements version", "sqlite", "warnings then fail", "urllib refused by variable", "curl closed",
    )),
]  # fmt: skip


def test_different_causes_are_different_failures():
    keys = [signature(failure).key for failure in DIFFERENT]
    twice = {key: [one for one in DIFFERENT if signature(one).key == key] for key in keys if keys.count(key) > 1}
    assert not twice


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ended with exit code 1. Last line: “Row 4711 of /data/2026-11-27.csv is empty”.",
         "Ended with exit code 1. Last line: “Row 12 of /data/2026-11-28.csv is empty”."),
        ("Ended with exit code 3. Last line: “Lost 550e8400-e29b-41d4-a716-446655440000 at 0x7f3a9c”.",
         "Ended with exit code 3. Last line: “Lost 3f333df6-90a4-4fda-8dd3-9485d27cee36 at 0x41bb”."),
        ("Ended with exit code 1. Last line: “commit 9fceb02d0ae598e95dc970b74767f19372d61af8 is gone”.",
         "Ended with exit code 1. Last line: “commit 1a410efbd13591db07496601ebc7a059dd55cfe9 is gone”."),
        ("Ended with exit code 1. Last line: “[08:00:01] table orders is locked”. It tries again after 5 s.",
         "Ended with exit code 1. Last line: “[09:30:59] table orders is locked”."),
    ],
)  # fmt: skip
def test_what_differs_from_run_to_run_does_not_count(one, other):
    assert signature(of("exit_code", one, "shell")).key == signature(of("exit_code", other, "shell")).key


def test_words_do_count():
    assert plain("table orders is locked") != plain("table items is locked")


def test_an_unknown_failure_is_titled_by_its_own_words():
    assert signature(of_program("value error")).cause == "ValueError: invalid literal for int() with base 10: 'two'"


@pytest.mark.parametrize("failure", [*DOWN, *DIFFERENT], ids=lambda one: one.sentence[:40])
def test_a_key_is_short_and_the_title_says_something(failure):
    found = signature(failure)
    assert 0 < len(found.key) <= 64
    assert 0 < len(found.cause) <= 120
    assert "{" not in found.cause


@pytest.mark.parametrize("letter", ["a", "/", ".", "“", ": ", "x=1 ", "failed ", "http://", "\x1b["])
def test_hostile_texts_are_judged_in_no_time(letter):
    text = letter * 5000
    began = time.perf_counter()
    signature(of("exit_code", text[:500], "shell", line=text))
    assert time.perf_counter() - began < 0.1
