"""What the steps of one attempt share, and what the engine of each is given."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.domain import money
from app.domain.effects import WITHIN
from app.domain.expressions import ExpressionError
from app.domain.outside import Outside
from app.domain.wording import duration
from app.engines.base import Cancellation, LogWritten, Outcome, RunRequest, engines
from app.infra.storage import Storage
from app.services.execution import contract
from app.services.execution.checkpoints import CheckpointKeeper, Kept
from app.services.execution.claims import Definition
from app.services.execution.inputs import filled
from app.services.execution.provisions import Provisions
from app.services.execution.recorder import Recorder
from app.services.execution.repairing import Repairs


@dataclass(frozen=True)
class Step:
    """A step as its task has it; `condition` is empty where it always runs. Times in seconds."""

    name: str
    engine: str
    settings: Mapping[str, Any]
    condition: str = ""
    is_optional: bool = False
    timeout_seconds: float = 3600.0
    retries: int = 0
    retry_delay_seconds: float = 10.0


@dataclass
class Flow:
    """One attempt on its way through the steps: what it was given, and what the steps have come to so far.

    `base` is what all steps share, `facts` are what expressions may name besides steps. `results` are kept by name;
    `files` are those the last step left, at first those of the task: digests by path; `begun_with` are those that each
    step of this attempt began with; `outside` says what came from outside.
    """

    base: RunRequest
    given: Provisions
    kept: Kept
    keeper: CheckpointKeeper
    recorder: Recorder
    storage: Storage
    cancellation: Cancellation
    files: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    repairs: Repairs | None = None
    outside: Outside | None = None
    began: float = field(default_factory=time.monotonic)
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    unfinished: list[dict[str, Any]] = field(default_factory=list)
    begun_with: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def left_seconds(self) -> float:
        """How long the whole attempt may still take."""
        return self.began + self.base.limits.timeout_seconds - time.monotonic()

    @property
    def artifacts(self) -> list[dict[str, Any]]:
        """The files that the steps made to keep; of two with one name the later."""
        made = [one for result in self.results.values() for one in result["artifacts"]]
        return list({one["name"]: one for one in [*made, *self.unfinished]}.values())

    def say(self, text: str) -> None:
        """Write a line into the log."""
        self.recorder.emit(LogWritten(text))


def context(flow: Flow) -> dict[str, Any]:
    """Return what conditions and placeholders may name."""
    return {**flow.facts, "steps": flow.results}


def out_of_time(flow: Flow) -> Outcome:
    """End a step because the attempt has taken all the time it has."""
    limit = duration(flow.base.limits.timeout_seconds)
    return Outcome("timed_out", "timeout", f"The task reached its time limit of {limit}.", "permanent")


def request_of(flow: Flow, step: Step, workspace: Path) -> RunRequest | Outcome:
    """Return what the engine gets for this step, or why it can't run."""
    task = flow.recorder.held.definition
    assert task
    if step.engine not in engines:
        return Outcome("blocked", "no_engine", f"No engine named {step.engine} is installed.", "permanent")
    if flow.left_seconds <= 0:
        return out_of_time(flow)
    secrets = flow.given.secrets_for(step.engine, _as_stored(task, step))
    try:
        settings = filled(step.engine, step.settings, context(flow), secrets, flow.outside)
        settings = contract.keeping(step.engine, settings, task, context(flow))
    except ExpressionError as error:
        return Outcome("failed", "inputs", error.sentence, "permanent")
    except ValidationError as error:
        return Outcome("failed", "settings", str(error.errors()[0]["msg"]), "permanent")
    reached = flow.kept.checkpoint
    checkpoint = None
    if reached and reached.after.startswith(f"{step.name}{WITHIN}"):
        checkpoint = replace(reached, after=reached.after.partition(WITHIN)[2])
    limits = replace(flow.base.limits, timeout_seconds=min(step.timeout_seconds, flow.left_seconds))
    return replace(
        flow.base,
        idempotency_key=f"carillon-{flow.base.run_id}/{step.name}",
        settings=settings,
        secrets=secrets,
        model=flow.given.model_for(step.engine, step.settings),
        files={name: flow.storage.path(digest) for name, digest in flow.files.items()},
        workspace=workspace,
        limits=limits,
        checkpoint=checkpoint,
        cost_cap_micros=_cap(flow, step),
        spent_micros=_spent(flow),
        most_micros=flow.recorder.left_micros,
        step=step.name,
        inputs={name: result["outputs"] for name, result in flow.results.items() if result["state"] == "succeeded"},
    )


def _as_stored(task: Definition, step: Step) -> Mapping[str, Any]:
    """Return the settings that say which secrets a step gets: those of its task, however it was repaired."""
    return next((one["settings"] for one in task.steps if one["name"] == step.name), {})


def _spent(flow: Flow) -> int:
    """Return what this step has cost so far: all that was spent, but for what the steps before it cost."""
    before: int = sum(result["cost_micros"] for result in flow.results.values())
    return max(0, flow.base.spent_micros + (flow.recorder.cost_micros or 0) - before)


def _cap(flow: Flow, step: Step) -> int | None:
    """Return the cap of an agent's step where the run's was raised: by so much more than the step has."""
    raised, cents = flow.base.cost_cap_micros, step.settings.get("cost_cap_cents")
    return None if raised is None or cents is None else cents * money.MICROS_PER_CENT + raised
