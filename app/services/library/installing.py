"""Templates of other teams and installations: looked at, and installed as templates of a team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import Conflict, Invalid, NotFound
from app.domain import library
from app.domain.access import Actor
from app.domain.library import Content, Origin, Template, Trust
from app.infra import bundles
from app.infra.database import db
from app.infra.vault import Vault
from app.models.instance import ALIVE, Worker
from app.models.library import Install, Listing, Rating
from app.models.library import Template as Row
from app.services.library import rows, signing
from app.services.unit import SessionWork, unit

LARGEST = bundles.LARGEST
_KEPT = timedelta(days=1)
"""So long an uploaded bundle waits to be installed."""


@dataclass(frozen=True)
class Offered:
    """What is offered to a team, as it would be used here: who signed it, and what the team has of it already.

    `installs` counts teams; `stars` is the mean of the ratings, 0 for none.
    """

    listing: Listing
    content: Content
    trust: Trust
    installed: Template | None
    is_own: bool
    installs: int = 0
    ratings: int = 0
    stars: float = 0

    @property
    def template(self) -> Template:
        """It as a template; its slug is the number of the listing."""
        return Template(slug=str(self.listing.id), source="shared", content=self.content)

    @property
    def fingerprint(self) -> str:
        """The key that it is signed with, for people to compare."""
        return bundles.fingerprint(self.listing.key)

    @property
    def is_newer(self) -> bool:
        """Whether the team has an older version of it."""
        return self.installed is not None and self.installed.number < self.listing.number


def offered(actor: Actor, vault: Vault) -> list[Offered]:
    """Return what a team can install: published in this installation, or read from an index; uploads are left out."""
    query = sa.select(Listing).where(Listing.source != "upload", Listing.state == "offered").order_by(Listing.id)
    return _offered(actor, vault, db.session.scalars(query).all())


def find(actor: Actor, vault: Vault, listing_id: int) -> Offered:
    """Return one thing offered, also one no longer offered that the team has installed. Raises NotFound."""
    return _offered(actor, vault, [_visible(actor, listing_id)])[0]


def newer(templates: Sequence[Template]) -> dict[str, tuple[int, int]]:
    """Return what offers a newer version of installed templates, by their slugs: its number, and the version."""
    mine = {one.origin.listing: one for one in templates if one.origin}
    its = (Listing.id.in_(mine), Listing.state == "offered")
    found = db.session.execute(sa.select(Listing.id, Listing.number).where(*its))
    return {mine[one.id].slug: (one.id, one.number) for one in found if one.number > mine[one.id].number}


def offers_level() -> int:
    """Return the best isolation that a worker of this installation offers, 0 while there is none."""
    seen = sa.select(Worker.isolation).where(Worker.stopped_at.is_(None), Worker.seen_at > utc_now() - ALIVE)
    return max((int(one.get("level") or 0) for one in db.session.scalars(seen)), default=0)


def upload(actor: Actor, data: bytes) -> int:
    """Take in a bundle to look at; returns its number. Raises Invalid for what is none, or was changed."""
    try:
        bundle = bundles.unpack(data)
    except bundles.Refused as refusal:
        raise Invalid({"file": str(refusal)}) from None
    manifest, address = bundle.manifest, f"upload:{actor.team_id}:{bundle.digest}"
    with unit(actor) as work:
        installed = sa.select(Install.listing_id)
        old = (Listing.source == "upload", Listing.changed_at < work.now - _KEPT, Listing.id.not_in(installed))
        work.session.execute(sa.delete(Listing).where(*old))
        listing = work.session.scalar(sa.select(Listing).where(Listing.address == address))
        if listing is None:
            listing = Listing(
                team_id=actor.team_id, source="upload", address=address, slug=manifest.slug, number=manifest.version,
                visibility=rows.PRIVATE, state="offered", publisher=manifest.publisher, key=manifest.key,
                digest=bundle.digest, content=bundle.content.model_dump(mode="json"), author_id=actor.person_id,
                created_at=work.now,
            )  # fmt: skip
            work.session.add(listing)
        listing.changed_at = work.now
        work.session.flush()
        return listing.id


def install(actor: Actor, vault: Vault, listing_id: int, *, is_sure: bool = False) -> str:
    """Install what is offered, or its newer version, as a template of the team; returns its slug.

    Where the publisher's key has changed, somebody must be sure. Raises NotFound, Conflict, Invalid.
    """
    found = find(actor, vault, listing_id)
    _check(found, is_sure=is_sure)
    content = found.content
    with unit(actor) as work:
        listing = work.session.get_one(Listing, listing_id)
        if (listing.state, listing.number) != ("offered", found.listing.number):
            raise Conflict("It has changed since you looked. Look again.")
        row = rows.own(work, actor, found.installed.slug) if found.installed else None
        if row is None:
            slug = rows.free_slug(work, actor, content.name)
            row = Row(team_id=actor.team_id, slug=slug, number=0, created_at=work.now, author_id=actor.person_id)
            work.session.add(row)
        row.origin = _origin(listing).model_dump()
        rows.add_version(work, row, actor.person_id, listing.number, content.model_dump(mode="json"))
        _count(work, actor, listing)
        data = {"version": listing.number, "publisher": listing.publisher, "key": bundles.fingerprint(listing.key)}
        work.audit("template_installed", content.name, template=row.id, **data)
    return row.slug


def bundle(actor: Actor, vault: Vault, listing_id: int) -> tuple[str, bytes]:
    """Return what this installation has published as a file, with its name. Raises NotFound."""
    listing = _visible(actor, listing_id)
    if listing.source != "own":
        raise NotFound
    with unit(actor) as work:
        work.audit("template_exported", listing.content["name"], listing=listing.id, version=listing.number)
    return f"{listing.slug}{bundles.ENDING}", packed(listing, signing.seed(vault))


def packed(listing: Listing, seed: bytes) -> bytes:
    """Return something published here as a bundle; the same one is the same bytes."""
    content = library.parse(listing.content)
    return bundles.pack(content, listing.slug, listing.publisher, listing.changed_at.isoformat(), seed)


def _check(found: Offered, *, is_sure: bool) -> None:
    if found.is_own:
        raise Conflict("Your team has made it: it is among your templates.")
    if found.installed and not found.is_newer:
        raise Conflict(f"Your team has version {found.installed.number} of it already.")
    if found.trust == "changed" and not is_sure:
        raise Invalid({"sure": "The key is another one than before. Ask the publisher, then tick this."})


def _visible(actor: Actor, listing_id: int) -> Listing:
    listing = db.session.get(Listing, listing_id)
    if listing is None or (listing.source == "upload" and listing.team_id != actor.team_id):
        raise NotFound
    has_it = sa.exists().where(Install.listing_id == listing.id, Install.team_id == actor.team_id)
    if listing.state != "offered" and not db.session.scalar(sa.select(has_it)):
        raise NotFound
    return listing


def _offered(actor: Actor, vault: Vault, listings: Sequence[Listing]) -> list[Offered]:
    own_key, known, mine = signing.public(vault), _keys(), _installed(actor)
    ids = [one.id for one in listings]
    teams = sa.select(Install.listing_id, sa.func.count()).where(Install.listing_id.in_(ids))
    counts = {row[0]: int(row[1]) for row in db.session.execute(teams.group_by(Install.listing_id))}
    mean = sa.select(Rating.listing_id, sa.func.count(), sa.func.avg(Rating.stars)).where(Rating.listing_id.in_(ids))
    stars = {row[0]: (row[1], float(row[2])) for row in db.session.execute(mean.group_by(Rating.listing_id))}
    return [
        Offered(
            one, library.foreign(library.parse(one.content)), library.trust(one.publisher, one.key, own_key, known),
            _same(one, mine), one.source == "own" and one.team_id == actor.team_id,
            counts.get(one.id, 0), *stars.get(one.id, (0, 0.0)),
        )
        for one in listings
    ]  # fmt: skip


def _keys() -> set[tuple[str, str]]:
    """Return (publisher, key) of all that was ever installed here: the first key of a publisher is trusted."""
    origins = db.session.scalars(sa.select(Row.origin).where(Row.origin.is_not(None)))
    return {(one["publisher"], one["key"]) for one in origins if one}


def _installed(actor: Actor) -> list[Template]:
    own = (Row.origin.is_not(None), Row.withdrawn_at.is_(None))
    return [rows.template(*row) for row in db.session.execute(rows.newest(actor).where(*own)) if row.origin]


def _same(listing: Listing, mine: Sequence[Template]) -> Template | None:
    """Return the template that a team has of what is offered: from the same place, or signed alike under its name."""
    for one in mine:
        origin = one.origin
        if origin and (origin.listing == listing.id or (origin.key, origin.slug) == (listing.key, listing.slug)):
            return one
    return None


def _origin(listing: Listing) -> Origin:
    values = {"publisher": listing.publisher, "key": listing.key, "slug": listing.slug, "digest": listing.digest}
    return Origin.model_validate({**values, "listing": listing.id})


def _count(work: SessionWork, actor: Actor, listing: Listing) -> None:
    known = work.session.get(Install, (listing.id, actor.team_id))
    if known is None:
        known = Install(listing_id=listing.id, team_id=actor.team_id, created_at=work.now)
        work.session.add(known)
    known.number = listing.number
