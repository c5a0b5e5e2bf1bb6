"""Me > Channels, what a person hears about: each event by each way, quiet hours, the digest, and muted tasks."""

from typing import Any

from flask import Blueprint, current_app, g, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.domain import stored_rules
from app.domain.alert_rules import EVENTS, URGENT, Event
from app.services import wishes
from app.services.wishes import Hours, Told
from app.web.forms import NO_ERRORS, Errors, checked, saved, shown_by, text

blueprint = Blueprint("wishes", __name__)

HOME = "/me/channels"


def page_again(errors: Errors) -> Any:
    """Show the page of channels again, with what was typed into a form of this part."""
    g.wish_errors = errors
    return current_app.view_functions["my_channels.index"]()


@blueprint.app_context_processor
def _context() -> dict[str, Any]:
    return {"heard": heard}


def heard() -> dict[str, Any]:
    """Return what `me/_wishes.html` shows; of a form that is shown again what was typed."""
    wanted = wishes.of(current_user.id)
    is_typed = "of-events" in request.form
    return {
        "events": _in_order(),
        "ways": _ways(),
        "ticked": {event: _ticked(event) if is_typed else wanted.ways_of(event) for event in EVENTS},
        "held": _held() if is_typed else [event for event in EVENTS if wanted.is_held(event)],
        "after": text("after") if is_typed else str(wanted.after),
        "reach": text("reach") if is_typed else "all" if wanted.is_all else "mine",
        "hours": _hours() if "of-hours" in request.form else _kept(wanted),
        "muted": wishes.muted(current_user.id),
        "errors": g.get("wish_errors", NO_ERRORS),
    }


@blueprint.post("/me/wishes/events")
@shown_by(page_again)
def save_events() -> AnyResponse:
    """Keep of which events a person hears, and how."""
    after = text("after")
    told = Told(
        {event: _ticked(event) for event in EVENTS},
        _held(),
        int(after) if after.isascii() and after.isdecimal() and len(after) < 9 else 0,  # noqa: PLR2004 a number
        is_all=text("reach") == "all",
    )
    wishes.save_events(current_user.id, told)
    return saved(HOME, "wishes")


@blueprint.post("/me/wishes/hours")
@shown_by(page_again)
def save_hours() -> AnyResponse:
    """Keep when a person wants to hear nothing."""
    wishes.save_hours(current_user.id, _hours())
    return saved(HOME, "hours")


@blueprint.post("/me/mutes/<int:task_id>/removal")
def unmute(task_id: int) -> AnyResponse:
    """Tell the person of a task again."""
    wishes.unmute(current_user.id, task_id)
    return saved(HOME, "unmuted")


def _in_order() -> dict[str, Event]:
    """Return the events as the matrix has them: what is kept first, the end of all last."""
    names = sorted(EVENTS, key=lambda name: (name == "recovered", not EVENTS[name].is_kept))
    return {name: EVENTS[name] for name in names}


def _ways() -> list[tuple[str, str, str]]:
    """Return the columns: way, word, and a hint below it."""
    usual = [
        ("app", "In the app", "on your page"),
        ("email", "E-mail", "your address"),
        ("push", "Push", "your devices"),
    ]
    return [*usual, *((way, name, "yours") for way, name in wishes.own_channels(current_user.id))]


def _held() -> list[str]:
    return [event for event in EVENTS if text(f"when-{event}") == "digest"]


def _ticked(event: str) -> frozenset[str]:
    return frozenset(request.form.getlist(f"ways-{event}"))


def _hours() -> Hours:
    is_quiet = checked("is_quiet")
    return Hours(
        text("since") if is_quiet else "",
        text("until") if is_quiet else "",
        request.form.getlist("but"),
        text("digest_at") if checked("has_digest") else "",
    )


def _kept(wanted: Any) -> Hours:
    quiet, digest_at = wanted.pace.quiet, stored_rules.hour(wanted.pace.digest_at)
    if quiet is None:
        return Hours(but=sorted(URGENT), digest_at=digest_at)
    return Hours(stored_rules.hour(quiet.since), stored_rules.hour(quiet.until), sorted(quiet.but), digest_at)
