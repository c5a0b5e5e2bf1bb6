"""What a thread needs, looked at in a worker: whether its hosts answer, and whether its packages can be had."""

import os
import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from app.core.errors import NotFound, Unavailable
from app.domain.access import Actor
from app.infra import database, fetch, queues, redis
from app.infra.addresses import Failure
from app.infra.database import db
from app.models.threads import Finding, Thread
from app.services.unit import batch

MOST = 40
SECONDS = 5.0
_KINDS = ("api", "package")
_GONE = (404, 410)
_INDEX = "https://pypi.org/simple"


def ask(actor: Actor, thread_id: int) -> None:
    """Let a worker look at the hosts and packages of a thread; pages show it. Raises NotFound, Unavailable."""
    with batch(actor) as work:
        own = (Thread.id == thread_id, Thread.team_id == actor.team_id, Thread.deleted_at.is_(None))
        if work.connection.execute(sa.select(Thread.id).where(*own)).first() is None:
            raise NotFound
        asked = {"state": "asked", "sentence": "Is being looked at.", "at": work.now.isoformat()}
        rows = _rows(work.connection, thread_id)
        work.connection.execute(sa.update(Finding).where(Finding.id.in_([one.id for one in rows])).values(seen=asked))
        work.ring(actor.team_id)
    db.session.rollback()
    try:
        queues.call(queues.CHECK_NEEDS, thread_id, queue=queues.THREADS)
    except (*redis.Away, OSError):
        raise Unavailable("The queue does not answer, so nothing was looked at. Try again.") from None


def _rows(connection: sa.Connection, thread_id: int) -> Sequence[Any]:
    mine = (Finding.thread_id == thread_id, Finding.kind == "dependency", Finding.state != "dropped")
    found = connection.execute(sa.select(Finding.__table__).where(*mine).order_by(Finding.position)).all()
    return [one for one in found if one.value["kind"] in _KINDS][:MOST]


def check(thread_id: int) -> None:
    """Look at the hosts and packages of a thread, one after the other, and keep what was seen of each."""
    with database.read() as connection:
        rows = _rows(connection, thread_id)
    for row in rows:
        name = str({**row.value, **(row.changed or {})}["name"])
        state, sentence = _host(name, row.evidence) if row.value["kind"] == "api" else _package(name)
        with batch() as work:
            seen = {"state": state, "sentence": sentence, "at": work.now.isoformat()}
            work.connection.execute(sa.update(Finding).where(Finding.id == row.id).values(seen=seen))
            work.ring(row.team_id)


def _host(name: str, evidence: Sequence[dict[str, Any]]) -> tuple[str, str]:
    is_plain = any(f"http://{name}" in one["excerpt"] for one in evidence)
    try:
        answer = _asked(f"{'http' if is_plain else 'https'}://{name}/")
    except Failure as failure:
        return "unreachable", failure.message
    return "present", f"Answered {answer.status} just now."


def _package(name: str) -> tuple[str, str]:
    if os.environ.get("PIP_NO_INDEX"):
        return "unknown", "Is installed from this machine's own packages when the task first runs."
    index = os.environ.get("PIP_INDEX_URL", _INDEX).rstrip("/")
    plain = re.sub(r"[-_.]+", "-", name).lower()
    try:
        answer = _asked(f"{index}/{plain}/")
    except Failure:
        return (
            "unknown",
            "The index of packages could not be asked from here. It is installed when the task first runs.",
        )
    if answer.status in _GONE:
        return "missing", "The index has no package of this name."
    return "present", "Can be installed; that happens when the task first runs."


def _asked(url: str) -> fetch.Answer:
    return fetch.Call(fetch.Request("HEAD", url, timeout_seconds=SECONDS, redirects=0)).answer()
