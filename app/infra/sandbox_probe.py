"""Which sandbox this machine really gives: each candidate runs a job that tries to get out of it."""

import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import structlog

from app.infra import sandbox_cgroups, sandbox_python
from app.infra.sandbox_job import Isolation, Job, SandboxUnavailable
from app.infra.sandbox_launcher import landlock_version
from app.infra.sandbox_levels import Bubblewrap, Confinement, Launcher, bubblewrap
from app.infra.sandbox_python import Interpreter
from app.infra.sandbox_run import Place, Running
from app.infra.sandbox_spawner import Spawner, own_uid

log = structlog.get_logger()

_SCRIPT = Path(__file__).with_name("sandbox_probe_job.py")

_WORDS = {
    "files": "files of the host that everybody may read",
    "network": "the network",
    "sockets": "local sockets of other programs",
    "processes": "seeing other processes",
    "signals": "ending other programs of the same user",
    "rights": "changing who may read files of the same user",
    "syscalls": "rare calls into the kernel",
    "limits": "using more than its share of processes",
    "uid": "whatever belongs to the same user",
    "memory": "using too much memory for a moment (it is measured, not held by the kernel)",
}
_REDUCED = {"files", "network", "sockets", "syscalls", "uid"}
_STANDARD = _REDUCED | {"processes", "signals", "limits"}
_NEEDED = {1: _REDUCED, 2: _STANDARD, 3: _STANDARD | {"memory"}}
"""What must hold for a level. `uid` always holds where the worker is not root."""


def find(spawner: Spawner, program: str | None, *, allow_none: bool) -> tuple[Isolation, Place | None]:
    """Return the best that holds, and no place at all where nothing does.

    `program` is bubblewrap; `allow_none` lets code run unconfined instead, never as root.
    """
    is_root = os.geteuid() == 0
    for confinement, cgroups in _candidates(program, is_root):
        try:
            controls = _try(confinement, cgroups, spawner)
        except (SandboxUnavailable, OSError) as error:
            log.info("sandbox_refused", level=confinement.level, why=str(error))
            continue
        if all(controls.get(name) for name in _NEEDED[confinement.level]):
            found = _isolation(confinement.level, controls, program)
            return found, Place(found, confinement, spawner, cgroups)
        log.info("sandbox_leaks", level=confinement.level, controls=controls)
    found = _isolation(0, {}, program)
    return found, Place(found, Launcher(0), spawner) if allow_none and not is_root else None


def _candidates(program: str | None, is_root: bool) -> Iterator[tuple[Confinement, Path | None]]:
    if cgroups := sandbox_cgroups.delegated():
        strong = bubblewrap(program, level=3, is_root=is_root)
        if strong:
            yield strong, cgroups
    if standard := bubblewrap(program, is_root=is_root):
        yield standard, None
    yield Launcher(1, is_root, landlock_version() > 0), None


def _try(confinement: Confinement, cgroups: Path | None, spawner: Spawner) -> dict[str, str]:
    """Run the probe job; returns control -> how it is kept ("" where it does not hold)."""
    is_launcher = isinstance(confinement, Launcher)
    python = sandbox_python.find(by_strangers=is_launcher and confinement.has_own_uid)
    with _targets() as targets, own_uid() if confinement.has_own_uid else nullcontext(0) as uid:
        workspace = Path(targets["folder"]) / "workspace"
        workspace.mkdir(mode=0o700)
        shutil.copyfile(_SCRIPT, workspace / "probe.py")
        if uid:
            for path in (workspace, workspace / "probe.py"):
                os.chown(path, uid, uid)
        place = Place(Isolation(confinement.level, {}), confinement, spawner, cgroups, uid)
        inside = confinement.inside(workspace)
        targets["worker"] = str(os.getpid())
        job = Job(
            (str(python.program), "-I", "-S", str(inside / "probe.py"), json.dumps(targets)),
            workspace, reads=python.folders, memory_bytes=128 << 20, processes=16,
        )  # fmt: skip
        lines: list[str] = []
        with Running(job, place) as running:
            running.wait(
                lambda _, text, _is_cut: lines.append(text),
                until=time.monotonic() + 10,
                grace_seconds=0.0,
                log_bytes=1 << 16,
            )
        answers = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        answers["memory"] = bool(cgroups) and _is_memory_held(job, place, python)
    return _named(confinement, answers, os.geteuid() == 0)


def _is_memory_held(job: Job, place: Place, python: Interpreter) -> bool:
    hungry = Job((str(python.program), "-I", "-S", "-c", "b'x' * (200 << 20)"), job.workspace, reads=job.reads,
                 memory_bytes=job.memory_bytes)  # fmt: skip
    with Running(hungry, place) as running:
        ending = running.wait(lambda *_: None, until=time.monotonic() + 10, grace_seconds=0.0, log_bytes=4096)
    return ending.cause == "memory"


def _named(confinement: Confinement, answers: dict[str, bool], is_root: bool) -> dict[str, str]:
    is_namespaced = isinstance(confinement, Bubblewrap)
    ways = {
        "files": "namespace" if is_namespaced else "Landlock",
        "network": "namespace" if is_namespaced else "call filter",
        "sockets": "namespace" if is_namespaced else "call filter",
        "processes": "namespace" if is_namespaced else "Landlock",
        "signals": "namespace" if is_namespaced else "own uid" if is_root else "Landlock",
        "rights": "namespace" if is_namespaced else "own uid",
        "syscalls": "call filter",
        "limits": "kernel, for each run" if is_namespaced or is_root else "kernel, for all runs together",
        "uid": "own for each run" if is_root else "the worker's, never root",
        "memory": "cgroup",
    }
    return {name: way if answers.get(name) else "" for name, way in ways.items()} | {"disk": "measured"}


def _isolation(level: int, controls: dict[str, str], program: str | None) -> Isolation:
    lacks = tuple(words for name, words in _WORDS.items() if not controls.get(name))
    told = {name: way or ("measured" if name == "memory" else "no") for name, way in controls.items()}
    wants_bubblewrap = level < 2 and (program is None or shutil.which(program) is None)  # noqa: PLR2004 it gives level 2
    return Isolation(level, told, lacks, "apt-get install bubblewrap" if wants_bubblewrap else "")


@contextmanager
def _targets() -> Iterator[dict[str, str]]:
    """Make what the job tries to reach: a private file, a listener on loopback, two local sockets."""
    with tempfile.TemporaryDirectory(prefix="carillon-probe-") as folder:
        Path(folder).chmod(0o711)
        public = Path(folder, "public")
        public.write_text("seen", encoding="utf-8")
        public.chmod(0o644)
        name = f"carillon-probe-{os.getpid()}-{threading.get_ident()}"
        with (
            socket.create_server(("127.0.0.1", 0)) as tcp,
            socket.socket(socket.AF_UNIX) as abstract,
            socket.socket(socket.AF_UNIX) as named,
        ):
            abstract.bind(f"\0{name}")
            abstract.listen()
            named.bind(f"{folder}/socket")
            Path(folder, "socket").chmod(0o777)
            named.listen()
            yield {"folder": folder, "file": str(public), "port": str(tcp.getsockname()[1]), "abstract": name}
