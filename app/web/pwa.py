"""The installed app: its manifest, its service worker, and what it takes from other apps."""

import json
import secrets
from functools import cache
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Flask, Response, current_app, redirect, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.domain import shares
from app.services.threads import imports
from app.settings import ROOT
from app.web import assets, security
from app.web.guard import anyone, go_home, only_asks
from app.web.render import page

blueprint = Blueprint("pwa", __name__)

_FILES = (
    "carillon.css", "tasks.css", "calendar.css", "htmx.js", "app.js", "calendar.js", "img/icons.svg",
    "img/icon-192.png", "img/badge-96.png",
)  # fmt: skip
"""What pages that are read offline ask for."""

_LONGEST_ADDRESS = 4000


def attach(app: Flask) -> None:
    """Let the answers of `app` say which pages may be read offline."""
    app.after_request(_keep)


@blueprint.get("/manifest.webmanifest")
@anyone
def manifest() -> Response:
    """Say to browsers what is installed."""
    icons = [
        {"src": _files().path(f"img/{name}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
        for name, size, purpose in (
            ("icon-192", 192, "any"), ("icon-512", 512, "any"), ("icon-maskable-512", 512, "maskable")
        )
    ]  # fmt: skip
    told = {
        "name": "Carillon", "short_name": "Carillon", "description": "Scheduled work that can be trusted",
        "id": "/", "start_url": "/", "scope": "/", "display": "standalone",
        "background_color": "#FAF8F4", "theme_color": "#FAF8F4", "icons": icons,
        "shortcuts": [
            {"name": word, "url": f"/t/me/{path}", "icons": icons[:1]}
            for word, path in (("New task", "tasks/new"), ("Approvals and alerts", "alerts"), ("Today", "today"))
        ],
        "share_target": {
            "action": "/share", "method": "POST", "enctype": "multipart/form-data",
            "params": {"title": "title", "text": "text", "url": "url"},
        },
    }  # fmt: skip
    return Response(json.dumps(told), mimetype="application/manifest+json", headers={"Cache-Control": "no-cache"})


@blueprint.get("/sw.js")
@anyone
def service_worker() -> AnyResponse:
    """Serve the service worker: another one whenever a file that it keeps is another one."""
    response = Response(_worker(), mimetype="text/javascript", headers={"Cache-Control": "no-cache"})
    response.add_etag()
    return response.make_conditional(request)


@cache
def _worker() -> bytes:
    files = json.dumps([*map(_files().path, _FILES), "/offline"])
    code = assets.script(ROOT / "static", ("sw",))
    mark = assets.Asset(files.encode() + code, "").mark
    return f"const MARK='{mark}',FILES={files}\n".encode() + code


def _files() -> assets.Assets:
    found: assets.Assets = current_app.extensions["assets"]
    return found


@blueprint.get("/offline")
@anyone
def offline() -> str:
    """Say what can be read without the network; the service worker keeps this page."""
    return page("pwa/offline.html")


def _keep(response: Response) -> Response:
    """Mark a page that may be read offline, with what tells this sign-in from others."""
    is_kept = request.endpoint in {"today.show", "tasks.index"} or (
        request.endpoint == "calendar.show" and (request.view_args or {}).get("view") == "agenda"
    )
    is_page = request.method == "GET" and "HX-Request" not in request.headers and response.status_code == 200  # noqa: PLR2004 OK, in HTTP
    if is_kept and is_page and current_user.is_authenticated:
        response.headers["Carillon-Keep"] = security.csrf_token()[:12]
    return response


# --- shared by other apps


@blueprint.route("/share", methods=["GET", "POST"])
@anyone
@only_asks
def share() -> Any:
    """Ask what is to become of what another app shares: nothing is made before somebody says so."""
    given = shares.read(*(request.values.get(name, "") for name in ("title", "text", "url")))
    if not current_user.is_authenticated:
        is_short = len(given.address) <= _LONGEST_ADDRESS
        return redirect(f"/login?next={quote(given.address)}") if is_short else page("pwa/too_long.html")
    go_home()
    kind = shares.kind(given, imports.is_conversation(given.text))
    return page("pwa/share.html", given=given, kind=kind, draft=secrets.token_hex(4))
