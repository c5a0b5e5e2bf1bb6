"""The Python that code in a sandbox runs on: one that the sandbox can reach."""

import functools
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from app.infra.sandbox_job import SandboxUnavailable

_SYSTEM = Path("/usr/bin/python3")


@dataclass(frozen=True)
class Interpreter:
    """A Python: its program, its version like 3.11.7, the folders outside /usr it needs."""

    program: Path
    version: str
    folders: tuple[Path, ...]


def find(*, by_strangers: bool) -> Interpreter:
    """Return our own Python, or the system's where ours can't be read.

    `by_strangers`: code runs under another uid and sees the folders as they are, so every folder above must let it
    pass. Raises SandboxUnavailable when no Python is left.
    """
    own = Path(os.path.realpath(sys.executable))
    if is_open(own) and (not by_strangers or all(is_open(folder) for folder in own.parents)):
        return Interpreter(own, _version(own), _folders(own))
    if _SYSTEM.exists():
        return Interpreter(_SYSTEM, _version(_SYSTEM), ())
    raise SandboxUnavailable(f"Code can't reach {own}, and there is no {_SYSTEM}.")


def is_open(path: Path) -> bool:
    """Whether everybody may run it, or pass if it is a folder."""
    return path.exists() and bool(path.stat().st_mode & 0o001)


def _folders(program: Path) -> tuple[Path, ...]:
    prefix = program.parents[1]
    return () if prefix.is_relative_to("/usr") else (prefix,)


@functools.cache
def _version(program: Path) -> str:
    answer = subprocess.run([program, "-I", "-S", "-V"], capture_output=True, text=True, check=True, env={})
    found = re.search(r"\d+\.\d+\.\d+", answer.stdout)
    return found[0] if found else ""
