"""Calendar feeds: secret addresses where calendar apps read what runs when, as far as their person may see it then."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.core.identifiers import digest, new_token
from app.domain.access import Actor
from app.exporters import ics
from app.infra.database import db
from app.infra.vault import Vault
from app.models.feeds import CalendarFeed
from app.models.people import Person
from app.models.teams import Team
from app.services.feeds import entries
from app.services.feeds.entries import AHEAD
from app.services.unit import unit

__all__ = ["AHEAD", "Feed", "Scope", "Shown", "add", "listing", "remove", "rotate", "scopes", "show"]

Scope = Literal["mine", "team", "all"]

_MINUTE = timedelta(minutes=1)
_LONGEST_CLIENT = 200


@dataclass(frozen=True)
class Feed:
    """A feed as its person sees it: its address (the part behind the host), and who fetched it last."""

    scope: str
    path: str
    created_at: datetime
    fetched_at: datetime | None
    fetched_by: str


@dataclass(frozen=True)
class Shown:
    """What a feed shows now, by which digest it is known, and since when it does."""

    content: bytes
    digest: str
    changed_at: datetime


def listing(actor: Actor, vault: Vault) -> list[Feed]:
    """Return the person's feeds of a team with their addresses; of the person's own space the one of all teams."""
    rows = db.session.execute(
        sa.select(CalendarFeed, Team.data_key).join(Team, Team.id == CalendarFeed.team_id).where(*_own(actor))
    )
    return [_feed(row, vault, data_key) for row, data_key in rows]


def scopes(actor: Actor) -> tuple[Scope, ...]:
    """Return the feeds that a person may have of a team; that of all their teams is one of their own space."""
    return _scopes(is_personal=db.session.get_one(Team, actor.team_id).is_personal)


def add(actor: Actor, vault: Vault, scope: str) -> Feed:
    """Make a feed, or return the one that is there. Raises NotFound for a scope that the team has not."""
    return _kept(actor, vault, scope, is_new=False)


def rotate(actor: Actor, vault: Vault, scope: str) -> Feed:
    """Give a feed another address; the old one is not known any more. Raises NotFound."""
    return _kept(actor, vault, scope, is_new=True)


def remove(actor: Actor, scope: str) -> None:
    """Turn a feed off: its address is not known any more. Raises NotFound."""
    with unit(actor) as work:
        row = work.session.scalar(sa.select(CalendarFeed).where(*_own(actor), CalendarFeed.scope == scope))
        if row is None:
            raise NotFound
        work.session.delete(row)
        work.audit("calendar_feed_removed", scope)


def show(token: str, client: str, url: str) -> Shown:
    """Return what a feed shows to its person now; `client` is noted once a minute, `url` is Carillon's address.

    Of a team to which the person does not belong any more it shows nothing. Raises NotFound.
    """
    found = db.session.execute(
        sa.select(CalendarFeed, Person.timezone, Team.name)
        .join(Person, Person.id == CalendarFeed.person_id)
        .join(Team, Team.id == CalendarFeed.team_id)
        .where(CalendarFeed.token_hash == digest(token))
    ).first()
    if found is None:
        raise NotFound
    row, zone, team = found
    now = utc_now()
    is_all = row.scope == "all"
    reach = entries.reach_of(row.person_id, row.scope, zone, url, None if is_all else row.team_id)
    name = f"Carillon: {team}" if reach.team_ids and not is_all else "Carillon"
    content = ics.calendar(name, entries.of(reach, now), zone)
    seen = hashlib.sha256(content).hexdigest()
    changed_at = row.changed_at if row.digest == seen else now
    if row.digest != seen or row.fetched_at is None or row.fetched_at < now - _MINUTE:
        said = {"digest": seen, "changed_at": changed_at, "fetched_at": now, "fetched_by": client[:_LONGEST_CLIENT]}
        with unit() as work:
            work.session.execute(sa.update(CalendarFeed).where(CalendarFeed.id == row.id).values(said))
    return Shown(content, seen, changed_at)


def _scopes(*, is_personal: bool) -> tuple[Scope, ...]:
    return ("team", "all") if is_personal else ("mine", "team")


def _kept(actor: Actor, vault: Vault, scope: str, *, is_new: bool) -> Feed:
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id, with_for_update=True)
        if scope not in _scopes(is_personal=team.is_personal):
            raise NotFound
        row = work.session.scalar(sa.select(CalendarFeed).where(*_own(actor), CalendarFeed.scope == scope))
        if is_new and row is None:
            raise NotFound
        if row is None:
            row = CalendarFeed(
                person_id=actor.person_id, team_id=team.id, scope=scope, created_at=work.now, changed_at=work.now
            )
            work.session.add(row)
        elif not is_new:
            return _feed(row, vault, team.data_key)
        token = new_token()
        aad = CalendarFeed.aad_of(team.id, actor.person_id, scope)
        row.token_hash, row.sealed = digest(token), vault.seal(team.data_key, token.encode(), aad)
        row.fetched_at, row.fetched_by = None, ""
        work.audit("calendar_feed_rotated" if is_new else "calendar_feed_added", scope)
        work.session.flush()
        return _feed(row, vault, team.data_key)


def _feed(row: CalendarFeed, vault: Vault, data_key: bytes) -> Feed:
    token = vault.unseal(data_key, row.sealed, CalendarFeed.aad_of(row.team_id, row.person_id, row.scope))
    return Feed(row.scope, f"/feeds/{token}.ics", row.created_at, row.fetched_at, row.fetched_by)


def _own(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    return CalendarFeed.person_id == actor.person_id, CalendarFeed.team_id == actor.team_id
