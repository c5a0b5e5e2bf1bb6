"""The data folder and the folder of sockets: made once, private, held by one supervisor at a time."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.settings import SettingError

_HARMLESS = {"lost+found"}
_OURS = {"lock", "key", "carillon.db", "files", "environments", "workspaces"}
"""One of these says that it is a data folder; with key and database elsewhere it may hold the last three alone."""

_SHORT = Path("/tmp")  # noqa: S108 only for folders of our own, checked below


def holder(data_dir: Path) -> tuple[int, str] | None:
    """Return (process id, address) of the Carillon that runs on this folder, or None. Changes nothing."""
    try:
        with _lock_file(data_dir).open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid, _, url = file.read().strip().partition(" ")
                return int(pid or 0), url
    except OSError:
        pass  # nobody was here yet
    return None


def refuse_if_held(data_dir: Path) -> None:
    """Raise SettingError when a Carillon runs on this folder."""
    if held := holder(data_dir):
        pid, url = held
        raise SettingError(
            f"Carillon already runs on {data_dir} (process {pid}, {url}). Stop it, or give another folder with --data."
        )


def make(data_dir: Path) -> None:
    """Make the data folder, private, if it is not there. Raises SettingError with what to do."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = {path.name for path in data_dir.iterdir()} - _HARMLESS
        if names and not names & _OURS:
            raise SettingError(f"{data_dir} holds other things. Give a new or empty folder with --data.")
        data_dir.chmod(0o700)
    except FileExistsError:
        raise SettingError(f"{data_dir} is a file. Give a folder with --data.") from None
    except OSError as error:
        raise SettingError(
            f"The data folder {data_dir} can't be made or read: {error.strerror}. Give another one with --data."
        ) from error


@contextmanager
def held(data_dir: Path, url: str) -> Iterator[None]:
    """Make the data folder if need be, and hold it. Raises SettingError with what to do."""
    make(data_dir)
    try:
        file = _lock_file(data_dir).open("a+", encoding="utf-8")
    except OSError as error:
        raise SettingError(f"The data folder {data_dir} can't be written: {error.strerror}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            refuse_if_held(data_dir)
        file.truncate(0)
        file.write(f"{os.getpid()} {url}\n")
        file.flush()
        yield


def run_dir(data_dir: Path) -> Path:
    """Return the private folder for sockets of this data folder; its path is short (108 bytes at most on Linux)."""
    name = f"carillon-{os.getuid()}-{hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]}"
    given = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    path = (given if given.is_absolute() and os.access(given, os.W_OK) else _SHORT) / name
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or not path.is_dir() or path.is_symlink():
        raise SettingError(f"{path} belongs to somebody else. Remove it, or set XDG_RUNTIME_DIR to a folder of yours.")
    return path


def _lock_file(data_dir: Path) -> Path:
    return data_dir / "lock"
