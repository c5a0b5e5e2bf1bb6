"""What a job writes, as it comes: cut into lines, made readable, and bounded however much there is."""

import re
from collections import deque
from collections.abc import Callable
from typing import Literal

Stream = Literal["out", "err"]
OnLine = Callable[[Stream, str, bool], None]
"""Called with the stream, the text, and whether the line goes on in the next piece."""

Piece = tuple[str, bool]

_LONGEST = 16 * 1024
_BITE = 2048
"""So much is told at a time before the limit is looked at again."""
_LINE_COST = 64
"""Bytes a line counts for beside its text, so that a flood of empty lines is bounded too."""
_TAIL_SHARE = 0.2
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Output:
    """Tells lines to `on_line` until the limit, keeps the end of what follows, and drops what is between."""

    def __init__(self, on_line: OnLine, limit_bytes: int) -> None:
        self._on_line = on_line
        self._tail_bytes = int(limit_bytes * _TAIL_SHARE)
        self._head_left = limit_bytes - self._tail_bytes
        self._lines = _both()
        self._tail: deque[tuple[Stream, bytes]] = deque()
        self._held = 0
        self._left_out = 0
        self._last: dict[str, str] = {}

    def feed(self, stream: Stream, piece: bytes) -> None:
        """Take what was read from one stream."""
        if self._head_left > 0:
            piece = self._tell_head(stream, piece)
        if piece:
            self._keep_tail(stream, piece)

    def close(self) -> str:
        """Tell what is left, with one line for what is not there; returns the last line that says something.

        What went to standard error explains an end best, so it comes first.
        """
        for stream, lines in self._lines.items():
            self._tell(stream, lines.rest())
        if self._left_out:
            self._on_line("err", f"… {_size(self._left_out)} left out …", False)
        self._tell_tail()
        return self._last.get("err") or self._last.get("out", "")

    def _tell_head(self, stream: Stream, piece: bytes) -> bytes:
        """Tell as many lines as there is room for; returns what there was none for."""
        while piece and self._head_left > 0:
            some, piece = piece[:_BITE], piece[_BITE:]
            lines = self._lines[stream].take(some)
            self._head_left -= len(some) + _LINE_COST * len(lines)
            self._tell(stream, lines)
        return piece

    def _keep_tail(self, stream: Stream, piece: bytes) -> None:
        self._tail.append((stream, piece))
        self._held += len(piece)
        while self._held - len(self._tail[0][1]) >= self._tail_bytes:
            _, gone = self._tail.popleft()
            self._held -= len(gone)
            self._left_out += len(gone)

    def _tell_tail(self) -> None:
        lines = _both()
        told: deque[tuple[Stream, Piece]] = deque()
        room = self._tail_bytes
        for stream, piece in self._tail:
            for line in lines[stream].take(piece):
                told.append((stream, line))
                room -= len(line[0]) + _LINE_COST
                while room < 0 and len(told) > 1:
                    room += len(told.popleft()[1][0]) + _LINE_COST
        for stream, line in told:
            self._tell(stream, [line])
        for stream, rest in lines.items():
            self._tell(stream, rest.rest())

    def _tell(self, stream: Stream, lines: list[Piece]) -> None:
        for text, is_cut in lines:
            self._on_line(stream, text, is_cut)
            if plain := _COLOURS.sub("", text).strip():
                self._last[stream] = plain  # whole: cut in two, a secret in it would not be found


def _both() -> "dict[Stream, _Lines]":
    return {"out": _Lines(), "err": _Lines()}


class _Lines:
    """Cuts one stream into lines; a line longer than 16 KiB comes in pieces."""

    def __init__(self) -> None:
        self._open = b""

    def take(self, piece: bytes) -> list[Piece]:
        *whole, self._open = (self._open + piece).split(b"\n")
        lines = [part for line in whole for part in _pieces(line)]
        while len(self._open) > _LONGEST:
            cut = _cut(self._open)
            lines.append((_text(self._open[:cut]), True))
            self._open = self._open[cut:]
        return lines

    def rest(self) -> list[Piece]:
        rest, self._open = self._open, b""
        return _pieces(rest) if rest else []


def _pieces(line: bytes) -> list[Piece]:
    pieces = []
    while len(line) > _LONGEST:
        cut = _cut(line)
        pieces.append((_text(line[:cut]), True))
        line = line[cut:]
    return [*pieces, (_text(line), False)]


def _cut(line: bytes) -> int:
    """Return where to cut a long line without cutting a letter of UTF-8 in two."""
    cut = _LONGEST
    while cut > _LONGEST - 4 and line[cut] & 0xC0 == 0x80:  # noqa: PLR2004 the bits of a following byte
        cut -= 1
    return cut


def _text(line: bytes) -> str:
    """Return a line as text: what a terminal would show last of it, unreadable bytes and NUL marked."""
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace").replace("\0", "�")


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{max(count // 1000, 1)} kB"  # noqa: PLR2004 bytes of a megabyte
