"""Short ways to let an agent work with a scripted model."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from app.engines.agent import engine
from app.engines.base import (
    Cancellation,
    Checkpoint,
    CheckpointReached,
    CostIncurred,
    Limits,
    LogWritten,
    ModelChoice,
    RunRequest,
    StepEnded,
)
from app.models.teams import Model
from app.services.unit import batch
from tests import factories
from tests.llm_server import Says
from tests.sandboxes import Ran

__all__ = [
    "KEY", "PRICES", "PROVIDERS", "Ran", "begin", "checkpoint", "choice", "cost", "elsewhere", "lines", "model", "replace", "request",
    "task", "turns", "work", "writes",
]  # fmt: skip

PROVIDERS = ("openai", "compatible", "anthropic", "google")
KEY = "sk-only-for-tests-4711"
PRICES = {"price_in_micros": 1_000_000, "price_out_micros": 5_000_000}
"""One dollar for a million tokens in, five for a million out."""


def choice(server, provider="compatible", **more):
    """The scripted model as a model of this provider."""
    return ModelChoice("Scripted", provider, server.base_url(provider), "scripted", KEY, **(PRICES | more))


def request(folder, model, settings=None, *, number=1, **more):
    """What an attempt gets; its workspace lies in `folder`."""
    given = {"prompt": "Summarise notes.txt.", "tools": ["read_file"]} | (settings or {})
    given = (
        {"limits": Limits(timeout_seconds=30), "min_isolation": 0, "task_name": "Notes"} | {"settings": given} | more
    )
    fixed = {"run_id": number, "attempt": 1, "idempotency_key": "key", "workspace": folder / f"run-{number}"}
    return RunRequest(**fixed, **({"secrets": {}, "files": {}} | given), model=model)


def work(asked, cancellation=None, ran=None):
    """Let the agent work to the end; returns what it has shown."""
    ran = ran or Ran(asked.workspace)
    ran.outcome = elsewhere(lambda: engine.run(asked, ran.emit, cancellation or Cancellation()))
    return ran


def elsewhere(call):
    """Call on a thread of its own: where a browser was opened, this one has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()


def begin(asked, ran, cancellation=None):
    """Let it work on a thread, which is returned."""
    thread = threading.Thread(target=work, args=(asked, cancellation, ran), daemon=True)
    thread.start()
    return thread


def lines(ran, level=None):
    return [one.text for one in ran.of(LogWritten) if level in {None, one.level}]


def turns(ran):
    """The facts of each turn by its name."""
    return {one.name: dict(one.facts) for one in ran.of(StepEnded) if one.name.startswith("Turn")}


def cost(ran):
    return sum(one.micros for one in ran.of(CostIncurred))


def checkpoint(ran, folder):
    """The last checkpoint as it would be handed to the next attempt; its files are copied as they are now."""
    reached = ran.of(CheckpointReached)[-1]
    folder.mkdir()
    files: dict[str, Path] = {}
    for path in sorted(reached.workspace.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(reached.workspace))
            files[name] = folder / str(len(files))
            files[name].write_bytes(path.read_bytes())
    return Checkpoint(reached.after, reached.state, files)


# --- in a database


def model(team_id, server, name="Scripted", **values):
    """A model of the team that is the scripted one; returns its id."""
    with batch() as work:
        times = {"created_at": work.now, "changed_at": work.now}
        row = {"provider": "compatible", "base_url": server.base_url("compatible"), "model": "scripted", "secret": ""}
        row |= {"team_id": team_id, "name": name, "is_default": True, "test": {}} | PRICES | times | values
        return work.connection.execute(sa.insert(Model).values(row).returning(Model.id)).scalar_one()


def task(team_id, settings=None, name="digest", **more):
    """A task for an agent; returns its id."""
    given = {"prompt": "Write the parts.", "tools": ["write_file", "read_file"]} | (settings or {})
    return factories.task(team_id, name, "agent", given, **more)


def writes(parts, **more):
    """A script that writes so many files, one a turn, and then says so."""
    turn = [
        Says(f"Part {n}.\n", (("write_file", {"path": f"part-{n}.txt", "text": f"{n}"}),), (100_000, 10_000), **more)
        for n in range(1, parts + 1)
    ]
    return [*turn, Says("All parts are written.\n", tokens=(100, 10))]
