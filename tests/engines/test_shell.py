"""A script task: what it is given, what it shows, what is kept of it, how it ends."""

import contextlib
import os
import re
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.engines.base import Cancellation, Limits
from app.engines.shell import ShellSettings, engine
from app.infra import sandbox
from tests.sandboxes import KINDS, Ran, Runs, gone, started

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module", params=KINDS, ids=["bubblewrap", "without"])
def runs(request):
    with started(request.param) as folder:
        if sandbox.level() < 1:
            pytest.skip(f"no isolation here: {sandbox.isolation()}")
        yield Runs(folder)


def test_a_script_works(runs):
    ran = runs.run(engine, {"script": "echo hello\necho careful >&2"})
    assert (ran.outcome.state, ran.outcome.reason) == ("succeeded", "ok")
    assert re.fullmatch(r"Worked in (\d+ ms|\d(\.\d)? s)\.", ran.outcome.sentence)
    assert ran.outcome.facts["exit_code"] == 0
    assert ran.steps == (["prepare", "run", "collect"], {"prepare": True, "run": True, "collect": True})
    assert sorted(ran.lines) == ["careful", "hello"]


def test_standard_error_is_told_apart(runs):
    ran = runs.run(engine, {"script": "echo hello\nsleep 0.05\necho careful >&2"})
    assert [(one.text, one.level) for one in ran.emitted if hasattr(one, "text")] == [
        ("hello", "info"),
        ("careful", "warn"),
    ]


def test_the_isolation_is_told_before_code_runs(runs):
    ran = runs.run(engine, {"script": "true"})
    assert ran.emitted[0] == ran.isolation
    assert ran.isolation.level == sandbox.level()
    assert ran.isolation.controls["syscalls"] == "call filter"


def test_an_exit_code_is_a_failure_with_its_last_line(runs):
    ran = runs.run(engine, {"script": "echo first\necho 'no such table' >&2\nexit 3"})
    assert (ran.outcome.state, ran.outcome.reason) == ("failed", "exit_code")
    assert ran.outcome.sentence == "Ended with exit code 3. Last line: “no such table”."
    assert ran.outcome.facts["exit_code"] == 3
    assert ran.steps[1]["run"] is False


def test_a_crash_names_its_signal(runs):
    ran = runs.run(engine, {"script": "kill -SEGV $$"})
    assert ran.outcome.error_class == "crash"
    assert ran.outcome.sentence.startswith("Ended by the signal SIGSEGV.")


def test_it_is_given_variables_secrets_and_facts_and_nothing_else(runs, monkeypatch):
    monkeypatch.setenv("CARILLON_CANARY", "worker-secret")
    settings = {"script": "env", "env": {"REGION": "it's $HOME\nand\nmore"}, "secrets": ["TOKEN"]}
    ran = runs.run(engine, settings, secrets={"TOKEN": "s3cret", "OTHER": "unseen"})
    text = "\n".join(ran.lines)
    assert "REGION=it's $HOME\nand\nmore" in text
    assert "TOKEN=s3cret" in text
    assert "CARILLON_TASK=Morning digest" in text
    assert "CARILLON_PLANNED_AT=2026-11-23T09:00:00+00:00" in text
    assert f"CARILLON_RUN_ID={runs.count}" in text
    assert "worker-secret" not in text
    assert "unseen" not in text


def test_secrets_never_stand_in_an_argument(runs):
    ran, thread = runs.begin(
        engine, {"script": "echo ready; sleep 1", "secrets": ["TOKEN"]}, secrets={"TOKEN": "s3cret-in-argv"}
    )
    ran.wait_for("ready")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            assert b"s3cret-in-argv" not in (process / "cmdline").read_bytes()
    thread.join(10)


def test_sh_is_there_too(runs):
    assert runs.run(engine, {"script": "echo ${BASH_VERSION:-none}", "interpreter": "sh"}).outcome.state == "succeeded"


def test_files_of_the_task_lie_in_the_workspace(runs, tmp_path):
    source = tmp_path / "stored"
    source.write_text("1,2\n", encoding="utf-8")
    ran = runs.run(
        engine, {"script": "cat data/numbers.csv; echo more >> data/numbers.csv"}, files={"data/numbers.csv": source}
    )
    assert ran.lines == ["1,2"]
    assert ran.outcome.state == "succeeded"
    assert source.read_text(encoding="utf-8") == "1,2\n"


def test_a_file_that_would_leave_the_workspace_is_refused(runs, tmp_path):
    ran = runs.run(engine, {"script": "true"}, files={"../up": tmp_path})
    assert (ran.outcome.reason, ran.outcome.error_class) == ("files", "permanent")


