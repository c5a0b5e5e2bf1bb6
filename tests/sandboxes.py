"""Sandboxes for tests: the best of this machine and the one without bubblewrap, and runs in them."""

import shutil
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.engines.base import (
    ArtifactMade,
    Cancellation,
    IsolationChosen,
    Limits,
    LogWritten,
    Outcome,
    RunRequest,
    StepEnded,
    StepStarted,
)
from app.infra import sandbox, sandbox_tree
from app.settings import Settings

BUBBLEWRAP = "bwrap"
KINDS = (BUBBLEWRAP, None)
"""How a sandbox is started: with bubblewrap, and where it is missing."""


@contextmanager
def started(bubblewrap=BUBBLEWRAP):
    """A sandbox for this process; yields its data directory, which other users can pass."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-", dir="/tmp"))
    folder.chmod(0o711)
    sandbox.start(Settings(data_dir=folder), bubblewrap)
    try:
        yield folder
    finally:
        sandbox.stop()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Ran:
    """What a run has shown, and how it ended."""

    workspace: Path
    emitted: list = field(default_factory=list)
    outcome: Outcome | None = None
    seconds: float = 0.0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def emit(self, emission):
        with self.changed:
            self.emitted.append(emission)
            self.changed.notify_all()

    def of(self, kind):
        return [one for one in self.emitted if isinstance(one, kind)]

    @property
    def lines(self):
        return [one.text for one in self.of(LogWritten)]

    @property
    def steps(self):
        return [one.name for one in self.of(StepStarted)], {one.name: one.is_ok for one in self.of(StepEnded)}

    @property
    def artifacts(self):
        return {one.name: one.path.read_bytes() for one in self.of(ArtifactMade)}

    @property
    def isolation(self):
        return self.of(IsolationChosen)[0]

    def wait_for(self, line, seconds=10):
        with self.changed:
            assert self.changed.wait_for(lambda: line in self.lines, seconds), (line, self.lines, self.outcome)


class Runs:
    """Runs engines in a data directory, one workspace each."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    def request(self, settings, *, limits=None, secrets=None, files=None, min_isolation=1):
        self.count += 1
        workspace = self.folder / "workspaces" / f"run-{self.count}"
        return RunRequest(
            run_id=self.count,
            attempt=1,
            idempotency_key="key",
            settings=settings,
            secrets=secrets or {},
            files=files or {},
            workspace=workspace,
            limits=limits or Limits(timeout_seconds=20, grace_seconds=1),
            min_isolation=min_isolation,
            planned_at="2026-11-23T09:00:00+00:00",
            task_name="Morning digest",
        )

    def run(self, engine, settings, *, cancellation=None, ran=None, **given):
        request = self.request(settings, **given)
        ran = ran or Ran(request.workspace)
        began = time.monotonic()
        ran.outcome = engine.run(request, ran.emit, cancellation or Cancellation())
        ran.seconds = time.monotonic() - began
        return ran

    def begin(self, engine, settings, **given):
        """Run in a thread; returns what it shows and the thread."""
        ran = Ran(Path())
        thread = threading.Thread(target=lambda: self.run(engine, settings, ran=ran, **given), daemon=True)
        thread.start()
        return ran, thread


def living(mark):
    """The processes started with this variable in their environment."""
    return sandbox_tree.with_mark(mark)


def gone(mark, within_seconds=2.0):
    """Whether no process with this variable is left, at the latest after some time."""
    until = time.monotonic() + within_seconds
    while living(mark):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
