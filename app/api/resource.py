"""What all resources of the API share: their blueprint, who may ask, and what a body must look like."""

from collections.abc import Callable
from difflib import get_close_matches
from io import BytesIO
from typing import Any, TypeVar

from apiflask import APIBlueprint
from flask import Response, current_app, g, request
from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized, UnsupportedMediaType

from app.core.errors import Forbidden
from app.domain.access import Action, scope_of
from app.services import tokens
from app.services.tokens import Bearer

PREFIX = "/api/v1"

View = TypeVar("View", bound=Callable[..., Any])

_SAY_WHO = "Send a token: Authorization: Bearer car_…"
_NOT_GOOD = "This token is not good: it is mistyped, was revoked or has run out."


class In(BaseModel):
    """What a program sends. A field that is not known is refused, with the one that may have been meant."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: Any) -> Any:
        unknown = [name for name in data if name not in cls.model_fields] if isinstance(data, dict) else []
        if unknown:
            raise unknown_field(str(unknown[0]), list(cls.model_fields))
        return data


class Out(BaseModel):
    """What a program gets."""

    model_config = ConfigDict(from_attributes=True, defer_build=True)


class Empty(In):
    """Nothing."""


def unknown_field(name: str, known: list[str]) -> PydanticCustomError:
    """Return the refusal of a field that nobody knows, with the nearest one that there is."""
    near = get_close_matches(name.lower(), known, 1)
    hint = f" Did you mean “{near[0]}”?" if near else f" There are: {', '.join(known)}." if known else ""
    sentence = f"“{name}” is not known here.{hint}"
    return PydanticCustomError("unknown_field", "{sentence}", {"name": name, "sentence": sentence})


def nothing() -> Response:
    """Answer that it is done, and there is nothing to say about it."""
    return Response(status=204)


class Resource(APIBlueprint):
    """The operations on one noun. Each says by `allow` what it asks for; none is open."""

    def __init__(self, noun: str, tag: str) -> None:
        super().__init__(f"api_{noun}", __name__, tag=tag, url_prefix=PREFIX)
        self.before_request(check)

    def allow(self, action: Action) -> Callable[[View], View]:
        """Say which right an operation asks for; the token needs the scope for it, and its person the right."""

        def mark(view: View) -> View:
            view.action = action  # type: ignore[attr-defined]  # read by `check`
            view.is_for_programs = True  # type: ignore[attr-defined]  # read by the check of pages, which lets it through
            security: Any = [{"token": [scope_of(action)]}]
            return self.doc(security=security, operation_id=view.__name__)(view)

        return mark


def check() -> None:
    """Let a request in by its token, or refuse it. Raises Unauthorized, Throttled, Forbidden, UnsupportedMediaType."""
    view = current_app.view_functions[request.endpoint or ""]
    action: Action = getattr(view, "action")  # noqa: B009 views are functions with a mark; one without fails a test
    g.bearer = _bearer()
    g.actor = g.bearer.actor
    if not g.actor.may(action):
        raise Forbidden(action)
    _check_body(getattr(view, "_spec", {}).get("content_type"))


def _bearer() -> Bearer:
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise Unauthorized(_SAY_WHO, www_authenticate=WWWAuthenticate("bearer", {"realm": "Carillon"}))
    bearer = tokens.who(given.token)
    if bearer is None:
        tokens.count_wrong(request.remote_addr or "")
        wrong = WWWAuthenticate("bearer", {"realm": "Carillon", "error": "invalid_token"})
        raise Unauthorized(_NOT_GOOD, www_authenticate=wrong)
    return bearer


def _check_body(wanted: str | None) -> None:
    if not wanted:
        return
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        if wanted == "application/json":  # whoever sends nothing means an object without fields
            request.environ |= {"wsgi.input": BytesIO(b"{}"), "CONTENT_LENGTH": "2"}
            request.__dict__.pop("content_length", None)  # asked above, and remembered
    elif request.mimetype != wanted:
        raise UnsupportedMediaType(f"Send the body as {wanted}.")
