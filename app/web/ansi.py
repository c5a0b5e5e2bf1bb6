"""Colours that a program asked for by ANSI escapes, as spans with our classes; all else is escaped or left out."""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

# ECMA-48: a control sequence, an operating system command up to its end, any other escape.
_SEQUENCE = re.compile(
    r"\x1b(?:\[([0-9;:?<=>]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)|\x9b[0-9;]*[@-~]"
)
_UNSEEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")

_COLOURS = ("", "red", "green", "yellow", "blue", "magenta", "cyan", "")
_ARGUMENTS = {"5": 1, "2": 3}  # after 38 and 48: how many numbers name one of 256 colours, or one of 16 million


def to_html(text: str) -> Markup:
    """Return one line of a log as HTML; each line begins without colour."""
    if text.isprintable():
        return escape(text)
    return Markup("").join(_spans(text))


def _spans(text: str) -> Iterator[Markup]:
    colour, weight, end = "", "", 0
    for found in _SEQUENCE.finditer(text):
        yield _span(text[end : found.start()], colour, weight)
        end = found.end()
        if found[2] == "m":
            colour, weight = _after(found[1], colour, weight)
    yield _span(text[end:], colour, weight)


def _span(text: str, colour: str, weight: str) -> Markup:
    inner = escape(_plain(text))
    classes = " ".join(f"ansi-{name}" for name in (colour, weight) if name)
    return Markup('<span class="{}">{}</span>').format(classes, inner) if classes and inner else inner


def _plain(text: str) -> str:
    """Leave out what has no picture; of a line that was drawn over itself only the last drawing is seen."""
    if "\r" in text:
        text = text.rstrip("\r").rpartition("\r")[2]
    return _UNSEEN.sub("", text)


def _after(codes: str, colour: str, weight: str) -> tuple[str, str]:
    numbers = iter(codes.replace(":", ";").split(";"))
    for code in numbers:
        if code in {"", "0", "00"}:
            colour = weight = ""
        elif code in {"38", "48"}:
            for _ in range(_ARGUMENTS.get(next(numbers, ""), 0)):
                next(numbers, "")
        elif code in {"1", "01", "2", "02"}:
            weight = "bold" if code[-1] == "1" else "dim"
        elif code == "22":
            weight = ""
        elif code == "39":
            colour = ""
        elif len(code) == 2 and code[0] in "39" and code[1] in "01234567":  # noqa: PLR2004 30–37, and 90–97 for the bright ones
            colour = _COLOURS[int(code[1])]
    return colour, weight
