"""What the engine of one step emits, told as part of its step; and the files it leaves, stored for those after it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.domain.effects import WITHIN
from app.engines.base import (
    ArtifactMade,
    CheckpointReached,
    Emission,
    FilesLeft,
    StepEnded,
    StepStarted,
)
from app.infra.storage import Storage
from app.services.execution.checkpoints import CheckpointKeeper, TooManyFiles
from app.services.execution.recorder import Recorder

_FOLDED = frozenset({"prepare", "run", "collect"})
"""Parts of an engine that are not shown by themselves: a step is one line, and an agent's turns are lines below it."""


class Shown:
    """One try of a step: `emit` is for its engine, the rest for whoever stores what became of it.

    `detail` is one short line, `artifacts` are rows of files to keep, `problem` says why its files can't be handed on.
    """

    def __init__(self, step: str, recorder: Recorder, keeper: CheckpointKeeper, *, hands_on: bool) -> None:
        self.detail = ""
        self.problem = ""
        self.artifacts: list[dict[str, Any]] = []
        self._step = step
        self._recorder = recorder
        self._keeper = keeper
        self._hands_on = hands_on
        self._made: list[ArtifactMade] = []
        self._left: Mapping[str, str] = {}
        self._is_all = False

    def emit(self, emission: Emission) -> None:
        """Take one emission. Raises Stale for one of a lost attempt."""
        match emission:
            case StepStarted(name) if name in _FOLDED:
                pass
            case StepEnded(name, _, detail, _) if name in _FOLDED:
                self.detail = detail if name == "run" else self.detail
            case StepStarted(name) | StepEnded(name):
                self._recorder.emit(replace(emission, name=f"{self._step}{WITHIN}{name}"))
            case CheckpointReached(after):
                self._recorder.emit(replace(emission, after=f"{self._step}{WITHIN}{after}"))
            case ArtifactMade():
                self._made.append(emission)
            case FilesLeft(workspace, besides):
                self._is_all = True
                self._leave(workspace, besides)
            case _:
                self._recorder.emit(emission)

    def keep(self, workspace: Path, storage: Storage) -> None:
        """Store the files to keep, and those in the workspace of an engine that says nothing about what it leaves."""
        try:
            for made in self._made:
                self.artifacts.append(kept(made, storage, workspace))
        except OSError as error:
            self.problem = f"Its files could not be kept: {error.strerror}."
        if not self._is_all and workspace.exists():
            self._leave(workspace, frozenset())

    def left(self, before: Mapping[str, str]) -> Mapping[str, str]:
        """Return the files that the next step begins with: digests by path; `before` are those this one began with."""
        return self._left if self._is_all else {**before, **self._left}

    def _leave(self, workspace: Path, besides: frozenset[str]) -> None:
        if not self._hands_on:
            return
        try:
            self._left = self._keeper.files(workspace, besides)
        except TooManyFiles:
            self.problem = "It leaves too many files for the next step; delete those that are not needed."
        except OSError as error:
            self.problem = f"Its files could not be kept for the next step: {error.strerror}."


def kept(made: ArtifactMade, storage: Storage, workspace: Path) -> dict[str, Any]:
    """Store a file that a run made; returns its row. Raises OSError."""
    digest, size = storage.keep_file(made.path, workspace)
    return {"name": made.name, "media_type": made.media_type, "size_bytes": size, "digest": digest}
