"""Where code of users runs: confined as well as this machine allows, by controls that were seen to hold."""

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from app.infra import sandbox_probe, sandbox_python
from app.infra.sandbox_job import Ending, Isolation, Job, SandboxUnavailable
from app.infra.sandbox_levels import Launcher
from app.infra.sandbox_python import Interpreter
from app.infra.sandbox_run import Place, Running
from app.infra.sandbox_spawner import Spawner, own_uid
from app.settings import Settings

__all__ = [
    "NO_SANDBOX", "Ending", "Interpreter", "Isolation", "Job", "Room", "Running", "SandboxUnavailable", "again",
    "begin", "can_run", "environments_folder", "interpreter", "isolation", "level", "room", "start", "stop",
]  # fmt: skip

NO_SANDBOX = "This worker has no sandbox for code. Install bubblewrap: apt-get install bubblewrap."

_ROOM = "carillon-run-"
_NOT_STARTED = "Code runs only in a worker that has set up its sandbox."


@dataclass
class _Sandbox:
    settings: Settings
    bubblewrap: str | None
    spawner: Spawner
    isolation: Isolation
    place: Place | None


@dataclass(frozen=True)
class Room:
    """A workspace for one job: `host` is the folder as we see it, `inside` as the code sees it; `uid` owns it."""

    host: Path
    inside: Path
    uid: int


_here: _Sandbox | None = None
_probing = threading.Lock()


def start(settings: Settings, bubblewrap: str | None = "bwrap") -> dict[str, object]:
    """Find the best sandbox of this machine and keep it for the process; returns `isolation()`."""
    global _here  # noqa: PLW0603 one sandbox a process, as it has one spawner
    stop()
    _sweep()
    spawner = Spawner()
    found, place = sandbox_probe.find(spawner, bubblewrap, allow_none=settings.allow_unsandboxed)
    _here = _Sandbox(settings, bubblewrap, spawner, found, place)
    return isolation()


def stop() -> None:
    """End every job and the thread that started them."""
    global _here  # noqa: PLW0603 see start
    if _here:
        _here.spawner.close()
        _here = None


def again() -> int:
    """Probe anew, as after a sandbox that could not be set up; returns the level there is now."""
    here = _started()
    with _probing:
        here.isolation, here.place = sandbox_probe.find(
            here.spawner, here.bubblewrap, allow_none=here.settings.allow_unsandboxed
        )
    return here.isolation.level


def isolation() -> dict[str, object]:
    """Return what confines code here, as JSON values for the worker's row."""
    return _started().isolation.as_dict()


def level() -> int:
    """Return the level of isolation, 0 to 3."""
    return _started().isolation.level


def can_run() -> bool:
    """Whether code may run here at all."""
    return _started().place is not None


def interpreter() -> Interpreter:
    """Return the Python that code runs on. Raises SandboxUnavailable."""
    return sandbox_python.find(by_strangers=_works_among_us(_placed()))


def environments_folder() -> Path:
    """Return where environments lie: in the data directory wherever code can reach it."""
    folder = _started().settings.data_dir.resolve() / "environments"
    return folder if _can_reach(_placed(), folder) else Path("/var/lib/carillon/environments")


@contextlib.contextmanager
def room(workspace: Path) -> Iterator[Room]:
    """Hold a uid and a folder for one job: `workspace` itself wherever the code can reach it."""
    place = _placed()
    with contextlib.ExitStack() as stack:
        uid = stack.enter_context(own_uid()) if place.confinement.has_own_uid else 0
        workspace.parent.mkdir(parents=True, exist_ok=True)
        if not _can_reach(place, workspace):
            folder = tempfile.TemporaryDirectory(prefix=f"{_ROOM}{os.getpid()}-", ignore_cleanup_errors=True)
            workspace = Path(stack.enter_context(folder))
        yield Room(workspace, place.confinement.inside(workspace), uid)


def begin(job: Job, uid: int) -> Running:
    """Start a job in a room's uid. Raises SandboxUnavailable."""
    return Running(job, replace(_placed(), uid=uid))


def _sweep() -> None:
    """Remove the rooms of workers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_ROOM}*-*"):
        pid = folder.name.removeprefix(_ROOM).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _works_among_us(place: Place) -> bool:
    """Whether code runs under another uid in the same file system, where our private folders stop it."""
    return isinstance(place.confinement, Launcher) and place.confinement.has_own_uid


def _can_reach(place: Place, folder: Path) -> bool:
    return not _works_among_us(place) or all(sandbox_python.is_open(above) for above in folder.absolute().parents)


def _started() -> _Sandbox:
    if _here is None:
        raise SandboxUnavailable(_NOT_STARTED)
    return _here


def _placed() -> Place:
    place = _started().place
    if place is None:
        raise SandboxUnavailable(NO_SANDBOX)
    return place
