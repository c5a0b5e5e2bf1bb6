"""Teams: making one, who belongs to it, in which role, and how others get in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import aliased, joinedload

from app.core.clock import utc_now
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.identifiers import slug
from app.domain.access import ROLES, Actor, Role, may_give
from app.infra.database import db
from app.infra.vault import Vault
from app.models.people import Person, SignInLink
from app.models.teams import ApiToken, Membership, Team
from app.services import links
from app.services.unit import SessionWork, unit

INVITATION_DAYS = (1, 7, 30)
"""How long an invitation may be open."""

RESERVED_SLUGS = frozenset({"me", "new"})
_NAME_LENGTH = 120
_NOTE_LENGTH = 254
_LAST_OWNER = "A team keeps at least one owner. Make somebody else owner first."


@dataclass(frozen=True)
class Belonging:
    """A team as one of its members sees it."""

    id: int
    slug: str
    name: str
    is_personal: bool
    role: Role
    member_count: int
    is_first: bool

    @property
    def administers(self) -> bool:
        """Whether this membership makes its person look after the whole installation."""
        return self.is_first and self.role == "owner"


def of(person_id: int) -> list[Belonging]:
    """Return the teams a person belongs to: their own space first, then by name."""
    return [Belonging(*row) for row in db.session.execute(_OF, {"person": person_id})]


# Built once, because every page asks it.
_every, _teams = aliased(Membership), aliased(Team)
_OF = (
    sa.select(
        Team.id, Team.slug, Team.name, Team.is_personal, Membership.role,
        sa.select(sa.func.count()).where(_every.team_id == Team.id).scalar_subquery(),
        Team.id == sa.select(sa.func.min(_teams.id)).scalar_subquery(),
    )
    .join(Membership, Membership.team_id == Team.id)
    .where(Membership.person_id == sa.bindparam("person"))
    .order_by(Team.is_personal.desc(), sa.func.lower(Team.name), Team.id)
)  # fmt: skip


def personal(vault: Vault, person_id: int) -> str:
    """Return the slug of a person's own space; it is made when it is not there yet."""
    with unit() as work:
        person = work.session.get_one(Person, person_id, with_for_update=True)
        found = work.session.scalar(
            sa.select(Team.slug)
            .join(Membership, Membership.team_id == Team.id)
            .where(Membership.person_id == person_id, Team.is_personal)
        )
        return found or _found(work, vault, person.name, person.id, is_personal=True).slug


def create(vault: Vault, person_id: int, name: str) -> str:
    """Make a team with this person as its owner; return its slug. Raises Invalid."""
    name = _checked_name(name)
    with unit() as work:
        return _found(work, vault, name, person_id, is_personal=False).slug


def rename(actor: Actor, name: str) -> None:
    """Change the team's name; its address stays. Raises Invalid."""
    name = _checked_name(name)
    with unit(actor) as work:
        work.session.execute(sa.update(Team).where(Team.id == actor.team_id).values(name=name))
        work.audit("team_renamed", name)


def owners(team_id: int) -> Sequence[str]:
    """Return the names of a team's owners: whom to ask."""
    query = (
        sa.select(Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.team_id == team_id, Membership.role == "owner")
        .order_by(Membership.id)
    )
    return db.session.scalars(query).all()


# --- members


def members(actor: Actor) -> Sequence[Membership]:
    """Return who belongs to the team, with `person` loaded, by name."""
    query = (
        sa.select(Membership)
        .join(Membership.person)
        .options(joinedload(Membership.person))
        .where(Membership.team_id == actor.team_id)
        .order_by(sa.func.lower(Person.name), Membership.id)
    )
    return db.session.scalars(query).all()


def change_role(actor: Actor, membership_id: int, role: str) -> None:
    """Give a member another role. Raises Invalid, NotFound, Forbidden, Conflict for the last owner."""
    with unit(actor) as work:
        member = _member(work, actor, membership_id)
        given = _checked_role(role)
        _assert_may(actor, cast("Role", member.role), given)
        if member.role == "owner" and given != "owner":
            _assert_not_last_owner(work, actor.team_id)
        work.audit("role_changed", f"person {member.person_id}", before=member.role, after=given)
        member.role = given
        _withdraw_of(work, member, but=[role for role in ROLES if may_give(given, role)])
        work.ring(0, member.person_id)


def remove(actor: Actor, membership_id: int) -> None:
    """Take a member out of the team; yourself too, whatever your role. Raises NotFound, Forbidden, Conflict."""
    with unit(actor) as work:
        member = _member(work, actor, membership_id)
        if member.person_id != actor.person_id:
            _assert_may(actor, cast("Role", member.role))
        if member.role == "owner":
            _assert_not_last_owner(work, actor.team_id)
        if work.session.get_one(Team, actor.team_id).is_personal:
            raise Conflict("This is your own space; you can't leave it.")
        work.session.delete(member)
        _withdraw_of(work, member)
        _revoke_tokens_of(work, member)
        work.audit("member_removed", f"person {member.person_id}", role=member.role)
        work.ring(0, member.person_id)


def leave(actor: Actor) -> None:
    """Leave the team. Raises Conflict for the last owner and for one's own space."""
    mine = sa.select(Membership.id).where(Membership.team_id == actor.team_id, Membership.person_id == actor.person_id)
    remove(actor, db.session.scalars(mine).one())


