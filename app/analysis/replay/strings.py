"""The plain parts of f-strings, found in their source."""

import re
from collections.abc import Iterator

_PREFIX = re.compile(r"([rRbBuUfF]{0,2})(\"\"\"|'''|\"|')")


def plain_parts(source: str) -> Iterator[tuple[int, int, str]]:
    """Yield the parts of f-strings that are plain text: (start, end, quote), as places in `source`."""
    at = 0
    while hit := _PREFIX.search(source, at):
        quote, begin = hit[2], hit.end()
        end = _end_of(source, begin, quote)
        if "f" in hit[1].lower():
            yield from ((first, last, quote) for first, last in _outside(source, begin, end))
        at = end + len(quote)


def _end_of(source: str, at: int, quote: str) -> int:
    while at < len(source) and not source.startswith(quote, at):
        at += 2 if source[at] == "\\" else 1
    return min(at, len(source))


def _outside(source: str, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of an f-string's inside that are in no braces."""
    start, depth = at, 0
    while at < end:
        char = source[at]
        if depth == 0 and source[at : at + 2] in {"{{", "}}"}:
            at += 2
            continue
        if char == "{":
            if depth == 0 and at > start:
                yield start, at
            depth += 1
        elif char == "}" and depth:
            depth -= 1
            start = at + 1
        at += 1
    if depth == 0 and end > start:
        yield start, end
