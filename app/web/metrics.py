"""How Carillon does as a whole, for its administrators; problems that people report; and what they are asked rarely."""

from flask import Blueprint, g, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.services import runs
from app.services.insights import metrics, problems, satisfaction
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("metrics", __name__)

AREAS = ("Adoption", "Performance", "Business")


@blueprint.get("/system/metrics")
def show() -> str:
    """Show all measures, and what people report."""
    measures = metrics.measures(current_user.id)
    return page("settings/metrics.html", areas=AREAS, measures=measures, problems=problems.listing(current_user.id))


@blueprint.post("/system/problems/<int:report_id>/settlement")
def settle(report_id: int) -> AnyResponse:
    """Say that a reported problem is settled."""
    problems.settle(current_user.id, report_id)
    return redirect(url_for("metrics.show") + "#problems", 303)


@blueprint.get("/t/<team>/runs/<int:number>/problem")
@guard("run")
def problem_page(number: int, errors: Errors = NO_ERRORS) -> str:
    """Ask what is wrong with a run."""
    return page("runs/problem.html", run=runs.find(g.actor, number).run, errors=errors, longest=problems.LONGEST)


@blueprint.post("/t/<team>/runs/<int:number>/problem")
@guard("run")
@shown_by(problem_page)
def report(number: int) -> AnyResponse:
    """Report it to those who look after the installation."""
    problems.report(g.actor, number, text("note"))
    return saved(url_for("runs.show", number=number), "problem")


@blueprint.post("/t/<team>/satisfaction")
@guard("see")
def answer() -> AnyResponse:
    """Keep whether Carillon is a help, or that the person would rather not say."""
    satisfaction.answer(g.actor, request.form.get("score", type=int), text("note"))
    return saved(url_for("today.show"), "satisfaction")
