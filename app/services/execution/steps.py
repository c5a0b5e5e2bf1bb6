"""A task with several steps: one after the other, each stored before the next begins, and none run twice."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.core.errors import CarillonError
from app.domain import conditions, localtime, money, outputs
from app.domain.wording import duration, listed
from app.engines.base import Cancellation, LogWritten, Outcome, RunRequest, StepStarted, engines, fillable
from app.infra import database
from app.infra.storage import Storage
from app.infra.workspace import clear
from app.services.execution import checkpoints
from app.services.execution.calls import broken, call, insist
from app.services.execution.checkpoints import RESULT, WITHIN, CheckpointKeeper, Kept
from app.services.execution.outcomes import record
from app.services.execution.provisions import Provisions
from app.services.execution.recorder import Recorder
from app.services.execution.showing import Shown

_FAILED = {"failed": "failed", "blocked": "failed", "timed_out": "timed_out", "unmet": "unmet"}
"""How a step ended that did not work, by the outcome of its engine."""


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

    `base` is what all steps share. `results` are kept by name; `files` are those the last step left, at first those of
    the task: digests by path.
    """

    base: RunRequest
    given: Provisions
    kept: Kept
    keeper: CheckpointKeeper
    recorder: Recorder
    storage: Storage
    cancellation: Cancellation
    files: Mapping[str, str]
    began: float = field(default_factory=time.monotonic)
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    unfinished: list[dict[str, Any]] = field(default_factory=list)

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


def carry_out(flow: Flow) -> Outcome:
    """Run the steps that have no result yet, and say how it all ended. Raises Stale."""
    assert flow.recorder.held.definition
    steps = [Step(**one) for one in flow.recorder.held.definition.steps]
    try:
        _take_up(flow, steps)
        for number, step in enumerate(steps):
            if step.name in flow.results:
                continue
            if flow.cancellation.mode:
                return Outcome("cancelled", flow.cancellation.reason, "Stopped between two steps.")
            if (ended := _step(flow, step, is_last=number + 1 == len(steps))) is not None:
                return _named(flow, step, ended)
    except (CarillonError, OSError, *database.Away) as error:
        return broken(flow.recorder, "steps", error)
    return _finished(flow, steps)


def _take_up(flow: Flow, steps: list[Step]) -> None:
    """Take over the results that are kept already."""
    flow.results = {step.name: flow.kept.results[step.name] for step in steps if step.name in flow.kept.results}
    flow.files = flow.files if flow.kept.files is None else flow.kept.files
    if flow.results:
        flow.say(f"Kept from before: {listed(list(flow.results))}.")
    for step in steps:
        if step.name in flow.results and flow.results[step.name]["made_of"] != _made_of(step):
            flow.say(f"The step {step.name} was changed since; its kept result stands.")


def _step(flow: Flow, step: Step, *, is_last: bool) -> Outcome | None:
    """Carry out one step and store its result; returns the outcome of the run if this is its end."""
    before = flow.recorder.cost_micros or 0
    try:
        why = _why_not(flow, step)
    except conditions.Unclear as error:
        outcome = Outcome("failed", "condition", f"Its condition can't be decided: {error}", "permanent")
        _show(flow, step, "failed", outcome.sentence)
        shown = None
    else:
        if why:
            _show(flow, step, "skipped", why)
            _store(flow, step, {"state": "skipped", "sentence": why}, flow.files, before)
            return None
        outcome, shown = _tried(flow, step, hands_on=not is_last)
    artifacts = shown.artifacts if shown else []
    if outcome.state == "succeeded" and shown:
        result = {
            "state": "succeeded",
            "sentence": outcome.sentence,
            "artifacts": artifacts,
            "outputs": outcome.outputs,
        }
        _store(flow, step, result, shown.left(flow.files), before)
        return None
    if outcome.state == "cancelled" or not step.is_optional:
        flow.unfinished = artifacts
        return outcome
    _store(flow, step, {"state": _FAILED[outcome.state], "sentence": outcome.sentence}, flow.files, before)
    return None


def _show(flow: Flow, step: Step, state: str, detail: str) -> None:
    """Show a step that was not tried."""
    flow.recorder.emit(StepStarted(step.name))
    flow.recorder.end_step(step.name, state, detail)


