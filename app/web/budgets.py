"""Settings > Budgets and limits: what the team and its tasks may spend; for administrators the plans of all teams."""

from flask import Blueprint, g, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.domain import money
from app.services import budgets, lifting, plans, runs
from app.services.plans import Given, Plan
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text, zones
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("budgets", __name__)


@blueprint.get("/t/<team>/settings/budgets")
@guard("see")
def index(errors: Errors = NO_ERRORS) -> str:
    """Show the pots with what is left of them, and the forms that set them; `task` is the one to begin with."""
    chosen = request.values.get("task", "")
    (own, zone), tasks = budgets.limits(g.actor), budgets.choices(g.actor)
    of_task, task_zone = budgets.limits(g.actor, chosen) if chosen else ({}, "")
    return page(
        "settings/budgets.html",
        errors=errors,
        standing=budgets.of_team(g.actor, utc_now()),
        own=_typed(own),
        of_task=_typed(of_task),
        chosen=chosen,
        tasks=tasks,
        zone=zone or current_user.timezone,
        task_zone=task_zone or zone or current_user.timezone,
        zones=zones(),
        plan=plans.of_team(g.actor, utc_now()),
        requests=plans.requests(g.actor),
        held=lifting.held(g.actor, utc_now()),
    )


def _typed(limits: dict[str, int]) -> dict[str, str]:
    return {period: money.plain(micros) for period, micros in limits.items()}


@blueprint.post("/t/<team>/settings/budgets")
@guard("manage")
@shown_by(index)
def set_team() -> AnyResponse:
    """Set what the team may spend in a day and in a month."""
    budgets.set_team(g.actor, {"day": text("day"), "month": text("month")}, text("timezone"))
    return saved(url_for("budgets.index"), "budget")


@blueprint.post("/t/<team>/settings/budgets/task")
@guard("manage")
@shown_by(index)
def set_task() -> AnyResponse:
    """Set what a task may spend in a day and in a month."""
    amounts = {"day": text("task_day"), "month": text("task_month")}
    budgets.set_task(g.actor, text("task"), amounts, text("task_timezone"))
    return saved(url_for("budgets.index"), "task")


@blueprint.post("/t/<team>/settings/plan/requests")
@guard("manage")
@shown_by(index)
def ask() -> AnyResponse:
    """Ask the administrator for a larger plan."""
    plans.ask(g.actor, text("note"))
    return saved(url_for("budgets.index"), "request")


@blueprint.post("/t/<team>/settings/budgets/runs")
@guard("run")
def run_held() -> AnyResponse:
    """Start what was held back and could start by now."""
    for one in lifting.held(g.actor, utc_now()):
        runs.again(g.actor, one.number, key=f"lifted:{one.number}")
    return redirect(url_for("runs.index"), 303)


@blueprint.post("/t/<team>/settings/budgets/runs/<int:number>")
@guard("manage")
def lift(number: int) -> AnyResponse:
    """Raise the budgets that a run is held back by, and run it."""
    lifting.lift(g.actor, number)
    return redirect(url_for("runs.show", number=runs.again(g.actor, number, key=f"lifted:{number}")), 303)


# --- for who looks after the installation


@blueprint.get("/system/plans")
def every() -> str:
    """Show the plans of all teams, those that ask for more first."""
    return page("settings/plans.html", plans=plans.every(current_user.id, utc_now()))


@blueprint.get("/system/plans/<whose>")
def edit(whose: str, errors: Errors = NO_ERRORS) -> str:
    """Show the plan of a team and its request."""
    plan = plans.find(current_user.id, whose, utc_now())
    return page("settings/plan.html", errors=errors, plan=plan, stored=_stored(plan))


def _stored(plan: Plan) -> dict[str, str]:
    monthly = money.plain(plan.monthly_micros) if plan.monthly_micros is not None else ""
    numbers = {"daily_runs": plan.daily_runs, "max_running": plan.max_running}
    return {"monthly": monthly, **{name: "" if number is None else str(number) for name, number in numbers.items()}}


@blueprint.post("/system/plans/<whose>")
@shown_by(edit)
def put(whose: str) -> AnyResponse:
    """Set the plan of a team; with a `decision` its request is answered as well."""
    given = Given(text("monthly"), text("daily_runs"), text("max_running"))
    if decision := text("decision"):
        number = request.form.get("request", 0, type=int)
        plans.answer(current_user.id, number, decision, text("answer"), given)
    else:
        plans.put(current_user.id, whose, given)
    return saved(url_for("budgets.edit", whose=whose), "plan")
