"""Hooks: the addresses by which other programs start a task, and the pages of a task where they are set."""

from typing import Any

from flask import Blueprint, Response, g, jsonify, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Invalid
from app.domain.hooks import LARGEST_BYTES, SCHEMES, USUAL_HEADER
from app.models.webhooks import Hook
from app.services import hooks, tasks
from app.services.hooks import Made, Wanted, calls, trying
from app.services.hooks.calls import Answer, Call
from app.services.hooks.trying import Trial
from app.web import security
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text
from app.web.guard import by_address, guard, vault
from app.web.pings import Minute
from app.web.render import page

blueprint = Blueprint("hooks", __name__)

OF_ADDRESS, UNKNOWN_OF_PLACE = 1200, 30
"""Calls in a minute of one address, and from one place to addresses that are not there, in this process."""

_MINUTE_SECONDS = 60
_PAGE = "/t/<team>/tasks/<slug>/hooks"
_MAP = "map-"

_minute = Minute()


# --- what other programs call


@blueprint.post("/hooks/<token>")
@by_address
def hear(token: str) -> Response:
    """Take a call that starts a task; with ?answer=run the answer names the run."""
    if _minute.count("address", token) > OF_ADDRESS:
        return _said(Answer(429, "refused", "Too many calls.", retry_seconds=_MINUTE_SECONDS))
    headers = {name.lower(): value for name, value in request.headers.items()}
    answer = calls.receive(Call(token, headers, request.stream.read(LARGEST_BYTES + 1)), vault())
    if answer is not None:
        return _said(answer)
    # Only what is not there is held against a place: others may call right addresses from behind the same one.
    if _minute.count("place", request.remote_addr or "") > UNKNOWN_OF_PLACE:
        return _said(Answer(429, "refused", "Too many calls.", retry_seconds=_MINUTE_SECONDS))
    return _said(Answer(404, "unknown", "There is nothing here."))


def _said(answer: Answer) -> Response:
    headers = {"Cache-Control": "no-store"}
    if answer.challenge:
        return Response(answer.challenge, 200, headers, mimetype="text/plain")
    said: dict[str, Any] = {"status": answer.word}
    if answer.sentence:
        said["detail"] = answer.sentence
    if answer.run is not None and request.args.get("answer") == "run":
        said["run"] = answer.run
    response = jsonify(said)
    response.status_code = answer.status
    response.headers |= headers | ({"Retry-After": str(answer.retry_seconds)} if answer.retry_seconds else {})
    return response


# --- the pages


@blueprint.get(_PAGE)
@guard("edit")
def index(slug: str) -> str:
    """Show the hooks of a task."""
    return page("tasks/hooks.html", task=tasks.find(g.actor, slug), hooks=hooks.listing(g.actor, slug), schemes=SCHEMES)


@blueprint.get(f"{_PAGE}/new")
@guard("edit")
def new(slug: str, errors: Errors = NO_ERRORS) -> str:
    """Show the form of a new hook."""
    return _form(slug, errors=errors)


@blueprint.post(_PAGE)
@guard("edit")
@shown_by(new)
def create(slug: str) -> str:
    """Make a hook and show its address, this once."""
    made = hooks.create(g.actor, vault(), slug, _wanted(slug))
    return _form(slug, hooks.find(g.actor, slug, made.id), made=made)


@blueprint.post(f"{_PAGE}/trial")
@guard("edit")
def try_out(slug: str) -> str:
    """Show what a payload would come to under the filter and the mapping as they are typed; nothing is kept."""
    number = text("hook")
    is_known = number.isascii() and number.isdecimal() and len(number) < 16  # noqa: PLR2004 an id
    hook = hooks.find(g.actor, slug, int(number)) if is_known else None
    trial = trying.try_out(g.actor, slug, text("payload"), text("event"), text("condition"), _mapping())
    return _form(slug, hook, trial=trial)


@blueprint.get(f"{_PAGE}/<int:hook_id>")
@guard("edit")
def show(slug: str, hook_id: int, errors: Errors = NO_ERRORS) -> str:
    """Show a hook: its form, a trial on the last payload, and its calls."""
    return _form(slug, hooks.find(g.actor, slug, hook_id), errors=errors)


