"""The templates that come with Carillon, files of app/library, and with installed packages: read once a process."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.metadata import entry_points
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType

import structlog

from app.core.identifiers import slug as slug_of
from app.domain import library
from app.domain.library import Content, Origin, Template

_FIRST = (
    "feed-digest", "numbers-by-group", "month-end-export", "website-check", "page-change", "price-watch", "dated-copy",
    "csv-clean", "stale-issues", "api-to-csv", "data-quality", "compare-tables", "chat-reminder", "rota-handover",
    "deadlines", "page-summary", "support-triage", "competitor-watch",
)  # fmt: skip
"""Those that most teams want first; in the gallery they lead their category."""

log = structlog.get_logger()

FOLDER = Path(__file__).parents[2] / "library"


@cache
def templates() -> Mapping[str, Template]:
    """Return the built-in templates by slug, in the order of the gallery, and among them those of packages."""
    found = [Template(slug=path.stem, source="builtin", content=_read(path)) for path in FOLDER.glob("*.toml")]
    found += _of_packages()
    found.sort(key=lambda one: (library.CATEGORIES.index(one.content.category), *_rank(one.slug), one.content.name))
    return MappingProxyType({one.slug: one for one in found})


def _rank(slug: str) -> tuple[bool, int]:
    return (False, _FIRST.index(slug)) if slug in _FIRST else (True, 0)


def _of_packages() -> Iterator[Template]:
    """Yield the templates that packages bring, isolated as all of others; what can't be read is told in the log."""
    for point in entry_points(group="carillon.templates"):
        try:
            files = [one for one in resources.files(point.load()).iterdir() if one.name.endswith(".toml")]
        except Exception:
            log.exception("plug_in_failed", plug_in=point.name, package=point.value)
            continue
        for file in files:
            slug = library.PACKAGED.join(slug_of(one, "pack") for one in (point.name, file.name.removesuffix(".toml")))
            try:
                content = library.foreign(_read(file))
            except (OSError, ValueError):  # no TOML, or no template
                log.exception("template_left_out", plug_in=point.name, file=file.name)
                continue
            publisher = point.dist.name if point.dist else point.name
            origin = Origin(publisher=publisher, key="", slug=slug)
            yield Template(slug=slug, source="builtin", content=content, origin=origin)


def _read(path: Path | Traversable) -> Content:
    return library.parse(tomllib.loads(path.read_text(encoding="utf-8")))
