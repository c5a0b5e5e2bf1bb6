"""`./carillon` on a machine that has nothing yet."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import ROOT

TOOLS = ("sh", "cat", "cksum", "dirname", "readlink")
REQUIREMENTS = "requirements.txt"


@pytest.fixture
def clone(tmp_path):
    """A copy whose requirements are none, so that nothing is downloaded."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    shutil.copy(ROOT / "carillon", folder)
    shutil.copytree(ROOT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / REQUIREMENTS).write_text("# none\n")
    return folder


@pytest.fixture
def path(tmp_path):
    """A PATH with the shell's tools and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def stub(path, script):
    (path / "python3").write_text(f"#!/bin/sh\n{script}\n")
    (path / "python3").chmod(0o755)


def start(clone, path=None, *words, **more):
    environ = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "PYTHONPATH"}} | more
    environ["PATH"] = str(path) if path else f"{Path(sys.base_prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = [clone / "carillon", *(words or ("--help",))]
    return subprocess.Popen(command, env=environ, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 1", "Carillon needs Python 3.11 or newer"),
        ('case "$2" in *ensurepip*) exit 1 ;; esac', "python3 has no venv module. Install it"),
    ],
)
def test_a_python_that_will_not_do_is_named(clone, path, script, words):
    stub(path, script)
    process = start(clone, path)
    out, said = process.communicate(timeout=20)
    assert (process.returncode, out, len(said.splitlines())) == (1, "", 1)
    assert said.startswith(f"carillon: {words}")
    assert not (clone / ".venv").exists()


@pytest.mark.slow
def test_two_first_calls_make_one_environment(clone):
    calls = [start(clone), start(clone)]
    answers = [call.communicate(timeout=60) for call in calls]
    assert [call.returncode for call in calls] == [0, 0], answers
    assert all(out.startswith("usage: carillon") for out, _ in answers)
    assert sorted(len(said.splitlines()) for _, said in answers) == [0, 1]
    later = start(clone, PYTHONDONTWRITEBYTECODE="1")
    assert later.communicate(timeout=20)[1] == ""
    assert list((clone / "app" / "cli" / "__pycache__").glob("*.pyc")), "each process would compile its code again"


@pytest.mark.slow
def test_a_failed_installation_leaves_nothing_and_says_why(clone):
    (clone / REQUIREMENTS).write_text("nothing @ file:///nowhere/at/all\n")
    process = start(clone)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "/nowhere/at/all" in said
    assert said.splitlines()[-1].startswith(f"carillon: {REQUIREMENTS} can't be installed.")
    assert not (clone / ".venv").exists()
