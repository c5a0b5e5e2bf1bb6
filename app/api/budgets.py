"""Budgets of the team and of its tasks, and its plan; for administrators the plans of all teams."""

from datetime import datetime
from typing import Any, Literal

from flask import Response, g
from pydantic import Field

from app.api.resource import In, Out, Resource, nothing
from app.core.clock import utc_now
from app.domain import money
from app.services import budgets, plans
from app.services.budgets import Standing
from app.services.plans import Given

api = Resource("budgets", "Budgets and plans")

_AMOUNT = Field(ge=0, le=budgets.HIGHEST_MICROS, description="Millionths of a US dollar; null: no limit")


class PotOut(Out):
    """A budget in its present day or month. Amounts are millionths of a US dollar."""

    whose: Literal["team", "task", "plan"]
    task: str | None = Field(description="The slug of the task it is of")
    period: Literal["day", "month"]
    key: str = Field(description="The day or month: 2026-11-28, 2026-11")
    timezone: str
    ends_at: datetime
    limit_micros: int | None
    spent_micros: int
    reserved_micros: int = Field(description="Set aside for runs under way")
    foreseen_micros: int | None = Field(description="What is foreseen to be spent at its end; null: unknown")
    coming: int = Field(description="Planned runs until its end that may cost something")
    limit_runs: int | None = Field(description="Of a plan's day: how many runs may start")
    runs: int = Field(description="How many have started; counted where they are limited")


class BudgetsOut(Out):
    """The pots of the team, those of its tasks, and those of its plan."""

    items: list[PotOut]


class BudgetIn(In):
    """What may be spent in a day and in a month of a time zone."""

    day_micros: int | None = _AMOUNT
    month_micros: int | None = _AMOUNT
    timezone: str = "UTC"


class RequestOut(Out):
    """A request for a larger plan, and its answer."""

    id: int
    person: str
    note: str
    at: datetime
    state: Literal["open", "accepted", "declined"]
    answer: str
    answered_at: datetime | None


class TeamPlanOut(Out):
    """What a team may do at most; null is no limit."""

    team: str = Field(description="The slug of the team")
    monthly_micros: int | None
    daily_runs: int | None
    max_running: int | None
    spent_micros: int = Field(description="This month; counted where it is limited")
    runs: int = Field(description="Started today; counted where they are limited")
    running: int = Field(description="Runs that go now")
    request: RequestOut | None = Field(description="The open request for more")


class PlansOut(Out):
    """The plans of all teams, those that ask for more first."""

    items: list[TeamPlanOut]


class PlanIn(In):
    """What a team may do at most; null is no limit."""

    monthly_micros: int | None = Field(None, ge=0, le=plans.HIGHEST_MICROS)
    daily_runs: int | None = Field(None, ge=1, le=plans.MOST_RUNS)
    max_running: int | None = Field(None, ge=1, le=plans.MOST_RUNNING)


class AskIn(In):
    """What the team needs, and for what."""

    note: str = Field(min_length=1, max_length=500)


class AnswerIn(PlanIn):
    """The answer to a request. One that is accepted gives the team the plan that is sent with it."""

    decision: Literal["accepted", "declined"]
    answer: str = Field("", max_length=500)


@api.get("/budgets")
@api.allow("see")
@api.output(BudgetsOut)
def list_budgets() -> BudgetsOut:
    """List the budgets of the team, of its tasks and of its plan, with what is left"""
    return _standing(budgets.of_team(g.actor, utc_now()))


@api.put("/budgets")
@api.allow("manage")
@api.input(BudgetIn, example={"day_micros": None, "month_micros": 20_000_000, "timezone": "Europe/Berlin"})
@api.output(BudgetsOut)
def set_budget(json_data: BudgetIn) -> BudgetsOut:
    """Set what the team may spend in a day and in a month"""
    budgets.set_team(g.actor, _amounts(json_data), json_data.timezone)
    return _standing(budgets.of_team(g.actor, utc_now()))


