"""A workspace in which code of users has worked: its files read and written without following a link; its end."""

import contextlib
import os
import secrets
import shutil
import stat
from pathlib import Path, PurePosixPath

from app.infra.sandbox_files import walk
from app.infra.storage import open_beneath


class NoSuchFile(Exception):
    """A name that is none of the workspace's, or a file that can't be had; the message says so."""


def read(top: Path, name: str, most_bytes: int) -> tuple[bytes, int]:
    """Return the first `most_bytes` of a regular file and its size. Raises NoSuchFile."""
    path = _path(name)
    try:
        with os.fdopen(open_beneath(top, top / path), "rb") as source:
            about = os.fstat(source.fileno())
            if about.st_nlink != 1:
                raise NoSuchFile(f"{name} has a second name, so it is not read.")
            return source.read(most_bytes), about.st_size
    except OSError as error:
        raise NoSuchFile(f"{name} can't be read: {_why(error)}.") from None


def write(top: Path, name: str, content: bytes, uid: int = 0) -> None:
    """Write a file, belonging to `uid` (0: to us), in place of whatever has its name. Raises NoSuchFile."""
    *folders, last = _path(name).parts
    top.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = _enter(folder, part, uid)
            os.close(folder)
            folder = inner
        _replace(folder, last, content, uid)
    except OSError as error:
        raise NoSuchFile(f"{name} can't be written: {_why(error)}.") from None
    finally:
        os.close(folder)


def listing(top: Path, most: int) -> list[tuple[str, int]]:
    """Return the names of regular files and their sizes in bytes, the first `most`, by name."""
    found = ((name, about.st_size) for name, about in walk(top) if stat.S_ISREG(about.st_mode))
    return sorted(found)[:most]


def clear(top: Path) -> None:
    """Remove a workspace, even where the run took the rights to its own folders away."""
    if not top.exists():
        return
    pending = [top]
    while pending:
        folder = pending.pop()
        folder.chmod(stat.S_IRWXU)
        pending += [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    shutil.rmtree(top, ignore_errors=True)


def _path(name: str) -> PurePosixPath:
    path = PurePosixPath(name.removeprefix("./"))
    if not path.parts or path.is_absolute() or ".." in path.parts or not name.isprintable():
        raise NoSuchFile(f"{name!r} is not in the workspace. Use a path like notes.txt or data/july.csv.")
    return path


def _enter(folder: int, part: str, uid: int) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkdir(part, 0o700, dir_fd=folder)
        if uid:
            os.chown(part, uid, uid, dir_fd=folder, follow_symlinks=False)
    return os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)


def _replace(folder: int, name: str, content: bytes, uid: int) -> None:
    """Write beside, then rename: what had the name, a link too, is replaced and never followed."""
    new = f".new-{secrets.token_hex(6)}"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(new, flags, 0o600, dir_fd=folder), "wb") as target:
            target.write(content)
            if uid:
                os.fchown(target.fileno(), uid, uid)
        os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new, dir_fd=folder)
        raise


def _why(error: OSError) -> str:
    said = error.strerror or "the system gave no reason"
    return said[:1].lower() + said[1:]
