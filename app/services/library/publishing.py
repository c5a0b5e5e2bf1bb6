"""Publishing a template: what would leave is shown first, and what leaves is a frozen copy without it."""

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from app.analysis import scrub
from app.analysis.scrub import Found, Known
from app.core.errors import Conflict, Invalid, NotFound
from app.domain import library
from app.domain.access import Actor
from app.domain.library import Content, Template, Unfit
from app.infra import bundles
from app.infra.database import db
from app.infra.vault import Vault
from app.models.library import Listing
from app.models.library import Template as Row
from app.models.people import Person
from app.models.teams import Membership, Secret, Team, TeamValue
from app.services import library as found_by
from app.services.library import rows, signing
from app.services.unit import SessionWork, unit

Check = Callable[[Template], str]
"""Says in a sentence why no task could be made of a template; empty when one can."""

_LONGEST_NAME = 120
_WIDE = (rows.INSTANCE, rows.PUBLIC)


@dataclass(frozen=True)
class Choice:
    """What somebody decided about things found: ids of those that stay, and of those that go though they could stay."""

    kept: Collection[str] = ()
    replaced: Collection[str] = ()


@dataclass(frozen=True)
class Leaving:
    """What would leave the team: the template without what is removed, all that was found, and why it can't, if so.

    `seen` stands for the template and all that was found in it: what leaves later is refused when that has changed.
    """

    template: Template
    content: Content | None
    found: Sequence[Found]
    removed: Collection[str]
    seen: str
    problem: str = ""


def look(actor: Actor, vault: Vault, slug: str, choice: Choice, check: Check) -> Leaving:
    """Return what would leave with a template of the team. Raises NotFound, also for what others have made."""
    template = found_by.find(actor, slug)
    if template.source != "team":
        raise NotFound
    known = _known(actor, vault)
    stored = template.content.model_dump(mode="json")
    found = scrub.look(stored, known)
    removed = [one for one in found if _is_removed(one, choice)]
    ids = frozenset(one.id for one in removed)
    cleaned = scrub.cleaned(stored, removed)
    shown = json.dumps([stored, [one.id for one in found]], sort_keys=True)
    seen = hashlib.sha256(shown.encode()).hexdigest()
    try:
        content = library.parse(cleaned)
    except Unfit as error:
        return Leaving(template, None, found, ids, seen, f"Without what is removed it is no whole template: {error}")
    problem = check(template.model_copy(update={"content": content}))
    if named := library.named_outright(content, "secrets"):
        problem = f"It takes the secret {named[0]} without asking for it. Save it from its task again."
    if any(one.is_always for one in scrub.look(cleaned, known)):
        problem = "A secret is still in it after the others were removed. Take it out of the task, and save it again."
    return Leaving(template, content, found, ids, seen, problem)


def _is_removed(one: Found, choice: Choice) -> bool:
    if one.is_always:
        return True
    return one.id not in choice.kept if one.is_removed else one.id in choice.replaced


def _known(actor: Actor, vault: Vault) -> Known:
    team = db.session.get_one(Team, actor.team_id)
    people = sa.select(Person.name, Person.email).join(Membership).where(Membership.team_id == team.id)
    values = sa.select(TeamValue.name, TeamValue.value).where(TeamValue.team_id == team.id)
    sealed = db.session.scalars(sa.select(Secret).where(Secret.team_id == team.id)).all()
    secrets = [vault.unseal(team.data_key, one.sealed, Secret.aad_of(team.id, one.name, one.version)) for one in sealed]
    return Known(
        tuple((name, email) for name, email in db.session.execute(people)), (team.name, team.slug),
        {row.name: row.value for row in db.session.execute(values)}, tuple(secrets),
    )  # fmt: skip


