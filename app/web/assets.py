"""Static files from memory: joined style sheets, names that change with their content, compressed once."""

import gzip
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import brotli
from flask import Blueprint, Flask, Response, abort, current_app, request

from app.web.guard import anyone

LAYERS = ("reset", "tokens", "base", "layout", "parts", "forms", "figures", "pages", "utilities")
"""The files of the sheet that every page has; its first line sets the order of the layers."""

SHEETS = {
    "tasks": ("editor", "graph"), "runs": ("editor", "runs"), "threads": ("editor", "threads"),
    "templates": ("editor", "library"), "calendar": ("calendar",), "insights": ("insights",),
    "told": ("told",), "wall": ("reset", "tokens", "base", "wall"),
}  # fmt: skip
"""Sections whose pages have one more sheet, of these files; loaded after the common one, in the layer `pages`.

The wall has its own alone."""

MODULES = ("dom", "layers", "palette", "keys", "forms", "times", "live", "log", "picks", "drop", "pwa")
"""Scripts in the order in which they can be joined: each imports only from those before it."""

PAGE_SCRIPTS = ("calendar", "charts", "wall", "push")
"""Scripts of single pages, each a file of its own that imports nothing."""

HTMX = ("htmx.min.js", "hx-sse.min.js")
FOREVER = "public, max-age=31536000, immutable"
_SMALL = 256
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml"}

blueprint = Blueprint("assets", __name__)


@dataclass(frozen=True)
class Asset:
    """One file as it is served."""

    body: bytes
    media_type: str
    packed: bytes = b""  # with brotli, of what would take seconds

    @cached_property
    def mark(self) -> str:
        """What changes with the content."""
        return sha256(self.body).hexdigest()[:12]

    @cached_property
    def inlined(self) -> str:
        """The content as an address, for what is small and on every page."""
        return f"data:{self.media_type},{quote(self.body)}"

    @cached_property
    def gzipped(self) -> bytes:
        """The content, compressed on first use."""
        return gzip.compress(self.body, 9, mtime=0)

    @cached_property
    def brotlied(self) -> bytes:
        """The content, compressed on first use."""
        compressed: bytes = self.packed or brotli.compress(self.body)
        return compressed


class Assets:
    """All static files by the path they are served at, and by the name templates know them by."""

    def __init__(self, folder: Path) -> None:
        self.served: dict[str, Asset] = {}
        self._paths: dict[str, str] = {}
        self._add("carillon.css", Asset(style_sheet(folder / "css"), "text/css"))
        for section, names in SHEETS.items():
            self._add(f"{section}.css", Asset(style_sheet(folder / "css", names), "text/css"))
        # One file, so that htmx never starts before its extension for streams is there.
        self._add(
            "htmx.js", Asset(b"\n".join((folder / "vendor" / name).read_bytes() for name in HTMX), "text/javascript")
        )
        for path in sorted(found for part in ("img", "vendor") for found in (folder / part).rglob("*")):
            if path.is_file() and path.suffix != ".br":
                packed = path.with_name(f"{path.name}.br")
                asset = Asset(path.read_bytes(), _type_of(path), packed.read_bytes() if packed.is_file() else b"")
                self._add(path.relative_to(folder).as_posix(), asset)
        self._add("app.js", Asset(script(folder / "js"), "text/javascript"))
        for name in PAGE_SCRIPTS:
            self._add(f"{name}.js", Asset(script(folder / "js", (name,)), "text/javascript"))

    def path(self, name: str) -> str:
        """Return the address of the file called `name` in templates; a KeyError is a slip in a template."""
        return f"/static/{self._paths[name]}"

    def _add(self, name: str, asset: Asset) -> None:
        stem, dot, ending = name.rpartition(".")
        self._paths[name] = f"{stem}.{asset.mark}{dot}{ending}"
        self.served[self._paths[name]] = self.served[name] = asset


def _type_of(path: Path) -> str:
    return _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def style_sheet(folder: Path, names: Sequence[str] = LAYERS) -> bytes:
    """Join the files of `folder` that are called so, in their order, without comments and spare white space."""
    text = "\n".join((folder / f"{name}.css").read_text(encoding="utf-8") for name in names)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" ?([{};]) ?", r"\1", text).strip().encode()


def script(folder: Path, names: Sequence[str] = MODULES) -> bytes:
    """Join modules of `folder` into one, without their imports from each other, comment lines and indents.

    No name at the top of one may stand at the top of another; a house test looks.
    """
    text = "\n".join((folder / f"{name}.js").read_text(encoding="utf-8") for name in names)
    text = re.sub(r"^import .*$|^\s*//.*$|^export (?=\w)", "", text, flags=re.MULTILINE)
    return re.sub(r"\n\s*", "\n", text).strip().encode()


def attach(app: Flask, folder: Path) -> None:
    """Read the files and let `app` serve them; templates ask `asset(name)` for addresses."""
    assets = app.extensions["assets"] = Assets(folder)
    app.jinja_env.globals["asset"] = assets.path
    app.jinja_env.globals["inlined"] = lambda name: assets.served[name].inlined
    app.register_blueprint(blueprint)


@blueprint.get("/static/<path:name>")
@anyone
def file(name: str) -> Response:
    """Serve one file; the name with a hash may be kept for ever."""
    assets: Assets = current_app.extensions["assets"]
    asset = assets.served.get(name) or abort(404)
    response = _compressed(asset)
    response.headers["Cache-Control"] = FOREVER if asset.mark in name else "no-cache"
    response.headers["Vary"] = "Accept-Encoding"
    response.set_etag(asset.mark)
    response.make_conditional(request)
    return response


@blueprint.get("/favicon.ico")
@anyone
def favicon() -> Response:
    """Serve the mark to browsers that ask for it by habit."""
    return file("img/favicon.svg")


def _compressed(asset: Asset) -> Response:
    if len(asset.body) < _SMALL or asset.media_type.startswith(("image/png", "font/")):
        return Response(asset.body, mimetype=asset.media_type)
    if request.accept_encodings["br"]:
        return Response(asset.brotlied, mimetype=asset.media_type, headers={"Content-Encoding": "br"})
    if request.accept_encodings["gzip"]:
        return Response(asset.gzipped, mimetype=asset.media_type, headers={"Content-Encoding": "gzip"})
    return Response(asset.body, mimetype=asset.media_type)
