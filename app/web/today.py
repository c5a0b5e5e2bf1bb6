"""Today: the day ruler, what needs you, what goes on, what comes next."""

from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.core.numbers import whole
from app.domain.access import Actor
from app.services import models, today, workers
from app.web import live
from app.web.guard import guard
from app.web.render import alive, page, zone

blueprint = Blueprint("today", __name__, url_prefix="/t/<team>")

PARTS = ("ruler", "needs", "now", "next", "side")
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@blueprint.get("")
@guard("see")
def home() -> Response:
    """Lead to the day, for who types the address of a team."""
    return redirect(url_for("today.show"))


@blueprint.get("/today")
@guard("see")
def show() -> str:
    """Show the day, or ways to start while there is no task."""
    if not today.has_tasks(g.actor):
        return page("today/empty.html", models=models.names(g.actor), **_moment())
    owner_id = current_user.id if request.args.get("whose") == "mine" else None
    yesterday = today.yesterday(g.actor, zone(), owner_id)
    return page("today/index.html", yesterday=yesterday, owner_id=owner_id, **_day(g.actor, owner_id))


def live_parts(actor: Actor, key: str) -> dict[str, str]:
    """Return the parts that change by themselves, by their ids; `key` is whose tasks they are about, "" for all.

    Raises NotFound.
    """
    owner_id = whole(key) if key else None
    if key and owner_id is None:
        raise NotFound
    context = _day(actor, owner_id)
    return {f"today-{name}": render_template(f"today/_{name}.html", **context) for name in PARTS}


live.view("today", live_parts)


def _day(actor: Actor, owner_id: int | None) -> dict[str, Any]:
    needs, now = today.needs(actor, owner_id), today.now(actor, owner_id)
    return _moment() | {
        "needs": needs,
        "seen_to": today.seen_to(actor),
        "now": now,
        "coming": today.coming(actor, zone(), owner_id),
        "past": today.past(actor, zone(), owner_id),
        "asks": _asks(len(needs) + (alive().tone != "ok")),
        "going": _going(now),
        "month": today.month(actor.team_id),
        "workers": workers.alive(),
    }


def _moment() -> dict[str, Any]:
    here = utc_now().astimezone(zone())
    return {"date": f"{here:%A} {here.day} {here:%B}", "hour": here.hour, "minute": here.hour * 60 + here.minute}


def _asks(count: int) -> str:
    if not count:
        return "Nothing needs you."
    return f"{_word(count).capitalize()} {'thing needs' if count == 1 else 'things need'} you."


def _going(now: today.Now) -> str:
    running, waiting = now.counts["running"], now.counts.total() - now.counts["running"]
    if not running and not waiting:
        return "Nothing is running."
    runs = f"{_word(running).capitalize()} {'run is' if running == 1 else 'runs are'} going"
    waits = f"{_word(waiting)} {'waits' if waiting == 1 else 'wait'}"
    if not running:
        return f"{waits.capitalize()}."
    return f"{runs} and {waits}." if waiting else f"{runs}."


def _word(count: int) -> str:
    return _WORDS[count] if count < len(_WORDS) else f"{count:,}"
