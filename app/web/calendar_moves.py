"""A run that is to come: its page, and what moves it, skips it or puts it back."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.errors import Conflict, Invalid, NotFound
from app.domain.wording import listed
from app.services import calendar, tasks
from app.services.runs import moving
from app.services.runs.moving import PlannedRun
from app.services.tasks import moving as rules
from app.services.tasks import schedules
from app.web import calendar_view
from app.web.forms import NO_ERRORS, Errors, moment, shown_by, typed
from app.web.guard import guard
from app.web.render import day as said_day
from app.web.render import is_part, page, zone

WHICH = (("one", "Only this run"), ("later", "This and later"), ("all", "All"))
_NEAR = timedelta(minutes=15)
_SHOWN = frozenset({"month", "week", "day", "agenda"})

blueprint = Blueprint("calendar_moves", __name__, url_prefix="/t/<team>")


@dataclass(frozen=True)
class Looked:
    """What a move comes to: the sentence of it, and what is in the way."""

    sentence: str
    warnings: list[str]


@blueprint.get("/tasks/<slug>/planned/<stamp>")
@guard("see")
def show(slug: str, stamp: str, errors: Errors = NO_ERRORS) -> str:
    """Show a run that is to come, with what can be done to it."""
    run = moving.find(g.actor, slug, _instant(stamp))
    to = typed("to", request.args.get("to", "")) or _local(run.at)
    looked = None
    if not errors and (request.method == "POST" or "to" in request.args):
        try:
            looked = _look(run, _moment(to), _which())
        except Invalid as error:
            errors = error.fields
    return page(
        "calendar/planned.html", part="calendar/_move.html", run=run, stamp=stamp, errors=errors, to=to, which=_which(),
        ways=WHICH, looked=looked, view=_view(), may_move=g.actor.may("edit"), when=_words(run),
        level=2 if is_part() else 1, back=_calendar(run.at),
    )  # fmt: skip


@blueprint.post("/tasks/<slug>/planned/<stamp>/move")
@guard("edit")
@shown_by(show)
def move(slug: str, stamp: str) -> AnyResponse:
    """Move a run, or with it those after it or all; `look` only says what would become of it."""
    run = moving.find(g.actor, slug, _instant(stamp))
    to = moment("to")
    if to is None:
        raise Invalid({"to": "Choose a day and a time."})
    if "look" in request.form:
        return make_response(show(slug, stamp))
    if _which() == "one":
        moving.move(g.actor, slug, run.fire_at, to)
        return _back(to, saved="moved", run=f"{slug}~{stamp}")
    moving.check(run, to, utc_now())
    task = rules.move(g.actor, slug, run.schedule.id, run.rule, run.at, to, _which())
    return _back(to, saved="scheduled", run=f"{slug}~{task.version_number}")


@blueprint.post("/tasks/<slug>/planned/<stamp>/skip")
@guard("edit")
def skip(slug: str, stamp: str) -> AnyResponse:
    """Let a run not happen."""
    run = moving.find(g.actor, slug, _instant(stamp))
    moving.skip(g.actor, slug, run.fire_at)
    return _back(run.at, saved="skipped", run=f"{slug}~{stamp}")


@blueprint.post("/tasks/<slug>/planned/<stamp>/undo")
@guard("edit")
def undo(slug: str, stamp: str) -> AnyResponse:
    """Put a run that was moved or skipped back to its own time."""
    moving.undo(g.actor, slug, _instant(stamp))
    return _back(moving.find(g.actor, slug, _instant(stamp)).at, saved="back", run=f"{slug}~{stamp}")


@blueprint.get("/calendar/move/check")
@guard("edit")
def check() -> str:
    """Say what moving a run comes to, while it is dragged."""
    run = moving.find(g.actor, request.args.get("task", ""), _instant(request.args.get("at", "")))
    try:
        looked = _look(run, _moment(request.args.get("to", "")), "one")
    except Invalid as error:
        looked = Looked("", list(error.fields.values()))
    return render_template("calendar/_checked.html", run=run, looked=looked)


# --- what was asked


def _instant(stamp: str) -> datetime:
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotFound from None


def _which() -> str:
    return request.values.get("which", "one")


def _view() -> str:
    view = request.values.get("view", "week")
    return view if view in _SHOWN else "week"


def _local(at: datetime) -> str:
    return f"{at.astimezone(zone()):%Y-%m-%dT%H:%M}"


def _moment(typed_text: str) -> datetime:
    try:
        return datetime.fromisoformat(typed_text).replace(tzinfo=zone()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid({"to": "Choose a day and a time, such as 2026-12-01 09:00."}) from None


def _back(at: datetime, **said: str) -> AnyResponse:
    return redirect(_calendar(at, **said), 303)


def _calendar(at: datetime, **said: Any) -> str:
    return url_for("calendar.show", view=_view(), day=at.astimezone(zone()).date().isoformat(), **said)


# --- what it comes to


def _words(run: PlannedRun) -> str:
    """Say the schedule of a run in words."""
    task = tasks.find(g.actor, run.slug)
    trigger = next((row.trigger for row in task.schedules if row.id == run.schedule.id), None)
    stored = tasks.definition(task)["schedules"]
    return schedules.words([rule for rule in stored if schedules.trigger_of(rule) == trigger])


def _look(run: PlannedRun, to: datetime, which: str) -> Looked:
    """Return what a move to `to` comes to. Raises Invalid."""
    moving.check(run, to, utc_now())
    if which == "one":
        return Looked(f"{run.name} runs {_said(to)}, this once.", _warnings(run, to))
    task = tasks.find(g.actor, run.slug)
    changed = rules.change(task, run.schedule.id, run.rule, run.at, to, which)
    since = f"from {_said(to)} on, " if which == "later" else ""
    return Looked(f"{run.name} then runs {since}{changed.sentence}.", _warnings(run, to))


def _said(at: datetime) -> str:
    local = at.astimezone(zone())
    return f"{said_day(at).lower() if said_day(at) in {'Today', 'Tomorrow'} else said_day(at)} at {local:%H:%M}"


def _warnings(run: PlannedRun, to: datetime) -> list[str]:
    """Say what is in the way of a run at another time."""
    window = calendar.window(g.actor, to - _NEAR, to + _NEAR, ZoneInfo("UTC"))
    others = [item for item in window.items if item.state != "skipped" and item.fire_at != run.fire_at]
    said = [f"It is then in {span.what}, which keeps other runs away." for span in window.blackouts
            if span.begin <= to < span.end]  # fmt: skip
    if any(item.slug == run.slug for item in others):
        said.append("Another run of this task starts close to it.")
    if len(others) >= max(window.slots, 1):
        names = listed([item.name for item in others[:2]] + ([f"{len(others) - 2} more"] if len(others) > 2 else []))  # noqa: PLR2004 two are named
        said.append(f"{names} start within 15 min of it, and the workers take {window.slots} at once.")
    return said


def toasts() -> list[dict[str, str]]:
    """Return what the calendar says after a run was moved, skipped or put back, with the way to undo it."""
    slug, _, what = request.args.get("run", "").partition("~")
    with suppress(NotFound, Conflict):  # it has begun meanwhile: there is nothing to undo
        words, undo_url = _told(request.args.get("saved", ""), slug, what)
        return [{"text": words, "tone": "", "undo_url": undo_url}] if words else []
    return []


def _told(said: str, slug: str, what: str) -> tuple[str, str]:
    if said == "scheduled" and re.fullmatch(r"[0-9]{1,9}", what):
        task = tasks.find(g.actor, slug)
        words = f"{task.name} runs {schedules.words(tasks.definition(task)['schedules'])}."
        return words, url_for("tasks.undo", slug=slug, number=int(what))
    if said not in {"moved", "skipped", "back"}:
        return "", ""
    run = moving.find(g.actor, slug, _instant(what))
    if said == "back":
        return f"{run.name} runs {_said(run.at)} again.", ""
    words = f"moved to {calendar_view.said(run.at.astimezone(zone()))}" if said == "moved" else "is skipped this once"
    return f"{run.name} {words}.", url_for("calendar_moves.undo", slug=slug, stamp=what, view=_view())
