"""What a file holds: its values one at a time, from JSON, JSON lines, text, or an archive of such files."""

import codecs
import io
import json
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import ijson

from app.importers.base import Broken, Unreadable

MIB = 1024 * 1024
LARGEST_TEXT = 32 * MIB  # of what has to be in memory as a whole
LARGEST_LINE = 64 * MIB
LARGEST_MEMBER = 16 * 1024 * MIB
MOST_MEMBERS = 200_000
HIGHEST_RATIO = 100
SMALL = MIB  # what unpacks to less can't hurt
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
ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Source:
    """A file, or one file of an archive; each `open` begins anew."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def sources(path: Path) -> tuple[list[Source], bool]:
    """Return the files to read, and whether they come from an archive. Raises Unreadable."""
    with path.open("rb") as stream:
        head = stream.read(4)
    if head != ZIP and head[:4] != b"PK\x05\x06":
        return [Source(path.name, path.stat().st_size, lambda: path.open("rb"))], False
    try:
        with ZipFile(path) as archive:
            members = archive.infolist()
    except (BadZipFile, OSError, ValueError) as error:
        raise Unreadable("The archive is damaged or incomplete. Download it again.") from error
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise Unreadable("This is an Office document. Copy its text into a .txt or .md file and import that.")
    _check(members)
    members.sort(
        key=lambda member: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", member.filename)]
    )
    return [_member(path, member) for member in members if not member.is_dir() and member.file_size], True


def _check(members: list[ZipInfo]) -> None:
    """Refuse an archive that no export program makes."""
    if len(members) > MOST_MEMBERS:
        raise Unreadable(f"The archive holds more than {MOST_MEMBERS:,} files. Import the conversations alone.")
    for member in members:
        name, mode = member.filename.replace("\\", "/"), member.external_attr >> 16
        if name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
            raise Unreadable(f"The archive holds a file that points outside of it ({name[:80]}). Export it again.")
        if stat.S_ISLNK(mode):
            raise Unreadable(f"The archive holds a link ({name[:80]}). Pack the files themselves.")
        if member.flag_bits & 1:
            raise Unreadable("The archive is locked by a password. Unpack it and import the file inside.")
        if member.file_size > LARGEST_MEMBER:
            raise Unreadable(f"A file of the archive is larger than {LARGEST_MEMBER // MIB // 1024} GiB ({name[:80]}).")
        if member.file_size > SMALL and member.file_size > HIGHEST_RATIO * max(member.compress_size, 1):
            raise Unreadable(
                f"A file of the archive unpacks to over {HIGHEST_RATIO} times its size ({name[:80]}). Export it again."
            )


def _member(path: Path, member: ZipInfo) -> Source:
    def opened() -> IO[bytes]:
        archive = ZipFile(path)
        stream = archive.open(member)
        archive.close()  # the stream keeps the file open
        return stream

    return Source(member.filename, member.file_size, opened)


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
        return stream.read(len(ZIP)) == ZIP


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
        count = 0
        try:
            for item in ijson.items(stream, prefix, use_float=True, multiple_values=not prefix):
                yield item
                count += 1
        except (ijson.JSONError, UnicodeDecodeError) as error:
            yield from _rest(source, count, error)


def _has_lines(source: Source) -> bool:
    """Whether the first line is a whole value and another one follows."""
    with closing(opened(source)) as stream:
        first = first_of(stream)
        line = stream.readline(LARGEST_LINE if first == b"{" else MIB)
        if not line.endswith(b"\n") or not line.strip().endswith((b"}", b"]")):
            return False
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            return False
        return bool(first_of(stream))


def _lines(source: Source) -> Iterator[Any]:
    with closing(opened(source)) as stream:
        number = 0
        while line := stream.readline(LARGEST_LINE):
            number += 1
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                yield Broken(f"line {number}", f"Line {number} is no complete JSON value; it was left out.")


def _rest(source: Source, count: int, error: Exception) -> Iterator[Any]:
    """Yield what follows after `count` items where only the stricter reader failed, or tell where the JSON breaks."""
    if source.size > LARGEST_TEXT:
        raise Unreadable(f"The JSON can't be read after item {count}. Export it again.") from error
    try:
        parsed = json.loads(text(source))
    except json.JSONDecodeError as told:
        raise Unreadable(
            f"Line {told.lineno} is no JSON (at character {told.colno}: {told.msg}). Export it again, or mend the line."
        ) from told
    except RecursionError as told:
        raise Unreadable("The JSON is nested too deeply to be read.") from told
    yield from parsed[count:] if isinstance(parsed, list) else [parsed]
