"""The sentence on top of a run's page: what happens or happened, against what is usual, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

from app.domain.lifecycle import RunState

Pace = Literal["", "as usual", "faster than usual", "slower than usual"]
Way = Literal["", "task", "secrets", "workers", "models", "budgets"]

FASTER, SLOWER = 0.67, 1.5
"""A run is said to be faster or slower when it took less or more than this share of the usual time."""


@dataclass(frozen=True)
class Case:
    """What is known of a run. Times are UTC instants; `ahead` counts the runs before it in its queue.

    `sentence` is what was stored with its state; `step` is the part it is in.
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


@dataclass(frozen=True)
class Insight:
    """`lead` says it in one sentence, `more` adds what helps, `next_step` says what to do, `way` where.

    `due_at` is when it should go on or end; `took_seconds` is how long it took, `pace` how that compares.
    """

    lead: str
    more: str = ""
    next_step: str = ""
    way: Way = ""
    due_at: datetime | None = None
    took_seconds: float | None = None
    pace: Pace = ""


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


# --- after its end


def _worked(case: Case) -> Insight:
    lead = case.sentence or "It worked."
    took = _took(case)
    more = f"It took {case.attempts} attempts." if case.attempts > 1 else ""
    pace = _pace(took, case.usual_seconds) if case.attempts <= 1 else ""  # what took long was to try again
    return Insight(lead, more, took_seconds=took, pace=pace)


def _took(case: Case) -> float | None:
    return (case.ended_at - case.started_at).total_seconds() if case.ended_at and case.started_at else None


def _pace(took: float | None, usual: float | None) -> Pace:
    if took is None or usual is None:
        return ""
    # Below a second the difference is that of the machine, not of the work.
    if abs(took - usual) < 1 or FASTER * usual <= took <= SLOWER * usual:
        return "as usual"
    return "faster than usual" if took < usual else "slower than usual"


_READ_AND_MEND = "Read the end of its log, mend the task, then run it again."
_NEXT: dict[str, tuple[str, Way]] = {
    "exit_code": (_READ_AND_MEND, "task"),
    "crash": (_READ_AND_MEND, "task"),
    "breaker": ("See under Workers and queues what is left alone, then run it again.", "workers"),
    "timeout": ("Raise its time limit or give it less to do, then run it again.", "task"),
    "memory": ("Raise its memory limit or let it read less at once, then run it again.", "task"),
    "http_status": ("Look at the answer in its log, then run it again.", ""),
    "expectation": ("Look at the answer in its log; if it is right, change what the task expects.", "task"),
    "contract": ("See below what was not met; if the work is right, change what must be true.", "task"),
    "too_large": ("Raise its size limit, or ask for less.", "task"),
    "settings": ("Correct the task, then run it again.", "task"),
    "no_secret": ("", "secrets"),  # its sentence says what to do
    "secret": ("Set the secret, then run it again.", "secrets"),
    "wrong_key": ("Put the right key file back, then run it again.", ""),
    "no_isolation": ("See what the workers can do, or ask for less isolation in the task.", "workers"),
    "no_engine": ("Install the engine, or choose another in the task.", "task"),
    "no_space": ("Make room on the disk, then run it again.", "workers"),
    "no_model": ("", "models"),  # its sentence says what to do
    "model_key": ("Give the model a key that works, test it there, then run it again.", "models"),
    "no_such_model": ("Write the model's name as its provider has it, test it there, then run it again.", "models"),
    "quota": ("Fill up the account at the provider, or choose another model, then run it again.", "models"),
    "rate_limited": ("Run it again later. If that happens often, spread the schedules that ask the same host.", ""),
    "model_busy": ("Run it again later, or choose another model.", "task"),
    "model_away": ("See in Models whether it answers, then run it again.", "models"),
    "model_timeout": ("See in Models how long it takes, or give it less at once.", "models"),
    "model_nonsense": ("See in Models whether its address is right, then run it again.", "models"),
    "model_refused": ("Say in the task what it is for, or choose another model.", "task"),
    "context_too_long": ("Let it read less at once, or choose a model that takes longer texts.", "task"),
    "cost_cap": ("Raise its cap and let it go on, or let it do less.", "task"),
    "budget": ("Raise the budget or wait for its next period, then run it again.", "budgets"),
    "plan": ("Wait for the next day or month, or ask there for a larger plan; then run it again.", "budgets"),
    "max_turns": ("Allow it more turns in the task, or give it less to do; then run it again.", "task"),
    "only_a_plan": ("Say in the task what the result must be, and tick the tools it needs.", "task"),
    "empty_answer": ("Say in the task what the answer must be, or choose another model.", "task"),
    "answer_cut": ("Ask for a shorter answer, or let it write files.", "task"),
    "lost": ("Run it again. If that happens each time, it may use more memory than its worker has.", "workers"),
}


def _failed(case: Case) -> Insight:
    lead = case.sentence or "It failed."
    tries = f"All {case.attempts} attempts ended like this. " if case.attempts > 1 else ""
    files = f" and {'a file' if case.files == 1 else f'{case.files} files'}" if case.files else ""
    safe = tries if lead.endswith("is kept.") else f"{tries}Its log{files} {'are' if files else 'is'} kept."
    next_step, way = _NEXT.get(case.reason, ("Read its log, then run it again.", ""))
    return Insight(lead, safe.strip(), next_step, way)


_AFTER_MISS = "The next planned run is not touched by this. If it still matters, run it now."


def _did_not(case: Case) -> Insight:
    if case.state == "blocked":
        next_step, way = _NEXT.get(case.reason, ("Mend what is named here, then run it again.", ""))
        return Insight(case.sentence or "It was held back.", "Nothing ran.", next_step, way)
    if case.state == "missed":
        return Insight(case.sentence or "It was missed.", "Nothing ran.", _AFTER_MISS)
    if case.state == "cancelled":
        more = "Nothing ran." if case.started_at is None else "What it had done before stays as it is."
        return Insight(case.sentence or "It was cancelled.", more)
    return Insight(case.sentence or "It was left out on purpose.", "Nothing ran.")
