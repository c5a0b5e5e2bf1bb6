"""Settings, Audit: who asked for what, whether the chain of it is whole, and all of it as a file."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request, url_for

from app.core.numbers import whole
from app.services import audit
from app.services.audit import Entry, Filters, chain
from app.web.guard import guard
from app.web.render import page, zone

blueprint = Blueprint("audit", __name__, url_prefix="/t/<team>")


@blueprint.get("/settings/audit")
@guard("audit")
def index() -> str:
    """Show the newest entries, or those before one."""
    filters = _filters(request.args)
    shown = audit.listing(g.actor, filters, request.args.get("before", type=int))
    people, actions = audit.choices(g.actor, filters)
    return page(
        "settings/audit.html",
        shown=shown,
        filters=filters,
        people=people,
        actions=actions,
        administers=audit.administers(g.actor),
        checked=chain.last_checked(),
        address=_address,
        asked=request.args,
        details=_details,
        said=_said,
    )


@blueprint.get("/settings/audit.<form>")
@guard("audit")
def export(form: str) -> Response:
    """Send all entries that match, the oldest first: NDJSON or CSV."""
    media_type, lines = audit.export(g.actor, _filters(request.args), form)
    name = f"audit-{g.team.slug}.{form}"
    return Response(lines, mimetype=media_type, headers={"Content-Disposition": f"attachment; filename={name}"})


def _filters(given: Mapping[str, str]) -> Filters:
    """Return what the address asks for; nonsense in it is as if it were not there. Days are those of the viewer."""
    person = given.get("person", "")
    since, until = _midnight(given.get("from", "")), _midnight(given.get("to", ""))
    return Filters(
        whole(person),
        given.get("action", ""),
        given.get("what", "").strip(),
        since,
        until + timedelta(days=1) if until else None,
        given.get("of") == "installation",
    )


def _midnight(day: str) -> datetime | None:
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return None
    if found.year not in range(1970, 9000):
        return None
    return datetime.combine(found, time(), zone()).astimezone(UTC)


def _address(form: str = "", **changes: Any) -> str:
    """Return the address of the list, or of the file of this form, with the filters in force, some of them changed."""
    kept = {name: text for name, text in request.args.items() if name != "before"}
    query = urlencode({name: value for name, value in {**kept, **changes}.items() if value})
    place = url_for("audit.export", form=form) if form else url_for("audit.index")
    return f"{place}?{query}" if query else place


def _said(action: str) -> str:
    """Say an action in words."""
    return action.replace("_", " ").capitalize()


def _details(entry: Entry) -> str:
    """Say what else an entry holds, without the numbers of rows."""
    told = {name: value for name, value in entry.data.items() if name not in {"task", "run", "token", "model", "team"}}
    return ", ".join(f"{name} {value}" for name, value in told.items() if value not in ("", None))
