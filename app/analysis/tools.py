"""The tools the agent called, and how often."""

from app.analysis import secrets
from app.analysis.base import Analysis, Evidence, Finding
from app.analysis.masking import evidence
from app.domain.thread import Thread


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return each tool once, in the order of first calls, by the name the export gives it."""
    known = secrets.known(thread, sofar)
    count: dict[str, int] = {}
    first: dict[str, Evidence] = {}
    for number, message in enumerate(thread.messages):
        for call in message.calls:
            count[call.name] = count.get(call.name, 0) + 1
            words = " ".join(f"{key}={value}" for key, value in call.arguments.items())
            first.setdefault(call.name, evidence(number, f"{call.name} {words}", 0, known))
    return [Finding("tool", {"name": name, "calls": calls}, 1.0, (first[name],)) for name, calls in count.items()]
