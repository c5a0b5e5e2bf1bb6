"""What a file holds: its values one at a time, from JSON, JSON lines, text, or an archive of such files."""

import codecs
import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

import ijson

from app.importers import zipped
from app.importers.base import Broken, Unreadable

MIB = 1024 * 1024
LARGEST_TEXT = 32 * MIB  # of what has to be in memory as a whole
LARGEST_VALUE = 64 * MIB  # one conversation: it is in memory as a whole
MOST_PARTS = 2_000_000
"""Brackets and commas of one conversation: its pictures may be large, but a small part takes fifty times its size."""

DEEPEST = 4000
"""Lists and objects within each other, in a whole file; of one conversation far fewer can be read."""
PEEK = 65_536
SPACE = b" \t\r\n"
BINARIES = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"GIF8": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"SQLite format 3": "a database",
}
_TOO_MANY = f"has more than {MOST_PARTS // 1_000_000} million parts"
_TOO_DEEP = "The JSON is nested too deeply to be read."
_NO_SIGNS = bytes(set(range(256)) - set(b'[]{},"'))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


@dataclass(frozen=True)
class Source:
    """A file, or one file of an archive; each `open` begins anew."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


@dataclass
class Meter:
    """How much has been read, in bytes of unpacked files; `on_read` is called as it grows."""

    total: int = 0
    done: int = 0
    on_read: Callable[[], object] = bool


@contextmanager
def sources(path: Path) -> Iterator[tuple[list[Source], bool]]:
    """Hold the files to read, and say whether they come from an archive. Raises Unreadable."""
    with path.open("rb") as stream:
        head = stream.read(4)
    if not zipped.is_one(head):
        yield [Source(path.name, path.stat().st_size, lambda: path.open("rb"))], False
        return
    with zipped.held(path) as (archive, members):
        yield [Source(one.filename, one.file_size, partial(zipped.opened, archive, one)) for one in members], True


def metered(source: Source, meter: Meter) -> Source:
    """Return the source with its reading counted, on top of what is counted already."""
    before = meter.done

    def opened() -> IO[bytes]:
        raw: Any = _Counted(source.open(), meter, before)
        return io.BufferedReader(raw, PEEK)

    return replace(source, open=opened)


class _Counted(io.RawIOBase):
    """A stream that says how far it was read; the beginning, looked at again and again, counts once."""

    def __init__(self, stream: IO[bytes], meter: Meter, at: int) -> None:
        self._stream, self._meter, self._at = stream, meter, at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._stream.read(len(buffer))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        self._meter.done = max(self._meter.done, self._at)
        self._meter.on_read()
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Recoded(io.RawIOBase):
    """A stream of text in another encoding, read as UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream, self._rest = stream, b""
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            raw = self._stream.read(PEEK)
            self._rest = self._decoder.decode(raw, final=not raw).encode()
            if not raw:
                break
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def opened(source: Source) -> io.BufferedReader:
    """Open a source as UTF-8 without a byte order mark."""
    raw: Any = source.open()
    stream = io.BufferedReader(raw, PEEK)
    head = stream.peek(64)[:64]
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        recoded: Any = _Recoded(stream, "utf-16")
        return io.BufferedReader(recoded, PEEK)
    elif b"\x00" in head[:4] and len(head) > 1:
        recoded = _Recoded(stream, "utf-16-be" if head[0] == 0 else "utf-16-le")
        return io.BufferedReader(recoded, PEEK)
    return stream


def first_of(stream: io.BufferedReader) -> bytes:
    """Return the first character that is no space, leaving it unread."""
    while True:
        head = stream.peek(1)
        stripped = head.lstrip(SPACE)
        if stripped or not head:
            stream.read(len(head) - len(stripped))
            return stripped[:1]
        stream.read(len(head))


def binary(source: Source) -> str | None:
    """Return what a file is that holds no text, None where it may hold text."""
    with closing(source.open()) as stream:
        head = stream.read(64)
    return next((name for magic, name in BINARIES.items() if head.startswith(magic)), None)


def is_archive_itself(source: Source) -> bool:
    """Whether a file of an archive is one, too; such are not opened."""
    with closing(source.open()) as stream:
        return zipped.is_one(stream.read(4))


def text(source: Source) -> str:
    """Return a source as text. Raises Unreadable where it is too large or no text."""
    if source.size > LARGEST_TEXT:
        raise Unreadable(f"The text is larger than {LARGEST_TEXT // MIB} MiB. Split it into single conversations.")
    with closing(opened(source)) as stream:
        raw = stream.read()
    if b"\x00" in raw[:PEEK]:
        raise Unreadable("The file holds no text. Export the conversation as JSON, or copy it as text.")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def values(source: Source) -> Iterator[Any]:
    """Yield the items of a list, the lines of JSON lines, or the one value; a line that can't be read as Broken.

    Raises Unreadable, which names the line, where the JSON ends in the middle or is none.
    """
    if _has_lines(source):
        yield from _lines(source)
        return
    with closing(opened(source)) as stream:
        prefix = "item" if first_of(stream) == b"[" else ""
    if not prefix and source.size > LARGEST_VALUE:
        prefix = _list_in(source)
    with closing(opened(source)) as stream:
        count, watched = 0, _Watched(stream)
        try:
            for item in ijson.items(watched, prefix, use_float=True, multiple_values=not prefix):
                yield item
                count += 1
                watched.begin(count)
        except Unreadable:
            raise
        except (ijson.JSONError, ValueError) as error:  # ValueError: a number of thousands of digits, or no UTF-8
            yield from _rest(source, count, error)


