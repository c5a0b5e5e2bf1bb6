"""Settings > Alert rules: when whom to tell what, and what a rule would have sent lately."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, g, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.domain import tags
from app.domain.alert_rules import EVENTS
from app.services import rules
from app.services.rules import Line, Preview, Wanted
from app.web.forms import NO_ERRORS, Errors, checked, saved, shown_by, text
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("rules", __name__, url_prefix="/t/<team>")

_EMPTY = Wanted("", ["failed"], ["owner"])


@blueprint.get("/settings/rules")
@guard("see")
def index() -> str:
    """Show the rules of the team."""
    return page("rules/index.html", rules=rules.lines(g.actor), toasts=_deleted())


@blueprint.get("/settings/rules/new")
@guard("manage")
def new(errors: Errors = NO_ERRORS) -> str:
    """Show the form of a new rule."""
    return _form(None, errors)


@blueprint.post("/settings/rules")
@guard("manage")
@shown_by(new)
def create() -> AnyResponse:
    """Make a rule."""
    line = rules.create(g.actor, _wanted())
    return saved(url_for("rules.show", rule_id=line.id), "rule")


@blueprint.post("/settings/rules/preview")
@guard("manage")
@shown_by(new)
def preview_new() -> str:
    """Show what a rule that is not saved yet would have sent."""
    return _form(None, NO_ERRORS, rules.preview(g.actor, _wanted()))


@blueprint.get("/settings/rules/<int:rule_id>")
@guard("manage")
def show(rule_id: int, errors: Errors = NO_ERRORS) -> str:
    """Show the form of a rule, and what it would have sent."""
    line = rules.find(g.actor, rule_id)
    return _form(line, errors, None if errors else rules.preview(g.actor, line.wanted))


@blueprint.post("/settings/rules/<int:rule_id>")
@guard("manage")
@shown_by(show)
def change(rule_id: int) -> AnyResponse:
    """Change a rule."""
    rules.change(g.actor, rule_id, _wanted())
    return saved(url_for("rules.show", rule_id=rule_id), "rule")


@blueprint.post("/settings/rules/<int:rule_id>/preview")
@guard("manage")
@shown_by(show)
def preview(rule_id: int) -> str:
    """Show what a rule would have sent as it is typed now."""
    return _form(rules.find(g.actor, rule_id), NO_ERRORS, rules.preview(g.actor, _wanted()))


@blueprint.post("/settings/rules/<int:rule_id>/on")
@guard("manage")
def turn_on(rule_id: int) -> AnyResponse:
    """Let a rule hold."""
    rules.turn(g.actor, rule_id, is_on=True)
    return saved(url_for("rules.index"), "on")


@blueprint.post("/settings/rules/<int:rule_id>/off")
@guard("manage")
def turn_off(rule_id: int) -> AnyResponse:
    """Let a rule tell nobody."""
    rules.turn(g.actor, rule_id, is_on=False)
    return saved(url_for("rules.index"), "off")


@blueprint.post("/settings/rules/<int:rule_id>/deletion")
@guard("manage")
def delete(rule_id: int) -> AnyResponse:
    """Delete a rule; it can be taken back."""
    rules.delete(g.actor, rule_id)
    return redirect(url_for("rules.index", saved="deleted", rule=rule_id), 303)


@blueprint.post("/settings/rules/<int:rule_id>/recovery")
@guard("manage")
def recover(rule_id: int) -> AnyResponse:
    """Take back that a rule was deleted."""
    rules.recover(g.actor, rule_id)
    return saved(url_for("rules.index"), "recovered")


def _deleted() -> Sequence[dict[str, str]]:
    rule_id = request.args.get("rule", type=int)
    if not rule_id or request.args.get("saved") != "deleted":
        return ()
    return [{"text": "The rule is deleted.", "tone": "", "undo_url": url_for("rules.recover", rule_id=rule_id)}]


def _wanted() -> Wanted:
    is_quiet, is_held = checked("is_quiet"), text("when") == "digest"
    return Wanted(
        name=text("name"),
        events=request.form.getlist("events"),
        tell=request.form.getlist("tell"),
        tasks=request.form.getlist("tasks"),
        tags=tags.split(text("tags")),
        after=_number("after"),
        is_each=checked("is_each"),
        tells_end=checked("tells_end"),
        digest_at=text("digest_at") if is_held else "",
        quiet_since=text("quiet_since") if is_quiet else "",
        quiet_until=text("quiet_until") if is_quiet else "",
        zone=current_user.timezone,
        escalates_after=_number("escalates_after"),
        escalates_to=request.form.getlist("escalates_to"),
    )


def _number(name: str) -> int:
    """Return a whole number that was typed; an empty field is 0, and so is what is none."""
    typed = text(name)
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 9 else 0  # noqa: PLR2004 a number


def _form(line: Line | None, errors: Errors, preview: Preview | None = None) -> str:
    is_typed = request.method == "POST"
    wanted = _wanted() if is_typed else line.wanted if line else _EMPTY
    shown: dict[str, Any] = {
        "rule": line,
        "wanted": wanted,
        "events": {name: event for name, event in EVENTS.items() if name != "recovered"},
        "choices": rules.choices(g.actor),
        "preview": preview,
    }
    return page("rules/form.html", errors=errors, **shown)
