"""Limits on a whole tree that the kernel itself keeps: control groups, where this process was given some to divide.

Only a cgroup that systemd marks as delegated is used (`Delegate=yes` and `DelegateSubgroup=main` in the unit). To root
every cgroup is writable, but those of the host are not ours to change.
"""

import contextlib
import os
from pathlib import Path

from app.infra.sandbox_job import Job

_MOUNT = Path("/sys/fs/cgroup")
_NAME = "carillon-run-"


def delegated() -> Path | None:
    """Return the cgroup (version 2) below which jobs may get their own; None where there is none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith("0::/"):
                parent = (_MOUNT / line[4:]).parent
                return parent if _MOUNT in (parent, *parent.parents) and _is_ours(parent) else None
    return None


def _is_ours(group: Path) -> bool:
    with contextlib.suppress(OSError):
        is_marked = os.getxattr(group, "user.delegate") == b"1"
        has_memory = "memory" in (group / "cgroup.controllers").read_text(encoding="utf-8").split()
        if is_marked and has_memory:
            (group / "cgroup.subtree_control").write_text("+memory +pids", encoding="utf-8")
            _sweep(group)
            return True
    return False


def _sweep(parent: Path) -> None:
    """Remove the groups of jobs whose worker was killed; one with a process in it stays."""
    for group in parent.glob(f"{_NAME}*"):
        with contextlib.suppress(OSError):
            group.rmdir()


def make(parent: Path, mark: str, job: Job) -> Path:
    """Make a group with the job's limits; it is one unit to the kernel when memory runs out."""
    group = parent / f"{_NAME}{mark}"
    group.mkdir()
    values = {
        "memory.max": job.memory_bytes, "memory.swap.max": 0, "memory.oom.group": 1,
        "pids.max": job.processes + 8,
    }  # fmt: skip
    for name, value in values.items():
        if (group / name).exists():
            (group / name).write_text(str(value), encoding="utf-8")
    return group


def is_out_of_memory(group: Path) -> bool:
    """Whether the kernel has killed a process of the group for its memory."""
    lines = (group / "memory.events").read_text(encoding="utf-8").splitlines()
    return any(line.startswith("oom_kill ") and not line.endswith(" 0") for line in lines)


def remove(group: Path) -> None:
    """Kill what is left in the group, and remove it."""
    with contextlib.suppress(OSError):
        (group / "cgroup.kill").write_text("1", encoding="utf-8")
    with contextlib.suppress(OSError):
        group.rmdir()
