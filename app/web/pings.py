"""The addresses that jobs which run elsewhere call; whoever knows one may, and hears only that it was heard."""

import threading
import time
from collections import Counter

from flask import Blueprint, Response, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.numbers import whole
from app.domain.pings import LONGEST_BODY_BYTES, Kind, Ping, of_exit_code
from app.services.execution import pings
from app.services.tasks import heartbeats
from app.web.forms import saved
from app.web.guard import by_address, guard, vault

blueprint = Blueprint("pings", __name__)

_KINDS: dict[str, Kind] = {"": "success", "success": "success", "start": "start", "fail": "fail", "log": "log"}
_MOST_CODE = 255
_LONGEST_RID = 64
_MINUTE_SECONDS = 60
_MOST_KEYS = 10_000

OF_ADDRESS = 60
"""Pings that one address takes in a minute."""

UNKNOWN_OF_PLACE = 30
"""Pings from one place to addresses that are not there, in a minute."""


class Minute:
    """How often something happened in this minute, by key, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, kind: str, key: str, *, more: int = 1) -> int:
        """Count, and return how often it happened so far."""
        with self._lock:
            minute = int(time.monotonic() / _MINUTE_SECONDS)
            if minute != self._minute or len(self._counts) > _MOST_KEYS:
                self._minute, self._counts = minute, Counter()
            self._counts[kind, key] += more
            return self._counts[kind, key]


_minute = Minute()


@blueprint.route("/ping/<token>", defaults={"what": ""}, methods=["GET", "POST"])
@blueprint.route("/ping/<token>/<what>", methods=["GET", "POST"])
@by_address
def hear(token: str, what: str) -> Response:
    """Take note of a ping: success, or as the address ends: start, fail, log, or an exit code."""
    if _minute.count("address", token) > OF_ADDRESS:
        return _too_many()
    ping = _ping(what)
    if ping is not None and pings.receive(token, ping, vault()):
        return _said("OK")
    # Only what is not there is held against a place: others may ping right addresses from behind the same one.
    if _minute.count("place", request.remote_addr or "") > UNKNOWN_OF_PLACE:
        return _too_many()
    return _said("There is nothing here.", 404)


def _too_many() -> Response:
    return _said("Too many pings; wait a minute.", 429, {"Retry-After": str(_MINUTE_SECONDS)})


def _ping(what: str) -> Ping | None:
    code = whole(what, _MOST_CODE)
    kind = _KINDS.get(what) if code is None else of_exit_code(code)
    if kind is None:
        return None
    body = request.stream.read(LONGEST_BODY_BYTES + 1) if request.method == "POST" else b""
    rid = request.args.get("rid", "")[:_LONGEST_RID]
    return Ping(kind, code, body, rid, request.remote_addr or "")


def _said(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(f"{text}\n", status, {"Cache-Control": "no-store", **(headers or {})}, mimetype="text/plain")


@blueprint.post("/t/<team>/tasks/<slug>/address")
@guard("edit")
def regenerate(slug: str) -> AnyResponse:
    """Give the task another address."""
    heartbeats.regenerate(g.actor, slug)
    return saved(url_for("tasks.show", slug=slug), "address")
