"""Templates: pages with a title, parts with one root, nothing inline, htmx 4 only, and none that nobody asks for."""

import re
from html.parser import HTMLParser

import pytest

from app.settings import ROOT
from tests.house.source import CODE, TEMPLATES, named, read

PAGES = [path for path in TEMPLATES if not path.name.startswith("_") and path.parent.name not in {"shared", "mail"}]
LAYOUTS = {"layout.html", "auth_layout.html", "wall_layout.html"}
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}

INLINE = {
    "a style": re.compile(r"<[^>]*\sstyle\s*="),
    "a handler": re.compile(r"<[^>]*\son[a-z]+\s*="),
    "an address of javascript": re.compile(r"javascript:", re.IGNORECASE),
    "a script": re.compile(r"<script(?![^>]*(?:\ssrc=|type=\"application/json\"))"),
    "a style sheet": re.compile(r"<style\b"),
}
OF_HTMX_2 = re.compile(r"\b(hx-on|hx-ext|hx-vars|hx-params|hx-disinherit|sse-swap|sse-connect|ws-connect)\b")

ASKED = {name for path in [*CODE, *TEMPLATES] for name in re.findall(r'"(\w[\w/]*\.html)"', read(path))}
FAMILIES = {start for path in CODE for start in re.findall(r'f"(\w+/_?)\{\w+\}\.html"', read(path))}
"""Beginnings of names whose end is chosen when they are asked for, as for the tabs of a task."""

_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}", re.DOTALL)
_VALUE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def test_a_page_extends_a_layout_and_has_a_title():
    assert [named(path) for path in PAGES if _chain(path)[-1].name not in LAYOUTS] == []
    frames = {_parent(path) for path in TEMPLATES}  # the pages that extend them have the title
    assert [named(path) for path in PAGES if path not in frames and not _has_title(path)] == []


def test_nothing_is_inline():
    pages = [path for path in TEMPLATES if path.parent.name != "mail"]  # mail programs read no style sheets
    texts = {named(path): _VALUE.sub("", _JINJA.sub("", read(path))) for path in pages}
    assert [(name, what) for name, text in texts.items() for what, found in INLINE.items() if found.search(text)] == []


def test_htmx_is_that_of_version_4():
    assert [(named(path), OF_HTMX_2.findall(read(path))) for path in TEMPLATES if OF_HTMX_2.search(read(path))] == []


def _parts():
    """Return the parts that answer a request for a part of a page."""
    web = "\n".join(read(path) for path in CODE if named(path).startswith("app/web/"))
    return sorted(set(re.findall(r'part="([^"{]+/_[^"{]+)"', web)))


@pytest.mark.parametrize("name", _parts())
def test_a_part_that_is_swapped_has_one_root_with_an_id(name):
    roots = Roots()
    roots.feed(_VALUE.sub("x", _JINJA.sub("", read(ROOT / "templates" / name))))
    assert [bool(dict(attributes).get("id")) for tag, attributes in roots.found if tag != "hx-partial"] == [True]


def test_somebody_asks_for_every_template():
    names = {path.relative_to(ROOT / "templates").as_posix() for path in TEMPLATES} - ASKED
    assert [
        name for name in sorted(names) if not any(re.match(rf"{start}\w+\.html$", name) for start in FAMILIES)
    ] == []


def _has_title(path):
    return any("{% block title %}" in read(one) for one in _chain(path) if one.name not in LAYOUTS)


def _chain(path):
    parent = _parent(path)
    return [path, *_chain(parent)] if parent else [path]


def _parent(path):
    found = re.search(r'\{%-? extends "([^"]+)"', read(path))
    return ROOT / "templates" / found[1] if found else None


class Roots(HTMLParser):
    """The outermost elements of a part."""

    def __init__(self):
        super().__init__()
        self.depth, self.found = 0, []

    def handle_starttag(self, tag, attrs):
        if self.depth == 0:
            self.found.append((tag, attrs))
        self.depth += tag not in VOID

    def handle_endtag(self, tag):
        self.depth -= tag not in VOID
