"""Files kept for good, by the SHA-256 of their content: the same content is stored once, whole or not at all."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO

from app.core.errors import NotFound

_NEW = ".new-"
_LATELY_SECONDS = 3600.0
_PIECE_BYTES = 1 << 20


class Storage:
    """A folder of content-addressed files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, source: BinaryIO) -> tuple[str, int]:
        """Store what `source` holds; returns (digest, bytes). A crash leaves no part of it under its name."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=_NEW, delete=False) as target:
            new = Path(target.name)
            try:
                digest, size = _copy(source, target)
                target.flush()
                os.fsync(target.fileno())
                path = self._path(digest)
                path.parent.mkdir(exist_ok=True, mode=0o700)
                new.replace(path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
        return digest, size

    def keep_file(self, path: Path, beneath: Path | None = None) -> tuple[str, int]:
        """Store a regular file that lies below the folder `beneath` (by default its own).

        A link is refused, also as a folder on the way, so that nothing outside is taken. Raises OSError.
        """
        with os.fdopen(_open_beneath(beneath or path.parent, path), "rb") as source:
            return self.keep(source)

    def path(self, digest: str) -> Path:
        """Return where a stored file lies. Raises NotFound when it is gone."""
        path = self._path(digest)
        if not path.is_file():
            raise NotFound("This file is no longer stored.")
        return path

    def copy_to(self, digest: str, target: Path) -> None:
        """Copy a stored file to `target`."""
        shutil.copyfile(self.path(digest), target)

    def remove(self, digest: str) -> None:
        """Remove a stored file that nothing names any more; one kept again lately stays, its row may be on its way."""
        path = self._path(digest)
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _LATELY_SECONDS:
                path.unlink()

    def _path(self, digest: str) -> Path:
        if len(digest) != 64 or not all(letter in "0123456789abcdef" for letter in digest):  # noqa: PLR2004 SHA-256 in hex
            raise NotFound("This file is no longer stored.")
        return self.folder / digest[:2] / digest


def _open_beneath(top: Path, path: Path) -> int:
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


def _copy(source: BinaryIO, target: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while piece := source.read(_PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
        target.write(piece)
    return digest.hexdigest(), size
