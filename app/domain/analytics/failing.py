"""What fails, and why: runs that did not do their work, by cause."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from app.domain import reasons
from app.domain.analytics import figures
from app.domain.analytics.answers import LEAST_RUNS, Action, Answer, Column, Named, compared, counted, percent, too_few
from app.domain.wording import listed

_SHOWN = 5
_OTHER = "Other"
_CLAUSES = {
    "http_status": "the server answered with an error", "rate_limited": "the server asked to wait",
    "exit_code": "the code ended with an error", "crash": "the code crashed", "timeout": "time ran out",
    "memory": "memory ran out", "disk": "the workspace was full", "no_space": "the disk was full",
    "requirements": "packages could not be installed", "sandbox": "the sandbox could not be set up",
    "expectation": "the answer was not as expected", "contract": "the contract was not met",
    "too_large": "the answer was too large", "dns": "a name was not found", "refused": "no connection",
    "reset": "the connection broke", "unreachable": "a host was not reached", "tls": "a certificate can't be trusted",
    "address": "an address is none", "protocol": "the answer was no HTTP", "redirects": "too many redirects",
    "no_model": "no model is set up", "model_key": "a model refused its key", "quota": "the account ran out",
    "no_such_model": "the model does not exist", "model_busy": "the model was overloaded",
    "model_away": "the model was away", "model_timeout": "the model did not answer in time",
    "model_nonsense": "the model's answer can't be read", "model_refused": "the model declined",
    "context_too_long": "the work is too long for the model", "cost_cap": "its cost cap was reached",
    "max_turns": "the agent took all its turns", "empty_answer": "the agent gave no answer",
    "only_a_plan": "the agent only planned", "answer_cut": "the answer was cut off", "lost": "a worker vanished",
    "no_ping": "no ping came", "no_end": "no end was told", "pinged_fail": "the job said that it failed",
    "engine": "Carillon was at fault", "engine_error": "Carillon was at fault", "database": "the database was away",
}  # fmt: skip


@dataclass(frozen=True)
class Failed:
    """Runs of a task that went wrong in one way."""

    task: Named
    reason: str
    runs: int


def clause(reason: str) -> str:
    """Say a cause as a part of a sentence."""
    return _CLAUSES.get(reason) or reasons.words(reason)


def title(reason: str) -> str:
    """Say a cause by itself."""
    words = clause(reason)
    return words[:1].upper() + words[1:]


@dataclass(frozen=True)
class Past:
    """What is known: `bars` are the places on the axis of time, `counts` the runs that failed by place and reason.

    `seen` are the first and last day of each reason. `failed` are of `runs` in all; `before` is how many failed in the
    period before, where that is asked for.
    """

    bars: Sequence[str]
    counts: Mapping[tuple[int, str], int]
    failed: Sequence[Failed]
    seen: Mapping[str, tuple[date, date]]
    runs: int
    before: int | None


def answer(past: Past, period: str, dates: Mapping[str, str], suggestion: str = "") -> Answer:
    """Say what failed. `dates` are those of the list of runs; `suggestion` is the sentence of a change that helps."""
    by_reason = Counter[str]()
    for one in past.failed:
        by_reason[one.reason] += one.runs
    total = by_reason.total()
    rows = [
        (
            title(reason),
            count,
            _names(one for one in past.failed if one.reason == reason),
            *past.seen.get(reason, (None, None)),
        )
        for reason, count in by_reason.most_common()
    ]
    if past.runs < LEAST_RUNS:
        failed = f", {total:,} failed" if total else ""
        return Answer("failures", too_few(past.runs, more=failed), columns=_COLUMNS, rows=rows)
    more = compared(total, past.before, period) if past.before is not None else ""
    if not total:
        return Answer("failures", f"None of {counted(past.runs)} failed.", more, _COLUMNS)
    [(worst, most), *_] = by_reason.most_common(1)
    share = "all of them" if most == total else f"{most:,} of them"
    lead = f"{total:,} of {counted(past.runs)} failed, {share} because {clause(worst)}."
    more = f"That is {percent(total / past.runs)}. They were runs of {_names(past.failed)}. {more}".strip()
    return Answer("failures", lead, more, _COLUMNS, rows, _figure(past, by_reason), _action(worst, dates, suggestion))


def _names(failed: Iterable[Failed]) -> str:
    counts = Counter[str]()
    for one in failed:
        counts[one.task.name] += one.runs
    names = [name for name, _ in counts.most_common()]
    return listed(names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} others"])  # noqa: PLR2004 three names are read


def _figure(past: Past, by_reason: Counter[str]) -> figures.Figure:
    shown = [reason for reason, _ in by_reason.most_common(_SHOWN)]
    if len(by_reason) == _SHOWN + 1:
        shown = list(by_reason)
    series = {title(reason): [reason] for reason in shown}
    if rest := [reason for reason in by_reason if reason not in shown]:
        series[_OTHER] = rest
    places = range(len(past.bars))
    traces = [
        figures.bars(name, past.bars, [sum(past.counts.get((at, one), 0) for one in some) for at in places], place)
        for place, (name, some) in enumerate(series.items())
    ]
    highest = max(sum(past.counts.get((at, one), 0) for one in by_reason) for at in places)
    axis = {"tickformat": ",d", **({"dtick": 1} if highest <= _SHOWN else {})}
    when = {"tickformat": "%H:%M" if "T" in past.bars[0] else "%-d %b", "nticks": 7}
    return figures.figure(traces, barmode="stack", showlegend=True, xaxis=when, yaxis=axis)


def _action(reason: str, dates: Mapping[str, str], suggestion: str) -> Action:
    if suggestion:
        return Action(suggestion, "See the change", "changes")
    return Action(
        f"Read what those runs say of it: {clause(reason)}.", "See these runs", "runs", {"reason": reason, **dates}
    )


_COLUMNS = (
    Column("cause", "Cause", "text"), Column("runs", "Runs"), Column("tasks", "Tasks", "text"),
    Column("first", "First seen", "day"), Column("last", "Last seen", "day"),
)  # fmt: skip
