"""What is done with several runs together, and how it went with each."""

from collections.abc import Callable, Sequence

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.identifiers import digest
from app.core.together import each
from app.services import run_list, runs
from app.web import run_filters
from app.web.forms import text
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("run_bulk", __name__, url_prefix="/t/<team>")

_KEPT = "filter-"
_LARGEST = 2**31 - 1


@blueprint.post("/runs/selection/cancellation")
@guard("run")
def cancel() -> str:
    """Cancel the selected runs."""
    return _with_selection("cancelled", lambda number: runs.cancel(g.actor, number))


@blueprint.post("/runs/selection/again")
@guard("run")
def again() -> str:
    """Run the selected runs once more; the same form sent twice starts nothing twice."""
    return _with_selection("started again", lambda number: runs.again(g.actor, number, key=_key(number)))


@blueprint.post("/runs/selection/decision")
@guard("run")
def decide() -> str:
    """Decide on the selected runs that wait for it."""
    answer = text("answer")
    return _with_selection("decided", lambda number: runs.decide(g.actor, number, answer))


@blueprint.post("/runs/selection/comparison")
@guard("run")
def compare() -> AnyResponse:
    """Lead to the comparison of the selected runs."""
    return redirect(url_for("compare.choose", run=request.form.getlist("run")), 303)


def _key(number: int) -> str:
    once = text("once")
    return f"once:{digest(f'{g.actor.person_id} {number} {once}')}" if once else ""


def _with_selection(what: str, act: Callable[[int], int | None]) -> str:
    done, refused = each(_numbers(), act)
    back = run_filters.address_of(_filters())
    return page("runs/bulk.html", what=what, done=done, refused=refused, back=back, most=run_list.MOST_AT_ONCE)


def _numbers() -> Sequence[int]:
    """Return the numbers of the runs that are meant, each once: the ticked ones, or all that match the filters."""
    if text("all"):
        asked = run_filters.read(_filters())
        return run_list.matching(g.actor, asked.filters, request.form.get("upto", type=int)).numbers
    ticked = [number for number in request.form.getlist("run", type=int) if 0 < number <= _LARGEST]
    return list(dict.fromkeys(ticked))[: run_list.MOST_AT_ONCE]


def _filters() -> dict[str, str]:
    return {name.removeprefix(_KEPT): value for name, value in request.form.items() if name.startswith(_KEPT)}
