"""How a job is confined at each level: the command that is started for it, and what the command is told."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.infra import sandbox_seccomp
from app.infra.sandbox_job import Job

_ROOT = Path(__file__).parents[2]
_SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/sbin", "/usr")
_ETC = (
    "/etc/alternatives", "/etc/ca-certificates", "/etc/debian_version", "/etc/ld.so.cache", "/etc/localtime",
    "/etc/lsb-release", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/os-release", "/etc/pki", "/etc/redhat-release",
    "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
)  # fmt: skip
_ETC_OF_NETWORK = ("/etc/gai.conf", "/etc/hosts", "/etc/protocols", "/etc/resolv.conf", "/etc/services")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_TMP_BYTES = 64 * 1024 * 1024
_QUIET = {"PATH": "/usr/bin:/bin"}
"""What bwrap and the rest are started with: the worker's own environment never gets near the code."""

_START = 'cd /workspace && set -a && . /run/env && set +a && exec "$@"'
"""The job's variables come last, when its rights are gone: LD_PRELOAD must not act on what sets the sandbox up."""


@dataclass
class Command:
    """A process to start: its arguments, the descriptors it inherits, and what it reads first."""

    argv: list[str]
    descriptors: list[int]
    spec: bytes = b""

    @property
    def env(self) -> dict[str, str]:
        """The environment it is started with, which holds nothing of ours."""
        return dict(_QUIET)


class Confinement(Protocol):
    """A way to confine a job."""

    @property
    def level(self) -> int:
        """The level it is meant to reach."""
        ...

    @property
    def has_own_uid(self) -> bool:
        """Whether each job gets a uid of its own."""
        ...

    def inside(self, workspace: Path) -> Path:
        """Return where the code sees its workspace."""
        ...

    def command(self, job: Job, uid: int, status: int, cgroup: Path | None) -> Command:
        """Return what to start. `uid` is 0 for our own; `status` is a descriptor that learns of the end."""
        ...


@dataclass(frozen=True)
class Bubblewrap:
    """Levels 2 and 3: namespaces of its own for files, processes, network, IPC and host name, and a system call filter.

    As root it needs no user namespace: the mounts are made as root, then the code gets a uid of its own.
    """

    program: str
    level: int = 2
    has_own_uid: bool = False
    can_disable_userns: bool = True

    def inside(self, workspace: Path) -> Path:  # noqa: ARG002 all see the same
        """Return where the code sees its workspace."""
        return Path("/workspace")

    def command(self, job: Job, uid: int, status: int, cgroup: Path | None) -> Command:
        """Return what to start."""
        lines = sandbox_seccomp.program(has_unix=not job.has_network, has_inet=True)
        given = [_held(lines), _held(_as_script(job))]
        argv = [
            *_into(cgroup), self.program, *self._namespaces(job), *_files(job), "--perms", "0444",
            "--file", str(given[1]), "/run/env", "--remount-ro", "/dev", "--remount-ro", "/",
            "--json-status-fd", str(status), "--seccomp", str(given[0]), "--",
            *_drop(uid), *_limit(job), "/bin/sh", "-c", _START, "sh", *job.argv,
        ]  # fmt: skip
        return Command(argv, given)

    def _namespaces(self, job: Job) -> list[str]:
        flags = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "run", "--die-with-parent"]
        flags += ["--new-session", "--cap-drop", "ALL"]
        if self.has_own_uid:
            flags += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            flags += ["--unshare-user", *(["--disable-userns"] if self.can_disable_userns else [])]
        return flags if job.has_network else [*flags, "--unshare-net"]


@dataclass(frozen=True)
class Launcher:
    """Levels 1 and 0: no namespaces. At level 1 Landlock and a system call filter stand in for them."""

    level: int
    has_own_uid: bool = False
    has_landlock: bool = True

    def inside(self, workspace: Path) -> Path:
        """Return where the code sees its workspace."""
        return workspace

    def command(self, job: Job, uid: int, status: int, cgroup: Path | None) -> Command:  # noqa: ARG002 level 3 only
        """Return what to start."""
        is_confined = self.level > 0
        lines = b""
        if is_confined:
            lines = sandbox_seccomp.program(has_unix=False, has_inet=job.has_network, is_alone=False)
        etc = _ETC + (_ETC_OF_NETWORK if job.has_network else ())
        spec = {
            "argv": job.argv, "env": dict(job.env), "workspace": str(job.workspace), "status": status, "uid": uid,
            "limits": job.limits, "landlock": is_confined and self.has_landlock, "network": job.has_network,
            "seccomp": lines.hex(), "reads": [*_SYSTEM, *etc, *map(str, job.reads)],
            "writes": [str(job.workspace), *map(str, job.writes), *_DEVICES],
        }  # fmt: skip
        code = "import sys; sys.path.insert(0, sys.argv[1]); from app.infra.sandbox_launcher import main; main()"
        argv = [sys.executable, "-I", "-S", "-c", code, str(_ROOT)]
        return Command(argv, [], json.dumps(spec).encode() + b"\n")


def bubblewrap(program: str | None, *, level: int = 2, is_root: bool) -> Bubblewrap | None:
    """Return how bubblewrap is used here; None where it is not installed."""
    if program is None or shutil.which(program) is None:
        return None
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=False, env=_QUIET).stdout
    return Bubblewrap(program, level, is_root, "--disable-userns" in text)


def _into(cgroup: Path | None) -> list[str]:
    if cgroup is None:
        return []
    return ["/bin/sh", "-c", 'echo 0 > "$0" && exec "$@"', str(cgroup / "cgroup.procs")]


def _files(job: Job) -> list[str]:
    flags = []
    for path in _SYSTEM:
        flags += _system_folder(Path(path))
    for path in ("/etc", "/etc/ssl", "/run"):  # bubblewrap makes folders on the way for root only
        flags += ["--perms", "0755", "--dir", path]
    for path in _ETC + (_ETC_OF_NETWORK if job.has_network else ()):
        flags += ["--ro-bind-try", path, path]
    flags += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/dev/shm", "/tmp"):  # noqa: S108 both are the sandbox's own
        flags += ["--perms", "1777", "--size", str(_TMP_BYTES), "--tmpfs", folder]
    for read in job.reads:
        flags += [*_parents(read), "--ro-bind", str(read), str(read)]
    for write in job.writes:
        flags += [*_parents(write), "--bind", str(write), str(write)]
    return [*flags, "--bind", str(job.workspace), "/workspace"]


def _system_folder(path: Path) -> list[str]:
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), str(path)]
    return ["--ro-bind", str(path), str(path)] if path.is_dir() else []


def _parents(path: Path) -> Sequence[str]:
    """Make the folders above `path` so that everybody may pass: bubblewrap makes them for root only."""
    flags: list[str] = []
    for parent in reversed(path.parents[:-1]):
        if str(parent) not in {*_SYSTEM, "/tmp", "/etc"}:  # noqa: S108 compared
            flags += ["--perms", "0755", "--dir", str(parent)]
    return flags


def _drop(uid: int) -> list[str]:
    if not uid:
        return []
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--inh-caps=-all"]


def _limit(job: Job) -> list[str]:
    return ["prlimit", *(f"--{name.removeprefix('RLIMIT_').lower()}={value}" for name, value in job.limits.items())]


def _as_script(job: Job) -> bytes:
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in job.env.items()).encode()


def _held(content: bytes) -> int:
    """Return a descriptor that reads `content`, held in memory."""
    descriptor = os.memfd_create("carillon")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
