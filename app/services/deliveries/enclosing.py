"""The letter that brings a report: its sentence, the file, and how its reader ends it."""

from dataclasses import replace

import sqlalchemy as sa

from app.channels.base import Attachment, Message, Story
from app.core.errors import NotFound
from app.domain.reporting import NAME
from app.infra.storage import Storage
from app.models.people import Person
from app.models.runs import Artifact, Run
from app.models.tasks import Task
from app.models.teams import Team

LARGEST_BYTES = 5_000_000
"""A larger file stays where it is: mail servers take no more of them."""


def of_run(connection: sa.Connection, message: Message, run_id: int, storage: Storage | None, home: str) -> Message:
    """Return the message with the file that a run has made, where it is there and small enough, and what to say of it.

    Without `storage`, or where the file lies on another host, only the links are left.
    """
    row = connection.execute(_RUN, {"run": run_id}).one()
    team = f"{home}/t/{row.team}"
    file = connection.execute(_FILE, {"run": run_id}).first()
    content = _content(file.digest, storage) if file and file.size_bytes <= LARGEST_BYTES else None
    enclosed = Attachment(file.name, file.media_type, content) if file and content is not None else None
    said = f"{file.name} is attached." if file and enclosed else f"Its file is at {team}/runs/{row.number}."
    about = (
        f"{row.owner or 'Somebody'} set it up in the task “{row.task}”. To stop it, take yourself off its readers: "
        f"{team}/tasks/{row.slug}"
    )
    # The days that it is about are in the facts of its run, as its engine wrote them.
    days = f"?from={row.facts['from']}&to={row.facts['to']}" if {"from", "to"} <= row.facts.keys() else ""
    return replace(
        message, url=f"{team}/insights{days}", story=Story(safe=said, about=about), attachment=enclosed, thread="",
        needs_you=False,
    )  # fmt: skip


def _content(digest: str, storage: Storage | None) -> bytes | None:
    try:
        return storage.path(digest).read_bytes() if storage else None
    except (NotFound, OSError):
        return None


_RUN = (
    sa.select(
        Run.number, Run.facts, Team.slug.label("team"), Task.slug, Task.name.label("task"), Person.name.label("owner")
    )
    .join(Team, Team.id == Run.team_id)
    .join(Task, Task.id == Run.task_id)
    .outerjoin(Person, Person.id == Task.owner_id)
    .where(Run.id == sa.bindparam("run"))
)
_FILE = sa.select(Artifact.name, Artifact.media_type, Artifact.size_bytes, Artifact.digest).where(
    Artifact.run_id == sa.bindparam("run"), Artifact.name.startswith(f"{NAME}.")
)
