"""Files that belong to a task: checked, kept and written down. A helper of services, like unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.infra.storage import Storage
from app.models.tasks import Task, TaskFile
from app.services.unit import SessionWork

LARGEST_FILE_BYTES = 32 * 1024 * 1024
_LONGEST_FILE_NAME = 200


@dataclass(frozen=True)
class Upload:
    """A file on its way in: its name as the browser sent it, and its content."""

    name: str
    content: BinaryIO


def wrong(uploads: Sequence[Upload]) -> dict[str, str]:
    """Return what is wrong with files that were sent, by field; nothing if all can be kept."""
    names = [upload.name for upload in uploads]
    for upload in uploads:
        if not _is_plain(upload.name):
            return {"files": "A file needs a plain name, without slashes, and not starting with a dot."}
        if upload.content.seek(0, 2) > LARGEST_FILE_BYTES:
            return {"files": f"{upload.name} is larger than 32 MiB."}
        upload.content.seek(0)
    return {"files": "Two of the files have the same name."} if len(set(names)) < len(names) else {}


def _is_plain(name: str) -> bool:
    is_short = 0 < len(name) <= _LONGEST_FILE_NAME
    return (
        is_short and name.isprintable() and not name.startswith((".", "-", "~")) and not {"/", "\\", "\0"} & set(name)
    )


def store(folder: Path, uploads: Sequence[Upload]) -> list[tuple[str, int, str]]:
    """Keep files in `folder`, before the transaction: a large one must not hold up the other writers."""
    stored = []
    for upload in uploads:
        digest, size_bytes = Storage(folder).keep(upload.content)
        stored.append((upload.name, size_bytes, digest))
    return stored


def add(work: SessionWork, task: Task, stored: Sequence[tuple[str, int, str]]) -> list[int]:
    """Write down the files of a task that were kept: names, sizes, digests; returns their ids."""
    rows = [
        TaskFile(team_id=task.team_id, task_id=task.id, name=name, size_bytes=size, digest=digest, created_at=work.now)
        for name, size, digest in stored
    ]
    work.session.add_all(rows)
    work.session.flush()
    return [row.id for row in rows]
