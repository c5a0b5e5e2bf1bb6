"""Runs: the list, one run from its first line to its files, and what people do with it."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, send_file, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from app.core.clock import utc_now
from app.core.errors import Invalid, NotFound
from app.core.numbers import whole
from app.domain import money
from app.domain.access import Actor
from app.domain.lifecycle import ENDED
from app.services import alerts, incidents, run_log, runs
from app.services.run_log import Line
from app.services.runs import folded, insight
from app.services.tasks import remedies, repairs, seen
from app.web import live, run_filters, run_index, run_insight, run_view, security, timeline
from app.web.forms import NO_ERRORS, Errors, shown_by, text, typed
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("runs", __name__, url_prefix="/t/<team>")

PARTS = {
    "run-head": "runs/_header.html",
    "run-insight": "runs/_insight.html",
    "run-incident": "runs/_incident.html",
    "run-checks": "runs/_checks.html",
    "run-effects": "runs/_effects.html",
    "run-resume": "runs/_resume.html",
    "run-repairs": "runs/_repairs.html",
    "run-answer": "runs/_answer.html",
    "run-facts": "runs/_facts.html",
    "run-steps": "runs/_steps.html",
    "run-cost": "runs/_cost.html",
    "run-files": "runs/_files.html",
    "run-regularly": "runs/_regularly.html",
}
"""What changes while a run goes on: id of the element, its template."""


# --- the list


@blueprint.get("/runs")
@guard("see")
def index() -> str:
    """Show the runs of a period as a list, or those of a window of time on an axis."""
    return timeline.show() if run_filters.is_timeline(request.args) else run_index.show()


# --- one run


@blueprint.get("/runs/<int:number>")
@guard("see")
def show(number: int, errors: Errors = NO_ERRORS) -> str:
    """Show a run: what happened, its steps, and its log, files or details."""
    before = _number("before")
    if before is not None and request.headers.get("HX-Request-Type") == "partial":
        lines = run_log.lines(g.actor, number, before=before)
        return render_template("runs/_earlier.html", number=number, **_log(lines))
    context = _context(g.actor, number)
    seen.note_run(g.actor, number)
    tab = request.args.get("tab", "log")
    if tab == "log":
        context |= _window(context["run"], before)
    else:
        context |= _log(()) | {"last_shown": run_log.last_number(g.actor, number)}
    return page("runs/show.html", errors=errors, tab=tab, current=request.args.get("step"), **context)


def _context(actor: Actor, number: int) -> dict[str, Any]:
    """Return what the parts of a run's page need."""
    detail = runs.find(actor, number)
    # Whole seconds: what did not change in between is then the same text, and is not sent again.
    now = utc_now().replace(microsecond=0)
    symbol, favicon = run_view.sign(detail.run)
    said = insight.of(detail, now)
    return {
        "detail": detail,
        "run": detail.run,
        "task": detail.run.task,
        "folded": folded.times(detail.run),
        "state": run_view.state_of(detail.run),
        "is_over": detail.run.state in ENDED,
        "symbol": symbol,
        "favicon": favicon,
        "insight": said,
        "quote": insight.quote(detail, said),
        "incident": _incident(actor, detail.run),
        "way": run_insight.way(detail, said),
        "press": run_insight.press(detail),
        "can_compare": detail.run.state in insight.WENT_WRONG and detail.usual_seconds is not None,
        "steps": run_view.steps_of(detail, now),
        "cost": run_view.cost_of(detail),
        "put_back": run_view.put_back_of(detail.run, actor),
        "raises": run_view.raises_of(detail, actor, now),
        "repairs": repairs.offered(detail.run),
        "letters": alerts.letters(actor, detail.run),
        "now": now,
    }


def _incident(actor: Actor, run: Any) -> Any:
    """Return the open incident that a run which failed is part of."""
    found = incidents.of_tasks(actor, [run.task_id]).get(run.task_id) if run.state in insight.WENT_WRONG else None
    return found if found and run.ended_at and run.ended_at >= found.opened_at else None


def _window(run: Any, before: int | None) -> dict[str, Any]:
    """Return the lines to show: the last, those before a line, or those around the one that was asked for."""
    asked, step = _number("line"), request.args.get("step", "")
    lines = run_log.lines(g.actor, run.number, before=before)
    if before is None and asked and lines and asked < lines[0].number:
        before = asked + run_log.TAIL_LINES // 2
        lines = run_log.lines(g.actor, run.number, before=before)
    return _log(lines, asked or run_view.line_of_step(run, step, lines)) | {"is_tail": before is None}


def _log(lines: Sequence[Line], picked: int | None = None) -> dict[str, Any]:
    return {
        "is_tail": True,
        "log": run_view.log_html(lines, picked),
        "first_shown": lines[0].number if lines else 0,
        "last_shown": lines[-1].number if lines else 0,
    }


@blueprint.get("/runs/<int:number>/log.txt")
@guard("see")
def log_text(number: int) -> Response:
    """Send the whole log as text, as it is read."""
    pieces = run_log.text(g.actor, number)
    headers = {"Content-Disposition": f'attachment; filename="run-{number}.log.txt"'}
    first = next(pieces, "")  # before the answer begins, so that a failure is still an answer of its own
    seen.note_run(g.actor, number)
    return Response(chain((first,), pieces), mimetype="text/plain", headers=headers)


