"""The probe says what was seen to hold on this machine, and no code runs where nothing does."""

import json

import pytest

from app.engines.shell import engine as shell
from app.infra import sandbox, sandbox_seccomp
from tests.sandboxes import Ran, Runs, started

pytestmark = pytest.mark.sandbox


def test_probe_says_what_holds_and_what_is_lacking():
    with started():
        found = sandbox.isolation()
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {"level", "controls", "lacks", "command"}
    assert found["controls"]["syscalls"] == "call filter"
    assert found["command"] == ""


def test_probe_without_bubblewrap_names_the_command_that_helps():
    with started(None):
        assert sandbox.level() <= 1
        assert sandbox.isolation()["command"] == "apt-get install bubblewrap"


def test_a_sandbox_that_breaks_later_is_noticed_and_refused(tmp_path):
    wrapper = tmp_path / "bwrap"
    wrapper.symlink_to("/usr/bin/bwrap")
    with started(str(wrapper)) as folder:
        if sandbox.level() < 2:
            pytest.skip("needs bubblewrap")
        runs = Runs(folder)
        wrapper.unlink()
        wrapper.write_text(
            "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n", encoding="utf-8"
        )
        wrapper.chmod(0o755)
        ran = runs.run(shell, {"script": "echo never"}, min_isolation=2)
        assert (ran.outcome.state, ran.outcome.reason) == ("blocked", "no_isolation")
        assert "never" not in ran.lines
        assert sandbox.level() <= 1


def test_no_code_runs_where_nothing_holds():
    with started() as folder:
        sandbox._here.place = None
        ran = Runs(folder).run(shell, {"script": "echo never"}, min_isolation=0)
        assert "never" not in ran.lines
        assert (ran.outcome.state, ran.outcome.reason) == ("blocked", "no_isolation")


def test_code_runs_only_in_a_worker(tmp_path):
    ran = Ran(tmp_path)
    with pytest.raises(sandbox.SandboxUnavailable):
        Runs(tmp_path).run(shell, {"script": "true"}, ran=ran)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_call_filter_is_within_what_the_kernel_takes(machine):
    lines = sandbox_seccomp.program(has_unix=True, has_inet=True, machine=machine)
    assert len(lines) % 8 == 0
    assert 100 < len(lines) // 8 < 4096
    assert sandbox_seccomp.program(has_unix=True, has_inet=True, machine="riscv64") == b""
