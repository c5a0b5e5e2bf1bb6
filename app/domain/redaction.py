"""Secrets out of text: every value handed to a run is masked, in clear and in its common encodings."""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "•••"

SHORTEST = 4
"""Bytes of a value from which on its lines and its encoded forms are masked too; shorter ones are found in anything."""

_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")


class Redactor:
    """Masks the secret `values` of one run; any thread may use it."""

    def __init__(self, values: Iterable[str]) -> None:
        self._forms: dict[str, _Edges] = {}
        for value in _parts(values):
            for form, edges in _forms(value):
                self._forms.setdefault(form, edges)

    def redact(self, text: str) -> str:
        """Return the text with every secret in it as `•••`."""
        spans = self.spans(text)
        return _masked(text, spans) if spans else text

    def stream(self) -> "Stream":
        """Return a stream for text that comes in pieces, between which a secret may be cut."""
        return Stream(self)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where secrets stand, ascending, merged where they overlap or touch."""
        found = sorted(span for form, edges in self._forms.items() for span in _occurrences(text, form, edges))
        merged: list[tuple[int, int]] = []
        for start, end in found:
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def unfinished(self, text: str) -> int:
        """Return where the longest end of the text begins that may be the beginning of a secret."""
        beginnings = (_beginning(text, form) - before for form, (before, _) in self._forms.items())
        return max(0, min(beginnings, default=len(text)))


class Stream:
    """One text in pieces: what is surely no part of a secret comes out at once, the rest with the next piece."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, text: str) -> str:
        """Take the next piece; return what can be shown by now, masked."""
        text = self._held + text
        spans = self._redactor.spans(text)
        cut = self._redactor.unfinished(text)
        cut = min([cut, *(start for start, end in spans if start < cut <= end)])
        self._held = text[cut:]
        return _masked(text[:cut], [span for span in spans if span[1] <= cut])

    def flush(self) -> str:
        """Return what was held back, masked; the text is at its end."""
        text, self._held = self._held, ""
        return self._redactor.redact(text)


_Edges = tuple[int, int]
"""Characters before and after a form that hold bits of the secret beside those of its neighbours."""


def _parts(values: Iterable[str]) -> Iterator[str]:
    """Yield each value, as it is and trimmed, and its lines; white space alone is no secret."""
    for value in values:
        if value.strip():
            yield from (value, value.strip())
            yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= SHORTEST)


def _forms(value: str) -> Iterator[tuple[str, _Edges]]:
    yield value, (0, 0)
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) < SHORTEST:
        return
    for plain in (raw.hex(), raw.hex().upper(), *_escaped(value)):
        yield plain, (0, 0)
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield _base64(raw, offset, encode(b"\0" * offset + raw).decode())


def _escaped(value: str) -> Iterator[str]:
    for in_url in (
        quote(value, safe="", errors="replace"),
        quote(value, errors="replace"),
        quote_plus(value, errors="replace"),
    ):
        yield in_url
        yield _lower_percent(in_url)
    for in_json in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield in_json
        yield in_json.replace("/", "\\/")


def _lower_percent(text: str) -> str:
    first, *rest = text.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])


def _base64(raw: bytes, offset: int, encoded: str) -> tuple[str, _Edges]:
    """Return the characters that hold nothing but the secret, `offset` bytes behind a multiple of three."""
    first = -(-offset * 8 // 6)
    last = (offset + len(raw)) * 8 // 6
    return encoded[first:last], (int(offset > 0), len(encoded) - last)


def _occurrences(text: str, form: str, edges: _Edges) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        start, end = at, at + len(form)
        while start > at - edges[0] and start > 0 and text[start - 1] in _BASE64:
            start -= 1
        while end < at + len(form) + edges[1] and end < len(text) and text[end] in _BASE64:
            end += 1
        yield start, end
        at = text.find(form, at + 1)


def _beginning(text: str, form: str) -> int:
    longest = min(len(form) - 1, len(text))
    return next((len(text) - size for size in range(longest, 0, -1) if text.endswith(form[:size])), len(text))


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    pieces, position = [], 0
    for start, end in spans:
        pieces += [text[position:start], MASK]
        position = end
    return "".join([*pieces, text[position:]])
