"""A backup as a folder: a copy of the database, the stored files, and a manifest with the checksum of everything."""

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.core.errors import CarillonError
from app.infra import snapshots
from app.infra.snapshots import POSTGRESQL, SQLITE
from app.settings import ROOT, Settings

MANIFEST, FILES, LIST, KEY = "manifest.json", "files", "files.sha256", "key"
_PART = ".part"
_FORMAT = 1


class Damaged(CarillonError):
    """What lies in the folder is not a whole backup; nothing was changed."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `checksums` are SHA-256 by name; that of the list of files stands for all of them."""

    made_at: str
    version: str
    revision: str
    database: str
    files: int
    bytes: int
    checksums: dict[str, str]
    format: int = _FORMAT

    @property
    def at(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.made_at)

    @property
    def has_key(self) -> bool:
        """Whether the key for secrets lies in it, too."""
        return KEY in self.checksums


def make(settings: Settings, folder: Path, revision: str, *, with_key: bool = False) -> Manifest:
    """Make a backup in `folder`, which must be new or empty; it is there whole, or not at all.

    `revision` is that of the tables. Raises Damaged for a copy that can't be used, SettingError, OSError.
    """
    part = folder.with_name(folder.name + _PART)
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True, mode=0o700)
        manifest = _fill(settings, part, folder, revision, with_key=with_key)
        with suppress(FileNotFoundError):
            folder.rmdir()
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return manifest


def _fill(settings: Settings, part: Path, folder: Path, revision: str, *, with_key: bool) -> Manifest:
    made_at, copy = datetime.now(UTC), part / snapshots.name(settings)
    # Files are only ever added and removed: what the copy of the database names was there before it, or is there after.
    before = _latest(folder.parent)
    digests = _link_files(settings, part, before)
    snapshots.take(settings, copy)
    digests |= _link_files(settings, part, before)
    if problem := snapshots.problem(settings, copy):
        raise Damaged(f"The copy of the database is not whole: {problem}")
    (part / LIST).write_text("".join(f"{digest}\n" for digest in sorted(digests)), encoding="ascii")
    names = [copy.name, LIST]
    if with_key:
        shutil.copyfile(settings.master_key_file, part / KEY)
        (part / KEY).chmod(0o600)
        names.append(KEY)
    stored = [part / FILES / digest[:2] / digest for digest in digests]
    manifest = Manifest(
        made_at.isoformat(), _version(), revision, copy.name, len(digests),
        sum(path.stat().st_size for path in [*stored, *(part / name for name in names)]),
        {name: _checksum(part / name) for name in names},
    )  # fmt: skip
    (part / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    return manifest


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def check(settings: Settings, folder: Path) -> Manifest:
    """Read a backup from end to end and return what it holds. Raises Damaged with what is wrong."""
    manifest = _manifest(folder)
    for name, expected in manifest.checksums.items():
        if _checksum(folder / name) != expected:
            raise Damaged(f"{folder / name} is not what it was when the backup was made. Use another backup.")
    digests = (folder / LIST).read_text(encoding="ascii").split()
    for digest in digests:
        if _checksum(folder / FILES / digest[:2] / digest) != digest:
            raise Damaged(f"The stored file {digest} of the backup is gone or damaged. Use another backup.")
    if problem := snapshots.problem(settings, folder / manifest.database):
        raise Damaged(f"The copy of the database is not whole: {problem} Use another backup.")
    return manifest


def _manifest(folder: Path) -> Manifest:
    try:
        content: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if content["format"] != _FORMAT or content["database"] not in {SQLITE, POSTGRESQL}:
            raise Damaged(f"{folder} was made by another version of Carillon. Restore it with that one.")
        return Manifest(**content)
    except FileNotFoundError:
        raise Damaged(f"{folder} is not a backup: it has no {MANIFEST}.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{folder / MANIFEST} can't be read: {error}.") from error


def put_back(settings: Settings, folder: Path, manifest: Manifest) -> None:
    """Put database, files and, if it is in the backup, the key in their places, which must be empty."""
    if manifest.has_key and not settings.master_key_file.exists():
        private = os.open(settings.master_key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(private, "wb") as key:
            key.write((folder / KEY).read_bytes())
    for digest in (folder / LIST).read_text(encoding="ascii").split():
        _link(folder / FILES / digest[:2] / digest, settings.data_dir / FILES / digest[:2] / digest)
    snapshots.put_back(settings, folder / manifest.database)


def keep_latest(folder: Path, count: int) -> list[Path]:
    """Remove all but the latest backups in `folder`, and what was begun and never finished; return those removed."""
    made = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    old = made[:-count] + sorted(folder.glob(f"*{_PART}"))
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return old


def _latest(folder: Path) -> Path | None:
    return max((path.parent for path in folder.glob(f"*/{MANIFEST}")), default=None)


def _link_files(settings: Settings, part: Path, before: Path | None) -> set[str]:
    """Bring the stored files into the backup: a link where that can be, else a copy. Those in the database are there.

    On another disk the backup before it has most of them already.
    """
    digests = set()
    for path in settings.data_dir.joinpath(FILES).glob("??/*") if settings.storage == "folder" else ():
        place = f"{path.name[:2]}/{path.name}"
        sources = (path, before / FILES / place) if before else (path,)
        with suppress(FileNotFoundError):  # removed meanwhile: nothing names it
            _link(path, part / FILES / place, sources)
            digests.add(path.name)
    return digests


def _link(path: Path, target: Path, sources: Sequence[Path] = ()) -> None:
    """Link `target` to the first of `sources` that is on its disk; else copy `path`. One that is there stays."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for source in sources or (path,):
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(path, target)


def _checksum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
