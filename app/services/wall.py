"""Walls: what a screen in a room shows of one team or several, to whoever knows its address and to nobody else."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import Invalid, NotFound
from app.core.identifiers import digest, new_token
from app.domain.access import ROLES, Actor, can
from app.infra.database import db
from app.infra.vault import Vault
from app.models.people import Person
from app.models.runs import Run
from app.models.tasks import Task
from app.models.teams import Membership, Team
from app.models.walls import PublicLink
from app.services.unit import unit

LONGEST_NAME = 60
MOST = 20
"""Walls of one team."""

_MINUTE = timedelta(minutes=1)
_MANAGERS = [role for role in ROLES if can(role, "manage")]


@dataclass(frozen=True)
class Line:
    """A wall as those see it who manage a team on it: its address (the part behind the host) and its teams by name.

    `is_own`: it is this team's; of one of another team, that shows this team too, neither is told.
    """

    id: int
    name: str
    path: str
    teams: Sequence[str]
    masks_names: bool
    created_at: datetime
    seen_at: datetime | None
    is_own: bool


@dataclass(frozen=True)
class Face:
    """A team as a wall shows it."""

    id: int
    slug: str
    name: str


@dataclass(frozen=True)
class Wall:
    """What a wall shows now: its teams in turn, in its time zone; `masks_names` says numbers instead of names."""

    id: int
    masks_names: bool
    timezone: str
    faces: Sequence[Face]


# --- for those who manage a team


def choices(actor: Actor) -> Sequence[Face]:
    """Return the teams that the person may put on a wall: those they manage. A program reaches its own alone."""
    query = (
        sa.select(Team.id, Team.slug, Team.name)
        .join(Membership, Membership.team_id == Team.id)
        .where(Membership.person_id == actor.person_id, Membership.role.in_(_MANAGERS))
        .order_by(Team.id != actor.team_id, sa.func.lower(Team.name))
    )
    if actor.token_team_id is not None:
        query = query.where(Team.id == actor.token_team_id)
    return [Face(*row) for row in db.session.execute(query)]


def listing(actor: Actor, vault: Vault) -> list[Line]:
    """Return the walls that show the team, its own first; the address only of its own."""
    rows = [row for row in db.session.scalars(_that_may_show(actor.team_id)) if _shows(row, actor.team_id)]
    key = db.session.get_one(Team, actor.team_id).data_key
    return [_line(row, actor, vault, key) for row in sorted(rows, key=lambda row: row.team_id != actor.team_id)]


def create(actor: Actor, vault: Vault, name: str, slugs: Collection[str] = (), *, masks_names: bool = False) -> Line:
    """Make a wall of the team, and of others that the person manages, in the person's time zone. Raises Invalid."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise Invalid({"name": f"Say where it hangs, in up to {LONGEST_NAME} characters."})
    others = [face for face in choices(actor) if face.slug in slugs and face.id != actor.team_id]
    with unit(actor) as work:
        team = work.session.get_one(Team, actor.team_id, with_for_update=True)
        if set(slugs) - {team.slug} - {face.slug for face in others}:
            raise Invalid({"teams": "Choose among the teams that you manage."})
        if work.session.scalar(sa.select(sa.func.count()).where(*_own(actor))) >= MOST:  # type: ignore[operator]  # a count is a number
            raise Invalid({"name": f"A team has up to {MOST} walls. Remove one first."})
        token = new_token()
        hashed = digest(token)
        row = PublicLink(
            team_id=team.id, purpose="wall", name=name, teams=[face.id for face in others], masks_names=masks_names,
            timezone=work.session.get_one(Person, actor.person_id).timezone, token_hash=hashed,
            sealed=vault.seal(team.data_key, token.encode(), PublicLink.aad_of(team.id, hashed)),
            created_by_id=actor.person_id, created_at=work.now, seen_at=None,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        work.audit("wall_added", name, wall=row.id, teams=[face.slug for face in others])
        return _line(row, actor, vault, team.data_key)


def remove(actor: Actor, wall_id: int) -> None:
    """Revoke a wall: screens that show it go blank. From a wall of another team, take this team alone.

    Raises NotFound.
    """
    with unit(actor) as work:
        row = work.session.get(PublicLink, wall_id, with_for_update=True)
        if row is None or row.purpose != "wall" or not _shows(row, actor.team_id):
            raise NotFound
        if row.team_id == actor.team_id:
            work.session.delete(row)
        else:
            row.teams = [team_id for team_id in row.teams if team_id != actor.team_id]
        work.audit("wall_removed", row.name, wall=wall_id)
        for team_id in {row.team_id, actor.team_id, *row.teams}:
            work.ring(team_id)


def _own(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    return PublicLink.team_id == actor.team_id, PublicLink.purpose == "wall"


def _that_may_show(team_id: int) -> sa.Select[PublicLink]:
    """Select the walls of a team, and those that people made who manage it: others can't show it."""
    people = sa.select(Membership.person_id).where(Membership.team_id == team_id, Membership.role.in_(_MANAGERS))
    may_show = sa.or_(PublicLink.team_id == team_id, PublicLink.created_by_id.in_(people))
    return sa.select(PublicLink).where(PublicLink.purpose == "wall", may_show).order_by(PublicLink.id)


def _shows(row: PublicLink, team_id: int) -> bool:
    return team_id in {row.team_id, *row.teams}


def _line(row: PublicLink, actor: Actor, vault: Vault, data_key: bytes) -> Line:
    is_own, path, names = row.team_id == actor.team_id, "", list[str]()
    if is_own:
        token = vault.unseal(data_key, row.sealed, PublicLink.aad_of(row.team_id, row.token_hash))
        path = f"/wall?token={token}"
        names = [face.name for face in _faces(row)]
    return Line(row.id, row.name, path, names, row.masks_names, row.created_at, row.seen_at, is_own)


# --- for the screen


def show(token: str) -> Wall:
    """Return what the wall of an address shows; that it was seen is noted once a minute. Raises NotFound."""
    row = db.session.scalar(
        sa.select(PublicLink).where(PublicLink.token_hash == digest(token), PublicLink.purpose == "wall")
    )
    if row is None:
        raise NotFound
    wall, now = _wall(row), utc_now()
    if row.seen_at is None or row.seen_at < now - _MINUTE:
        with unit() as work:
            work.session.execute(sa.update(PublicLink).where(PublicLink.id == row.id).values(seen_at=now))
    return wall


def find(wall_id: int, team_id: int) -> tuple[Wall, Face]:
    """Return a wall that is still there, and how it shows a team of it. Raises NotFound."""
    row = db.session.get(PublicLink, wall_id)
    if row is None or row.purpose != "wall":
        raise NotFound
    wall = _wall(row)
    face = next((face for face in wall.faces if face.id == team_id), None)
    if face is None:
        raise NotFound
    return wall, face


def _wall(row: PublicLink) -> Wall:
    return Wall(row.id, row.masks_names, row.timezone, _faces(row))


def _faces(row: PublicLink) -> list[Face]:
    """Return its own team, and of the others those that the person who made it still manages."""
    manages = sa.exists().where(
        Membership.team_id == Team.id, Membership.person_id == row.created_by_id, Membership.role.in_(_MANAGERS)
    )
    query = sa.select(Team.id, Team.slug, Team.name).where(
        sa.or_(Team.id == row.team_id, sa.and_(Team.id.in_(row.teams), manages))
    )
    return [Face(*found) for found in db.session.execute(query.order_by(Team.id != row.team_id, Team.name))]


def numbers(team_id: int, slugs: Collection[str], runs: Collection[int]) -> dict[str | int, int]:
    """Return by which number each task is called where names are masked: its place among the team's, by age.

    Asked by the slug of the task, or by the number of one of its runs.
    """
    place = sa.func.row_number().over(order_by=Task.id).label("place")
    places = sa.select(Task.id, Task.slug, place).where(Task.team_id == team_id).subquery()
    by_slug = sa.select(places.c.slug, places.c.place).where(places.c.slug.in_(slugs))
    by_run = (
        sa.select(Run.number, places.c.place)
        .join(places, places.c.id == Run.task_id)
        .where(Run.team_id == team_id, Run.number.in_(runs))
    )
    return {key: number for query in (by_slug, by_run) for key, number in db.session.execute(query)}
