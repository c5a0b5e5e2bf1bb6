"""Insights: each question with its answer in a sentence, what shows it, and one action."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from flask import Blueprint, g, request, url_for
from flask_login import current_user

from app.core.errors import Invalid
from app.domain.analytics.answers import QUESTIONS, Action, Question
from app.domain.analytics.periods import DAYS, Period
from app.services import insights
from app.services.insights import reports, rollups
from app.services.planning import week as ahead
from app.services.planning.week import Week
from app.services.tasks import suggested
from app.web.forms import NO_ERRORS, Errors
from app.web.guard import guard
from app.web.render import page, zone

blueprint = Blueprint("insights", __name__, url_prefix="/t/<team>")

_HERE: tuple[Question, ...] = ("busy",)
"""It shows more here than its answer, and is worked out once."""

_ASKED = ("days", "from", "to", "compare")


@blueprint.get("/insights")
@guard("see")
def index() -> str:
    """Answer all questions, for the time that is asked for."""
    chosen, errors = asked_period()
    answers = insights.answers(g.actor, chosen, compares=compares(), but=_HERE)
    return page(
        "insights/index.html", answers=answers, changes=suggested.of_team(g.actor), can_undo=suggested.can_undo,
        counted_until=rollups.counted_until(), errors=errors, **_frame(chosen), **_busy(),
    )  # fmt: skip


@blueprint.get("/insights/<question>")
@guard("see")
def question(question: str) -> str:
    """Answer one question; as a part only its chart."""
    chosen, errors = asked_period()
    answer = insights.answer(question, g.actor, chosen, compares=compares())
    more = _busy() if question == "busy" else {}
    return page(
        "insights/question.html", part="insights/_chart.html", answer=answer, errors=errors, **_frame(chosen), **more
    )


def _frame(chosen: Period) -> dict[str, Any]:
    """Return what all pages of Insights show around the answers."""
    return {
        "questions": QUESTIONS, "chosen": chosen, "lengths": DAYS, "compares": compares(), "address": address,
        "way": way, "file": file, "forms": reports.OFFERED, "is_comparable": insights.reaches_before(g.actor, chosen),
    }  # fmt: skip


def asked_period() -> tuple[Period, Errors]:
    """Return the time that the address asks for, and what is wrong with it."""
    given = request.args
    try:
        asked = (given.get("days", ""), given.get("from", ""), given.get("to", ""))
        return insights.period(*asked, current_user.timezone), NO_ERRORS
    except Invalid as error:
        return insights.period("", "", "", current_user.timezone), error.fields


def compares() -> bool:
    """Whether the period before is to be told as well."""
    return request.args.get("compare") == "1"


def address(question: str = "", **changes: str) -> str:
    """Return the address of all answers or of one, with some of it changed; what is changed to nothing goes."""
    wanted = {name: value for name, value in {**_kept(), **changes}.items() if value}
    if question:
        return url_for("insights.question", question=question, **wanted)
    return url_for("insights.index", **wanted)


def file(form: str, question: str = "") -> str:
    """Return the address of all answers or of one as a file, for the same time."""
    if question:
        return url_for("reports.one_answer", question=question, form=form, **_kept())
    return url_for("reports.all_answers", form=form, **_kept())


def _kept() -> dict[str, Any]:
    return {name: value for name in _ASKED if (value := request.args.get(name, ""))}


def way(action: Action) -> str:
    """Return the address of the page on which to do it."""
    values: dict[str, Any] = dict(action.values)
    if action.place == "task":
        tab = values.pop("tab", "")
        return url_for("tasks.history_page" if tab == "history" else "tasks.show", **values)
    return url_for(_PLACES[action.place], **values) + ("#changes" if action.place == "changes" else "")


_PLACES: Mapping[str, str] = {
    "runs": "runs.index", "changes": "insights.index", "spread": "spreading.show", "budgets": "budgets.index",
    "savings": "savings.edit", "models": "models.index",
}  # fmt: skip


# --- the week that comes


def _busy() -> dict[str, Any]:
    week = insights.tried("busy", lambda: ahead.week(g.actor, current_user.timezone))
    if week is None:
        return {"week": None}
    steps = [0, ceil(week.most / 3), ceil(2 * week.most / 3)]
    at = week.crowd.at.astimezone(zone()) if week.crowd else None
    return {"week": week, "levels": _levels(week, steps), "steps": steps, "crowded_at": at}


def _levels(week: Week, steps: Sequence[int]) -> list[list[int]]:
    """Return the shade of each hour: 0 to 3 by how many go at once, 4 where runs wait for a slot."""
    return [
        [4 if (one.day, hour) in week.crowded else bisect_left(steps, count) for hour, count in enumerate(one.hours)]
        for one in week.days
    ]
