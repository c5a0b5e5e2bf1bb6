"""Two runs side by side."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.domain import comparison
from app.domain.comparison import Side
from app.domain.expressions import as_text
from app.domain.lifecycle import ENDED
from app.domain.money import said as money
from app.domain.wording import duration
from app.models.runs import Run
from app.services import run_list, run_log, runs
from app.services.tasks import versions
from app.web.guard import guard
from app.web.render import clock, day, page, size

blueprint = Blueprint("compare", __name__, url_prefix="/t/<team>")

_UNKNOWN = "–"
_SAID = ("tokens_in", "tokens_out", "cost_micros")
_TRIGGERS = {"schedule": "a schedule", "api": "a program"}

Row = tuple[str, str, str, str]
"""What, how it is on the left and on the right, and what differs, in words."""


@blueprint.get("/runs/compare")
@guard("see")
def choose() -> AnyResponse | str:
    """Lead to the comparison of two runs, or ask which."""
    numbers = request.args.getlist("run", type=int)
    if len(numbers) == 2 and numbers[0] != numbers[1]:  # noqa: PLR2004 side by side
        earlier, later = sorted(numbers)
        return redirect(url_for("compare.show", number=later, other=earlier), 303)
    return page("runs/compare_choose.html", numbers=numbers)


@blueprint.get("/runs/<int:number>/compare")
@guard("see")
def with_last_good(number: int) -> AnyResponse | str:
    """Lead to the comparison with the last good run of the same task, or ask with which."""
    good = run_list.last_good(g.actor, number)
    if good is None:
        return page("runs/compare_choose.html", numbers=[number])
    return redirect(url_for("compare.show", number=number, other=good), 303)


@blueprint.get("/runs/<int:number>/compare/<int:other>")
@guard("see")
def show(number: int, other: int) -> str:
    """Show what differs between two runs: the other one stands on the left, as what was before."""
    left, right = runs.find(g.actor, other).run, runs.find(g.actor, number).run
    one, two = _side(left), _side(right)
    found = comparison.differences(one, two)
    return page(
        "runs/compare.html",
        left=left,
        right=right,
        sentence=comparison.sentence(found),
        parts=_parts(left, right, one, two, found),
        changes=_changes(left, right),
        log=comparison.parting(_lines(other), _lines(number)),
        most_lines=run_log.TAIL_LINES,
        is_going=not {left.state, right.state} <= ENDED,
    )


def _lines(number: int) -> list[str]:
    return [line.text for line in run_log.lines(g.actor, number, after=0)]


def _changes(left: Run, right: Run) -> Sequence[versions.Change]:
    if left.version_id == right.version_id:
        return ()
    return versions.compare(left.version.definition, right.version.definition)


def _side(run: Run) -> Side:
    last = run.attempts[-1] if run.attempts else None
    return Side(
        run.task.name, run.version.number, run.state, _asked_by(run), run.planned_at, run.started_at, run.ended_at,
        len(run.attempts) or 1, run.worker, _isolation(last.isolation if last else {}), run.cost_micros, run.facts,
        _steps(run), {file.name: (file.size_bytes, file.digest) for file in run.artifacts}, run.inputs,
        {one["words"]: one["state"] for one in run.checks},
    )  # fmt: skip


def _asked_by(run: Run) -> str:
    name = run.requested_by.name if run.requested_by else "a person who left"
    return _TRIGGERS.get(run.trigger, name)


def _isolation(isolation: Mapping[str, Any]) -> str:
    return f"level {isolation['level']}" if "level" in isolation else ""


def _steps(run: Run) -> dict[str, float]:
    took: dict[str, float] = {}
    for attempt in run.attempts:
        for step in attempt.steps:
            if step.ended_at:
                took[step.name] = took.get(step.name, 0.0) + (step.ended_at - step.started_at).total_seconds()
    return took


# --- the table


def _parts(
    left: Run, right: Run, one: Side, two: Side, found: Mapping[str, str]
) -> Sequence[tuple[str, Sequence[Row]]]:
    """Return the table in parts: its heading and its rows."""
    parts = [
        ("What happened", _happened(left, right, one, two, found)),
        ("Duration by step", _pairs("Step ", one.steps, two.steps, duration, found)),
        ("Inputs", _pairs("Input ", one.inputs, two.inputs, as_text, found)),
        ("What must be true", _pairs("Check ", one.checks, two.checks, str, found)),
        ("Facts", _pairs("Fact ", _facts(one), _facts(two), str, found)),
        ("Files", _pairs("File ", one.files, two.files, lambda file: size(file[0]), found)),
    ]
    return [(heading, rows) for heading, rows in parts if rows]


def _happened(left: Run, right: Run, one: Side, two: Side, found: Mapping[str, str]) -> list[Row]:
    both = {
        "Task": (one.task, two.task),
        "State": (one.state.replace("_", " "), two.state.replace("_", " ")),
        "In words": (left.sentence, right.sentence),
        "Reason": (left.reason, right.reason),
        "Version": (str(one.version), str(two.version)),
        "Asked for by": (one.asked_by, two.asked_by),
        "Planned": (_at(left), _at(right)),
        "Started": (_late(one), _late(two)),
        "Took": (_took(one.took), _took(two.took)),
        "Attempts": (str(len(left.attempts)), str(len(right.attempts))),
        "Worker": (one.worker, two.worker),
        "Isolation": (one.isolation, two.isolation),
        "Cost": (_cost(one.cost_micros), _cost(two.cost_micros)),
        "Tokens": (_tokens(one), _tokens(two)),
    }
    return [
        (what, before or _UNKNOWN, after or _UNKNOWN, found.get(what, ""))
        for what, (before, after) in both.items()
        if before or after
    ]


def _pairs(
    about: str, left: Mapping[str, Any], right: Mapping[str, Any], say: Any, found: Mapping[str, str]
) -> list[Row]:
    names = dict.fromkeys([*left, *right])
    return [
        (
            name.replace("_", " "),
            say(left[name]) if name in left else _UNKNOWN,
            say(right[name]) if name in right else _UNKNOWN,
            found.get(f"{about}{name}", ""),
        )
        for name in names
    ]


def _facts(side: Side) -> dict[str, Any]:
    return {
        name: value
        for name, value in side.facts.items()
        if name not in _SAID and not isinstance(value, dict | list) and value != ""
    }


def _at(run: Run) -> str:
    return f"{day(run.planned_at)} {clock(run.planned_at)}"


def _late(side: Side) -> str:
    if side.late is None:
        return ""
    return "on time" if side.late < comparison.LATE_SECONDS else f"{duration(side.late)} later"


def _took(seconds: float | None) -> str:
    return "" if seconds is None else duration(timedelta(seconds=seconds))


def _cost(micros: int | None) -> str:
    return "" if micros is None else money(micros)


def _tokens(side: Side) -> str:
    into, out = side.facts.get("tokens_in"), side.facts.get("tokens_out")
    return "" if into is None and out is None else f"{into or 0:,} in, {out or 0:,} out"