@api.put("/tasks/<slug>/budget")
@api.allow("manage")
@api.input(BudgetIn, example={"day_micros": 500_000, "month_micros": None, "timezone": "UTC"})
@api.output(BudgetsOut)
def set_task_budget(slug: str, json_data: BudgetIn) -> BudgetsOut:
    """Set what a task may spend in a day and in a month"""
    budgets.set_task(g.actor, slug, _amounts(json_data), json_data.timezone)
    return _standing([one for one in budgets.of_team(g.actor, utc_now()) if one.slug == slug])


def _amounts(sent: BudgetIn) -> dict[str, str]:
    amounts = {"day": sent.day_micros, "month": sent.month_micros}
    return {period: "" if micros is None else money.plain(micros) for period, micros in amounts.items()}


def _standing(found: list[Standing]) -> BudgetsOut:
    return BudgetsOut(items=[PotOut.model_validate(_pot(one)) for one in found])


def _pot(one: Standing) -> dict[str, Any]:
    own = {name: getattr(one, name) for name in ("timezone", "ends_at", "foreseen_micros", "coming")}
    return {**one.pot.__dict__, **own, "task": one.slug or None}


# --- plans


@api.get("/plan")
@api.allow("see")
@api.output(TeamPlanOut)
def show_plan() -> TeamPlanOut:
    """Show what the administrator allows the team, and its open request for more"""
    return _plan(plans.of_team(g.actor, utc_now()))


@api.post("/plan/requests")
@api.allow("manage")
@api.input(AskIn, example={"note": "Forty more reports a day from December on."})
@api.output(TeamPlanOut, status_code=201)
def ask_for_plan(json_data: AskIn) -> TeamPlanOut:
    """Ask the administrator for a larger plan"""
    plans.ask(g.actor, json_data.note)
    return _plan(plans.of_team(g.actor, utc_now()))


@api.get("/plans")
@api.allow("own")
@api.output(PlansOut)
def list_plans() -> PlansOut:
    """List the plans of all teams; for owners of the first team"""
    found = plans.every(g.actor.person_id, utc_now(), g.actor.token_team_id)
    return PlansOut(items=[_plan(plan) for plan in found])


@api.put("/plans/<slug>")
@api.allow("own")
@api.input(PlanIn, example={"monthly_micros": 50_000_000, "daily_runs": 500, "max_running": 4})
@api.output(TeamPlanOut)
def set_plan(slug: str, json_data: PlanIn) -> TeamPlanOut:
    """Set the plan of a team; for owners of the first team"""
    plans.put(g.actor.person_id, slug, _given(json_data), g.actor.token_team_id)
    return _plan(plans.find(g.actor.person_id, slug, utc_now(), g.actor.token_team_id))


@api.post("/plans/requests/<int:request_id>/answer")
@api.allow("own")
@api.input(AnswerIn, example={"decision": "accepted", "answer": "Granted.", "daily_runs": 800})
@api.output({}, status_code=204)
def answer_plan_request(request_id: int, json_data: AnswerIn) -> Response:
    """Answer a request for a larger plan; for owners of the first team"""
    given, only_in = _given(json_data), g.actor.token_team_id
    plans.answer(g.actor.person_id, request_id, json_data.decision, json_data.answer, given, only_in)
    return nothing()


def _given(sent: PlanIn) -> Given:
    monthly = "" if sent.monthly_micros is None else money.plain(sent.monthly_micros)
    return Given(monthly, str(sent.daily_runs or ""), str(sent.max_running or ""))


def _plan(plan: plans.Plan) -> TeamPlanOut:
    spent, runs = plan.month.spent_micros if plan.month else 0, plan.day.runs if plan.day else 0
    values = {name: getattr(plan, name) for name in ("monthly_micros", "daily_runs", "max_running", "running")}
    request = RequestOut.model_validate(plan.request) if plan.request else None
    return TeamPlanOut(team=plan.slug, spent_micros=spent, runs=runs, request=request, **values)
