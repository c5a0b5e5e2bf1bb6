"""A Python task: its errors, its packages, and the environments they share."""

import base64
import hashlib
import os
import shutil
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.engines.base import Cancellation, Limits, PackagesHeld
from app.engines.python import PythonSettings, engine
from app.infra import environments, sandbox
from tests.processes import eventually
from tests.sandboxes import KINDS, Runs, started

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module", params=KINDS, ids=["bubblewrap", "without"])
def runs(request):
    with started(request.param) as folder:
        if sandbox.level() < 1:
            pytest.skip(f"no isolation here: {sandbox.isolation()}")
        yield Runs(folder)


@pytest.fixture
def once(runs):
    """Runs at one level, for what is the same at all."""
    if sandbox.level() < 2 and shutil.which("bwrap"):
        pytest.skip("tried with bubblewrap already")
    return runs


@pytest.fixture(scope="module")
def index():
    """A folder of packages in place of PyPI, and pip told to look only there."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-index-", dir="/tmp"))
    folder.chmod(0o755)
    for version in ("1.0", "2.0"):
        wheel(folder, "greeting", version, {"greeting.py": f"VERSION = '{version}'\n"})
    source_with_setup(folder, "slowpack", "import time\ntime.sleep(30)\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_FIND_LINKS", str(folder))
        patch.setenv("PIP_NO_INDEX", "1")
        yield folder
    shutil.rmtree(folder)


def wheel(folder, name, version, files):
    info = f"{name}-{version}.dist-info"
    scripts = {f"{info}/entry_points.txt": f"[console_scripts]\n{name}={name}:main\n"}
    meta = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    content = {**files, **meta, **scripts}
    record = "".join(f"{path},sha256={digest(text)},{len(text)}\n" for path, text in content.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {**content, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def source_with_setup(folder, name, setup):
    """A package whose build runs `setup`, with a build backend of its own so that nothing is fetched."""
    with zipfile.ZipFile(folder / f"{name}-1.0.zip", "w") as archive:
        archive.writestr(f"{name}-1.0/backend.py", setup)
        archive.writestr(
            f"{name}-1.0/pyproject.toml",
            "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
        )


def test_a_program_works(runs):
    ran = runs.run(engine, {"code": "import json, sqlite3, ssl\nprint('hello')"})
    assert ran.outcome.state == "succeeded"
    assert ran.lines == ["hello"]


def test_lines_are_seen_while_it_runs(runs):
    ran, thread = runs.begin(engine, {"code": "import time\nprint('now')\ntime.sleep(0.5)"})
    ran.wait_for("now")
    assert ran.outcome is None
    thread.join(5)


def test_an_error_is_told_by_its_last_line(runs):
    ran = runs.run(engine, {"code": "def f():\n    raise ValueError('no rows')\nf()"})
    assert ran.outcome.sentence == "Ended with exit code 1. Last line: “ValueError: no rows”."
    assert any("main.py" in line and "line 2" in line for line in ran.lines)


def test_usual_ways_to_end(runs):
    assert runs.run(engine, {"code": "exit(4)"}).outcome.facts["exit_code"] == 4


def test_modules_beside_it_are_found(runs, tmp_path):
    helper = tmp_path / "helper"
    helper.write_text("VALUE = 42\n", encoding="utf-8")
    assert runs.run(engine, {"code": "import helper\nprint(helper.VALUE)"}, files={"helper.py": helper}).lines == ["42"]


def test_packages_of_the_worker_are_not_there(runs):
    assert "ModuleNotFoundError" in runs.run(engine, {"code": "import flask"}).outcome.sentence


# --- packages


def test_packages_are_installed_once_and_shared(runs, index):
    code = "import greeting, subprocess, sys, shutil\nprint(greeting.VERSION, bool(shutil.which('greeting')))"
    first = runs.run(engine, {"code": code, "requirements": ["greeting==1.0"]})
    assert first.lines[-1] == "1.0 True"
    again = runs.run(engine, {"code": code, "requirements": ["greeting==1.0", ""]})
    assert again.lines == ["1.0 True"]


def test_what_it_runs_with_is_told(once, index):
    [held] = once.run(engine, {"code": "import greeting", "requirements": ["greeting==1.0"]}).of(PackagesHeld)
    assert (held.python, held.packages) == (sandbox.interpreter().version, {"greeting": "1.0"})


def test_other_versions_get_their_own_environment(once, index):
    code = "import greeting\nprint(greeting.VERSION)"
    assert once.run(engine, {"code": code, "requirements": ["greeting<2"]}).lines[-1] == "1.0"
    assert once.run(engine, {"code": code, "requirements": ["greeting"]}).lines[-1] == "2.0"


def test_a_program_can_not_change_what_is_shared(runs, index):
    code = "import greeting\nopen(greeting.__file__, 'w')"
    assert "Error" in runs.run(engine, {"code": code, "requirements": ["greeting"]}).outcome.sentence


def test_a_package_that_is_not_there_fails_and_leaves_nothing(once, index):
    before = set(sandbox.environments_folder().glob("*/"))
    ran = once.run(engine, {"code": "print('never')", "requirements": ["no-such-package-here==9"]})
    assert (ran.outcome.state, ran.outcome.reason, ran.outcome.error_class) == ("failed", "requirements", "permanent")
    assert "No matching distribution found for no-such-package-here==9" in ran.outcome.sentence
    assert ran.steps == (["prepare"], {"prepare": False})
    assert set(sandbox.environments_folder().glob("*/")) == before
    assert not list((once.folder / "workspaces").glob("*-build"))


def test_two_runs_that_need_the_same_build_it_once(once, index):
    settings = {"code": "import greeting", "requirements": ["greeting>=1.0,<3"]}
    both = [once.begin(engine, settings) for _ in range(2)]
    for _, thread in both:
        thread.join(20)
    assert [ran.outcome.state for ran, _ in both] == ["succeeded", "succeeded"]
    assert sum(any("Installing" in line for line in ran.lines) for ran, _ in both) == 1


def test_stop_while_packages_are_installed(runs, index):
    cancellation = Cancellation()
    ran, thread = runs.begin(
        engine, {"code": "print('never')", "requirements": ["slowpack"]}, cancellation=cancellation
    )
    time.sleep(1)
    cancellation.ask("person")
    thread.join(4)
    assert ran.outcome.state == "cancelled"
    assert ran.steps[0] == ["prepare"]


def test_stop_while_another_run_installs_the_same(once, index):
    first_stop, second_stop = Cancellation(), Cancellation()
    settings = {"code": "print('never')", "requirements": ["slowpack==1.0"]}
    first, one = once.begin(engine, settings, cancellation=first_stop)
    time.sleep(0.5)
    second, two = once.begin(engine, settings, cancellation=second_stop)
    time.sleep(0.2)
    second_stop.ask("person")
    two.join(2)
    assert second.outcome.state == "cancelled"
    assert first.outcome is None
    first_stop.ask("person")
    one.join(4)


def test_time_runs_while_packages_are_installed(once, index):
    ran = once.run(engine, {"code": "print('never')", "requirements": ["slowpack"]}, limits=Limits(timeout_seconds=1))
    assert ran.outcome.state == "timed_out"
    assert ran.seconds < 6


def test_the_environments_unused_for_longest_go_first(once, index, monkeypatch):
    monkeypatch.setattr(environments, "KEEP", 2)
    for age in range(3, 0, -1):
        mark = sandbox.environments_folder() / f"old{age}" / ".complete"
        mark.parent.mkdir(parents=True)
        mark.touch()
        os.utime(mark, (time.time() + 100 - age,) * 2)
    once.run(engine, {"code": "pass", "requirements": ["greeting!=0.1"]})
    left = {mark.parent.name for mark in sandbox.environments_folder().glob("*/.complete")}
    assert {"old1", "old2"} <= left
    assert "old3" not in left


def test_an_environment_in_use_stays(once, index, monkeypatch):
    code = "import time\nprint('ready')\ntime.sleep(3)\nimport greeting\nprint('fine')"
    ran, thread = once.begin(engine, {"code": code, "requirements": ["greeting!=0.1"]})
    ran.wait_for("ready")
    monkeypatch.setattr(environments, "KEEP", 0)
    once.run(engine, {"code": "pass", "requirements": ["greeting!=0.2"]})
    thread.join(10)
    assert ran.outcome.state == "succeeded"


@pytest.mark.parametrize(
    "line",
    [
        "requests",
        "requests==2.34.2",
        "uvicorn[standard]>=0.30,<1",
        "tzdata; python_version > '3.9'",
        "a @ https://host/a.whl",
    ],
)
def test_usual_requirements_are_taken(line):
    assert PythonSettings.model_validate({"code": "x", "requirements": [line]}).requirements == [line]


@pytest.mark.parametrize(
    "line",
    ["-r other.txt", "--index-url=http://x", "./local", "/abs", "file:///x", "a @ file:///x", "a b", "git+https://x"],
)
def test_requirements_that_depend_on_anything_else_are_refused(line):
    with pytest.raises(ValidationError, match="is no package"):
        PythonSettings.model_validate({"code": "x", "requirements": [line]})


def test_many_at_once(runs):
    before = threading.active_count()
    threads = [runs.begin(engine, {"code": f"print({number})"}) for number in range(8)]
    for number, (ran, thread) in enumerate(threads):
        thread.join(20)
        assert ran.lines == [str(number)]
    eventually(lambda: threading.active_count() <= before)
