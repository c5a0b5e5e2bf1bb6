"""The templates that come with Carillon: files of app/library, read once a process."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from app.domain import library
from app.domain.library import Content, Template

_FIRST = (
    "feed-digest", "numbers-by-group", "month-end-export", "website-check", "page-change", "price-watch", "dated-copy",
    "csv-clean", "stale-issues", "api-to-csv", "data-quality", "compare-tables", "chat-reminder", "rota-handover",
    "deadlines", "page-summary", "support-triage", "competitor-watch",
)  # fmt: skip
"""Those that most teams want first; in the gallery they lead their category."""

FOLDER = Path(__file__).parents[2] / "library"


@cache
def templates() -> Mapping[str, Template]:
    """Return the built-in templates by slug, in the order of the gallery."""
    found = [Template(slug=path.stem, source="builtin", content=_read(path)) for path in FOLDER.glob("*.toml")]
    found.sort(key=lambda one: (library.CATEGORIES.index(one.content.category), *_rank(one.slug), one.content.name))
    return MappingProxyType({one.slug: one for one in found})


def _rank(slug: str) -> tuple[bool, int]:
    return (False, _FIRST.index(slug)) if slug in _FIRST else (True, 0)


def _read(path: Path) -> Content:
    return library.parse(tomllib.loads(path.read_text(encoding="utf-8")))
