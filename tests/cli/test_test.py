"""`./carillon test`: which tests each word chooses."""

import argparse
import subprocess

import pytest

from app.cli import __main__, needs, test


@pytest.fixture
def command(monkeypatch):
    """What pytest would be called with for some words."""

    def of(*words):
        called = []
        monkeypatch.setattr(needs, "find", lambda: None)
        monkeypatch.setattr(subprocess, "run", lambda command, **_: called.append(command) or argparse.Namespace(returncode=0))  # fmt: skip
        assert test.run(argparse.Namespace(words=list(words))) == 0
        return called[0]

    return of


@pytest.mark.parametrize("words", [["--full", "--keep"], ["--keep", "--full"], ["--full"], ["--keep"], []])
def test_faults_are_looked_for_in_their_own_folder_alone(command, words):
    asked = command("faults", *words)
    assert [word for word in asked if word.startswith("tests/")] == ["tests/faults"]
    assert ("docs/reliability.md" in asked) is ("--keep" in words)
    assert ("fault or long" in asked) is ("--full" in words)
    assert "--full" not in asked
    assert "--keep" not in asked


def test_options_of_pytest_are_handed_on_also_where_they_come_first(command, monkeypatch):
    asked = []
    monkeypatch.setattr(test, "run", lambda args: asked.append(args.words) or 0)
    assert __main__.main(["test", "-k", "login", "-x"]) == 0
    assert __main__.main(["test", "tests/web", "-k", "login"]) == 0
    assert asked == [["-k", "login", "-x"], ["tests/web", "-k", "login"]]


def test_paths_that_are_named_are_the_only_ones(command):
    assert [word for word in command("fast", "tests/web") if word.startswith("tests/")] == ["tests/web"]
    assert [
        word for word in command("faults", "tests/faults/test_redis.py", "--keep") if word.startswith("tests/")
    ] == ["tests/faults/test_redis.py"]
