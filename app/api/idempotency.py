"""`Idempotency-Key`: an operation that carries it is carried out once, and answers the same ever after (24 h)."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Response, g, jsonify, request

from app.api.resource import Out
from app.core.errors import CarillonError, Invalid
from app.services import idempotency
from app.services.idempotency import LONGEST_KEY, Again

View = TypeVar("View", bound=Callable[..., Any])

HEADER = "Idempotency-Key"


def once(view: View) -> View:
    """Let a program repeat this operation with the same key as often as it likes: it is done once.

    Put it below `output`. While it is carried out, `g.ticket` names the request: empty without a key.
    """

    @wraps(view)
    def answer(*args: Any, **values: Any) -> Any:
        key = request.headers.get(HEADER, "")
        g.ticket = ""
        if not key:
            return view(*args, **values)
        begun = idempotency.begin(g.actor, _checked(key), _request_hash())
        if isinstance(begun, Again):
            return _again(begun)
        g.ticket = begun.ticket
        return _first(key, lambda: view(*args, **values))

    answer.is_once = True  # type: ignore[attr-defined]  # read by the document
    return answer  # type: ignore[return-value]  # the same parameters


def _first(key: str, act: Callable[[], Out]) -> Out:
    try:
        made = act()
    except (
        CarillonError
    ):  # refused before anything was done; after any other failure nobody knows, and the ticket tells
        idempotency.forget(g.actor, key)
        raise
    idempotency.finish(g.actor, key, 201, made.model_dump(mode="json"))
    return made


def _again(begun: Again) -> Response:
    response: Response = jsonify(begun.response)
    response.status_code = begun.status
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _checked(key: str) -> str:
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Invalid({HEADER: f"A key has at most {LONGEST_KEY} printable characters."})
    return key


def _request_hash() -> str:
    what = f"{request.method} {request.full_path}\n".encode() + request.get_data()
    return hashlib.sha256(what).hexdigest()
