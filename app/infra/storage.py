"""Files kept for good, by the SHA-256 of their content: the same content is stored once, whole or not at all."""

import errno
import hashlib
import io
import os
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO

from app.core.errors import NoSpace, NotFound
from app.infra import blobs, disk
from app.settings import Settings

_NEW, _COPIES = ".new-", "copies"
_LATELY_SECONDS = 3600.0
_UNUSED_SECONDS = 86_400.0
"""A copy of what lies in the database is removed when it was not used for so long."""

_PIECE_BYTES = 1 << 20
_GONE = "This file is no longer stored."

_kept_in = ["folder"]
_swept_at = [time.monotonic()]


def attach(settings: Settings) -> None:
    """Remember where this process keeps files: in the folder alone, or in the database."""
    _kept_in[:] = [settings.storage]


class Storage:
    """Content-addressed files in a folder, or in the database: then the folder holds copies of those in use here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, source: BinaryIO) -> tuple[str, int]:
        """Store what `source` holds; returns (digest, bytes). A crash leaves no part of it under its name."""
        if disk.is_full():
            raise NoSpace("The disk is full: the file can't be kept.")
        digest, size = self._write(_pieces(source))
        if _is_shared():
            with self._place(digest).open("rb") as content:
                blobs.keep(digest, size, _pieces(content))
        return digest, size

    def keep_bytes(self, content: bytes) -> tuple[str, int]:
        """Do the same with what is in memory."""
        return self.keep(io.BytesIO(content))

    def keep_file(self, path: Path, beneath: Path | None = None, most_bytes: int | None = None) -> tuple[str, int]:
        """Store a regular file that lies below the folder `beneath` (by default its own), at most `most_bytes` of it.

        A link is refused, also as a folder on the way, so that nothing outside is taken. Raises OSError, also (EFBIG)
        for a file that is larger or grows while it is read.
        """
        with os.fdopen(open_beneath(beneath or path.parent, path), "rb") as source:
            return self.keep(source if most_bytes is None else _Bounded(source, most_bytes))  # type: ignore[arg-type]  # it is read, and nothing else

    def path(self, digest: str) -> Path:
        """Return where a stored file lies on this host. Raises NotFound when it is gone."""
        path = _within(self.folder, digest)
        if path.is_file():
            return path
        if not _is_shared():
            raise NotFound(_GONE)
        return self._copy(digest)

    def remove(self, digest: str) -> None:
        """Remove a stored file that nothing names any more; one kept again lately stays, its row may be on its way."""
        path = _within(self.folder, digest)
        if _is_shared():
            blobs.remove(digest)
        _remove_old([path], _LATELY_SECONDS)

    def discard(self, digest: str) -> None:
        """Remove a stored file at once: one that nobody can have kept again, as sealed content is never the same."""
        if _is_shared():
            blobs.discard(digest)
        for path in {_within(self.folder, digest), self._place(digest)}:
            path.unlink(missing_ok=True)

    def share(self) -> int:
        """Bring what was kept in the folder into the database; returns how many files there are."""
        found = [path for path in self.folder.glob("??/*") if path.is_file()]
        for path in found:
            with path.open("rb") as content:
                blobs.keep(path.name, path.stat().st_size, _pieces(content))
        return len(found)

    def sweep(self) -> None:
        """Remove what was begun and never finished, and copies of what lies in the database that nobody uses."""
        _swept_at[:] = [time.monotonic()]
        if _is_shared():
            blobs.sweep()
        _remove_old([*self.folder.glob(f"{_NEW}*"), *self.folder.glob(f"{_COPIES}/??/*")], _UNUSED_SECONDS)

    def _copy(self, digest: str) -> Path:
        """Return the copy on this host, made if need be, and note that it is used."""
        path = self._place(digest)
        try:
            os.utime(path)
        except FileNotFoundError:
            if time.monotonic() - _swept_at[0] > _LATELY_SECONDS:
                self.sweep()
            if self._write(blobs.pieces(digest))[0] != digest:
                raise NotFound(_GONE) from None
        return path

    def _write(self, content: Iterable[bytes]) -> tuple[str, int]:
        """Write a file under the digest of what comes."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=_NEW, delete=False) as target:
            new = Path(target.name)
            try:
                digest, size = hashlib.sha256(), 0
                for piece in content:
                    digest.update(piece)
                    size += len(piece)
                    target.write(piece)
                target.flush()
                os.fsync(target.fileno())
                path = self._place(digest.hexdigest())
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                new.replace(path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
        return digest.hexdigest(), size

    def _place(self, digest: str) -> Path:
        return _within(self.folder / _COPIES if _is_shared() else self.folder, digest)


def _within(folder: Path, digest: str) -> Path:
    if len(digest) != 64 or not all(letter in "0123456789abcdef" for letter in digest):  # noqa: PLR2004 SHA-256 in hex
        raise NotFound(_GONE)
    return folder / digest[:2] / digest


def _remove_old(paths: Iterable[Path], seconds: float) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > seconds:
                path.unlink()


def open_beneath(top: Path, path: Path) -> int:
    *folders, name = path.relative_to(top).parts
    if ".." in folders:
        raise OSError(errno.ELOOP, "not below", str(top))
    folder = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        # A pipe would wait for somebody who writes into it.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


class _Bounded:
    """A file of which no more is read than allowed."""

    def __init__(self, source: IO[bytes], most_bytes: int) -> None:
        self._source = source
        self._left = most_bytes

    def read(self, count: int) -> bytes:
        """Read the next bytes. Raises OSError (EFBIG) once there are too many."""
        piece = self._source.read(count)
        self._left -= len(piece)
        if self._left < 0:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return piece


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(_PIECE_BYTES):
        yield piece


def _is_shared() -> bool:
    return _kept_in == ["database"]
