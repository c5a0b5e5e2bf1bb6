"""Requests of programs that must not be carried out twice: the first one's answer is kept and given again."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.core.errors import CarillonError, Conflict
from app.domain.access import Actor
from app.models.teams import IdempotencyKey
from app.services.unit import Work, batch

LONGEST_KEY = 200
_GIVEN_UP = timedelta(seconds=60)
"""A first request that has said nothing for so long has died with its process; the next one takes its place."""

_UNDER_WAY = "The first request with this Idempotency-Key is still under way. Ask again in a second."


class OtherRequest(CarillonError):
    """The key was used for another request."""


class UnderWay(Conflict):
    """The first request with this key is still being carried out."""


@dataclass(frozen=True)
class First:
    """This request is carried out. `ticket` names it: it is the same for whoever has to do it over."""

    ticket: str


@dataclass(frozen=True)
class Again:
    """It was carried out before: what was answered."""

    status: int
    response: dict[str, Any]


def begin(actor: Actor, key: str, body_hash: str) -> First | Again:
    """Say whether the request with this key is the first one. Raises OtherRequest, UnderWay."""
    with batch(actor) as work:
        too_old = IdempotencyKey.created_at < work.now - IdempotencyKey.LASTS
        work.connection.execute(sa.delete(IdempotencyKey).where(*_is(actor, key), too_old))
        if ticket := _insert(work, actor, key, body_hash):
            return First(ticket)
        row = work.connection.execute(_row(actor, key).with_for_update()).first()
        if row is None:
            raise UnderWay(_UNDER_WAY)  # it was let go a moment ago
        if row.body_hash != body_hash:
            raise OtherRequest("This Idempotency-Key was used for another request. Use a new key for a new request.")
        if row.status:
            return Again(row.status, row.response)
        if row.created_at > work.now - _GIVEN_UP:
            raise UnderWay(_UNDER_WAY)
        work.connection.execute(sa.update(IdempotencyKey).where(*_is(actor, key)).values(created_at=work.now))
        return First(row.response["ticket"])


def finish(actor: Actor, key: str, status: int, response: dict[str, Any]) -> None:
    """Keep what was answered."""
    with batch(actor) as work:
        kept = sa.update(IdempotencyKey).where(*_is(actor, key)).values(status=status, response=response)
        work.connection.execute(kept)


def forget(actor: Actor, key: str) -> None:
    """Nothing was done: the key is free again."""
    with batch(actor) as work:
        work.connection.execute(sa.delete(IdempotencyKey).where(*_is(actor, key), IdempotencyKey.status == 0))


def _insert(work: Work, actor: Actor, key: str, body_hash: str) -> str:
    """Return the ticket of a key that is new, else an empty text."""
    insert = postgresql.insert if work.connection.dialect.name == "postgresql" else sqlite.insert
    ticket = uuid.uuid4().hex
    values = {
        "team_id": actor.team_id, "key": key, "body_hash": body_hash, "status": 0, "response": {"ticket": ticket},
        "created_at": work.now,
    }  # fmt: skip
    added = insert(IdempotencyKey).values(values).on_conflict_do_nothing(index_elements=["team_id", "key"])
    return ticket if work.connection.execute(added.returning(IdempotencyKey.key)).first() else ""


def _row(actor: Actor, key: str) -> sa.Select[Any]:
    kept = IdempotencyKey
    return sa.select(kept.body_hash, kept.status, kept.response, kept.created_at).where(*_is(actor, key))


def _is(actor: Actor, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return IdempotencyKey.team_id == actor.team_id, IdempotencyKey.key == key
