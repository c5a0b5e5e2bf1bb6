"""Settings > Pools: slots that tasks share, and how many runs of the team go at once."""

from flask import Blueprint, g, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Invalid
from app.core.numbers import whole
from app.services import pools
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("pools", __name__, url_prefix="/t/<team>")


@blueprint.get("/settings/pools")
@guard("see")
def index(errors: Errors = NO_ERRORS) -> str:
    """Show the pools with what is taken and what waits."""
    lines, limit = pools.lines(g.actor), pools.team_limit(g.actor)
    return page("settings/pools.html", errors=errors, pools=lines, limit=limit, most=pools.MOST_SLOTS)


@blueprint.post("/settings/pools")
@guard("manage")
@shown_by(index)
def put() -> AnyResponse:
    """Add a pool, or change the one of that name."""
    pools.put(g.actor, text("name"), _number("slots"))
    return saved(url_for("pools.index"), "pools")


@blueprint.post("/settings/pools/<int:pool_id>/deletion")
@guard("manage")
@shown_by(lambda errors, pool_id: index(errors))  # noqa: ARG005 the list shows it, whichever it was
def delete(pool_id: int) -> AnyResponse:
    """Delete a pool that no task names."""
    pools.delete(g.actor, pool_id)
    return saved(url_for("pools.index"), "pools")


@blueprint.post("/settings/limit")
@guard("manage")
@shown_by(index)
def limit() -> AnyResponse:
    """Set how many runs of the team go at once; nothing is no limit."""
    pools.limit_team(g.actor, _number("max_running") if text("max_running") else None)
    return saved(url_for("pools.index"), "limit")


def _number(name: str) -> int:
    number = whole(text(name), pools.MOST_SLOTS)
    if number is None:
        raise Invalid({name: f"Write a number from 1 to {pools.MOST_SLOTS:,}."})
    return number