@blueprint.post(f"{_PAGE}/<int:hook_id>")
@guard("edit")
@shown_by(show)
def change(slug: str, hook_id: int) -> AnyResponse | str:
    """Change a hook; a secret that its new scheme needs is shown this once."""
    secret = hooks.change(g.actor, vault(), slug, hook_id, _wanted(slug))
    if secret:
        return _form(slug, hooks.find(g.actor, slug, hook_id), made=Made(hook_id, "", secret))
    return saved(url_for("hooks.show", slug=slug, hook_id=hook_id), "hook")


@blueprint.post(f"{_PAGE}/<int:hook_id>/rotation")
@guard("edit")
def rotate(slug: str, hook_id: int) -> str:
    """Give a hook another address and show it, this once."""
    made = hooks.rotate(g.actor, vault(), slug, hook_id)
    return _form(slug, hooks.find(g.actor, slug, hook_id), made=made)


@blueprint.post(f"{_PAGE}/<int:hook_id>/off")
@guard("edit")
def turn_off(slug: str, hook_id: int) -> AnyResponse:
    """Let no call through any more."""
    hooks.turn(g.actor, slug, hook_id, on=False)
    return saved(url_for("hooks.show", slug=slug, hook_id=hook_id), "off")


@blueprint.post(f"{_PAGE}/<int:hook_id>/on")
@guard("edit")
def turn_on(slug: str, hook_id: int) -> AnyResponse:
    """Let calls through again."""
    hooks.turn(g.actor, slug, hook_id, on=True)
    return saved(url_for("hooks.show", slug=slug, hook_id=hook_id), "on")


@blueprint.post(f"{_PAGE}/<int:hook_id>/calls/<int:call_id>/replay")
@guard("edit")
@shown_by(lambda errors, slug, hook_id, call_id: show(slug, hook_id, errors))  # noqa: ARG005 the hook's page shows it
def replay(slug: str, hook_id: int, call_id: int) -> AnyResponse:
    """Let a call count once more, and lead to its run."""
    number = calls.replay(g.actor, slug, hook_id, call_id)
    return saved(url_for("runs.show", number=number), "replay")


@blueprint.post(f"{_PAGE}/<int:hook_id>/deletion")
@guard("edit")
def delete(slug: str, hook_id: int) -> AnyResponse:
    """Delete a hook and the log of its calls."""
    hooks.delete(g.actor, slug, hook_id)
    return saved(url_for("hooks.index", slug=slug), "hooks")


def _mapping() -> dict[str, str]:
    return {name.removeprefix(_MAP): text(name) for name in request.form if name.startswith(_MAP)}


def _wanted(slug: str) -> Wanted:
    tasks.find(g.actor, slug)  # what is not there is a 404, whatever was typed
    often = text("calls_a_minute") or "60"
    if not often.isascii() or not often.isdecimal() or len(often) > len(str(hooks.MOST_CALLS_A_MINUTE)):
        raise Invalid({"calls_a_minute": f"Write a number from 1 to {hooks.MOST_CALLS_A_MINUTE}."})
    return Wanted(
        text("name"), text("scheme"), text("header"), text("secret"), text("condition"), _mapping(),
        request.form.getlist("tools"), int(often),
    )  # fmt: skip


def _form(
    slug: str,
    hook: Hook | None = None,
    errors: Errors = NO_ERRORS,
    made: Made | None = None,
    trial: Trial | None = None,
) -> str:
    names, tools = hooks.choices(g.actor, slug)
    heard = hooks.last_calls(g.actor, slug, hook.id) if hook else ()
    last = next((one for one in heard if one.payload and not one.is_cut), None)
    return page(
        "tasks/hook.html",
        "tasks/_hook_trial.html",
        task=tasks.find(g.actor, slug),
        hook=hook,
        errors={**errors, **(trial.wrong if trial else {})},
        made=made,
        trial=trial,
        calls=heard,
        variables=names,
        tools=tools,
        chosen=request.form.getlist("tools") if "name" in request.form else hook.tools if hook else (),
        schemes=list(SCHEMES.items()),
        header=USUAL_HEADER,
        payload=trying.pretty(last.payload) if last else "",
        event=last.event if last else "",
        url=security.settings().url,
    )