def test_artifacts_are_kept(runs):
    script = "mkdir -p artifacts/deep out; echo a > artifacts/a.txt; echo b > artifacts/deep/b; echo c > out/c.csv; echo d > d"
    ran = runs.run(engine, {"script": script, "artifacts": ["out/*.csv"]})
    assert ran.artifacts == {"a.txt": b"a\n", "deep/b": b"b\n", "out/c.csv": b"c\n"}
    assert {one.media_type for one in ran.emitted if hasattr(one, "media_type")} == {
        "text/plain",
        "application/octet-stream",
        "text/csv",
    }


def test_links_and_pipes_are_not_kept(runs):
    script = "mkdir artifacts; ln -s /etc/shadow artifacts/s; ln -s / artifacts/root; mkfifo artifacts/p; echo x > artifacts/x; ln artifacts/x artifacts/y"
    ran = runs.run(engine, {"script": script})
    assert ran.artifacts == {}
    assert sum("is not kept" in line for line in ran.lines) == 4


def test_folders_without_rights_do_no_harm(runs):
    ran = runs.run(engine, {"script": "mkdir -p artifacts/a; echo x > artifacts/a/x; chmod 0 artifacts/a artifacts"})
    assert ran.outcome.state == "succeeded"


def test_a_task_that_needs_more_isolation_is_blocked(runs):
    ran = runs.run(engine, {"script": "echo never"}, min_isolation=sandbox.level() + 1)
    assert (ran.outcome.state, ran.outcome.reason) == ("blocked", "no_isolation")
    needed = f"This task needs isolation level {sandbox.level() + 1}; this worker has {sandbox.level()}."
    assert ran.outcome.sentence.startswith(needed)
    assert ran.emitted == []


# --- stop


def test_stop_now_ends_it_with_all_it_started(runs):
    cancellation = Cancellation()
    mark = f"STOP={os.getpid()}-{runs.count}"
    script = "setsid sleep 50 & echo ready; sleep 50"
    ran, thread = runs.begin(engine, {"script": script, "env": dict([mark.split("=")])}, cancellation=cancellation)
    ran.wait_for("ready")
    cancellation.ask("person")
    thread.join(3)
    assert ran.outcome.state == "cancelled"
    assert gone(mark, 0.5)


def test_stop_gives_its_grace_then_kills(runs):
    cancellation = Cancellation()
    limits = Limits(grace_seconds=0.5)
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    ran, thread = runs.begin(engine, {"script": script}, cancellation=cancellation, limits=limits)
    ran.wait_for("ready")
    asked = time.monotonic()
    cancellation.ask("person")
    thread.join(5)
    assert ran.outcome.state == "cancelled"
    assert 0.5 <= time.monotonic() - asked < 2.5


@pytest.mark.parametrize("mode", ["now", "after_step"])
def test_stop_before_it_runs(runs, mode):
    cancellation = Cancellation()
    cancellation.ask("person", mode)
    ran = runs.run(engine, {"script": "echo never"}, cancellation=cancellation)
    assert ran.outcome.state == "cancelled"
    assert ran.steps == (["prepare"], {"prepare": True})


def test_stop_after_this_step_lets_it_finish(runs):
    cancellation = Cancellation()
    ran, thread = runs.begin(engine, {"script": "echo ready; sleep 0.5; echo done"}, cancellation=cancellation)
    ran.wait_for("ready")
    cancellation.ask("person", "after_step")
    thread.join(5)
    assert ran.lines[:2] == ["ready", "done"]
    assert ran.outcome.state == "cancelled"
    assert ran.steps[0] == ["prepare", "run"]


def test_a_stop_that_comes_too_late_changes_nothing(runs):
    cancellation = Cancellation()
    ran = runs.run(engine, {"script": "true"}, cancellation=cancellation, ran=Ran(runs.folder))
    cancellation.ask("person")
    assert ran.outcome.state == "succeeded"


# --- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"script": ""},
        {"script": "true", "env": {"1A": "x"}},
        {"script": "true", "env": {"A B": "x"}},
        {"script": "true", "env": {"UID": "0"}},
        {"script": "true", "env": {"CARILLON_RUN_ID": "1"}},
        {"script": "true", "env": {"A": "\0"}},
        {"script": "true", "secrets": ["a-b"]},
        {"script": "true", "interpreter": "/bin/evil"},
    ],
)
def test_settings_that_can_not_work_are_refused(wrong):
    with pytest.raises(ValidationError):
        ShellSettings.model_validate(wrong)
