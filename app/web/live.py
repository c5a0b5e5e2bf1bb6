"""Live pages: what a view sends, who may listen, and the stream for servers that know only WSGI.

SQL is the truth and a stream is a cursor over it: the id of an event is the number of the last log line sent, so a
listener who comes back goes on from there without a gap or a duplicate. Parts are sent whole when they changed.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from flask import Blueprint, Flask, Response, current_app, g, request
from flask_login import current_user

from app.core.errors import NotFound
from app.domain.access import Actor
from app.services import notifications
from app.services.accounts import Visitor
from app.services.teams import Belonging
from app.web import security
from app.web.guard import guard

Parts = Callable[[Actor, str], Mapping[str, str]]
Lines = Callable[[Actor, str, int, int], tuple[int, str]]
IsOver = Callable[[Actor, str], bool]
RunId = Callable[[Actor, str], int]

PAGE = 500
"""At most this many log lines are looked up and sent at once."""

ADMIT = "carillon.admit"
"""Where a server that holds the connection itself leaves the function that takes the ticket."""

_LARGEST = 2**31 - 1
_BELL_LOOK = '<span id="bell-look" data-mark="{}" hidden></span>'
"""On every page of the application: when it changes, the page asks how many its person has not read."""

_POLL_SECONDS, _POLLS = 1.0, 60

blueprint = Blueprint("live", __name__, url_prefix="/t/<team>")


# --- what is shown


@dataclass(frozen=True)
class View:
    """What a page shows live: it may depend on team, role, time zone and language, never on the person."""

    parts: Parts
    lines: Lines | None
    is_over: IsOver | None
    run_id: RunId | None
    pulses: bool = False


views: dict[str, View] = {}


def view(
    name: str,
    parts: Parts,
    lines: Lines | None = None,
    is_over: IsOver | None = None,
    run_id: RunId | None = None,
    *,
    pulses: bool = False,
) -> None:
    """Let pages listen at /t/<team>/live/<name>[/<key>].

    `parts(actor, key)` gives {element id: its whole HTML}. `lines(actor, key, after, limit)` gives (number of the last
    line, HTML) of at most `limit` lines after number `after`, and (after, "") when there are none; they are appended to
    #log-lines. `is_over(actor, key)`: nothing will change any more. `run_id(actor, key)`: the one run it shows, looked
    at again only when that run changes; without it every change in the team counts. Each raises NotFound for a key that
    is not the team's. `pulses`: it is looked at every few seconds besides, for a page that says how fresh it is.
    """
    views[name] = View(parts, lines, is_over, run_id, pulses)


# --- who listens


@dataclass(frozen=True)
class Group:
    """Listeners who are sent the same bytes. `run_id` is 0 when the view shows the whole team."""

    view: str
    key: str
    run_id: int
    team: Belonging
    zone: str
    language: str


@dataclass(frozen=True)
class Ticket:
    """Leave to listen; `after` is the number of the last log line the page has.

    `most` streams of one sign-in may be open, or as many as a browser has; a link has a number below zero for its own.
    """

    group: Group
    person_id: int
    sign_in_id: int
    form_token: str
    after: int
    most: int = 0

    def own(self, message: bytes) -> bytes:
        """Give the forms in a message this listener's own token."""
        return message.replace(_SHARED_TOKEN, self.form_token.encode())


@blueprint.get("/live/<name>", defaults={"key": ""})
@blueprint.get("/live/<name>/<path:key>")
@guard("see")
def stream(name: str, key: str) -> Response:
    """Stream a view: new lines, changed parts, and the event `finished` when it is over."""
    return answer(_ticket(name, key))


def answer(ticket: Ticket) -> Response:
    """Let the holder of a ticket listen."""
    if admit := request.environ.get(ADMIT):
        admit(ticket)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(_poll(current_app._get_current_object(), ticket), mimetype="text/event-stream", headers=headers)  # type: ignore[attr-defined]  # noqa: SLF001 Flask's documented way


@blueprint.after_request
def _close_the_door(response: Response) -> Response:
    """Refuse a stream that comes back signed out: an answer that leads to the door would make hx-sse try for ever."""
    if "HX-Redirect" in response.headers:
        response.status_code = 401
    return response


def _ticket(name: str, key: str) -> Ticket:
    shown = views.get(name)
    if shown is None:
        raise NotFound
    run_id = shown.run_id(g.actor, key) if shown.run_id else 0
    if shown.is_over:
        shown.is_over(g.actor, key)
    group = Group(name, key, run_id, g.team, current_user.timezone, current_user.language)
    return Ticket(group, current_user.id, current_user.sign_in_id, security.csrf_token(), _after())


