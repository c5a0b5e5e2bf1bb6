"""The sentence on top of a run's page: what happens or happened, against what is usual, and what to do next."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from app.domain import amounts, failures, headroom, remedies
from app.domain.failures import Failure
from app.domain.lifecycle import RunState
from app.domain.remedies import Way
from app.domain.wording import duration, listed

NO_NEWS = 0.05
"""A run is said to take as long as usual when it took at most this share more or less."""

SLOWER = 1.5
"""A run that goes on this much longer than usual is said to."""

_HOW_MUCH = ((1.5, "a bit "), (3.0, ""), (float("inf"), "much "))
_AS_USUAL = "as usual"


@dataclass(frozen=True)
class Trouble:
    """What a failure comes from, where that is known: `kind` and `title` of its cause, its target, and the `step` of
    the task that failed, empty in a task of one part.
    """

    kind: str = ""
    title: str = ""
    target: str = ""
    step: str = ""


def trouble(failure: Failure, definition: Mapping[str, Any]) -> Trouble:
    """Return what a failure comes from in a task of this definition."""
    cause = failures.cause_of(failure)
    if cause is None:
        return Trouble(step=failure.step)
    kind = remedies.refined(cause.kind, definition, failure.step)
    title = "It may not reach the network" if kind == "no_network" else cause.title
    return Trouble(kind, title, cause.target, failure.step)


@dataclass(frozen=True)
class Case:
    """What is known of a run. Times are UTC instants; `ahead` counts the runs before it in its queue.

    `sentence` is what was stored with its state; `step` is the part it is in; `saved` names the steps whose result is
    kept. `amounts` are what it did in numbers, `usual` the same of good runs before it. `close` says which limit it
    came close to.
    """

    state: RunState
    sentence: str = ""
    reason: str = ""
    stop_mode: str = ""
    step: str = ""
    attempts: int = 1
    files: int = 0
    ahead: int = 0
    usual_seconds: float | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    not_before: datetime | None = None
    exit_code: int | None = None
    trouble: Trouble = Trouble()
    saved: Sequence[str] = ()
    amounts: Mapping[str, float] = field(default_factory=dict)
    usual: Mapping[str, Sequence[float]] = field(default_factory=dict)
    close: str = ""


@dataclass(frozen=True)
class Insight:
    """`lead` says it in one sentence, `more` adds what helps, `next_step` says what to do, `way` where.

    `due_at` is when it should go on or end.
    """

    lead: str
    more: str = ""
    next_step: str = ""
    way: Way = ""
    due_at: datetime | None = None


def tell(case: Case, now: datetime) -> Insight:
    """Say how it stands with a run at `now`."""
    match case.state:
        case "running":
            return _running(case, now)
        case "succeeded" | "degraded":
            return _worked(case)
        case "failed" | "timed_out" | "unmet" | "lost":
            return _failed(case)
        case "skipped" | "missed" | "blocked" | "cancelled":
            return _did_not(case)
        case _:
            return _held(case)


def usual_seconds(took: Sequence[tuple[datetime, datetime]]) -> float | None:
    """Return the median of how long runs took (start, end), None without any."""
    seconds = [(end - start).total_seconds() for start, end in took if start and end]
    return median(seconds) if seconds else None


# --- before it starts


def _held(case: Case) -> Insight:
    if case.state == "queued":
        lead = case.sentence or "It is ready and waits for a worker."
        return Insight(lead, _line(case.ahead))
    if case.reason == "approval":
        return Insight(case.sentence, "Nothing happens until somebody decides.", "Its log shows how far it came.")
    lead = case.sentence or "It waits."
    if case.reason == "breaker" and case.not_before:
        lead = f"{lead.partition('; next try')[0]}."  # the page says when, in the reader's time
    return Insight(lead, due_at=case.not_before)


def _line(ahead: int) -> str:
    if ahead == 0:
        return "It is the next in line."
    return f"It is number {ahead + 1} in line: {'one run is' if ahead == 1 else f'{ahead} runs are'} before it."


# --- while it runs

_DOING = {"prepare": "Preparing.", "run": "Running.", "collect": "Collecting its files."}


def _running(case: Case, now: datetime) -> Insight:
    if case.stop_mode == "now":
        return Insight("Stopping.", "Its worker ends what runs, then says so here.")
    lead = _DOING.get(case.step, f"{case.step}." if case.step else "Starting.")
    if case.stop_mode:
        return Insight(lead, "It stops after this step.")
    if case.attempts > 1:
        lead = f"Attempt {case.attempts}. {lead}"
    if case.usual_seconds is None or case.started_at is None:
        return Insight(lead, "No earlier run tells how long it takes.")
    due_at = case.started_at + timedelta(seconds=case.usual_seconds)
    if due_at < now and (now - case.started_at).total_seconds() > SLOWER * case.usual_seconds:
        return Insight(lead, "It takes longer than usual.")
    return Insight(lead, due_at=max(due_at, now))


# --- when it worked

_WORKED_IN = re.compile(r"(.*?\bworked in [\d.]+ [a-z]+(?: \d+ [a-z]+)?)(.*)", re.DOTALL | re.IGNORECASE)


def _worked(case: Case) -> Insight:
    lead = case.sentence or "It worked."
    pace = _pace(case)
    found = _WORKED_IN.fullmatch(lead)
    if pace and found:
        lead = f"{found[1]}, {pace}{found[2]}"
    elif pace:
        lead = f"{lead} It took as long as usual." if pace == _AS_USUAL else f"{lead} It was {pace}."
    more = [f"It took {case.attempts} attempts."] if case.attempts > 1 else []
    said = [words for name, value in case.amounts.items() if (words := amounts.said(name, value)) and words not in lead]
    more += [f"{', '.join(said)}."] if said else []
    unusual = [amounts.unusual(name, value, case.usual.get(name, ())) for name, value in case.amounts.items()]
    more += [f"It {case.close}."] if case.close else []
    return Insight(lead, " ".join(filter(None, more + unusual)), headroom.NEXT_STEP if case.close else "")


def _pace(case: Case) -> str:
    """Say how long it took against the usual; of one that was tried again nothing: to try again is what took long."""
    if not (case.started_at and case.ended_at and case.usual_seconds is not None) or case.attempts > 1:
        return ""
    took, usual = (case.ended_at - case.started_at).total_seconds(), case.usual_seconds
    # Below a second the difference is that of the machine, not of the work.
    if abs(took - usual) < 1 or abs(took - usual) <= NO_NEWS * usual:
        return _AS_USUAL
    times = max(took, usual) / max(min(took, usual), 0.001)
    how_much = next(words for most, words in _HOW_MUCH if times < most)
    return f"{how_much}{'slower' if took > usual else 'faster'} than usual ({duration(usual)})"


# --- when it did not

_QUOTES = frozenset({"exit_code", "crash", "requirements"})
"""Reasons whose stored sentence only quotes what a program wrote: where the cause is known, that is said instead."""


def _failed(case: Case) -> Insight:
    next_step, way = remedies.advice(case.trouble.kind, case.trouble.target, case.reason)
    return Insight(_cause(case), _safe(case), next_step, way)


def _cause(case: Case) -> str:
    """Say what it comes from: in our own words where they are known, else as it was stored."""
    lead = case.sentence or "It failed."
    if case.reason not in _QUOTES:
        return lead
    if not case.trouble.title:
        return f"{lead} {remedies.exit_code(case.exit_code)}".strip()
    step = f"{case.trouble.step} failed. " if case.trouble.step else ""
    code = f" It ended with exit code {case.exit_code}." if case.reason == "exit_code" and case.exit_code else ""
    return f"{step}{case.trouble.title}.{code}"


def _safe(case: Case) -> str:
    """Say what is not lost."""
    tries = f"All {case.attempts} attempts ended like this. " if case.attempts > 1 else ""
    if case.sentence.endswith("is kept."):
        return tries.strip()
    saved = f"What {listed(case.saved)} made is kept. " if case.saved else ""
    files = f" and {'a file' if case.files == 1 else f'{case.files} files'}" if case.files else ""
    return f"{tries}{saved}Its log{files} {'are' if files else 'is'} kept."


_AFTER_MISS = "The next planned run is not touched by this. If it still matters, run it now."


def _did_not(case: Case) -> Insight:
    if case.state == "blocked":
        next_step, way = remedies.of_blocked(case.reason)
        return Insight(case.sentence or "It was held back.", "Nothing ran.", next_step, way)
    if case.state == "missed":
        return Insight(case.sentence or "It was missed.", "Nothing ran.", _AFTER_MISS)
    if case.state == "cancelled":
        more = "Nothing ran." if case.started_at is None else "What it had done before stays as it is."
        return Insight(case.sentence or "It was cancelled.", more)
    return Insight(case.sentence or "It was left out on purpose.", "Nothing ran.")
