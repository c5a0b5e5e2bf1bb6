"""What people think of offered templates: ratings by those whose team has it, and reports to who looks after it all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.core.errors import Forbidden, Invalid, NotFound
from app.domain.access import Actor
from app.infra.database import db
from app.models.library import Install, Listing, Rating, Report
from app.models.library import Template as Row
from app.models.people import Person
from app.models.teams import Membership
from app.services.library import rows
from app.services.unit import unit

MOST_STARS = 5
_LONGEST, _LONGEST_REASON = 300, 500
_SHOWN = 50


@dataclass(frozen=True)
class Said:
    """A rating: stars, a sentence, and who gave it when."""

    person: str
    stars: int
    sentence: str
    at: datetime


@dataclass(frozen=True)
class Told:
    """A report that nobody has settled: what it is about, the reason, and who told it when."""

    id: int
    listing: Listing
    reason: str
    person: str
    at: datetime


def said(listing_id: int) -> list[Said]:
    """Return the ratings of what is offered, the newest first."""
    query = (
        sa.select(Person.name, Rating.stars, Rating.sentence, Rating.at)
        .join(Person, Person.id == Rating.person_id)
        .where(Rating.listing_id == listing_id)
        .order_by(Rating.at.desc())
        .limit(_SHOWN)
    )
    return [Said(*row) for row in db.session.execute(query)]


def may_rate(actor: Actor, listing_id: int) -> bool:
    """Whether somebody's team has installed it."""
    has_it = sa.exists().where(Install.listing_id == listing_id, Install.team_id == actor.team_id)
    return bool(db.session.scalar(sa.select(has_it)))


def mine(actor: Actor, listing_id: int) -> Rating | None:
    """Return somebody's own rating, None for none."""
    return db.session.get(Rating, (listing_id, actor.person_id))


def rate(actor: Actor, listing_id: int, stars: int, sentence: str) -> None:
    """Rate what the team has installed, once a person: a later one counts. Raises NotFound, Forbidden, Invalid."""
    listing = _listing(actor, listing_id)
    if not may_rate(actor, listing.id):
        raise Forbidden("see", "Only teams that have installed a template rate it.")
    if not 1 <= stars <= MOST_STARS:
        raise Invalid({"stars": f"Give 1 to {MOST_STARS} stars."})
    if len(sentence) > _LONGEST:
        raise Invalid({"sentence": f"A sentence has at most {_LONGEST} letters here."})
    with unit(actor) as work:
        row = work.session.get(Rating, (listing_id, actor.person_id))
        if row is None:
            row = Rating(listing_id=listing_id, person_id=actor.person_id)
            work.session.add(row)
        row.stars, row.sentence, row.at = stars, " ".join(sentence.split()), work.now
        work.audit("template_rated", listing.content["name"], listing=listing_id, stars=stars)


def report(actor: Actor, listing_id: int, reason: str) -> None:
    """Tell those who look after the installation what is wrong with something offered. Raises NotFound, Invalid."""
    listing = _listing(actor, listing_id)
    if not reason.strip():
        raise Invalid({"reason": "Say what is wrong with it."})
    if len(reason) > _LONGEST_REASON:
        raise Invalid({"reason": f"A reason has at most {_LONGEST_REASON} letters."})
    with unit(actor) as work:
        work.session.add(
            Report(listing_id=listing_id, person_id=actor.person_id, reason=reason.strip(), at=work.now)
        )  # fmt: skip
        work.audit("template_reported", listing.content["name"], listing=listing_id)


def may_settle(actor: Actor) -> bool:
    """Whether somebody sees reports: the owners of the first team do."""
    return bool(db.session.scalar(sa.select(Membership.administers(actor.person_id, actor.token_team_id))))


def reports(actor: Actor) -> Sequence[Told]:
    """Return the reports that nobody has settled, the oldest first. Raises Forbidden."""
    _must_settle(actor)
    query = (
        sa.select(Report, Listing, Person.name)
        .join(Listing, Listing.id == Report.listing_id)
        .outerjoin(Person, Person.id == Report.person_id)
        .where(Report.settled_at.is_(None))
        .order_by(Report.id)
    )
    found = db.session.execute(query).all()
    return [Told(one.id, listing, one.reason, name or "", one.at) for one, listing, name in found]


def settle(actor: Actor, report_id: int, *, unpublish: bool) -> None:
    """Settle a report, and unpublish what it is about or leave it. Raises Forbidden, NotFound."""
    _must_settle(actor)
    with unit(actor) as work:
        row = work.session.get(Report, report_id)
        if row is None or row.settled_at:
            raise NotFound
        row.settled_at = work.now
        listing = work.session.get_one(Listing, row.listing_id)
        if unpublish:
            listing.state, listing.changed_at = "unpublished", work.now
            if listing.template_id:
                template = work.session.get_one(Row, listing.template_id)
                template.visibility = rows.TEAM
        action = "template_unpublished" if unpublish else "template_report_settled"
        work.audit(action, listing.content["name"], listing=listing.id)


def _must_settle(actor: Actor) -> None:
    if not may_settle(actor):
        raise Forbidden("own", "Only owners of the first team, and their tokens for that team, see reports.")


def _listing(actor: Actor, listing_id: int) -> Listing:
    listing = db.session.get(Listing, listing_id)
    is_seen = listing and (listing.state == "offered" or may_rate(actor, listing_id))
    if not listing or not is_seen or (listing.source == "upload" and listing.team_id != actor.team_id):
        raise NotFound
    return listing