class _Shape:
    """How deep JSON is nested, and how many brackets and commas it has, told piece by piece."""

    def __init__(self) -> None:
        self.parts = 0
        self._now, self._is_text, self._rest = 0, False, b""

    def after(self, piece: bytes) -> int:
        """Return how deep the next piece goes."""
        piece = self._rest + piece
        odd = (len(piece) - len(piece.rstrip(b"\\"))) % 2  # a sign that the next piece begins with may be escaped
        self._rest, piece = piece[len(piece) - odd :], piece[: len(piece) - odd]
        plain = piece.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_SIGNS)
        parts = plain.split(b'"')
        outside = b"".join(parts[self._is_text :: 2])
        self.parts += len(outside)
        steps = map(_STEPS.__getitem__, outside.translate(None, b","))
        depths = list(accumulate(steps, initial=self._now))
        self._is_text, self._now = self._is_text ^ (len(parts) % 2 == 0), depths[-1]
        return max(depths)


class _Watched:
    """A stream of values, none of which may be too large for the memory, or nested deeper than any conversation: what
    is read piece by piece keeps the names of all that a value lies in, for each level of it.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._shape = stream, _Shape()
        self.begin(0)

    def begin(self, count: int) -> None:
        """So many values were read; the next one begins."""
        self._count, self._left = count, LARGEST_VALUE
        self._shape.parts = 0

    def read(self, count: int) -> bytes:
        """Read the next bytes. Raises Unreadable once there are too many for one value."""
        piece = self._stream.read(count)
        self._left -= len(piece)
        depth = self._shape.after(piece)
        if self._left < 0 or self._shape.parts > MOST_PARTS:
            what = _TOO_MANY if self._left >= 0 else f"is larger than {LARGEST_VALUE // MIB} MiB"
            rest = f"Entry {self._count + 1} {what}; it and what follows"
            raise Unreadable(f"{rest} were not read. Export the others without it.")
        if depth > DEEPEST:
            raise Unreadable(_TOO_DEEP)
        return piece


def _has_too_many(text: bytes) -> bool:
    """Whether JSON would take too much memory for its size."""
    shape = _Shape()
    for at in range(0, len(text) if len(text) > MOST_PARTS else 0, PEEK):
        shape.after(text[at : at + PEEK])
        if shape.parts > MOST_PARTS:
            return True
    return False


def _list_in(source: Source) -> str:
    """Return where the list is that a large object wraps, as ijson names it, else an empty text."""
    with closing(opened(source)) as stream:
        try:
            found = (place for place, event, _ in ijson.parse(_Watched(stream)) if event == "start_array")
            place = next(found, "")
        except (ijson.JSONError, UnicodeDecodeError, Unreadable):
            return ""
    return f"{place}.item" if place else ""


def _has_lines(source: Source) -> bool:
    """Whether the first line is a whole value and another one follows."""
    with closing(opened(source)) as stream:
        first = first_of(stream)
        line = stream.readline(LARGEST_VALUE if first == b"{" else MIB)
        if not line.endswith(b"\n") or not line.strip().endswith((b"}", b"]")):
            return False
        try:
            _has_too_many(line) or json.loads(line)
        except (ValueError, RecursionError):
            return False
        return bool(first_of(stream))


def _lines(source: Source) -> Iterator[Any]:
    with closing(opened(source)) as stream:
        number = 0
        while line := stream.readline(LARGEST_VALUE):
            number += 1
            if not line.strip():
                continue
            if _has_too_many(line):
                yield Broken(f"line {number}", f"Line {number} {_TOO_MANY}; it was left out.")
                continue
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                yield Broken(f"line {number}", f"Line {number} is no complete JSON value; it was left out.")


def _rest(source: Source, count: int, error: Exception) -> Iterator[Any]:
    """Yield what follows after `count` items where only the stricter reader failed, or tell where the JSON breaks."""
    whole = text(source) if source.size <= LARGEST_TEXT else ""
    if not whole or _has_too_many(whole.encode()):
        raise Unreadable(f"The JSON can't be read after item {count}. Export it again.") from error
    try:
        parsed = json.loads(whole)
    except json.JSONDecodeError as told:
        raise Unreadable(
            f"Line {told.lineno} is no JSON (at character {told.colno}: {told.msg}). Export it again, or mend the line."
        ) from told
    except RecursionError as told:
        raise Unreadable(_TOO_DEEP) from told
    except ValueError as told:
        raise Unreadable("The JSON holds a number that is too long to be read.") from told
    yield from parsed[count:] if isinstance(parsed, list) else [parsed]
