"""What is said of a run, for its page and for programs, and the line of its log that shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from app.domain import amounts, headroom
from app.domain.insight import Case, Insight, Trouble, tell
from app.domain.insight import trouble as trouble_of
from app.domain.lifecycle import RunState
from app.services.runs import Detail

WENT_WRONG = frozenset({"failed", "timed_out", "unmet", "lost"})

_START, _END = 140, 80
"""Letters of the line that are quoted: where it is longer, its middle is left out."""


@dataclass(frozen=True)
class Quote:
    """The line of the log that tells why it failed, the row of the steps it was written in, and the task's step."""

    line: int
    step: str
    of: str
    text: str


def of(detail: Detail, now: datetime) -> Insight:
    """Say how it stands with a run."""
    run, told = detail.run, detail.told
    steps = run.attempts[-1].steps if run.attempts else []
    limits = run.version.definition.get("limits") or {}
    case = Case(
        cast("RunState", run.state), run.sentence, run.reason, run.stop_mode, steps[-1].name if steps else "",
        len(run.attempts) or 1, len(run.artifacts), detail.ahead, detail.usual_seconds, run.started_at, run.ended_at,
        run.not_before, told.failure.exit_code if told else None,
        trouble(detail),
        list(detail.way.saved) if detail.way.can_go_on else (),
        amounts.of_run(run.facts, len(run.artifacts), run.cost_micros), detail.usual,
        headroom.said(run.facts, limits) if headroom.is_near(run.facts, limits) else "",
    )  # fmt: skip
    return tell(case, now)


def quote(detail: Detail, found: Insight) -> Quote | None:
    """Return the line that tells why a run failed, None where its sentence says the same."""
    told = detail.told
    if not told or not told.evidence or told.evidence.line.text.strip().rstrip(".") in found.lead:
        return None
    line = told.evidence.line
    steps = detail.run.attempts[-1].steps if detail.run.attempts else []
    went_wrong = [step.name for step in steps if step.state not in {"succeeded", "skipped"}]
    text = line.text.strip()
    text = text if len(text) <= _START + _END else f"{text[:_START]} … {text[-_END:]}"
    return Quote(line.number, went_wrong[-1] if went_wrong else "", told.failure.step, text)


def trouble(detail: Detail) -> Trouble:
    """Return what the failure of a run comes from, as far as that is known."""
    return trouble_of(detail.told.failure, detail.run.version.definition) if detail.told else Trouble()
