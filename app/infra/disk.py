"""Room on the disk: how much is left before work waits, and a ballast that is given up when there is hardly any."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from app.core.errors import NoSpace
from app.settings import Settings

_MIB = 1024**2
_BALLAST_BYTES = 64 * _MIB
_FULL_SHARE = 4
"""At this part of the low-water mark the disk counts as full: the ballast goes, and only what must be kept is."""

_ASK_AGAIN_SECONDS = 0.5


class _Watched:
    """What this process watches; nothing before `attach`."""

    def __init__(self, folder: Path | None = None, others: tuple[Path, ...] = (), mark: int = 0) -> None:
        self.folder = folder
        self.others = others
        self.mark = mark
        self.asked_at = 0.0
        self.room = 0

    @property
    def ballast(self) -> Path:
        assert self.folder
        return self.folder / "ballast"

    @property
    def ballast_bytes(self) -> int:
        """A small mark, as in a test, takes a small ballast."""
        return min(_BALLAST_BYTES, self.mark // 2)


_watched = _Watched()


def attach(settings: Settings) -> None:
    """Remember which folders must have room: that of the data, and that of SQLite's file if it is another one."""
    global _watched  # noqa: PLW0603 one a process, like the engines
    database = settings.sqlite_file
    others = (database.parent,) if database and database.parent != settings.data_dir else ()
    _watched = _Watched(settings.data_dir, others, settings.low_disk_mib * _MIB)


def room() -> int:
    """Return how many bytes are left, on the fuller of the disks; a ballast that was given up counts as taken."""
    now = time.monotonic()
    if now - _watched.asked_at >= _ASK_AGAIN_SECONDS:
        _watched.room, _watched.asked_at = _measured(), now
    return _watched.room


def is_low() -> bool:
    """Whether so little room is left that no new work may begin."""
    return bool(_watched.mark) and room() < _watched.mark


def is_full(*, just_now: bool = False) -> bool:
    """Whether there is hardly any room left: what can be left out is. `just_now` takes no answer of a moment ago."""
    if just_now:
        _watched.asked_at = 0.0
    return bool(_watched.mark) and room() < _watched.mark // _FULL_SHARE


def refuse_if_low(folder: Path | None = None) -> None:
    """Raise NoSpace while no new work may begin, or `folder`, where something is to be written, has as little room."""
    left = room() if folder is None else min(room(), free(folder))
    if _watched.mark and left < _watched.mark:
        raise NoSpace(f"The disk has {max(left, 0) // _MIB} MiB left. Make room on it, then try again.")


def free(folder: Path) -> int:
    """Return how many bytes are free on the disk of a folder, or of the nearest one above it that is there."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def tend() -> None:
    """Keep the ballast while there is room, and give it up when the disk is full: SQLite's DELETE needs room, too."""
    if not _watched.mark or not _watched.folder:
        return
    _watched.asked_at = 0.0
    with suppress(OSError):
        if is_full():
            _watched.ballast.unlink(missing_ok=True)
        elif not is_low() and not _watched.ballast.exists():
            _fill(_watched.ballast, _watched.ballast_bytes)
    _watched.asked_at = 0.0


def _fill(path: Path, size: int) -> None:
    with suppress(FileExistsError), path.open("xb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _measured() -> int:
    left = []
    with suppress(OSError):
        assert _watched.folder
        left.append(shutil.disk_usage(_watched.folder).free - _watched.ballast_bytes + _held(_watched.ballast))
    for folder in _watched.others:
        with suppress(OSError):
            left.append(shutil.disk_usage(folder).free)
    return min(left, default=_watched.mark)


def _held(ballast: Path) -> int:
    return ballast.stat().st_size if ballast.exists() else 0
