"""What runs after what: the page with the chains of a team, and how chains are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, g, render_template

from app.domain.access import Actor
from app.domain.layered import Place, layout
from app.services.tasks import chains
from app.services.tasks.chains import MOST_DRAWN, Chain
from app.services.tasks.overviews import Line
from app.web import live
from app.web.guard import guard
from app.web.render import page

_WIDTH, _HEIGHT = 176, 48
_GAP_X, _GAP_Y = 52, 18
_EDGE = 8
_LETTERS = 20
_MOST_EDGES = 500
"""More can't be told apart in a drawing, and each may go round hundreds of tasks."""

ONS = {"success": "has succeeded", "failure": "has failed", "any": "has ended"}

blueprint = Blueprint("graph", __name__, url_prefix="/t/<team>")


@dataclass(frozen=True)
class Box:
    """A task where it stands, in pixels."""

    line: Line
    x: float
    y: float

    @property
    def name(self) -> str:
        """Its name, as much as has room."""
        name = self.line.name
        return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"

    @property
    def state(self) -> str:
        """That of the task where it stands still, else of its last run; empty without one."""
        return state_of(self.line)


@dataclass(frozen=True)
class Drawing:
    """A chain as it is drawn: `lines` are paths, each with the end that is waited for."""

    boxes: Sequence[Box]
    lines: Sequence[tuple[str, str]]
    width: float
    height: float
    box: tuple[int, int] = (_WIDTH, _HEIGHT)


def state_of(line: Line) -> str:
    """Return the state to show of a task: paused or set aside, else that of its last run; empty without one."""
    if line.state in {"paused", "error"}:
        return line.state
    return line.strip[-1] if line.strip else ""


def draw(chain: Chain) -> Drawing | None:
    """Return how a chain is drawn; None where there is nothing, or too much."""
    if not chain.edges or len(chain.lines) > MOST_DRAWN or len(chain.edges) > _MOST_EDGES:
        return None
    found = layout(chain.lines, chain.before)
    boxes = [Box(chain.lines[task], *_corner(place)) for task, place in found.places.items()]
    paths = [(_path(found.lines[edge.upstream_id, edge.task_id]), edge.on) for edge in chain.edges]
    width, height = _corner((found.columns, found.rows))
    return Drawing(boxes, paths, width - _GAP_X + _EDGE, height - _GAP_Y + _EDGE)


def _corner(place: Place) -> tuple[float, float]:
    column, row = place
    return _EDGE + column * (_WIDTH + _GAP_X), _EDGE + row * (_HEIGHT + _GAP_Y)


def _path(places: Sequence[Place]) -> str:
    """Return the path of a line: a curve between two columns, straight where it passes one."""
    x, y = _corner(places[0])
    x, y = x + _WIDTH, y + _HEIGHT / 2
    path = f"M{x:g} {y:g}"
    for number, place in enumerate(places[1:], 2):
        to_x, to_y = _corner(place)
        to_y += _HEIGHT / 2
        middle = (x + to_x) / 2
        path += f"C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}"
        x, y = to_x, to_y
        if number < len(places):
            x += _WIDTH
            path += f"H{x:g}"
    return path


# --- the page


@blueprint.get("/tasks/graph")
@guard("see")
def show() -> str:
    """Show which tasks of the team run after which."""
    return page("tasks/graph.html", part="tasks/_graph.html", **_sheet(g.actor))


def live_parts(actor: Actor, _key: str) -> dict[str, str]:
    """Return the drawing and the table, by their id."""
    return {"graph": render_template("tasks/_graph.html", **_sheet(actor))}


live.view("graph", live_parts)


def _sheet(actor: Actor) -> dict[str, object]:
    chain = chains.whole(actor)
    return {"chain": chain, "drawing": draw(chain), "state_of": state_of, "own": 0}
