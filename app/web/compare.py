"""Two runs side by side."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.domain.comparison import Row
from app.services import run_list
from app.services.runs import comparing
from app.services.runs.comparing import Compared
from app.services.tasks import versions
from app.web import security
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("compare", __name__, url_prefix="/t/<team>")

Part = tuple[str, Sequence[Row]]


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
    both = comparing.compare(g.actor, number, other, security.settings().data_dir / "files")
    return page(
        "runs/compare.html",
        both=both,
        differing=_parts(row for row in both.rows if row.differs),
        same=_parts(row for row in both.rows if not row.differs),
        changes=_changes(both),
        most_lines=comparing.MOST_LINES,
    )


def _parts(rows: Iterable[Row]) -> Sequence[Part]:
    return [(part, list(group)) for part, group in groupby(rows, lambda row: row.part)]


def _changes(both: Compared) -> Sequence[versions.Change]:
    if both.left.version_id == both.right.version_id:
        return ()
    return versions.compare(both.left.version.definition, both.right.version.definition)
