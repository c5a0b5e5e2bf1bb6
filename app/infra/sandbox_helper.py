"""What a Python program in a task can ask Carillon for: `import carillon`.

This file is copied beside the packages of every program, so it uses the standard library only.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

LARGEST_STATE = 1024 * 1024
LARGEST_OUTPUT = 256 * 1024
"""Bytes of JSON."""

CALL_BYTES = 8
KEPT, REFUSED = b"y", b"n"
"""What a call over the bell is answered with, behind its own bytes."""


def checkpoint() -> Any:
    """Return what was saved last by this run, or by the one it goes on from; None if nothing was."""
    return _read("CARILLON_CHECKPOINT", None)


def save(state: Any) -> None:
    """Keep `state` (anything JSON can hold) and the files of the folder; both are stored when this returns.

    From here the work goes on if the program or its worker dies, if it is tried again, or somebody resumes it.
    """
    path = _place("CARILLON_CHECKPOINT")
    with _turn(path.parent):
        _write(path, state, LARGEST_STATE, "state")
        bell, answer = (os.open(path.with_name(name), os.O_RDWR) for name in ("bell", "answer"))
        call = os.urandom(CALL_BYTES)
        try:
            os.write(bell, call)
            # An answer to somebody who died before reading it may be there first.
            while (said := os.read(answer, CALL_BYTES + 1))[:-1] != call:
                pass
            if said[-1:] != KEPT:
                raise RuntimeError("Carillon could not keep the state; the log says why.")
        finally:
            os.close(bell)
            os.close(answer)


def inputs() -> dict[str, Any]:
    """Return the outputs of the steps before this one, by the names of the steps."""
    found: dict[str, Any] = _read("CARILLON_INPUTS", {})
    return found


def variables() -> dict[str, Any]:
    """Return the variables of the task with their values for this run; a date is a text like 2026-11-28."""
    found: dict[str, Any] = _read("CARILLON_VARIABLES", {})
    return found


def output(**values: Any) -> None:
    """Hand values (anything JSON can hold) to the steps after this one; those given before stay."""
    path = _place("CARILLON_OUTPUT")
    with _turn(path.parent):
        _write(path, _read("CARILLON_OUTPUT", {}) | values, LARGEST_OUTPUT, "output")


def _place(variable: str) -> Path:
    if variable not in os.environ:
        raise RuntimeError("This works only in a Python task or step of Carillon.")
    return Path(os.environ[variable])


def _read(variable: str, otherwise: Any) -> Any:
    path = _place(variable)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else otherwise


def _write(path: Path, value: Any, most: int, what: str) -> None:
    """Write beside, then rename: whoever reads sees all of it or what was there before."""
    content = json.dumps(value).encode()
    if len(content) > most:
        raise ValueError(f"The {what} has {len(content):,} bytes of JSON; at most {most:,} are kept.")
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


class _turn:  # noqa: N801 used as a word
    """Let one thread or process at a time write and wait for its answer."""

    def __init__(self, folder: Path) -> None:
        self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def __enter__(self) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)