def publish(
    actor: Actor, vault: Vault, slug: str, visibility: str, publisher: str, choice: Choice, seen: str, check: Check
) -> Listing:
    """Offer a template to all teams of this installation, or also in its index (visibility `instance`, `public`).

    `seen` is that of the report that was looked at. Raises NotFound, Invalid, Conflict.
    """
    publisher = _checked(publisher)
    if visibility not in _WIDE:
        raise Invalid({"visibility": "Choose who is to see it."})
    leaving = _agreed(look(actor, vault, slug, choice, check), seen)
    assert leaving.content
    key = signing.public(vault)
    with unit(actor) as work:
        row = rows.own(work, actor, slug)
        if row.withdrawn_at:
            raise Conflict("It is withdrawn. Save it again to offer it.")
        listing = work.session.scalar(sa.select(Listing).where(Listing.template_id == row.id, Listing.source == "own"))
        if listing is None:
            listing = Listing(team_id=actor.team_id, template_id=row.id, source="own", address="", created_at=work.now)
            listing.slug = _free_slug(work, leaving.content.name)
            work.session.add(listing)
        listing.number, listing.visibility, listing.state = leaving.template.number, visibility, "offered"
        listing.publisher, listing.key, listing.author_id = publisher, key, actor.person_id
        listing.content, listing.changed_at = leaving.content.model_dump(mode="json"), work.now
        row.visibility = visibility
        data = {"version": listing.number, "visibility": visibility, "publisher": publisher}
        work.audit("template_published", leaving.content.name, template=row.id, removed=len(leaving.removed), **data)
    return listing


def unpublish(actor: Actor, slug: str) -> None:
    """No longer offer a template beyond the team; whoever has it keeps it. Raises NotFound."""
    with unit(actor) as work:
        row = rows.own(work, actor, slug)
        offered = sa.select(Listing).where(Listing.template_id == row.id, Listing.state == "offered")
        listing = work.session.scalar(offered)
        if listing is None:
            raise NotFound
        listing.state, listing.changed_at, row.visibility = "unpublished", work.now, rows.TEAM
        work.audit("template_unpublished", listing.content["name"], template=row.id)


def share(actor: Actor, slug: str, visibility: str) -> None:
    """Show a template to the team, or only to its author and admins. Raises NotFound, Invalid, Conflict."""
    if visibility not in {rows.PRIVATE, rows.TEAM}:
        raise Invalid({"visibility": "Choose private or team."})
    with unit(actor) as work:
        row = rows.own(work, actor, slug)
        if row.visibility in _WIDE:
            raise Conflict("It is published. Unpublish it first.")
        row.visibility = visibility
        work.audit("template_shared", rows.last(work, row)["name"], template=row.id, visibility=visibility)


def export(
    actor: Actor, vault: Vault, slug: str, publisher: str, choice: Choice, seen: str, check: Check
) -> tuple[str, bytes]:
    """Return a template of the team as a signed bundle, with the name of the file. Raises NotFound, Invalid, Conflict.

    Without `seen` what the report removes by default is removed.
    """
    publisher = _checked(publisher)
    leaving = look(actor, vault, slug, choice, check)
    leaving = _agreed(leaving, seen or leaving.seen)
    assert leaving.content
    with unit(actor) as work:
        row = rows.own(work, actor, slug)
        made_at = row.changed_at.isoformat()
        work.audit("template_exported", leaving.content.name, template=row.id, removed=len(leaving.removed))
    data = bundles.pack(leaving.content, slug, publisher, made_at, signing.seed(vault))
    return f"{slug}{bundles.ENDING}", data


def listing_of(actor: Actor, slug: str) -> Listing | None:
    """Return what is offered of a template of the team beyond it, None for nothing."""
    query = sa.select(Listing).where(Listing.team_id == actor.team_id, Listing.source == "own")
    its = query.where(Listing.state == "offered", Listing.template_id == _id(actor, slug))
    return db.session.scalar(its)


def _id(actor: Actor, slug: str) -> sa.ScalarSelect[int]:
    return sa.select(Row.id).where(Row.slug == slug, *rows.seen_by(actor)).scalar_subquery()


def _agreed(leaving: Leaving, seen: str) -> Leaving:
    if leaving.problem:
        raise Invalid({"": leaving.problem})
    if leaving.seen != seen:
        raise Conflict("The template, or what is known of your team, has changed since you looked. Look again.")
    return leaving


def _checked(publisher: str) -> str:
    publisher = " ".join(publisher.split())
    if not publisher:
        raise Invalid({"publisher": "Say who publishes it. Others see this name."})
    if not publisher.isprintable():
        raise Invalid({"publisher": "The name has letters that can't be shown. Type it anew."})
    if len(publisher) > _LONGEST_NAME:
        raise Invalid({"publisher": f"A name has at most {_LONGEST_NAME} letters."})
    return publisher


def _free_slug(work: SessionWork, name: str) -> str:
    return rows.free(name, set(work.session.scalars(sa.select(Listing.slug).where(Listing.address == "")).all()))
