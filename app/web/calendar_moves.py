"""A run that is to come: its page, and what moves it, skips it or puts it back."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.errors import Conflict, Invalid, NotFound
from app.domain.wording import clock, listed
from app.services import calendar, tasks
from app.services.calendar import Item
from app.services.runs import moving
from app.services.runs.moving import Act, PlannedRun
from app.services.tasks import moving as rules
from app.services.tasks import schedules
from app.web import calendar_view
from app.web.forms import NO_ERRORS, Errors, shown_by, typed
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


@blueprint.get("/tasks/<slug>/planned")
@guard("see")
def times(slug: str) -> str:
    """Show the runs of a task that are to come on a day, of which each can be moved or skipped."""
    task, begin = tasks.find(g.actor, slug), _begin()
    at, since = begin.astimezone(zone()).date(), request.args.get("since", "")
    items = calendar.of_task(g.actor, task.id, begin, calendar_view.begin_of(at + calendar_view.DAY, zone()))
    is_cut = len(items) == calendar.MOST_TIMES
    return page(
        "calendar/times.html", part="calendar/_times.html", task=task, on=at, since=since, rows=_by_hour(items),
        when=schedules.words(tasks.definition(task)["schedules"]),
        earlier=at - calendar_view.DAY, later=at + calendar_view.DAY, url_of=calendar_view.url_of,
        hours=[f"{hour:02}" for hour in range(24)] if is_cut or since else (),
        after=f"{items[-1].at.astimezone(zone()):%H:%M:%S}" if is_cut else "",
        view=_view(), level=2 if is_part() else 1, back=_calendar(begin), may_move=g.actor.may("edit"),
    )  # fmt: skip


def _by_hour(items: Sequence[Item]) -> list[tuple[str, list[tuple[str, Item]]]]:
    """Return the runs by the hour of the viewer's clock, each with its time."""
    said = ((clock(item.at.astimezone(zone())), item) for item in items)
    return [(hour, list(runs)) for hour, runs in groupby(said, lambda run: run[0][:2])]


def _begin() -> datetime:
    """Return the instant from which on times are asked for: that of a day, today without one, or later on it."""
    day, since = request.args.get("day") or _local(utc_now())[:10], request.args.get("since") or "00:00"
    try:
        at = datetime.combine(calendar_view.day_of(day), time.fromisoformat(since), zone())
    except ValueError:
        raise NotFound from None
    return at.astimezone(UTC)


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
    to = _moment(typed("to"))
    if "look" in request.form:
        return make_response(show(slug, stamp))
    if _which() == "one":
        moving.move(g.actor, slug, run.fire_at, to)
        return _back(to, saved="run_moved")
    moving.check(run, to, utc_now())
    rules.move(g.actor, slug, run.schedule.id, run.rule, run.at, to, _which())
    return _back(to, saved="task_changed")


@blueprint.post("/tasks/<slug>/planned/<stamp>/skip")
@guard("edit")
def skip(slug: str, stamp: str) -> AnyResponse:
    """Let a run not happen."""
    run = moving.find(g.actor, slug, _instant(stamp))
    moving.skip(g.actor, slug, run.fire_at)
    return _back(run.at, saved="run_skipped")


@blueprint.post("/tasks/<slug>/planned/<stamp>/undo")
@guard("edit")
def undo(slug: str, stamp: str) -> AnyResponse:
    """Put a run that was moved or skipped back to its own time."""
    moving.undo(g.actor, slug, _instant(stamp))
    return _back(moving.find(g.actor, slug, _instant(stamp)).at, saved="run_put_back")


@blueprint.post("/tasks/<slug>/planned/versions/<int:number>/undo")
@guard("edit")
def undo_rule(slug: str, number: int) -> AnyResponse:
    """Take a version back that a move in the calendar has made."""
    tasks.restore(g.actor, slug, number - 1, instead_of=number)
    return _back(_begin(), saved="task_changed")


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
    view = (request.view_args or {}).get("view") or request.values.get("view", "week")
    return view if view in _SHOWN else "week"


def _local(at: datetime) -> str:
    return f"{at.astimezone(zone()):%Y-%m-%dT%H:%M}"


def _moment(typed_text: str) -> datetime:
    try:
        wall = datetime.fromisoformat(typed_text).replace(tzinfo=zone())
        at = wall.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid({"to": "Choose a day and a time, such as 2026-12-01 09:00."}) from None
    if at.astimezone(zone()).replace(tzinfo=None) != wall.replace(tzinfo=None):
        raise Invalid({"to": f"Clocks go forward then: {wall:%H:%M} does not exist on that day. Choose another time."})
    return at


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
    if 0 < window.slots <= len(others):
        names = list(dict.fromkeys(item.name for item in others))
        said.append(f"Others start within 15 min of it ({_some(names)}), and the workers take {window.slots} at once.")
    return said


def _some(names: Sequence[str]) -> str:
    return listed([*names[:2], f"{len(names) - 2} more"] if len(names) > 2 else names)  # noqa: PLR2004 two are named


def toasts() -> list[dict[str, str]]:
    """Return what the calendar says after a run was moved, skipped or put back, with the way to undo it.

    The address only asks for it: a link from somebody else must not offer to undo what this person did not do.
    """
    done = moving.just_done(g.actor) if request.args.get("saved") else None
    if done is None or done.what != request.args["saved"]:
        return []
    with suppress(NotFound, Conflict):  # it has begun meanwhile: there is nothing to undo
        words, undo_url = _told(done)
        return [{"text": words, "tone": "", "undo_url": undo_url}]
    return []


def _told(done: Act) -> tuple[str, str]:
    if done.version:
        task = tasks.find(g.actor, done.slug)
        words = f"{task.name} runs {schedules.words(tasks.definition(task)['schedules'])}."
        day = (request.view_args or {}).get("day")
        return words, url_for("calendar_moves.undo_rule", slug=done.slug, number=done.version, view=_view(), day=day)
    if done.fire_at is None:
        raise NotFound
    run = moving.find(g.actor, done.slug, done.fire_at)
    undo_url = url_for("calendar_moves.undo", slug=done.slug, stamp=calendar_view.stamp(done.fire_at), view=_view())
    if done.what == "run_put_back":
        return f"{run.name} runs {_said(run.at)} again.", ""
    moved = f"moved to {calendar_view.said(run.at.astimezone(zone()))}"
    return f"{run.name} {moved if done.what == 'run_moved' else 'is skipped this once'}.", undo_url
