"""Large files on their way in: taken only where they are meant to be, from people who are known, and onto the disk."""

from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import IO, Any, TypeVar, cast

from flask import Flask, current_app, g, request
from flask import Request as FlaskRequest
from flask_login import current_user

from app.domain.access import Actor
from app.services import teams
from app.settings import Settings

View = TypeVar("View", bound=Callable[..., Any])

_IN_MEMORY_BYTES = 1024 * 1024
_AROUND_BYTES = 4 * 1024 * 1024
"""Of a form: the other fields, and what stands between them."""


def attach(app: Flask) -> None:
    """Let requests of `app` be limited by what they are for, and their files be closed at the end."""
    app.request_class = Request
    app.teardown_request(lambda _: request.close())


def takes_files(view: View) -> View:
    """Let a route take a request as large as a file with conversations may be."""
    view.takes_files = True  # type: ignore[attr-defined]  # read by `Request`
    return view


class Request(FlaskRequest):
    """A request whose size is limited by what it is for; large files in it are not held in memory."""

    @property
    def max_content_length(self) -> int | None:
        """How long the body may be."""
        view = current_app.view_functions.get(self.endpoint or "")
        if getattr(view, "takes_files", False) and ("bearer" in g or _may_send(view)):
            return _settings().import_bytes + _AROUND_BYTES
        return super().max_content_length

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._max_content_length = value

    def _get_file_stream(self, *_args: Any, **_more: Any) -> IO[bytes]:
        """Return where an uploaded file is put: beside the data, since /tmp may be memory."""
        folder = _settings().data_dir
        folder.mkdir(parents=True, exist_ok=True)
        return cast("IO[bytes]", SpooledTemporaryFile(_IN_MEMORY_BYTES, "w+b", dir=str(folder)))


def _may_send(view: Any) -> bool:
    """Whether somebody may do what a route of a team is for: the form's token is read out of the body before that is
    asked.
    """
    mine = teams.of(current_user.id) if current_user.is_authenticated else ()
    return any(one.slug == g.team_slug and Actor(current_user.id, one.id, one.role).may(view.action) for one in mine)


def _settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found
