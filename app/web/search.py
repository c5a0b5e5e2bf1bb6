"""Search: a page without JavaScript, and what the palette asks for while somebody types."""

from urllib.parse import urlencode

from flask import Blueprint, Response, g, jsonify, request
from flask_login import current_user

from app.core.clock import utc_now
from app.services import search
from app.services.tasks import builder, schedules
from app.services.tasks.schedules import Given
from app.web.guard import guard
from app.web.render import page

blueprint = Blueprint("search", __name__, url_prefix="/t/<team>")

Item = dict[str, str]
"""A line of the palette: group, text, sub (what stands beside it), url, icon. As in templates/shared/_palette.html."""

_MOST_IN_PALETTE, _MOST_ON_PAGE = 8, 50
_ICONS = {"http": "http", "shell": "script", "python": "script", "steps": "workflow"}


@blueprint.get("/search")
@guard("see")
def index() -> str:
    """Show what was found; pages that match are added by the template."""
    return page("search/index.html", query=_query(), items=_items(_query(), _MOST_ON_PAGE))


@blueprint.get("/palette")
@guard("see")
def palette() -> Response:
    """Answer the palette: the lines for what was typed, beyond those that stand in every page."""
    return jsonify(_items(_query(), _MOST_IN_PALETTE))


def _query() -> str:
    return request.args.get("q", "").strip()[: search.LONGEST]


def _items(query: str, most: int) -> list[Item]:
    at = f"/t/{g.team.slug}"
    tasks = [
        _item(
            "Tasks",
            task.name,
            "paused" if task.is_paused else "",
            f"{at}/tasks/{task.slug}",
            _ICONS.get(task.engine, "tasks"),
        )
        for task in search.tasks(g.actor, query, most)
    ]
    run = search.run(g.actor, query)
    runs = (
        [_item("Runs", f"{run.name} #{run.number}", run.state.replace("_", " "), f"{at}/runs/{run.number}", "runs")]
        if run
        else []
    )
    return [*tasks, *runs, *_new(at, query)]


def _new(at: str, query: str) -> list[Item]:
    """Offer what a sentence like “disk check every hour” describes."""
    name, when = builder.split(query, utc_now(), current_user.timezone)
    reading = schedules.read(Given(when, current_user.timezone), utc_now())
    if not g.actor.may("edit") or not when or reading.trigger is None:
        return []
    text = f"New task: {name}, {reading.sentence[:1].lower()}{reading.sentence[1:]}"
    return [_item("Actions here", text, "", f"{at}/tasks/new?{urlencode({'text': query})}", "plus")]


def _item(group: str, text: str, sub: str, url: str, icon: str) -> Item:
    return {"group": group, "text": text, "sub": sub, "url": url, "icon": icon}
