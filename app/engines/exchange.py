"""What Carillon and the code of a task hand to each other: inputs and outputs of steps, and checkpoints both ways."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.domain import agents, outputs
from app.engines.base import CheckpointReached, Emit, LogWritten, RunRequest
from app.infra import sandbox, workspace
from app.infra.sandbox_files import OWN_FOLDER
from app.infra.sandbox_helper import CALL_BYTES, KEPT, LARGEST_OUTPUT, LARGEST_STATE, REFUSED
from app.infra.sandbox_run import Bell

AGAIN = 75
"""The exit code by which a script says: saved, call me again (EX_TEMPFAIL of sysexits.h)."""

SAVED = "saved"
"""What the checkpoint of a program is called: the next one takes its place."""

_LEAST_SECONDS = 0.005
"""A program that saves without end leaves the database to others for so long each time."""

_INPUTS, _OUTPUT, _CHECKPOINT, _VARIABLES = "inputs.json", "output.json", "checkpoint.json", "variables.json"
_FILES = {
    "CARILLON_INPUTS": _INPUTS, "CARILLON_OUTPUT": _OUTPUT, "CARILLON_CHECKPOINT": _CHECKPOINT,
    "CARILLON_VARIABLES": _VARIABLES,
}  # fmt: skip


class Unusable(Exception):
    """What the code left can't be taken; the message is one sentence."""


@dataclass(frozen=True)
class Exchange:
    """The folder of one attempt in which both sides leave things; `besides` are files that are not the code's own."""

    room: sandbox.Room
    request: RunRequest
    emit: Emit
    besides: frozenset[str]

    @property
    def variables(self) -> dict[str, str]:
        """Where the code finds it all."""
        return {name: str(self.room.inside / OWN_FOLDER / file) for name, file in _FILES.items()}

    @property
    def texts(self) -> dict[str, str]:
        """The files to lay down before the code begins."""
        texts = {}
        if self.request.step:
            texts[f"{OWN_FOLDER}/{_INPUTS}"] = json.dumps(self.request.inputs)
        if self.request.variables:
            texts[f"{OWN_FOLDER}/{_VARIABLES}"] = json.dumps(self.request.variables)
        if self.request.checkpoint:
            texts[f"{OWN_FOLDER}/{_CHECKPOINT}"] = json.dumps(self.request.checkpoint.state[SAVED])
        return texts

    def make_folder(self) -> None:
        """Make the folder, before it is given to the code."""
        self.room.host.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.room.host / OWN_FOLDER).mkdir(mode=0o700)

    def store(self) -> None:
        """Store what the code has saved, and its files. Raises Unusable, and what `emit` raises."""
        value = self._read(_CHECKPOINT, LARGEST_STATE)
        self.emit(CheckpointReached(SAVED, {SAVED: value}, self.room.host, self.besides))

    def has_saved(self) -> bool:
        """Whether there is a checkpoint at all."""
        return os.path.lexists(self.room.host / OWN_FOLDER / _CHECKPOINT)

    def outputs(self) -> dict[str, Any]:
        """Return what the code hands to the steps after it. Raises Unusable."""
        if not os.path.lexists(self.room.host / OWN_FOLDER / _OUTPUT):
            return {}
        value = self._read(_OUTPUT, LARGEST_OUTPUT)
        if not isinstance(value, dict):
            raise Unusable('Its output is no JSON object. Write one like {"total": 3} to $CARILLON_OUTPUT.')
        return value

    def _read(self, file: str, most: int) -> Any:
        what = "output" if file == _OUTPUT else "checkpoint"
        try:
            content, size = workspace.read(self.room.host, f"{OWN_FOLDER}/{file}", most)
            if size > most:
                raise Unusable(f"Its {what} has {size:,} bytes; at most {most:,} are kept.")
            return outputs.clean(json.loads(content), agents.storable)
        except workspace.NoSuchFile as error:
            raise Unusable(f"Its {what} can't be read: {error}") from None
        except (ValueError, RecursionError):
            raise Unusable(f"Its {what} is no JSON that can be kept.") from None

    @contextlib.contextmanager
    def bell(self) -> Iterator[Bell]:
        """Make the two pipes of `carillon.save`: one the code rings, one that answers it once all is stored."""
        with contextlib.ExitStack() as stack:
            bell, answer = (self._pipe(name, stack) for name in ("bell", "answer"))
            yield bell, lambda: self._answer(bell, answer)

    def _pipe(self, name: str, stack: contextlib.ExitStack) -> int:
        path = self.room.host / OWN_FOLDER / name
        os.mkfifo(path, 0o600)
        # For both directions: so it never waits for the other side, and never ends.
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        stack.callback(os.close, descriptor)
        return descriptor

    def _answer(self, bell: int, answer: int) -> None:
        call = os.read(bell, 4096)[-CALL_BYTES:]
        time.sleep(_LEAST_SECONDS)
        said = KEPT
        try:
            self.store()
        except Unusable as error:
            self.emit(LogWritten(f"Nothing was saved. {error}", "error"))
            said = REFUSED
        with contextlib.suppress(BlockingIOError):  # it rings and never reads: nobody waits for this answer
            os.write(answer, call + said)
