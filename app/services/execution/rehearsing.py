"""Steps of a rehearsal: what a request that was held back would have answered, and how it all ends."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.domain.expressions import names_in
from app.engines.base import Outcome, fillable
from app.services.execution.flow import Flow, Step

HELD = "rehearsed"
"""The reason of a step whose request was not sent."""


def answered(flow: Flow, step: Step, outcome: Outcome) -> Outcome:
    """Hand on what the step has answered in the last run that worked, where its own request was held back."""
    if outcome.reason != HELD:
        return outcome
    before: Mapping[str, Any] = (flow.facts.get("previous") or {}).get("outputs", {}).get(step.name) or {}
    if before:
        flow.say(f"{step.name}: what it answered in the last good run is handed on.")
    return replace(outcome, outputs=before)


def unknown(flow: Flow, step: Step) -> str:
    """Return the step whose answer this one needs and nobody knows, as its request was held back; empty for none."""
    held = {name for name, result in flow.results.items() if result.get("is_held") and not result["outputs"]}
    if not held:
        return ""
    named = [step.condition, *names_in(fillable(step.engine, step.settings))]
    return next((name for name in sorted(held) if any(f"steps.{name}." in one for one in named)), "")


def _count(number: int) -> str:
    return "1 effect was" if number == 1 else f"{number:,} effects were"


def told(outcome: Outcome, effects: Sequence[Mapping[str, str]]) -> Outcome:
    """Say of a rehearsal that it was one, and how much it held back."""
    held = f" {_count(len(effects))} held back." if effects else " Nothing had to be held back."
    facts = {**outcome.facts, "effects": list(effects)}
    if outcome.state == "cancelled":
        return replace(outcome, facts=facts)
    return replace(outcome, sentence=f"Rehearsed: {outcome.sentence}{held}", facts=facts)
