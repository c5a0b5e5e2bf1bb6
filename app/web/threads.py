"""Threads: brought in by file, text or address, watched while they are read, listed, searched and picked."""

from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlencode

from flask import Blueprint, g, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Invalid, NotFound
from app.core.numbers import whole
from app.domain.access import Actor
from app.models.threads import Import
from app.services import threads
from app.services.threads import Filters, imports
from app.web import live, security
from app.web.forms import NO_ERRORS, Errors, shown_by, text
from app.web.guard import guard
from app.web.render import page
from app.web.uploads import takes_files

blueprint = Blueprint("threads", __name__, url_prefix="/t/<team>")


@blueprint.get("/threads")
@guard("see")
def index() -> str:
    """List the team's threads, and say how far imports are."""
    filters = Filters(**{name: request.args.get(name, "") for name in ("q", "format", "state", "brought_by")})
    found = threads.listing(g.actor, filters, request.args.get("after", ""))
    return page(
        "threads/index.html",
        part="threads/_list.html",
        filters=filters,
        found=found,
        made=threads.tasks_of(g.actor, [row.id for row in found.rows]),
        counts=threads.counts(g.actor),
        formats=threads.FORMATS,
        older=_address(filters, after=found.after) if found.after else None,
        address=_address,
        recent=imports.latest(g.actor),
        told=imports.told,
        most_bytes=security.settings().import_bytes,
        errors=NO_ERRORS,
        toasts=_deleted(),
    )


def _address(filters: Filters, **changed: str) -> str:
    values = {name: value for name, value in {**filters.__dict__, "after": "", **changed}.items() if value}
    return url_for("threads.index", **values)


def _deleted() -> list[dict[str, str]]:
    ids = request.args.getlist("thread") if request.args.get("saved") == "deleted" else []
    if not ids:
        return []
    words = "The thread is deleted." if len(ids) == 1 else f"{len(ids)} threads are deleted."
    undo_url = f"{url_for('threads.recover')}?{urlencode({'thread': ids}, True)}"
    return [{"text": words, "tone": "", "undo_url": undo_url}]


# --- bringing some in


@blueprint.get("/threads/import")
@guard("edit")
def new(errors: Errors = NO_ERRORS) -> str:
    """Ask for a file, a text or an address."""
    return page("threads/new.html", errors=errors, most_bytes=security.settings().import_bytes)


@blueprint.post("/threads/imports")
@guard("edit")
@takes_files
@shown_by(new)
def create() -> AnyResponse:
    """Take in what the form holds: files, else a text, else an address."""
    uploads = [file for file in request.files.getlist("file") if file.filename]
    made = [_keep(cast("BinaryIO", file.stream), file.filename or "") for file in uploads]
    if not uploads and text("text"):
        made = [imports.start_text(g.actor, _folder(), text("text"))]
    elif not uploads and text("address"):
        made = [imports.start_address(g.actor, text("address"))]
    if not made:
        raise Invalid({"file": "Choose a file, paste a conversation, or give an address."})
    return redirect(_led_to(made), 303)


@blueprint.post("/threads/files")
@guard("edit")
@takes_files
def send() -> AnyResponse:
    """Take in a file that a script sends as it is, and say where its import is shown."""
    if request.mimetype != "application/octet-stream":
        raise Invalid({"file": "Send the file as it is."})
    made = _keep(cast("BinaryIO", request.stream), request.args.get("name", ""))
    return jsonify(url=_led_to([made]))


def _keep(stream: BinaryIO, name: str) -> int:
    return imports.start(g.actor, _folder(), stream, name, security.settings().import_bytes)


def _led_to(made: list[int]) -> str:
    return url_for("threads.show_import", import_id=made[0]) if len(made) == 1 else url_for("threads.index")


def _folder() -> Path:
    return security.settings().data_dir / "files"


@blueprint.get("/threads/imports/<int:import_id>")
@guard("see")
def show_import(import_id: int) -> str:
    """Show how far an import is, and what became of it."""
    return page("threads/import.html", part="threads/_import.html", **_shown(imports.find(g.actor, import_id)))


def live_parts(actor: Actor, key: str) -> dict[str, str]:
    """Return how far an import is, by the id of the part. Raises NotFound."""
    return {"import": render_template("threads/_import.html", **_shown(_find(actor, key)))}


def is_over(actor: Actor, key: str) -> bool:
    """Whether an import has been read. Raises NotFound."""
    return _find(actor, key).ended_at is not None


live.view("import", live_parts, is_over=is_over)


def _find(actor: Actor, key: str) -> Import:
    number = whole(key)
    if number is None:
        raise NotFound
    return imports.find(actor, number)


def _shown(row: Import) -> dict[str, Any]:
    return {"row": row, "told": imports.told}


# --- with the selected threads


@blueprint.post("/threads/selection/analysis")
@guard("edit")
def analyse_selection() -> AnyResponse:
    """Let a worker say what the selected threads ask for."""
    threads.analyse(g.actor, _selected())
    return redirect(url_for("threads.index"), 303)


@blueprint.post("/threads/selection/deletion")
@guard("edit")
def delete_selection() -> AnyResponse:
    """Delete the selected threads."""
    threads.delete(g.actor, _selected())
    return redirect(url_for("threads.index", saved="deleted", thread=_selected()), 303)


@blueprint.post("/threads/recovery")
@guard("edit")
def recover() -> AnyResponse:
    """Bring deleted threads back."""
    threads.recover(g.actor, _numbers(request.args.getlist("thread")))
    return redirect(url_for("threads.index"), 303)


def _selected() -> list[int]:
    return _numbers(request.form.getlist("thread"))


def _numbers(texts: list[str]) -> list[int]:
    return [number for one in texts[: threads.MOST_AT_ONCE] if (number := whole(one)) is not None]
