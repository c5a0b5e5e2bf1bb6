"""A task with several steps: one after the other, each stored before the next begins, and none run twice."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from app.core.errors import CarillonError
from app.domain import amounts, conditions, headroom, outputs
from app.domain.wording import duration, listed
from app.engines.base import Cancellation, Outcome, StepStarted
from app.infra import database
from app.infra.workspace import clear
from app.services.execution import checkpoints, contract, mending, rehearsing
from app.services.execution.calls import broken, call, insist
from app.services.execution.checkpoints import RESULT
from app.services.execution.flow import Flow, Step, context, out_of_time, request_of
from app.services.execution.mending import WORKED
from app.services.execution.outcomes import record
from app.services.execution.repairing import Part
from app.services.execution.showing import Shown

_FAILED = {"failed": "failed", "blocked": "failed", "timed_out": "timed_out", "unmet": "unmet"}
"""How a step ended that did not work, by the outcome of its engine."""


def carry_out(flow: Flow) -> Outcome:
    """Run the steps that have no result yet, and say how it all ended. Raises Stale."""
    steps = _steps(flow)
    try:
        _take_up(flow, steps)
    except (CarillonError, OSError, *database.Away) as error:
        return broken(flow.recorder, "steps", error)
    return mending.told(flow, steps, _go_on(flow, steps))


def mended(flow: Flow, unmet: Sequence[str]) -> Outcome | None:
    """Let an agent repair the step for which the contract is unmet, and go on from there; `unmet` says what is missing.

    None where nothing came of it: then all is as it was. Raises Stale.
    """
    steps = [mending.as_repaired(flow, step) for step in _steps(flow)]
    repair = mending.of_contract(flow, steps, unmet)
    if repair is None:
        return None
    before = dict(flow.results), flow.files, flow.unfinished
    at = next(number for number, step in enumerate(steps) if step.name == repair.step)
    for step in steps[at:]:
        flow.results.pop(step.name, None)
    flow.files = flow.begun_with[repair.step]
    steps[at] = replace(steps[at], settings=repair.settings)
    outcome = _go_on(flow, steps)
    if outcome.state in WORKED:
        made = mending.kept(flow, _steps(flow)[at], mending.as_repaired(flow, steps[at]).settings, repair.why)
        flow.results[repair.step] = {**flow.results[repair.step], "repair": made}
        return mending.told(flow, _steps(flow), outcome)
    if outcome.state == "cancelled":
        return outcome
    flow.say(f"The repair did not help: {outcome.sentence}")
    flow.results, flow.files, flow.unfinished = before
    return None


def _steps(flow: Flow) -> list[Step]:
    assert flow.recorder.held.definition
    return [Step(**one) for one in flow.recorder.held.definition.steps]


def _go_on(flow: Flow, steps: list[Step]) -> Outcome:
    try:
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
    flow.begun_with[step.name] = flow.files
    repair: dict[str, Any] | None = None
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
        outcome, shown, repair = _tried_and_repaired(flow, step, hands_on=not is_last)
    if flow.base.is_rehearsal:
        outcome = rehearsing.answered(flow, step, outcome)
    artifacts = shown.artifacts if shown else []
    if outcome.state == "succeeded" and shown:
        result = {
            "state": "succeeded",
            "sentence": outcome.sentence,
            "artifacts": artifacts,
            "outputs": outcome.outputs,
            "sent": len(outcome.done.deliveries),
            **({headroom.FACT: outcome.facts[headroom.FACT]} if headroom.FACT in outcome.facts else {}),
            **({"is_held": True} if outcome.reason == rehearsing.HELD else {}),
            **({"repair": repair} if repair else {}),
            **contract.kept(flow.recorder, outcome),
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
    if flow.base.is_rehearsal and (unknown := rehearsing.unknown(flow, step)):
        return f"Skipped: it needs what {unknown} would have been answered, and nothing was sent."
    if not step.condition or conditions.holds(conditions.parse(step.condition), context(flow)):
        return ""
    return f"Skipped: it runs only if {step.condition}."


# --- repairs


def _tried_and_repaired(flow: Flow, step: Step, *, hands_on: bool) -> tuple[Outcome, Shown, dict[str, Any] | None]:
    """Try the step; one that fails and may be repaired is tried again as an agent repaired it."""
    outcome, shown = _tried(flow, step, hands_on=hands_on)
    now, why = step, ""
    while flow.repairs and not step.is_optional and flow.repairs.may(step.engine, outcome):
        part = Part(step.name, step.engine, now.settings)
        repair = flow.repairs.ask(mending.trouble(flow, [part], outcome.sentence))
        if repair is None:
            break
        now, why = replace(now, settings=repair.settings, retries=0), repair.why
        outcome, shown = _tried(flow, now, hands_on=hands_on)
    is_mended = now is not step and outcome.state == "succeeded"
    return outcome, shown, mending.kept(flow, step, now.settings, why) if is_mended else None


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
    request = request_of(flow, step, workspace)
    if isinstance(request, Outcome):
        return request
    # An engine would stop within its step at `after_step`; here that is between two steps.
    inner = Cancellation()
    emit = flow.repairs.hears(shown.emit) if flow.repairs else shown.emit
    flow.cancellation.on_now(lambda: inner.ask(flow.cancellation.reason))
    try:
        outcome = flow.recorder.hide(call(step.engine, request, flow.recorder, emit, inner))
        shown.keep(workspace, flow.storage)
    finally:
        clear(workspace)
    if outcome.state == "succeeded":
        return Outcome("failed", "files", shown.problem, "permanent") if shown.problem else _with_outputs(flow, outcome)
    if outcome.state == "timed_out" and request.limits.timeout_seconds < step.timeout_seconds:
        return out_of_time(flow)
    return outcome


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
    recorder.held.grace_until = None  # it has begun


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
    facts |= amounts.of_steps([flow.results[step.name] for step in steps])
    if most := max((flow.results[step.name].get(headroom.FACT, 0) for step in steps), default=0):
        facts[headroom.FACT] = most
    without = [name for name, state in states.items() if state not in {"succeeded", "skipped"}]
    if without:
        why = flow.results[without[0]]["sentence"]
        return Outcome("degraded", "optional_step", f"Finished without {listed(without)}. {why}", facts=facts)
    skipped = [name for name, state in states.items() if state == "skipped"]
    count = len(steps) - len(skipped)
    worked = f"{'All ' if count > 1 and not skipped else ''}{count} step{'' if count == 1 else 's'} worked"
    left_out = f"; {listed(skipped)} skipped" if skipped else ""
    return Outcome("succeeded", "ok", f"{worked} in {duration(facts['seconds'])}{left_out}.", facts=facts)