def _why_not(flow: Flow, step: Step) -> str:
    """Say why the step is skipped, empty if it runs. Raises Unclear."""
    if not step.condition or conditions.holds(conditions.parse(step.condition), _context(flow)):
        return ""
    return f"Skipped: it runs only if {step.condition}."


def _context(flow: Flow) -> dict[str, Any]:
    """Return what conditions and placeholders may name."""
    held = flow.recorder.held
    assert held.definition
    planned = held.planned_at.astimezone(localtime.zone(held.definition.timezone))
    return {
        "steps": flow.results,
        "run": {"attempt": held.attempt},
        "weekday": conditions.WEEKDAYS[planned.weekday()],
    }


# --- tries


def _tried(flow: Flow, step: Step, *, hands_on: bool) -> tuple[Outcome, Shown]:
    """Try the step as often as it may be tried; a request to stop ends a wait between two tries at once."""
    number = 0
    while True:
        shown = Shown(step.name, flow.recorder, flow.keeper, hands_on=hands_on)
        flow.recorder.emit(StepStarted(step.name))
        outcome = _try(flow, step, shown, flow.base.workspace / f"{step.name}-{number}")
        is_ok = outcome.state == "succeeded"
        state = _FAILED.get(outcome.state, outcome.state)
        flow.recorder.end_step(step.name, state, shown.detail if is_ok else outcome.sentence)
        number += 1
        wait = max(step.retry_delay_seconds, outcome.retry_after_seconds or 0.0)
        is_hopeless = outcome.state not in {"failed", "timed_out"} or outcome.error_class == "permanent"
        if is_hopeless or number > step.retries or wait >= flow.left_seconds or flow.cancellation.mode:
            return outcome, shown
        flow.say(f"{step.name}: {outcome.sentence} It is tried again after {duration(wait)}.")
        if flow.cancellation.wait(wait):
            return Outcome("cancelled", flow.cancellation.reason, "Stopped before it was tried again."), shown
        flow.kept = checkpoints.now(flow.recorder.held, flow.storage)  # what it reached before it failed


def _try(flow: Flow, step: Step, shown: Shown, workspace: Path) -> Outcome:
    flow.say(f"── {step.name} ──")
    request = _request(flow, step, workspace)
    if isinstance(request, Outcome):
        return request
    # An engine would stop within its step at `after_step`; here that is between two steps.
    inner = Cancellation()
    flow.cancellation.on_now(lambda: inner.ask(flow.cancellation.reason))
    try:
        outcome = flow.recorder.hide(call(step.engine, request, flow.recorder, shown.emit, inner))
        shown.keep(workspace, flow.storage)
    finally:
        clear(workspace)
    if outcome.state == "succeeded":
        return Outcome("failed", "files", shown.problem, "permanent") if shown.problem else _with_outputs(flow, outcome)
    if outcome.state == "timed_out" and request.limits.timeout_seconds < step.timeout_seconds:
        return _out_of_time(flow)
    return outcome


def _out_of_time(flow: Flow) -> Outcome:
    limit = duration(flow.base.limits.timeout_seconds)
    return Outcome("timed_out", "timeout", f"The task reached its time limit of {limit}.", "permanent")


def _with_outputs(flow: Flow, outcome: Outcome) -> Outcome:
    """Return the outcome with its outputs as they may be stored: without secrets, and not too large."""
    try:
        found = outputs.clean(outcome.outputs, flow.recorder.redact)
    except ValueError as error:
        return Outcome("failed", "output", f"Its output {error}.", "permanent")
    size = len(json.dumps(found).encode())
    if size > outputs.LARGEST_BYTES:
        sentence = f"Its output has {size:,} bytes; at most {outputs.LARGEST_BYTES:,} are handed on."
        return Outcome("failed", "output", sentence, "permanent")
    return replace(outcome, outputs=found)