def _after() -> int:
    number = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    return min(int(number[:20]), _LARGEST) if number.isascii() and number.isdigit() else 0


# --- looking


@dataclass(frozen=True)
class Frame:
    """What one look found: the lines after the asked one up to `last`, and all parts."""

    last: int
    lines: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    has_more: bool = False
    is_over: bool = False


def look(app: Flask, group: Group, after: int) -> Frame:
    """Read and render what a group sees now. What is gone is over."""
    shown, actor = views[group.view], _actor(group)
    with _among(app, group):
        try:
            # First whether it is over: only then lines and parts read after it are the last ones.
            is_over = shown.is_over is not None and shown.is_over(actor, group.key)
            last, html = shown.lines(actor, group.key, after, PAGE) if shown.lines else (after, "")
            parts = {**shown.parts(actor, group.key), **({} if shown.pulses else _bell_look())}
        except NotFound:
            return Frame(after, is_over=True)
    has_more = last - after >= PAGE
    return Frame(last, html, parts, has_more, is_over and not has_more)


def look_back(app: Flask, group: Group, after: int, upto: int) -> Frame:
    """Read and render only lines: those after `after`, up to `upto`, at most a page of them."""
    lines = views[group.view].lines
    if lines is None:
        return Frame(upto)
    with _among(app, group):
        try:
            return Frame(*lines(_actor(group), group.key, after, min(PAGE, upto - after)))
        except NotFound:
            return Frame(after)


def _bell_look() -> dict[str, str]:
    return {"bell-look": _BELL_LOOK.format(notifications.mark())}


def _actor(group: Group) -> Actor:
    return Actor(0, group.team.id, group.team.role)


@contextmanager
def _among(app: Flask, group: Group) -> Iterator[None]:
    """Stand in a request of the group's, so that templates and filters find what they find on a page."""
    path = f"/t/{group.team.slug}/live/{group.view}"
    with app.test_request_context(path, base_url=app.config["SETTINGS"].url):
        g.team, g.teams, g.actor = group.team, [], _actor(group)
        g._login_user = Visitor(0, 0, "", "", "", group.zone, "auto", True, None)  # noqa: SLF001 where Flask-Login keeps the person
        yield


# --- messages: server-sent events that htmx swaps, or that become events of the page when they have a name

# What `security.csrf_token` makes of a request without a cookie: the token in parts that many share.
_SHARED_TOKEN = hmac.new(b"", b"form", hashlib.sha256).hexdigest().encode()

RETRY = b"retry: 300\n"
"""Put before the first message: how long, in milliseconds, a listener waits before it comes back."""

BEAT = b":\n\n"
FINISHED = b"event: finished\ndata:\n\n"
SIGNED_OUT = b"event: signed-out\ndata:\n\n"


def lines_message(frame: Frame) -> bytes:
    """Say new lines; the listener keeps the number of the last one."""
    if not frame.lines:
        return b""
    partial = f'<hx-partial hx-target="#log-lines" hx-swap="beforeend">{frame.lines}</hx-partial>'
    return f"id: {frame.last}\n".encode() + _message(partial)


def parts_message(parts: Mapping[str, str], known: Mapping[str, str]) -> bytes:
    """Say the parts that are not as they were known."""
    changed = [(name, html) for name, html in parts.items() if known.get(name) != html]
    if not changed:
        return b""
    partial = '<hx-partial hx-target="#{}" hx-swap="outerMorph">{}</hx-partial>'
    return _message("".join(partial.format(name, html) for name, html in changed))


def _message(text: str) -> bytes:
    # Any of the three line ends would end the field, so each line gets a field of its own.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "".join([*(f"data: {line}\n" for line in lines), "\n"]).encode()


def _poll(app: Flask, ticket: Ticket) -> Iterator[bytes]:
    """Stream from a thread that looks once a second. It ends after a minute: who comes back passes the guard again."""
    last, known = ticket.after, dict[str, str]()
    yield RETRY + BEAT
    for _ in range(_POLLS):
        frame = look(app, ticket.group, last)
        news = lines_message(frame) + parts_message(frame.parts, known)
        last, known = frame.last, dict(frame.parts)
        yield ticket.own(news) or BEAT
        if frame.is_over:
            yield FINISHED
            return
        if not frame.has_more:
            time.sleep(_POLL_SECONDS)
