"""Repairs within a task of several steps: what the agent is told, what is kept of a repair, and how it is said."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.domain.expressions import Scope
from app.domain.repairs import CHANGEABLE, changed, made, own_values
from app.domain.wording import listed
from app.engines.base import Outcome
from app.services.execution.flow import Flow, Step
from app.services.execution.repairing import Part, Repair, Trouble

WORKED = frozenset({"succeeded", "degraded"})


def of_contract(flow: Flow, steps: Sequence[Step], unmet: Sequence[str]) -> Repair | None:
    """Ask for a repair of the step that keeps the contract unmet, among those that this attempt has carried out."""
    if not flow.repairs or not flow.repairs.is_left:
        return None
    done = [step for step in steps if step.name in flow.begun_with and step.engine in CHANGEABLE]
    parts = [Part(step.name, step.engine, step.settings) for step in done if step.name in flow.results]
    return flow.repairs.ask(trouble(flow, parts, "All steps worked, but: " + " ".join(unmet))) if parts else None


def trouble(flow: Flow, parts: Sequence[Part], what: str) -> Trouble:
    """Return what an agent is told of what went wrong."""
    given = {name: result["outputs"] for name, result in flow.results.items() if result["state"] == "succeeded"}
    assert flow.recorder.held.definition
    values = flow.base.variables
    own = own_values(flow.recorder.held.definition.variables, values)
    return Trouble(parts, what, given, values, own, Scope(tuple(values), tuple(flow.results), has_secrets=True))


def as_repaired(flow: Flow, step: Step) -> Step:
    """Return a step as it was carried out: with its repair, where it has one."""
    repair = flow.results.get(step.name, {}).get("repair")
    return replace(step, settings={**step.settings, **repair["after"]}) if repair else step


def kept(flow: Flow, step: Step, settings: Mapping[str, Any], why: str) -> dict[str, Any]:
    """Return what is kept of a repair."""
    assert flow.repairs
    return made(step.name, step.settings, settings, why, flow.repairs.model.name)


def told(flow: Flow, steps: Sequence[Step], outcome: Outcome) -> Outcome:
    """Return the outcome of a run that worked with what was repaired, said openly."""
    if not flow.repairs:
        return outcome
    by_name = {step.name: step for step in steps}
    worked = [
        {**repair, "state": "offered"}
        for name, result in flow.results.items()
        if (repair := result.get("repair")) and not changed(by_name[name].settings, repair["before"])
    ]
    if not worked or outcome.state not in WORKED:
        return outcome
    names = [repair["step"] for repair in worked]
    were = "The step {} was repaired." if len(names) == 1 else "The steps {} were repaired."
    sentence = f"{outcome.sentence} {were.format(listed(names))}"
    return replace(outcome, sentence=sentence, facts={**outcome.facts, "repairs": worked})


def counted(flow: Flow, outcome: Outcome) -> Outcome:
    """Return the outcome with what its repairs have used, and, where it did not work, with those that nobody tried."""
    if not flow.repairs:
        return outcome
    untried = list(flow.repairs.untried.values()) if outcome.state not in WORKED else []
    more = {"repairing": flow.repairs.used, **({"repairs": untried} if untried else {})}
    return replace(outcome, facts={**outcome.facts, **more})
