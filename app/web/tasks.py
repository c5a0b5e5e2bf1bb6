"""Tasks: the list, a task's page, and what its buttons do."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.domain import graph as graph_of
from app.domain import pings, variables
from app.domain.access import Actor
from app.domain.occurrences import Occurrence
from app.models.tasks import Task
from app.services import budgets, estimates, hooks, incidents, runs, tasks, threads
from app.services.planning import waits
from app.services.tasks import (
    chains,
    contracts,
    definitions,
    heartbeats,
    mending,
    order,
    overviews,
    schedules,
    seen,
    suggested,
    tagging,
    versions,
)
from app.services.tasks.overviews import Filters
from app.web import graph, live, offers, schedule_box, security, suggestions
from app.web.forms import NO_ERRORS, Errors, moment, saved, shown_by, text, zones
from app.web.guard import guard
from app.web.render import clock, day, page

RUNS_SHOWN = 50
FIRES_SHOWN = 5

_LIVE_TABS = {"overview": "overview", "runs": "task-runs"}
"""The tabs that change by themselves, and the id of what changes."""

_NEAR = ("Today", "Tomorrow")
_WORDS = {
    "task": "Saved.",
    "taken": "The newer version is taken over. Your own values stayed.",
    "copy": "This is the copy. It is paused.",
    "restored": "This version is back.",
    "undone": "Undone.",
    "address": "This is its new address.",
}
"""What a page says after it was led to with ?saved=…"""

blueprint = Blueprint("tasks", __name__, url_prefix="/t/<team>")


@blueprint.get("/tasks")
@guard("see")
def index() -> str:
    """List the team's tasks."""
    filters = Filters(
        **{name: request.args.get(name, "") for name in ("q", "status", "type", "owner", "tag", "after")}, sort=_sort()
    )
    found = overviews.lines(g.actor, filters)
    return page(
        "tasks/index.html",
        part="tasks/_list.html",
        filters=filters,
        found=found,
        counts=overviews.counts(g.actor),
        owners=overviews.owners(g.actor),
        tags=tagging.of_team(g.actor),
        types=definitions.types(),
        older=_address(filters, after=found.after) if found.after else None,
        address=_address,
        toasts=_deleted(),
    )


def _sort() -> str:
    wanted = request.args.get("sort", "")
    return wanted if wanted in overviews.SORTS else "next"


def _address(filters: Filters, **changed: str) -> str:
    values = {name: value for name, value in {**filters.__dict__, "after": "", **changed}.items() if value}
    if values.get("sort") == "next":
        del values["sort"]
    return url_for("tasks.index", **values)


def _deleted() -> list[dict[str, str]]:
    slugs = request.args.getlist("task") if request.args.get("saved") == "deleted" else []
    if not slugs:
        return []
    words = "The task is deleted." if len(slugs) == 1 else f"{len(slugs)} tasks are deleted."
    return [{"text": words, "tone": "", "undo_url": f"{url_for('tasks.recover')}?{urlencode({'task': slugs}, True)}"}]


# --- a task