@blueprint.get("/runs/<int:number>/files/<path:name>")
@guard("see")
def file(number: int, name: str) -> Response:
    """Send a file that a run made; as it is somebody else's content, the browser only stores it."""
    artifact, path = runs.file(g.actor, number, name, security.settings().data_dir / "files")
    seen.note_run(g.actor, number)
    plain = name.rpartition("/")[2]
    answer = send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=plain)
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.set_etag(artifact.digest)
    return answer


# --- what its buttons do


@blueprint.get("/runs/<int:number>/cancellation")
@guard("run")
def cancel_page(number: int, errors: Errors = NO_ERRORS) -> str:
    """Ask how to stop a run."""
    return page("runs/cancel.html", errors=errors, run=runs.find(g.actor, number).run)


@blueprint.post("/runs/<int:number>/cancellation")
@guard("run")
@shown_by(cancel_page)
def cancel(number: int) -> AnyResponse:
    """Cancel a run, or ask its worker to stop it."""
    runs.cancel(g.actor, number, text("mode") or "now")
    return _to(number)


@blueprint.post("/runs/<int:number>/again")
@guard("run")
def again(number: int) -> AnyResponse:
    """Run it once more and go to the new run."""
    return _to(runs.again(g.actor, number, with_its_version=text("version") == "same"))


@blueprint.get("/runs/<int:number>/resumption")
@guard("run")
def resume_page(number: int, errors: Errors = NO_ERRORS) -> str:
    """Ask from where an ended run goes on, and say what each would do again."""
    found = runs.resumption(g.actor, number)
    values = [(f"step:{point.after}" if point.kind == "step" else point.kind, point) for point in found.points]
    asked = typed("place") or f"step:{request.args.get('after', '')}"
    chosen = asked if asked in dict(values) else values[0][0]
    return page("runs/resume.html", errors=errors, resumption=found, values=values, chosen=chosen)


def _resumed_by(errors: Errors, number: int) -> str:
    """Show the form again that was used: the one of the run's own page names no place."""
    return resume_page(number, errors) if text("place") else show(number, errors)


@blueprint.post("/runs/<int:number>/resumption")
@guard("run")
@shown_by(_resumed_by)
def resume(number: int) -> AnyResponse:
    """Go on from a place, with its cost cap raised where that is asked for, and go to the new run."""
    kind, _, after = (text("place") or "last").partition(":")
    version = text("version") or "same"
    return _to(runs.resume(g.actor, number, _dollars("raise"), kind=kind, after=after, version=version))


@blueprint.post("/runs/<int:number>/remedy")
@guard("edit")
def mend(number: int) -> AnyResponse:
    """Change the task as its run offers it, and run it again if it failed."""
    return _to(runs.again(g.actor, number) if remedies.apply(g.actor, number) else number)


@blueprint.post("/runs/<int:number>/decision")
@guard("run")
@shown_by(show)
def decide(number: int) -> AnyResponse:
    """Say whether a run whose worker vanished runs again."""
    runs.decide(g.actor, number, text("answer"))
    return _to(number)


def _decided_repair_by(errors: Errors, number: int, **_: str) -> str:
    return show(number, errors)


@blueprint.post("/runs/<int:number>/repairs/<step>")
@guard("edit")
@shown_by(_decided_repair_by)
def decide_repair(number: int, step: str) -> AnyResponse:
    """Take a repair over as a new version of the task, or dismiss it."""
    repairs.decide(g.actor, number, step, text("answer"))
    return _to(number)


def _number(name: str) -> int | None:
    return request.args.get(name, type=int)


def _dollars(name: str) -> int:
    """Return the micros of an amount that was typed, 0 when none was. Raises Invalid."""
    try:
        return money.read(text(name)) if text(name) else 0
    except ValueError:
        raise Invalid({name: "Write an amount in dollars, like 1.00."}) from None


def _to(number: int) -> AnyResponse:
    return redirect(url_for("runs.show", number=number), 303)


# --- live


def live_parts(actor: Actor, key: str) -> Mapping[str, str]:
    """Return the parts of a run's page that change, by the id of their element."""
    context = _context(actor, _run_number(key))
    return {name: render_template(template, **context) for name, template in PARTS.items()}


def live_lines(actor: Actor, key: str, after: int, limit: int) -> tuple[int, Markup]:
    """Return the number of the last of at most `limit` lines after a line, and them as HTML."""
    lines = run_log.lines(actor, _run_number(key), after=after, limit=limit)
    return (lines[-1].number if lines else after), run_view.log_html(lines)


def is_over(actor: Actor, key: str) -> bool:
    """Whether nothing will change on a run's page any more."""
    return runs.is_over(actor, _run_number(key))


def run_id(actor: Actor, key: str) -> int:
    """Return the id of the run that the page shows."""
    return runs.id_of(actor, _run_number(key))


def _run_number(key: str) -> int:
    number = whole(key)
    if number is None:
        raise NotFound
    return number


live.view("runs", live_parts, live_lines, is_over, run_id)
