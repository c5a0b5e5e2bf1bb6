"""Archives: looked at before anything of them is unpacked, and refused where no export program makes such."""

import io
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from app.importers.base import Unreadable

MIB = 1024 * 1024
GIB = 1024 * MIB
LARGEST_MEMBER = 16 * GIB
LARGEST_IN_ALL = 64 * GIB
LARGEST_LIST = 64 * MIB  # of the names: it is read as a whole
MOST_MEMBERS = 200_000
HIGHEST_RATIO = 100
SMALL = MIB  # what unpacks to less can't hurt
SMALL_IN_ALL = 64 * MIB

_DAMAGED = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error)
_BROKEN = "The archive is damaged or incomplete. Download it again."
_END, _END_64, _WHERE_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_BYTES, _LONGEST_COMMENT, _WHERE_BYTES = 22, 65_535, 20
_FULL = 0xFFFFFFFF


def is_one(head: bytes) -> bool:
    """Whether a file that begins like this is an archive."""
    return head.startswith((b"PK\x03\x04", _END))


@contextmanager
def held(path: Path) -> Iterator[tuple[ZipFile, list[ZipInfo]]]:
    """Hold an archive open and list its files, shards in the order of their numbers. Raises Unreadable."""
    try:
        if _list_bytes(path) > LARGEST_LIST:
            raise Unreadable(f"The archive holds more than {MOST_MEMBERS:,} files. Import the conversations alone.")
        archive = ZipFile(path)
    except (*_DAMAGED, OSError, ValueError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable(_BROKEN) from error
    with archive:
        members = archive.infolist()
        if any(member.filename == "[Content_Types].xml" for member in members):
            raise Unreadable("This is an Office document. Copy its text into a .txt or .md file and import that.")
        _check(members, path.stat().st_size)
        members.sort(
            key=lambda member: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", member.filename)]
        )
        yield archive, [member for member in members if not member.is_dir() and member.file_size]


def opened(archive: ZipFile, member: ZipInfo) -> IO[bytes]:
    """Open a file of an archive. Its `read` raises Unreadable where it is damaged."""
    try:
        raw: Any = _Member(archive.open(member), member.filename)
    except _DAMAGED as error:
        raise Unreadable(_damaged(member.filename)) from error
    return io.BufferedReader(raw, 65_536)


class _Member(io.RawIOBase):
    """A file of an archive, whose damage is told in a sentence."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream, self._name = stream, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._stream.read(len(buffer))
        except _DAMAGED as error:
            raise Unreadable(_damaged(self._name)) from error
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _damaged(name: str) -> str:
    return f"{name[:80]} is damaged in the archive. Download it again."


def _list_bytes(path: Path) -> int:
    """Return how long the list of files says it is, read from the archive's end."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - _END_BYTES - _LONGEST_COMMENT))
        tail_at, tail = stream.tell(), stream.read()
        end = tail.rfind(_END)
        if end < 0:
            raise BadZipFile
        list_bytes = int(struct.unpack_from("<L", tail, end + 12)[0])
        if list_bytes != _FULL:
            return list_bytes
        stream.seek(max(0, tail_at + end - _WHERE_BYTES))
        where = stream.read(_WHERE_BYTES)
        if not where.startswith(_WHERE_64):
            return list_bytes
        stream.seek(struct.unpack_from("<Q", where, 8)[0])
        end_64 = stream.read(48)
        return int(struct.unpack_from("<Q", end_64, 40)[0]) if end_64.startswith(_END_64) else list_bytes


def _check(members: list[ZipInfo], archive_bytes: int) -> None:
    if len(members) > MOST_MEMBERS:
        raise Unreadable(f"The archive holds more than {MOST_MEMBERS:,} files. Import the conversations alone.")
    for member in members:
        _check_member(member)
    unpacked = sum(member.file_size for member in members)
    if unpacked > LARGEST_IN_ALL:
        raise Unreadable(f"The archive unpacks to more than {LARGEST_IN_ALL // GIB} GiB. Import it in parts.")
    if unpacked > max(SMALL_IN_ALL, HIGHEST_RATIO * archive_bytes):
        raise Unreadable(f"The archive unpacks to over {HIGHEST_RATIO} times its size. Export it again.")


def _check_member(member: ZipInfo) -> None:
    name, mode = member.filename.replace("\\", "/"), member.external_attr >> 16
    if name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
        raise Unreadable(f"The archive holds a file that points outside of it ({name[:80]}). Export it again.")
    if stat.S_ISLNK(mode):
        raise Unreadable(f"The archive holds a link ({name[:80]}). Pack the files themselves.")
    if member.flag_bits & 1:
        raise Unreadable("The archive is locked by a password. Unpack it and import the file inside.")
    if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise Unreadable(f"The archive is packed in an unusual way ({name[:80]}). Pack it as a common zip.")
    if member.file_size > LARGEST_MEMBER:
        raise Unreadable(f"A file of the archive is larger than {LARGEST_MEMBER // GIB} GiB ({name[:80]}).")
    if member.file_size > SMALL and member.file_size > HIGHEST_RATIO * max(member.compress_size, 1):
        raise Unreadable(
            f"A file of the archive unpacks to over {HIGHEST_RATIO} times its size ({name[:80]}). Export it again."
        )
