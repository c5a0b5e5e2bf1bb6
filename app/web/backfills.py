"""Backfills: looked at before they are asked for, watched while they go, and cancelled."""

from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.errors import Invalid, NotFound
from app.core.numbers import whole
from app.domain.access import Actor
from app.services import backfills, tasks
from app.services.backfills import Wanted
from app.web import live
from app.web.forms import NO_ERRORS, Errors, shown_by
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("backfills", __name__, url_prefix="/t/<team>")


@blueprint.get("/tasks/<slug>/backfill")
@guard("run")
def new(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Ask for a time of the past; once one is given, say what would run and what it would cost."""
    earlier = backfills.of_task(g.actor, slug)
    plan = None
    if not errors and (request.args.get("since") or request.args.get("until")):
        try:
            plan = backfills.plan(g.actor, slug, _wanted(), utc_now())
        except Invalid as error:
            errors = error.fields
    task = tasks.find(g.actor, slug)
    return page("backfills/new.html", slug=slug, task=task, wanted=_wanted(), plan=plan, earlier=earlier, errors=errors)


@blueprint.post("/tasks/<slug>/backfill")
@guard("run")
@shown_by(new)
def create(slug: str) -> AnyResponse:
    """Plan the runs, and show them."""
    made = backfills.create(g.actor, slug, _wanted(), utc_now())
    return redirect(url_for("backfills.show", backfill_id=made), 303)


@blueprint.get("/backfills/<int:backfill_id>")
@guard("see")
def show(backfill_id: int) -> str:
    """Show how far a backfill is, and its runs."""
    detail = backfills.find(g.actor, backfill_id, request.args.get("after", ""))
    return page("backfills/show.html", part="backfills/_progress.html", **_shown(g.actor, detail))


@blueprint.post("/backfills/<int:backfill_id>/cancellation")
@guard("run")
def cancel(backfill_id: int) -> AnyResponse:
    """Cancel what has not started."""
    backfills.cancel(g.actor, backfill_id)
    return redirect(url_for("backfills.show", backfill_id=backfill_id), 303)


def live_parts(actor: Actor, key: str) -> dict[str, str]:
    """Return how far a backfill is, by the id of the part. Raises NotFound."""
    return {"backfill": render_template("backfills/_progress.html", **_shown(actor, _find(actor, key)))}


def is_over(actor: Actor, key: str) -> bool:
    """Whether every run of a backfill has ended. Raises NotFound."""
    detail = _find(actor, key)
    return detail.over == detail.row.runs


live.view("backfill", live_parts, is_over=is_over)


def _find(actor: Actor, key: str) -> backfills.Detail:
    number = whole(key)
    if number is None:
        raise NotFound
    return backfills.find(actor, number)


def _shown(actor: Actor, detail: backfills.Detail) -> dict[str, Any]:
    return {"detail": detail, "row": detail.row, "task": detail.task, "actor": actor}


def _wanted() -> Wanted:
    values = request.values
    is_first = "since" not in values
    return Wanted(
        values.get("since", "").strip(),
        values.get("until", "").strip(),
        values.get("concurrency", "1").strip(),
        is_first or "only_open" in values,
    )
