"""What is asked of a sandbox, and how it ended."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

_OVER = 1024 * 1024
"""A single file may go over the limit by this much, so that it is seen to be over."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Cause = Literal["exit", "stopped", "timeout", "memory", "disk", "refused"]


class SandboxUnavailable(Exception):
    """There is no sandbox in this process, or it can no longer be set up; the message is one sentence."""


@dataclass(frozen=True)
class Job:
    """A command and what it may use.

    It may change its `workspace` and `writes`, and read `reads`, both at their own paths. Of the rest it sees the
    system's programs only. `has_network` means the host's own network, inner addresses included.
    """

    argv: tuple[str, ...]
    workspace: Path
    env: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    has_network: bool = False
    memory_bytes: int = 512 * 1024 * 1024
    disk_bytes: int = 256 * 1024 * 1024
    processes: int = 64

    def __post_init__(self) -> None:
        for name, value in self.env.items():
            if not _NAME.fullmatch(name) or "\0" in value:
                raise ValueError(f"{name!r} can't be set in an environment")

    @property
    def limits(self) -> dict[str, int]:
        """The kernel's limits for each process; those on the whole tree are watched, or kept by a cgroup."""
        return {
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_NOFILE": 1024,
            "RLIMIT_FSIZE": self.disk_bytes + _OVER,
            "RLIMIT_DATA": 2 * self.memory_bytes,
            "RLIMIT_CORE": 0,
        }


@dataclass(frozen=True)
class Ending:
    """Why a job is over and what its main process answered (128 + n after signal n).

    `memory_bytes` is the most that its processes were seen to hold, 0 if it was over before anybody looked.
    """

    cause: Cause
    exit_code: int
    seconds: float
    last_line: str = ""
    memory_bytes: int = 0


@dataclass(frozen=True)
class Isolation:
    """What keeps code in its place here: the level (0 to 3), each control that was seen to hold, what is lacking."""

    level: int
    controls: Mapping[str, str]
    lacks: tuple[str, ...] = ()
    command: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON values, for the worker's row."""
        return {
            "level": self.level,
            "controls": dict(self.controls),
            "lacks": list(self.lacks),
            "command": self.command,
        }
