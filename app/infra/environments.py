"""Python packages for tasks: each list of requirements is installed once, in a sandbox, and shared by all runs.

An environment lies under the hash of its requirements and of the Python it is for. It counts once it is marked as
complete; what a build leaves behind before that is thrown away. Runs hold a shared lock on what they use, builds and
removals an exclusive one, so several workers may share the folder. pip asks the index that the worker's own
environment names (PIP_INDEX_URL, PIP_FIND_LINKS … and the proxy variables), else PyPI.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.infra import sandbox
from app.infra.sandbox_output import OnLine

KEEP = 20
"""So many environments are kept; the longest unused go first."""

MOST_NAMED = 100
"""So many packages of an environment are named."""

_HANDED_ON = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TRUSTED_HOST", "PIP_CERT",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
_PIP = ("install", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--progress-bar", "off", "--")
_SYSTEM_PIP = Path("/usr/lib/python3/dist-packages/pip")
_DISK_BYTES = 4 * 1024**3
_MEMORY_BYTES = 2 * 1024**3
_LOG_BYTES = 256 * 1024
_MARK = ".complete"
_HELPER = Path(__file__).with_name("sandbox_helper.py").read_text(encoding="utf-8")
"""The module `carillon`, which every environment has."""


class NotBuilt(Exception):
    """The packages could not be installed; `ending` says why."""

    def __init__(self, ending: sandbox.Ending) -> None:
        super().__init__(ending.last_line)
        self.ending = ending


@dataclass(frozen=True)
class Build:
    """How a build is gone about, if one is needed.

    `scratch` is a folder that may be used and is removed, `until` (monotonic) the deadline. `on_start` gets what has
    been started so that it can be stopped; `is_stopped` is asked while another run's build is waited for.
    """

    scratch: Path
    until: float
    on_line: OnLine
    on_start: Callable[[sandbox.Running], None]
    is_stopped: Callable[[], bool]


@contextlib.contextmanager
def held(requirements: Sequence[str], build: Build) -> Iterator[Path]:
    """Hold the environment with `requirements`, built if it is new; yields its folder.

    Raises NotBuilt and SandboxUnavailable.
    """
    python = sandbox.interpreter()
    wanted = sorted({line.strip() for line in requirements if line.strip()})
    folder = sandbox.environments_folder()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    place = folder / _key(wanted, python)
    with (folder / f"{place.name}.lock").open("a") as lock:
        _lock(lock.fileno(), fcntl.LOCK_SH, build)
        while not (place / _MARK).exists():
            _lock(lock.fileno(), fcntl.LOCK_EX, build)
            if not (place / _MARK).exists():
                _make(place, wanted, python, build)
                _prune(folder)
            _lock(lock.fileno(), fcntl.LOCK_SH, build)
        os.utime(place / _MARK)
        yield place


def installed(place: Path) -> dict[str, str]:
    """Return the versions of the packages in an environment by their names, of many the first ones."""
    names = sorted(entry.name.removesuffix(".dist-info") for entry in place.glob("lib/*/site-packages/*.dist-info"))
    pairs = (name.rpartition("-") for name in names[:MOST_NAMED])
    return {name.lower().replace("_", "-"): version for name, _, version in pairs if name}


def _key(wanted: list[str], python: sandbox.Interpreter) -> str:
    text = "\n".join([python.version, str(python.program), *wanted, _HELPER])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _lock(descriptor: int, kind: int, build: Build) -> None:
    """Take a lock, or change the one that is held. Raises NotBuilt when the time is over or a stop is asked for."""
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        if build.is_stopped():
            raise NotBuilt(sandbox.Ending("stopped", 1, 0.0))
        if time.monotonic() > build.until:
            raise NotBuilt(sandbox.Ending("timeout", 1, 0.0))
        time.sleep(0.05)


def _make(place: Path, wanted: list[str], python: sandbox.Interpreter, build: Build) -> None:
    shutil.rmtree(place, ignore_errors=True)
    try:
        _make_empty(place, python)
        if wanted:
            _install(place, wanted, python, build)
        _open_to_all(place)
        (place / _MARK).touch()
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _make_empty(place: Path, python: sandbox.Interpreter) -> None:
    """Make a virtual environment by hand: what `python -m venv --without-pip` makes, without starting a Python."""
    short = ".".join(python.version.split(".")[:2])
    packages = place / "lib" / f"python{short}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "carillon.py").write_text(_HELPER, encoding="utf-8")
    (place / "bin").mkdir()
    for name in ("python", "python3"):
        (place / "bin" / name).symlink_to(python.program)
    (place / "pyvenv.cfg").write_text(
        f"home = {python.program.parent}\ninclude-system-site-packages = false\nversion = {python.version}\n",
        encoding="utf-8",
    )


def _install(place: Path, wanted: list[str], python: sandbox.Interpreter, build: Build) -> None:
    try:
        with sandbox.room(build.scratch) as room:
            room.host.mkdir(parents=True, exist_ok=True, mode=0o700)
            _give([room.host, place], room.uid)
            with sandbox.begin(_job(place, wanted, python, room), room.uid) as running:
                build.on_start(running)
                ending = running.wait(build.on_line, until=build.until, grace_seconds=0.0, log_bytes=_LOG_BYTES)
    finally:
        shutil.rmtree(build.scratch, ignore_errors=True)
    if ending.cause != "exit" or ending.exit_code:
        raise NotBuilt(ending)


def _job(place: Path, wanted: list[str], python: sandbox.Interpreter, room: sandbox.Room) -> sandbox.Job:
    pip = _pip(place.parent)
    asked = {name: os.environ[name] for name in _HANDED_ON if os.environ.get(name)}
    links = tuple(Path(word) for word in asked.get("PIP_FIND_LINKS", "").split() if Path(word).is_dir())
    inside = str(room.inside)
    return sandbox.Job(
        (str(place / "bin" / "python"), "-I", str(pip / "pip"), *_PIP, *wanted),
        room.host,
        {"PATH": "/usr/bin:/bin", "HOME": inside, "TMPDIR": inside, "LANG": "C.UTF-8", **asked},
        reads=(*python.folders, pip, *links),
        writes=(place,),
        has_network=True,
        memory_bytes=_MEMORY_BYTES,
        disk_bytes=_DISK_BYTES,
    )


def _give(folders: Sequence[Path], uid: int) -> None:
    """Give folders and all in them to `uid`; as somebody other than root there is nothing to give."""
    if os.geteuid() == 0:
        for folder in folders:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, uid, uid, follow_symlinks=False)


def _open_to_all(place: Path) -> None:
    """Let every uid read it, whatever our umask or a package says; nobody but us writes there any more."""
    _give([place], 0)
    for path in (place, *place.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _pip(folder: Path) -> Path:
    """Return a folder that holds pip and nothing else, where code may read. Raises SandboxUnavailable."""
    ours = importlib.util.find_spec("pip")
    candidates = [Path(ours.origin).parent] if ours and ours.origin else []
    source = next((place for place in (*candidates, _SYSTEM_PIP) if place.is_dir()), None)
    if source is None:
        raise sandbox.SandboxUnavailable("There is no pip to install packages with. Install it beside Carillon.")
    kept = folder / f"pip-{hashlib.sha256(f'{source}{source.stat().st_mtime}'.encode()).hexdigest()[:12]}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=folder) as new, contextlib.suppress(OSError):
            shutil.copytree(source, Path(new, "made", "pip"))
            _open_to_all(Path(new, "made"))
            Path(new, "made").rename(kept)  # fails if another build was quicker
    return kept


def _prune(folder: Path) -> None:
    """Remove the environments unused for longest; one in use holds its lock and stays."""
    marks = sorted(folder.glob(f"*/{_MARK}"), key=lambda mark: mark.stat().st_mtime, reverse=True)
    for mark in marks[KEEP:]:
        place = mark.parent
        with (folder / f"{place.name}.lock").open("a") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            mark.unlink()
            shutil.rmtree(place, ignore_errors=True)