# --- invitations


def invite(actor: Actor, role: str, email: str = "", days: int = 7) -> str:
    """Return the token of a link that lets one person in, for some days. Raises Invalid, Forbidden, Conflict.

    `email` is a note of whom it is for; whoever has the link can use it.
    """
    given = _checked_role(role)
    if days not in INVITATION_DAYS:
        raise Invalid({"days": "Choose how long the link works from the list."})
    if len(email) > _NOTE_LENGTH:
        raise Invalid({"email": f"A note has at most {_NOTE_LENGTH} letters."})
    _assert_may(actor, given)
    with unit(actor) as work:
        if work.session.get_one(Team, actor.team_id).is_personal:
            raise Conflict("This is your own space. Make a team to work with others.")
        token = links.add(
            work,
            "invite",
            timedelta(days=days),
            person_id=actor.person_id,
            team_id=actor.team_id,
            role=given,
            email=email,
        )
        work.audit("invited", given, days=days)
        return token


def invitations(actor: Actor) -> Sequence[Any]:
    """Return the team's open invitations, the newest first: id, role, email, expires_at, and who invites."""
    query = (
        sa.select(
            SignInLink.id,
            SignInLink.role,
            SignInLink.email,
            SignInLink.created_at,
            SignInLink.expires_at,
            Person.name.label("invited_by"),
        )
        .outerjoin(Person, Person.id == SignInLink.person_id)
        .where(*_open_invitation(actor), SignInLink.expires_at > utc_now())
    )
    return db.session.execute(query.order_by(SignInLink.id.desc())).all()


def withdraw(actor: Actor, invitation_id: int) -> None:
    """Make an invitation's link useless. Raises NotFound, Forbidden."""
    with unit(actor) as work:
        link = work.session.scalar(
            sa.select(SignInLink).where(SignInLink.id == invitation_id, *_open_invitation(actor))
        )
        if link is None:
            raise NotFound
        _assert_may(actor, cast("Role", link.role))
        work.session.delete(link)
        work.audit("invitation_withdrawn", link.role)


def _withdraw_of(work: SessionWork, member: Membership, but: Sequence[Role] = ()) -> None:
    """Withdraw what a member has invited, `but` to roles they still may give: else it would be their own way back."""
    theirs = sa.delete(SignInLink).where(
        SignInLink.team_id == member.team_id,
        SignInLink.person_id == member.person_id,
        SignInLink.purpose == "invite",
        SignInLink.used_at.is_(None),
        SignInLink.role.not_in(but),
    )
    work.session.execute(theirs)


def _revoke_tokens_of(work: SessionWork, member: Membership) -> None:
    """End what programs hold in a member's name: it must not come back to life when they join again."""
    theirs = sa.update(ApiToken).where(ApiToken.team_id == member.team_id, ApiToken.person_id == member.person_id)
    work.session.execute(theirs.where(ApiToken.revoked_at.is_(None)).values(revoked_at=work.now))


def _open_invitation(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    return SignInLink.team_id == actor.team_id, SignInLink.purpose == "invite", SignInLink.used_at.is_(None)


# --- rules


def _member(work: SessionWork, actor: Actor, membership_id: int) -> Membership:
    member = work.session.get(Membership, membership_id)
    if member is None or member.team_id != actor.team_id:
        raise NotFound
    return member


def _assert_may(actor: Actor, *roles: Role) -> None:
    for role in roles:
        if not may_give(actor.role, role):
            raise Forbidden("members", f"Only an owner decides who is {role}.")


def _assert_not_last_owner(work: SessionWork, team_id: int) -> None:
    # The rows are locked, so that two owners who go at the same moment can't both be the second to last.
    query = sa.select(Membership).where(Membership.team_id == team_id, Membership.role == "owner")
    if len(work.session.scalars(query.order_by(Membership.id).with_for_update()).all()) < 2:  # noqa: PLR2004 one must stay
        raise Conflict(_LAST_OWNER)


def _checked_role(role: str) -> Role:
    if role not in ROLES:
        raise Invalid({"role": "Choose a role from the list."})
    return role


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name:
        raise Invalid({"name": "Give the team a name."})
    if len(name) > _NAME_LENGTH:
        raise Invalid({"name": f"A name has at most {_NAME_LENGTH} letters."})
    return name


def _found(work: SessionWork, vault: Vault, name: str, person_id: int, *, is_personal: bool) -> Team:
    team = Team(
        slug=_free_slug(work, slug(name)), name=name, is_personal=is_personal, data_key=b"", created_at=work.now
    )
    work.session.add(team)
    work.session.flush()  # the key is bound to the team's id
    team.data_key = vault.new_data_key(team.id)
    work.session.add(Membership(team_id=team.id, person_id=person_id, role="owner", created_at=work.now))
    work.audit("team_created", name, team=team.id, person=person_id)
    return team


def _free_slug(work: SessionWork, wanted: str) -> str:
    taken = set(work.session.scalars(sa.select(Team.slug).where(Team.slug.startswith(wanted, autoescape=True))))
    taken |= RESERVED_SLUGS
    number = 1
    while (found := wanted if number == 1 else f"{wanted}-{number}") in taken:
        number += 1
    return found