def _request(flow: Flow, step: Step, workspace: Path) -> RunRequest | Outcome:
    """Return what the engine gets for this step, or why it can't run."""
    if step.engine not in engines:
        return Outcome("blocked", "no_engine", f"No engine named {step.engine} is installed.", "permanent")
    if flow.left_seconds <= 0:
        return _out_of_time(flow)
    try:
        settings = _filled(flow, step)
    except outputs.Missing as error:
        return Outcome("failed", "inputs", str(error), "permanent")
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
        secrets=flow.given.secrets_for(step.settings),
        model=flow.given.model_for(step.engine, step.settings),
        files={name: flow.storage.path(digest) for name, digest in flow.files.items()},
        workspace=workspace,
        limits=limits,
        checkpoint=checkpoint,
        cost_cap_micros=_cap(flow, step),
        spent_micros=_spent(flow),
        step=step.name,
        inputs={name: result["outputs"] for name, result in flow.results.items() if result["state"] == "succeeded"},
    )


def _filled(flow: Flow, step: Step) -> dict[str, Any]:
    context = _context(flow)
    filled = {
        name: outputs.fill(value, lambda path: outputs.as_text(outputs.lookup(context, path)))
        for name, value in fillable(step.engine, step.settings).items()
    }
    settings = {**step.settings, **filled}
    engines[step.engine].settings_schema.model_validate(settings)
    return settings


def _spent(flow: Flow) -> int:
    """Return what this step has cost so far: all that was spent, but for what the steps before it cost."""
    before: int = sum(result["cost_micros"] for result in flow.results.values())
    return max(0, flow.base.spent_micros + (flow.recorder.cost_micros or 0) - before)


def _cap(flow: Flow, step: Step) -> int | None:
    """Return the cap of an agent's step where the run's was raised: by so much more than the step has."""
    raised, cents = flow.base.cost_cap_micros, step.settings.get("cost_cap_cents")
    return None if raised is None or cents is None else cents * money.MICROS_PER_CENT + raised


# --- what is stored, and how it ends


def _store(flow: Flow, step: Step, result: dict[str, Any], files: Mapping[str, str], cost_before: int) -> None:
    """Store the result of a step with all that was shown until now; the next step begins after that.

    Raises Stale, and what the database raises when it stays away.
    """
    recorder = flow.recorder
    whole = {
        "artifacts": [], "outputs": {}, "cost_micros": (recorder.cost_micros or 0) - cost_before,
        "made_of": _made_of(step), **result,
    }  # fmt: skip
    with recorder.storing:
        steps, logs = recorder.take()
        shown: dict[str, Any] = {"isolation": recorder.isolation, "cost_micros": recorder.cost_micros}
        also = partial(record, held=recorder.held, steps=steps, logs=logs, **shown)
        insist(lambda: flow.keeper.store(step.name, {RESULT: whole}, files, recorder.cost_micros, also))
    flow.results[step.name], flow.files = whole, files


def _made_of(step: Step) -> str:
    """Return a hash of what the step is: a result kept of another version of it is told apart."""
    content = json.dumps([step.engine, step.settings], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _named(flow: Flow, step: Step, outcome: Outcome) -> Outcome:
    """Return the end of the run that the end of a step is: once something has run, it is no longer `blocked`."""
    if outcome.state == "cancelled":
        return outcome
    if outcome.state == "blocked" and outcome.retry_after_seconds is None and flow.results:
        outcome = replace(outcome, state="failed")
    return replace(outcome, sentence=f"{step.name}: {outcome.sentence}", outputs={})


def _finished(flow: Flow, steps: list[Step]) -> Outcome:
    states = {step.name: flow.results[step.name]["state"] for step in steps}
    facts: dict[str, Any] = {"steps": states, "seconds": round(time.monotonic() - flow.began, 3)}
    without = [name for name, state in states.items() if state not in {"succeeded", "skipped"}]
    if without:
        why = flow.results[without[0]]["sentence"]
        return Outcome("degraded", "optional_step", f"Finished without {listed(without)}. {why}", facts=facts)
    skipped = [name for name, state in states.items() if state == "skipped"]
    count = len(steps) - len(skipped)
    worked = f"{'All ' if not skipped else ''}{count} step{'' if count == 1 else 's'} worked"
    left_out = f"; {listed(skipped)} skipped" if skipped else ""
    return Outcome("succeeded", "ok", f"{worked} in {duration(facts['seconds'])}{left_out}.", facts=facts)
