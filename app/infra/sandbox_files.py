"""The files of a job: put into its workspace, measured while it runs, taken out of it without following a link."""

import contextlib
import fnmatch
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OWN_FOLDER = ".carillon"
"""The folder of the workspace in which Carillon and the code hand things to each other; it is none of its files."""

_MOST_ENTRIES = 50_000
_MOST_FOUND = 100
_LONGEST_NAME = 200
_DEEPEST = 20


@dataclass(frozen=True)
class Found:
    """Files to keep, by name; and one sentence for each that is not kept."""

    files: Mapping[str, Path]
    refused: tuple[str, ...]


def prepare(workspace: Path, uid: int, files: Mapping[str, Path], texts: Mapping[str, str]) -> None:
    """Make the workspace with copies of `files` and `texts` in it, all belonging to `uid` (0: to us).

    Raises ValueError for a name that would leave the workspace.
    """
    workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, source in files.items():
        shutil.copyfile(source, _place(workspace, name))
    for name, text in texts.items():
        _place(workspace, name).write_text(text, encoding="utf-8", newline="\n")
    if uid:
        for path in (workspace, *workspace.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)


def used_bytes(workspace: Path, limit_bytes: int) -> int:
    """Return what the workspace holds on disk; more than the limit as soon as that is clear.

    Too many files are over the limit as well: each costs an entry of the file system.
    """
    total, entries = 0, 0
    pending = [str(workspace)]
    while pending:
        try:
            with os.scandir(pending.pop()) as folder:
                for entry in folder:
                    entries += 1
                    about = entry.stat(follow_symlinks=False)
                    total += about.st_blocks * 512
                    if stat.S_ISDIR(about.st_mode):
                        pending.append(entry.path)
        except OSError:  # it went, or took its own rights away
            continue
        if total > limit_bytes or entries > _MOST_ENTRIES:
            return max(total, limit_bytes + 1)
    return total


def collect(workspace: Path, patterns: Sequence[str], limit_bytes: int) -> Found:
    """Return the files of the workspace whose names match a pattern.

    Only regular files with one name are kept, reached through real folders: a link could lead to files of the host.
    """
    files: dict[str, Path] = {}
    refused: list[str] = []
    room = limit_bytes
    for name, about in walk(workspace):
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            continue
        room -= about.st_size
        if problem := _problem(name, about, len(files), room):
            refused.append(f"{name[:_LONGEST_NAME]!r} is not kept: {problem}.")
            if len(refused) >= _MOST_FOUND:
                break
        else:
            files[name] = workspace / name
    return Found(files, tuple(refused))


def bring(files: Mapping[str, Path], source: Path, target: Path) -> dict[str, Path]:
    """Return the files in `target`, copied there if they lie elsewhere."""
    if source == target:
        return dict(files)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    brought = {}
    for number, (name, path) in enumerate(files.items()):
        brought[name] = Path(shutil.copyfile(path, target / str(number), follow_symlinks=False))
    return brought


def walk(workspace: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield (name, stat) of all that is no folder. Folders are opened, not named, so none can be swapped for a link."""
    seen = 0
    for folder, _, names, descriptor in os.fwalk(workspace, follow_symlinks=False, onerror=None):
        inside = os.path.relpath(folder, workspace)
        if inside.count("/") > _DEEPEST or inside.split("/")[0] == OWN_FOLDER:
            continue
        for name in sorted(names):
            seen += 1
            if seen > _MOST_ENTRIES:
                return
            with contextlib.suppress(OSError):  # its folder took its own rights away
                about = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                yield (name if inside == "." else f"{inside}/{name}"), about


def _problem(name: str, about: os.stat_result, kept: int, room: int) -> str:
    if not stat.S_ISREG(about.st_mode):
        return "it is a link, a pipe or a device"
    if about.st_nlink != 1:
        return "it has a second name"
    if len(name) > _LONGEST_NAME or not name.isprintable():
        return "its name is too long or has letters that can't be shown"
    if room < 0:
        return "together they are larger than the workspace may be"
    return "there are more than 100" if kept >= _MOST_FOUND else ""


def _place(workspace: Path, name: str) -> Path:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts:
        raise ValueError(f"{name!r} leaves the workspace")
    target = workspace / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
