"""`./carillon schedules preview`: what a rule means, for anyone with a shell, without a server."""

import json
import os
import subprocess
import sys
import time

import pytest

from app.settings import ROOT

BERLIN = ("--timezone", "Europe/Berlin", "--after", "2027-03-27T12:00:00Z", "--count", "3")


def preview(*arguments):
    command = [sys.executable, "-P", "-m", "app.cli", "schedules", "preview", *arguments]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "CARILLON_DATABASE_URL": "postgresql://nowhere/",
    }
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", timeout=30)


def fires(*arguments):
    done = preview(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["fires"]


def test_it_prints_instants_and_what_a_clock_change_does():
    done = preview("--kind", "cron", "--expression", "30 2 * * *", *BERLIN)
    assert json.loads(done.stdout) == {
        "fires": ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z", "2027-03-30T00:30:00Z"],
        "notes": ["Sun 28 Mar 2027: 02:30 does not exist. It will run at 03:00."],
    }


def test_every_kind_is_previewed_with_its_rules_for_clock_changes():
    assert fires("--kind", "cron", "--expression", "30 2 * * *", *BERLIN, "--gap", "skip")[0] == "2027-03-29T00:30:00Z"
    assert (
        fires("--kind", "rrule", "--expression", "FREQ=DAILY;BYHOUR=2;BYMINUTE=30", *BERLIN)[0]
        == "2027-03-28T01:00:00Z"
    )
    assert fires("--kind", "once", "--expression", "2027-03-28T02:30", *BERLIN) == ["2027-03-28T01:00:00Z"]
    autumn = ("--timezone", "Europe/Berlin", "--after", "2027-10-30T12:00:00+00:00", "--count", "2", "--fold", "both")
    twice = ["2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"]
    assert fires("--kind", "cron", "--expression", "30 2 * * *", *autumn) == twice
    assert fires("--kind", "rrule", "--expression", "FREQ=DAILY;BYHOUR=2;BYMINUTE=30", *autumn) == twice


def test_an_interval_counts_elapsed_time_from_the_moment_that_is_asked_about():
    arguments = ("--kind", "interval", "--expression", "90m", "--after", "2027-03-28T00:10:00Z", "--count", "2")
    assert fires(*arguments, "--timezone", "Europe/Berlin") == ["2027-03-28T01:40:00Z", "2027-03-28T03:10:00Z"]


def test_a_missing_moment_that_is_to_be_skipped_has_no_time():
    assert fires("--kind", "once", "--expression", "2027-03-28T02:30", *BERLIN, "--gap", "skip") == []


def test_a_moment_that_is_over_has_no_time_and_says_so():
    done = preview("--kind", "once", "--expression", "2020-01-01T09:00", *BERLIN)
    assert json.loads(done.stdout) == {"fires": [], "notes": ["It never runs after that moment."]}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--kind", "cron", "--expression", "61 * * * *"), "“61” is no minute"),
        (("--kind", "cron", "--expression", "* * * *"), "Cron has five fields"),
        (("--kind", "cron", "--expression", "0 * * * * *"), "Cron has five fields"),
        (("--kind", "cron", "--expression", "*/0 * * * *"), "A step of 0 does not fit"),
        (("--kind", "cron", "--expression", "0 9 * * *", "--timezone", "Mars/Base"), "There is no time zone “Mars/Base”"),
        (("--kind", "rrule", "--expression", "FREQ=OFTEN"), "FREQ is one of"),
        (("--kind", "interval", "--expression", "soon"), "“soon” is no interval"),
        (("--kind", "once", "--expression", "2027-02-30T09:00"), "There is no such moment"),
        (("--kind", "cron", "--expression", "0 9 * * *", "--after", "yesterday"), "“yesterday” is no moment"),
        (("--kind", "cron", "--expression", "0 9 * * *", "--count", "0"), "--count goes from 1"),
        (("--kind", "moon", "--expression", "0 9 * * *"), "invalid choice"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_a_sentence(arguments, sentence):
    done = preview(*arguments)
    assert done.returncode != 0
    assert done.stdout == ""
    assert sentence in done.stderr


def test_it_needs_no_flask_and_less_than_a_second():
    started = time.perf_counter()
    assert len(fires("--kind", "cron", "--expression", "0 9 * * 1-5", "--count", "1000")) == 1000
    assert time.perf_counter() - started < 1
    code = "import sys, app.cli.schedules; print([name for name in ('flask', 'sqlalchemy', 'redis') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
