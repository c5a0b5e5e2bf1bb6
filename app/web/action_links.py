"""Links in messages: looked at they show a page and change nothing, however often; pressed there they act once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, make_response, request, url_for
from flask_login import current_user

from app.core.clock import utc_now
from app.core.errors import CarillonError
from app.domain import mutes
from app.domain.access import Actor
from app.services import action_links, alerts, incidents, recipients, runs, tasks, wishes
from app.services.action_links import Link
from app.web.guard import by_address
from app.web.render import page

blueprint = Blueprint("action_links", __name__)

_HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
_UNKNOWN, _USED_UP, _REFUSED, _MOOT = 404, 410, 403, 409


@dataclass(frozen=True)
class Done:
    """What a link has done, in one sentence, and where to go on."""

    sentence: str
    url: str = ""
    label: str = ""


@blueprint.get("/a/<token>")
@by_address
def show(token: str) -> Response:
    """Show what a link would do."""
    link = action_links.find(token, utc_now())
    if link is None or not link.is_fresh:
        return _gone(link)
    if action_links.actor_of(link) is None:
        return _answer("action_links/refused.html", _REFUSED, link=link)
    status = _MOOT if link.moot else 200
    return _answer("action_links/show.html", status, link=link, place=_place(link), signed_in=_signed_in(link))


@blueprint.post("/a/<token>")
@by_address
def act(token: str) -> Response:
    """Do what the link is for, once. The token in the address is the proof: no form of another page knows it."""
    link = action_links.find(token, utc_now())
    if link is None or not link.is_fresh:
        return _gone(link)
    if link.moot or _signed_in(link) != "yes":
        return show(token)
    actor = action_links.actor_of(link)
    if actor is None:
        return _answer("action_links/refused.html", _REFUSED, link=link)
    if not action_links.take(link, actor):
        return _gone(action_links.find(token, utc_now()))
    try:
        done = _ACTS[link.purpose](actor, link)
    except CarillonError:
        action_links.give_back(link)
        raise
    return _answer("action_links/done.html", 200, link=link, done=done)


def _signed_in(link: Link) -> str:
    """Say whether who asks is whom the link asks for: yes, no (nobody is signed in), other (somebody else is)."""
    if not link.needs_sign_in:
        return "yes"
    if not current_user.is_authenticated:
        return "no"
    return "yes" if current_user.id == link.person_id else "other"


def _gone(link: Link | None) -> Response:
    if link and link.can_stop and "stop" in request.form:
        recipients.withdraw(link)
        done = Done(f"{link.team} sends nothing more to {link.address}.")
        return _answer("action_links/done.html", 200, link=link, done=done)
    return _answer("action_links/gone.html", _USED_UP if link else _UNKNOWN, link=link, place=_place(link))


def _answer(template: str, status: int, **context: Any) -> Response:
    link = context["link"]
    if link and not link.address and not current_user.is_authenticated:
        g.zone = ZoneInfo(link.timezone)  # its times in the zone of whom it is for
    response = make_response(page(template, quote=quote, **context), status)
    response.headers.update(_HEADERS)
    return response


def _place(link: Link | None) -> tuple[str, str] | None:
    """Return the page that a link is about, as (word, address)."""
    if link is None or link.purpose in {"unsubscribe", "confirm"}:
        return None
    if link.run:
        return f"run #{link.run}", url_for("runs.show", team=link.team_slug, number=link.run)
    if link.task_slug:
        return "task", url_for("tasks.show", team=link.team_slug, slug=link.task_slug)
    return "alerts", url_for("alerts.index", team=link.team_slug)


# --- what each does


def _retry(actor: Actor, link: Link) -> Done:
    number = runs.again(actor, link.run or 0)
    return Done(f"{link.task} runs again, as #{number}.", *_run(link, number))


def _decide(answer: str, said: str) -> Callable[[Actor, Link], Done]:
    def decide(actor: Actor, link: Link) -> Done:
        runs.decide(actor, link.run or 0, answer)
        return Done(said.format(run=link.run, task=link.task), *_run(link, link.run or 0))

    return decide


def _acknowledge(actor: Actor, link: Link) -> Done:
    if link.incident_id:
        incidents.acknowledge(actor, link.incident_id)
    else:
        alerts.acknowledge(actor, link.alert_id or 0)
    return Done("You see to it: the others are told so, and nobody is told more of it but its end.", *_about(link))


def _snooze(actor: Actor, link: Link) -> Done:
    incidents.mute(actor, link.incident_id or 0, mutes.until("tomorrow", utc_now(), link.timezone))
    return Done("Nobody is told of it until tomorrow 8:00. Who was told before hears of it then again.", *_about(link))


def _pause(actor: Actor, link: Link) -> Done:
    tasks.pause(actor, link.task_slug, "Paused by a link in a message.")
    url = url_for("tasks.show", team=link.team_slug, slug=link.task_slug)
    return Done(f"{link.task} is paused: nothing runs by itself until somebody resumes it.", url, "See the task")


def _unsubscribe(_: Actor, link: Link) -> Done:
    wishes.stop(link.person_id, str(link.seen.get("event", "")))
    return Done("You get no more e-mail about this kind of event.", "/me/channels", "Change what you hear about")


def _confirm(_: Actor, link: Link) -> Done:
    recipients.confirm(link)
    return Done(f"{link.team} sends its alerts to {link.address} from now on. The same link stops them.")


def _run(link: Link, number: int) -> tuple[str, str]:
    return url_for("runs.show", team=link.team_slug, number=number), f"See run #{number}"


def _about(link: Link) -> tuple[str, str]:
    if link.incident_id:
        return url_for("incidents.show", team=link.team_slug, incident_id=link.incident_id), "See the incident"
    return url_for("alerts.index", team=link.team_slug), "See the alerts"


_ACTS: Mapping[str, Callable[[Actor, Link], Done]] = {
    "approve": _decide("again", "Run #{run} of {task} runs again."),
    "reject": _decide("end", "Run #{run} of {task} is ended."),
    "retry": _retry,
    "acknowledge": _acknowledge,
    "snooze": _snooze,
    "pause": _pause,
    "unsubscribe": _unsubscribe,
    "confirm": _confirm,
}
