"""The stages in their order: each reads the thread and what was found before it, and one that fails stops no other."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from app.analysis import masking, secrets
from app.analysis.base import Analysis, Stage
from app.domain.thread import Thread

STAGES = (
    "attachments", "tools", "injection", "dependencies", "requires", "schedule", "intent", "variables", "objective",
)  # fmt: skip
"""Modules of this package, each with a function `stage`; secrets are looked for before all of them."""


def analyse(thread: Thread, on_stage: Callable[[str], None] = lambda _: None) -> Analysis:
    """Return all that the rules find in a thread, offline; a stage that fails is named with its problem.

    No finding shows more of a secret than its last characters. Where secrets can't be told apart nothing is shown.
    `on_stage` is told the name of each stage as it begins, secrets first; what it raises ends the analysis.
    """
    on_stage("secrets")
    try:
        kept = secrets.scan(thread)
    except Exception as error:  # noqa: BLE001 as below
        return Analysis((), {"secrets": f"This conversation could not be read safely ({type(error).__name__})."})
    known = tuple(secret.value for secret in kept)
    sofar = Analysis(tuple(secrets.findings(kept)), secrets=known)
    for name in STAGES:
        on_stage(name)
        try:
            found = _stage(name)(thread, sofar)
        except Exception as error:  # noqa: BLE001 whatever a conversation does to one stage, the others are read
            problems = {**sofar.problems, name: f"This part could not be read ({type(error).__name__})."}
            sofar = replace(sofar, problems=problems)
        else:
            sofar = replace(sofar, findings=(*sofar.findings, *found))
    return replace(sofar, findings=tuple(masking.cleaned(sofar.findings, known)))


def _stage(name: str) -> Stage:
    stage: Stage = import_module(f"app.analysis.{name}").stage
    return stage


def summary(thread: Thread, analysis: Analysis) -> dict[str, Any]:
    """Return the findings as one JSON object, without evidence; of a secret only its last characters."""
    return {
        "format": thread.format,
        "title": _title(thread, analysis) if thread.title and "secrets" not in analysis.problems else None,
        "messages": len(thread.visible),
        "intent": analysis.value("intent"),
        "objective": analysis.value("objective"),
        "attachments": [finding.value for finding in analysis.of("attachment")],
        "tools": {finding.value["name"]: finding.value["calls"] for finding in analysis.of("tool")},
        "agent": {"model": thread.model, "system_prompt": bool(thread.system_prompt.strip())},
        "dependencies": [finding.value for finding in analysis.of("dependency")],
        "variables": [finding.value for finding in analysis.of("variable")],
        "schedule": analysis.value("schedule") or {"kind": "none", "timezone": None},
        "requires": analysis.value("requires"),
        "secrets": [finding.value for finding in analysis.of("secret")],
        "injection": bool(analysis.of("injection")),
        "problems": dict(analysis.problems),
    }


def _title(thread: Thread, analysis: Analysis) -> str:
    return masking.masked(thread.title or "", secrets.known(thread, analysis))
