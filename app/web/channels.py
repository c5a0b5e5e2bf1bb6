"""Channels: the ways to reach a person (/me/channels) and those of a team, set up, tested and taken away alike."""

from typing import Any

from flask import Blueprint, g, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.channels import configured
from app.channels.kinds import KINDS, Means
from app.core.errors import NotFound
from app.domain.access import Actor
from app.services import channels, devices
from app.services.channels import Tested, Wanted
from app.web.forms import NO_ERRORS, Errors, saved, shown_by, text
from app.web.guard import guard, vault
from app.web.render import page
from app.web.security import settings

blueprint = Blueprint("channels", __name__, url_prefix="/t/<team>/settings/channels")
mine = Blueprint("my_channels", __name__, url_prefix="/me/channels")

_EMAIL = 0
"""Stands for the person's e-mail among the ids of channels."""


@mine.get("")
@blueprint.get("")
@guard("see")
def index() -> str:
    """Show the ways to reach the person and what they hear about, or the ways to reach the team."""
    return _list({})


@mine.get("/new")
@blueprint.get("/new")
@guard("manage")
def new(errors: Errors = NO_ERRORS) -> str:
    """Show the form of a new channel."""
    return _form(None, request.values.get("kind", ""), {}, errors)


@mine.post("")
@blueprint.post("")
@guard("manage")
@shown_by(new)
def create() -> AnyResponse:
    """Set a channel up."""
    created = channels.create(_actor(), vault(), _wanted(text("kind")))
    return saved(f"{_here()}/{created}", "channel")


@mine.get("/<int:channel_id>")
@blueprint.get("/<int:channel_id>")
@guard("manage")
def show(channel_id: int, errors: Errors = NO_ERRORS) -> str:
    """Show the form of a channel; what is secret is not in it."""
    line = channels.find(_actor(), channel_id)
    return _form(line, line.kind, channels.readable(_actor(), vault(), channel_id), errors)


@mine.post("/<int:channel_id>")
@blueprint.post("/<int:channel_id>")
@guard("manage")
@shown_by(show)
def change(channel_id: int) -> AnyResponse:
    """Change a channel."""
    line = channels.find(_actor(), channel_id)
    channels.change(_actor(), vault(), channel_id, _wanted(line.kind))
    return saved(f"{_here()}/{channel_id}", "channel")


@mine.post("/<int:channel_id>/test")
@blueprint.post("/<int:channel_id>/test")
@guard("manage")
def test(channel_id: int) -> str:
    """Send a test now, and show what the other side answered."""
    return _list({channel_id: channels.test(_actor(), vault(), channel_id, _means())}, channel_id)


@blueprint.post("/<int:channel_id>/letters")
@guard("manage")
def ask_again(channel_id: int) -> AnyResponse:
    """Ask the addresses of a channel once more that have not confirmed."""
    channels.ask_again(_actor(), vault(), channel_id)
    return saved(_here(), "asked")


@mine.post("/email/test")
def test_email() -> str:
    """The same by the person's e-mail."""
    return _list({_EMAIL: channels.test_letters(current_user.id, _means())}, _EMAIL)


@mine.post("/<int:channel_id>/removal")
@blueprint.post("/<int:channel_id>/removal")
@guard("manage")
def delete(channel_id: int) -> AnyResponse:
    """Take a channel away."""
    channels.delete(_actor(), channel_id)
    return saved(_here(), "removed")


def _is_mine() -> bool:
    return not request.path.startswith("/t/")


def _here() -> str:
    return "/me/channels" if _is_mine() else f"/t/{g.team.slug}/settings/channels"


def _actor() -> Actor:
    """Return what the person acts as: for their own channels, in their own space, with whose key they are sealed."""
    if not _is_mine():
        actor: Actor = g.actor
        return actor
    own = next(team for team in g.teams if team.is_personal)
    return Actor(current_user.id, own.id, own.role)


def _means() -> Means:
    return configured.means(settings())


def _wanted(kind: str) -> Wanted:
    fields = KINDS[kind].fields if kind in KINDS else ()
    after = text("fallback_id")
    fallback = int(after) if after.isascii() and after.isdecimal() and len(after) < 16 else None  # noqa: PLR2004 an id
    return Wanted(kind, text("name"), {field.name: text(field.name) for field in fields}, fallback)


def _list(tests: dict[int, Tested], only: int | None = None) -> str:
    """Show all, or (to htmx) `only` the row whose test was asked for."""
    shown = _shown() | {"tests": tests, "errors": NO_ERRORS}
    lines = channels.lines(_actor())
    part = "channels/_email.html" if only == _EMAIL else "channels/_channel.html"
    row = next((line for line in lines if line.id == only), None)
    if only and row is None:
        raise NotFound
    if _is_mine():
        shown |= {"letters": channels.letters(current_user.id, _means()), "devices": devices.of(current_user.id)}
    part = part if only is not None else ""
    return page("channels/index.html", part, channels=lines, channel=row, **shown)


def _form(line: Any, kind: str, known: dict[str, str], errors: Errors) -> str:
    others = [(str(one.id), one.name) for one in channels.lines(_actor()) if line is None or one.id != line.id]
    last = "Your e-mail" if _is_mine() else "The channels of the installation"
    shown = _shown()
    kinds = shown["kinds"] if line is None else KINDS.values()
    return page(
        "channels/form.html", channel=line, kind=next((one for one in kinds if one.name == kind), None), known=known,
        errors=errors, fallbacks=[("", last), *others], **shown,
    )  # fmt: skip


def _shown() -> dict[str, Any]:
    is_own_space = _is_mine() or g.team.is_personal
    kinds = [kind for kind in KINDS.values() if kind.is_personal or not is_own_space]
    may = _is_mine() or g.actor.may("manage")
    return {
        "is_mine": _is_mine(), "here": _here(), "kinds": kinds, "kind_of": KINDS.get, "may_change": may,
        "is_sealed": not channels.can_be_opened(),
    }  # fmt: skip
