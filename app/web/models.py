"""Settings > Models: the language models that agents of the team may use, and whether each answers."""

from typing import Any

from flask import Blueprint, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.domain import money, price_hours
from app.services import models, secrets
from app.services.models import Given, Line, summaries
from app.web.forms import NO_ERRORS, Errors, checked, saved, shown_by, text
from app.web.guard import guard, vault
from app.web.render import page

blueprint = Blueprint("models", __name__, url_prefix="/t/<team>")

_MORE = ("price_hours", "requests_per_minute", "tokens_per_minute")

STARTS = {"ollama": {"provider": "compatible", "model": "llama3.2", "base_url": "http://localhost:11434/v1"}}
"""Forms filled in for a kind of server that many have."""


@blueprint.get("/settings/models")
@guard("see")
def index(errors: Errors = NO_ERRORS) -> str:
    """Show the models, what each costs, and what came of its last test."""
    rows = models.lines(g.actor)
    return page(
        "settings/models.html", errors=errors, models=rows, question=models.QUESTION,
        summaries=summaries.chosen(g.actor), writers=[("", "Off"), *((one.row.name, one.row.name) for one in rows)],
    )  # fmt: skip


@blueprint.post("/settings/models/summaries")
@guard("manage")
@shown_by(index)
def choose_summaries() -> AnyResponse:
    """Let a model say of failed runs what went wrong, or none."""
    summaries.choose(g.actor, text("summaries"))
    return saved(url_for("models.index"), "summaries")


@blueprint.get("/settings/models/new")
@guard("manage")
def new(errors: Errors = NO_ERRORS) -> str:
    """Show the form of a new model; `start` fills in that of a usual server."""
    return _form(STARTS.get(request.args.get("start", ""), {}), errors)


@blueprint.post("/settings/models")
@guard("manage")
@shown_by(new)
def create() -> AnyResponse:
    """Add a model, and test it when that was asked for."""
    return _leave(models.add(g.actor, vault(), _given()).id)


@blueprint.get("/settings/models/<int:model_id>")
@guard("manage")
def edit(model_id: int, errors: Errors = NO_ERRORS) -> str:
    """Show the form of a model."""
    line = models.find(g.actor, model_id)
    return _form(_stored(line), errors, line)


@blueprint.post("/settings/models/<int:model_id>")
@guard("manage")
@shown_by(edit)
def change(model_id: int) -> AnyResponse:
    """Change a model, and test it when that was asked for."""
    models.change(g.actor, vault(), model_id, _given())
    return _leave(model_id)


@blueprint.post("/settings/models/<int:model_id>/default")
@guard("manage")
def make_default(model_id: int) -> AnyResponse:
    """Make it the model of tasks that name none."""
    models.set_default(g.actor, model_id)
    return saved(url_for("models.index"), "models")


@blueprint.post("/settings/models/<int:model_id>/deletion")
@guard("manage")
@shown_by(lambda errors, model_id: index(errors))  # noqa: ARG005 the list shows it, whichever it was
def delete(model_id: int) -> AnyResponse:
    """Delete a model that no task uses."""
    models.delete(g.actor, model_id)
    return saved(url_for("models.index"), "models")


@blueprint.post("/settings/models/<int:model_id>/test")
@guard("manage")
def test(model_id: int) -> AnyResponse:
    """Let a worker ask the model; its row shows the answer when it is there."""
    models.ask(g.actor, model_id)
    return redirect(url_for("models.index", _anchor=f"model-{model_id}"), 303)


@blueprint.get("/settings/models/<int:model_id>/row")
@guard("see")
def row(model_id: int) -> str:
    """Show one model's row, as it is asked for while a test is under way."""
    return page("settings/models.html", part="settings/_model.html", errors=NO_ERRORS, **_one(model_id))


def _one(model_id: int) -> dict[str, Any]:
    line = models.find(g.actor, model_id)
    return {"model": line, "models": [line], "question": models.QUESTION}


def _form(stored: dict[str, str], errors: Errors, line: Line | None = None) -> str:
    return page(
        "settings/models_edit.html",
        errors=errors,
        model=line,
        stored=stored,
        providers=list(models.PROVIDERS.items()),
        secrets=secrets.names(g.actor),
    )


def _stored(line: Line) -> dict[str, str]:
    kept = line.row
    prices = {"price_in": kept.price_in_micros, "price_out": kept.price_out_micros}
    return {
        **{name: getattr(kept, name) for name in ("name", "provider", "model", "base_url", "secret")},
        **{name: money.plain(micros) for name, micros in prices.items() if micros is not None},
        **{name: str(getattr(kept, name) or "") for name in ("requests_per_minute", "tokens_per_minute")},
        "price_hours": price_hours.write(kept.price_hours),
    }


def _given() -> Given:
    names = ("name", "provider", "model", "base_url", "secret", "key", "price_in", "price_out", *_MORE)
    return Given(**{name: text(name) for name in names})


def _leave(model_id: int) -> AnyResponse:
    if checked("test"):
        return test(model_id)
    return saved(url_for("models.index"), "models")