@blueprint.get("/tasks/<slug>")
@guard("see")
def show(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Show what a task does, when it runs next, and how it went."""
    return _show("overview", slug, errors=errors)


@blueprint.get("/tasks/<slug>/runs")
@guard("see")
def runs_page(slug: str) -> str:
    """Show the last runs of a task."""
    return _show("runs", slug)


@blueprint.get("/tasks/<slug>/history")
@guard("see")
def history_page(slug: str) -> str:
    """Show the versions of a task, and what each changed."""
    task = tasks.find(g.actor, slug)
    return _show("history", slug, versions=versions.history(task))


def live_parts(actor: Actor, key: str) -> dict[str, str]:
    """Return the parts of a task's tab (`slug/tab`) that change by themselves, by their ids. Raises NotFound."""
    slug, _, tab = key.partition("/")
    if tab not in _LIVE_TABS:
        raise NotFound
    context = _sheet(actor, tasks.find(actor, slug), tab)
    parts = {"task-state": "_state", "task-sentence": "_sentence", _LIVE_TABS[tab]: f"_{tab}"}
    return {name: render_template(f"tasks/{part}.html", **context) for name, part in parts.items()}


def is_over(actor: Actor, key: str) -> bool:
    """Whether a task will never change again: never. Raises NotFound for a task that is not the team's."""
    tasks.find(actor, key.partition("/")[0])
    return False


live.view("task", live_parts, is_over=is_over)


def _show(tab: str, slug: str, errors: Errors = NO_ERRORS, **more: Any) -> str:
    task = tasks.find(g.actor, slug)
    seen.note(task)
    context = _sheet(g.actor, task, tab) | {"errors": errors, "toasts": _told(task)} | more
    return page(f"tasks/{tab}.html", part=f"tasks/_{tab}.html", **context)


def _sheet(actor: Actor, task: Task, tab: str) -> dict[str, Any]:
    latest = overviews.latest_runs(task, RUNS_SHOWN)
    real = [run for run in latest if run.rehearses_at is None]
    definition = tasks.definition(task)
    return {
        "tab": tab,
        "task": task,
        "actor": actor,
        "errors": NO_ERRORS,
        "state": overviews.state_of(task, real),
        "definition": definition,
        "must": contracts.words(definition.get("contract", ())),
        "repair": mending.in_words(definition.get("repair") or {}),
        "files": tasks.files(task),
        "fires": _fires(task),
        "latest": latest,
        "real": real,
        "estimate": estimates.of_task(task, utc_now()),
        "wait": waits.of_task(task),
        "when": _when(actor, definition),
        **(_order(actor, task, definition) if tab == "overview" else {}),
        "types": dict(definitions.types()),
        "origin": threads.origin_of(actor, task),
        "offer": offers.offer_of(actor, task) if tab == "overview" else None,
        "incident": incidents.of_tasks(actor, [task.id]).get(task.id) if tab == "overview" else None,
        "suggestions": suggested.of_task(task) if tab == "overview" else (),
        "pots": budgets.of_task(actor, task, utc_now()) if tab == "overview" else (),
        "hooks": hooks.listing(actor, task.slug) if tab == "overview" and actor.may("edit") else (),
        **_elsewhere(actor, task),
    }


def _when(actor: Actor, definition: Mapping[str, Any]) -> str:
    """Say when a task runs: by its schedules, and after which others."""
    after = graph_of.in_words(graph_of.After.of(definition.get("after")), order.names(actor.team_id, definition))
    said = schedules.words(definition["schedules"], _calendar_names(actor, definition))
    if not after:
        return said
    return f"{said}, {after}" if definition["schedules"] else f"starts {after}"


def _order(actor: Actor, task: Task, definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return what runs before a task and after it, and what was to run before it and was deleted."""
    chain, gone = chains.of_task(actor, task), order.gone(actor.team_id, definition)
    return {"order": chain, "drawing": graph.draw(chain), "ons": graph.ONS, "gone": gone}


def _elsewhere(actor: Actor, task: Task) -> dict[str, Any]:
    """Return the address of a job that runs elsewhere."""
    beat = heartbeats.find(actor, task.slug) if task.engine == pings.ENGINE else None
    return {"beat": beat, "ping_url": f"{security.settings().url}/ping/{beat.token}" if beat else ""}


def _calendar_names(actor: Actor, definition: Mapping[str, Any]) -> dict[int, str]:
    uses_any = any(rule.get("calendars") for rule in definition["schedules"])
    return {row.id: row.name for row in schedules.calendars(actor.team_id)} if uses_any else {}


def _fires(task: Task) -> list[tuple[Occurrence, str]]:
    """Return what becomes of the next planned times, each with the time zone of its schedule."""
    zones = {row.id: row.timezone for row in task.schedules}
    return [(one, zones[schedule]) for one, schedule in schedules.coming(task.schedules, utc_now(), FIRES_SHOWN)]


def _told(task: Task) -> list[dict[str, str]]:
    what = request.args.get("saved", "")
    if what == "applied":
        return [suggestions.told(task)]
    words = _WORDS.get(what) or (_scheduled(task) if what == "scheduled" else "")
    can_undo = what == "scheduled" and task.version_number > 1
    undo_url = url_for("tasks.undo", slug=task.slug, number=task.version_number) if can_undo else ""
    return [{"text": words, "tone": "", "undo_url": undo_url}] if words else []


def _scheduled(task: Task) -> str:
    fires = [one for one in schedules.next_fires(task.schedules, utc_now(), 30) if not one.is_left_out]
    if not fires:
        return "Saved. It does not run by itself."
    when = day(fires[0].at)
    return f"Scheduled. Next: {when.lower() if when in _NEAR else when} {clock(fires[0].at)}"


# --- what its buttons do


@blueprint.post("/tasks/<slug>/runs")
@guard("run")
def run(slug: str) -> AnyResponse:
    """Run a task now and go to its run; ask for values first where it can't run without them."""
    task = tasks.find(g.actor, slug)
    if any(one.is_missing for one in variables.all_of(tasks.definition(task))):
        return redirect(url_for("run_with.form", slug=slug), 303)
    return to_run(task)


def to_run(task: Task) -> AnyResponse:
    """Start a run of the task and lead to it."""
    return redirect(f"/t/{g.team.slug}/runs/{runs.start(g.actor, task.id)}", 303)


@blueprint.get("/tasks/<slug>/schedule")
@guard("edit")
def when_page(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Show when a task runs, to change that and nothing else."""
    task = tasks.find(g.actor, slug)
    fields = request.form if request.method == "POST" else definitions.to_texts(tasks.definition(task))
    when = schedule_box.when(MultiDict(fields), errors, slug)
    words = {"task": task, "when": when, "errors": errors, "zones": zones()}
    return page("tasks/when.html", part="tasks/_reschedule.html", **words)


@blueprint.post("/tasks/<slug>/schedule")
@guard("edit")
@shown_by(when_page)
def reschedule(slug: str) -> AnyResponse:
    """Change a task's schedules and nothing else."""
    if schedule_box.only_looks(request.form):
        return make_response(when_page(slug))
    tasks.reschedule(g.actor, slug, schedule_box.given(request.form))
    return saved(url_for("tasks.show", slug=slug), "scheduled")


@blueprint.get("/tasks/<slug>/pause")
@guard("edit")
def pause_page(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Ask why a task is paused."""
    return page("tasks/pause.html", errors=errors, task=tasks.find(g.actor, slug))


@blueprint.post("/tasks/<slug>/pause")
@guard("edit")
@shown_by(pause_page)
def pause(slug: str) -> AnyResponse:
    """Pause a task, until it is resumed or until a moment."""
    tasks.pause(g.actor, slug, text("note"), moment("resume_at"), text("how") or "skip")
    return redirect(url_for("tasks.show", slug=slug), 303)


@blueprint.get("/tasks/<slug>/resume")
@guard("edit")
def resume_page(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Ask what becomes of the times that were planned during the pause."""
    return page("tasks/resume.html", errors=errors, task=tasks.find(g.actor, slug))


@blueprint.post("/tasks/<slug>/resume")
@guard("edit")
@shown_by(resume_page)
def resume(slug: str) -> AnyResponse:
    """Let a paused task go on."""
    tasks.resume(g.actor, slug, text("how") or "skip")
    return redirect(url_for("tasks.show", slug=slug), 303)


@blueprint.post("/tasks/<slug>/copy")
@guard("edit")
def duplicate(slug: str) -> AnyResponse:
    """Make a copy and show it."""
    return saved(url_for("tasks.show", slug=tasks.duplicate(g.actor, slug).slug), "copy")


@blueprint.post("/tasks/<slug>/history/<int:number>/restoration")
@guard("edit")
def restore(slug: str, number: int) -> AnyResponse:
    """Make an earlier version the present one again."""
    tasks.restore(g.actor, slug, number)
    return saved(url_for("tasks.show", slug=slug), "restored")


@blueprint.post("/tasks/<slug>/history/<int:number>/undo")
@guard("edit")
def undo(slug: str, number: int) -> AnyResponse:
    """Take a version back: the one before it becomes the present one."""
    tasks.restore(g.actor, slug, number - 1, instead_of=number)
    return saved(url_for("tasks.show", slug=slug), "undone")


@blueprint.post("/tasks/<slug>/deletion")
@guard("edit")
def delete(slug: str) -> AnyResponse:
    """Delete a task."""
    tasks.delete(g.actor, slug)
    return redirect(url_for("tasks.index", saved="deleted", task=slug), 303)


# --- with the selected tasks


@blueprint.post("/tasks/recovery")
@guard("edit")
def recover() -> AnyResponse:
    """Bring deleted tasks back."""
    for slug in request.args.getlist("task"):
        tasks.recover(g.actor, slug)
    return redirect(url_for("tasks.index"), 303)


@blueprint.post("/tasks/selection/runs")
@guard("run")
def run_selection() -> AnyResponse:
    """Run the selected tasks now."""
    return _with_selection(lambda slug: runs.start(g.actor, tasks.find(g.actor, slug).id))


@blueprint.post("/tasks/selection/pause")
@guard("edit")
def pause_selection() -> AnyResponse:
    """Pause the selected tasks."""
    return _with_selection(lambda slug: tasks.pause(g.actor, slug))


@blueprint.post("/tasks/selection/resume")
@guard("edit")
def resume_selection() -> AnyResponse:
    """Let the selected tasks go on."""
    return _with_selection(lambda slug: tasks.resume(g.actor, slug))


@blueprint.post("/tasks/selection/deletion")
@guard("edit")
def delete_selection() -> AnyResponse:
    """Delete the selected tasks."""
    _with_selection(lambda slug: tasks.delete(g.actor, slug))
    return redirect(url_for("tasks.index", saved="deleted", task=request.form.getlist("task")), 303)


def _with_selection(act: Callable[[str], object]) -> AnyResponse:
    for slug in request.form.getlist("task"):
        act(slug)
    return redirect(url_for("tasks.index"), 303)
