"""Tokens: keys with which programs act as their person in one team. Only a hash is kept; who has a key sees it once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.core.clock import utc_now
from app.core.errors import Invalid, NotFound
from app.core.identifiers import digest, is_api_token, new_api_token
from app.domain.access import SCOPES, Actor, Role, scopes_for
from app.infra.database import db
from app.models.people import Person
from app.models.teams import ApiToken, Membership, Team
from app.services import tries
from app.services.unit import unit

LIVES_DAYS = (30, 90, 365)
"""How long a token may be good for; 0 days is for ever."""

_LONGEST_NAME = 60
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Bearer:
    """A program as it asks now: it acts as `actor`, in the role this person has in the team at this moment."""

    actor: Actor
    token_id: int
    token_name: str
    prefix: str
    scopes: Sequence[str]
    expires_at: datetime | None
    person: str
    email: str
    timezone: str
    team_slug: str
    team_name: str


def create(actor: Actor, name: str, scopes: Sequence[str], days: int, by: Bearer | None = None) -> tuple[str, ApiToken]:
    """Make a token that lives for `days` (0: for ever); return it and its row. Nobody can read it again.

    `by` is the token that asks for it: what it makes reaches no further and lives no longer. Raises Invalid.
    """
    name = name.strip()
    _check(actor, name, scopes, days, by)
    token, prefix = new_api_token()
    with unit(actor) as work:
        row = ApiToken(
            team_id=actor.team_id, person_id=actor.person_id, name=name, prefix=prefix, token_hash=digest(token),
            scopes=[scope for scope in SCOPES if scope in scopes], created_at=work.now,
            expires_at=_end(work.now, days, by),
        )  # fmt: skip
        row.person = work.session.get_one(Person, actor.person_id)
        work.session.add(row)
        work.session.flush()
        work.audit("token_created", f"{name} ({prefix})", token=row.id, scopes=row.scopes, days=days)
    return token, row


def who(token: str) -> Bearer | None:
    """Return who asks with this token, None if it is not good (any more); notes once a minute that it is in use."""
    if not is_api_token(token):
        return None
    now = utc_now()
    found = db.session.execute(_WHO.where(ApiToken.token_hash == digest(token), *_standing(now))).first()
    if found is None:
        return None
    row, person, team, role = found
    bearer = Bearer(
        Actor(person.id, team.id, cast("Role", role), frozenset(row.scopes)), row.id, row.name, row.prefix,
        tuple(row.scopes), row.expires_at, person.name, person.email, person.timezone, team.slug, team.name,
    )  # fmt: skip
    if row.last_used_at is None or row.last_used_at < now - _MINUTE:
        with unit() as work:
            work.session.execute(sa.update(ApiToken).where(ApiToken.id == bearer.token_id).values(last_used_at=now))
    return bearer


# The person must still belong to the team: a token dies with the membership.
_WHO = (
    sa.select(ApiToken, Person, Team, Membership.role)
    .join(Person, Person.id == ApiToken.person_id)
    .join(Team, Team.id == ApiToken.team_id)
    .join(Membership, sa.and_(Membership.team_id == Team.id, Membership.person_id == Person.id))
)


def count_wrong(address: str) -> None:
    """Count a token that is not good, by where it came from. Raises Throttled when there were too many."""
    tries.count({f"token|{tries.place(address)}": tries.FREE_OF_ADDRESS})


def listing(actor: Actor) -> Sequence[ApiToken]:
    """Return a person's own tokens of the team, of all members for who manages it; `person` is loaded, newest first."""
    query = sa.select(ApiToken).options(joinedload(ApiToken.person))
    return db.session.scalars(query.where(*_visible(actor)).order_by(ApiToken.id.desc())).all()


def revoke(actor: Actor, token_id: int) -> None:
    """Make a token useless at once: one's own, or any of the team for who manages it. Raises NotFound."""
    with unit(actor) as work:
        row = work.session.scalar(sa.select(ApiToken).where(ApiToken.id == token_id, *_visible(actor)))
        if row is None:
            raise NotFound
        row.revoked_at = work.now
        work.audit("token_revoked", f"{row.name} ({row.prefix})", token=row.id)
        work.ring(0, row.person_id)


def _visible(actor: Actor) -> list[sa.ColumnElement[bool]]:
    wanted = [ApiToken.team_id == actor.team_id, ApiToken.revoked_at.is_(None)]
    return wanted if actor.may("manage") else [*wanted, ApiToken.person_id == actor.person_id]


def _standing(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return ApiToken.revoked_at.is_(None), sa.or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now)


def _check(actor: Actor, name: str, scopes: Sequence[str], days: int, by: Bearer | None) -> None:
    wrong = {}
    if not name:
        wrong["name"] = "Give the token a name, so that you know it again."
    elif len(name) > _LONGEST_NAME:
        wrong["name"] = f"A name has at most {_LONGEST_NAME} letters."
    if problem := _scopes_problem(actor, scopes, by):
        wrong["scopes"] = problem
    if days not in {0, *LIVES_DAYS}:
        wrong["days"] = f"Choose {', '.join(map(str, LIVES_DAYS))} days, or 0 for no end."
    if wrong:
        raise Invalid(wrong)


def _end(now: datetime, days: int, by: Bearer | None) -> datetime | None:
    ends = [now + timedelta(days=days) if days else None, by.expires_at if by else None]
    return min((end for end in ends if end), default=None)


def _scopes_problem(actor: Actor, scopes: Sequence[str], by: Bearer | None) -> str | None:
    if not scopes or not set(scopes) <= SCOPES.keys():
        return f"Choose at least one of {', '.join(SCOPES)}."
    if beyond := [scope for scope in scopes if scope not in scopes_for(actor.role)]:
        return f"As {actor.role} you can't make a token with {beyond[0]}."
    if by and (beyond := [scope for scope in scopes if scope not in {"read", *by.scopes}]):
        return f"This token has no {beyond[0]} itself, so it can't give it."
    return None
