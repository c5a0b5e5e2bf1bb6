"""Rows of templates: which of them somebody sees, their newest version, and free names. A helper of `library`."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from app.core.errors import NotFound
from app.core.identifiers import slug as slug_of
from app.domain import library
from app.domain.access import Actor
from app.domain.library import Origin, Template
from app.models.library import Template as Row
from app.models.library import TemplateVersion
from app.models.people import Person
from app.services.library import builtin
from app.services.unit import SessionWork

PRIVATE, TEAM, INSTANCE, PUBLIC = "private", "team", "instance", "public"
_TAKEN = frozenset({"new", "shared", "reports"})


def newest(actor: Actor) -> sa.Select[Any]:
    """Return the query for the templates of a team that somebody sees, each with its newest version and its author."""
    is_newest = sa.and_(TemplateVersion.template_id == Row.id, TemplateVersion.number == Row.number)
    columns = (Row.slug, Row.visibility, Row.origin, TemplateVersion.content, Person.name)
    query = sa.select(*columns).join(TemplateVersion, is_newest)
    return query.outerjoin(Person, Person.id == TemplateVersion.author_id).where(*seen_by(actor))


def seen_by(actor: Actor) -> list[sa.ColumnElement[bool]]:
    """Return what holds of the templates of a team that somebody sees: private ones are their author's and admins'."""
    mine = sa.or_(Row.visibility != PRIVATE, Row.author_id == actor.person_id)
    return [Row.team_id == actor.team_id, *([] if actor.may("manage") else [mine])]


def template(
    slug: str, visibility: str, origin: Mapping[str, Any] | None, content: Mapping[str, Any], author: str | None
) -> Template:
    """Return what a row of `newest` holds."""
    return Template(
        slug=slug, source="shared" if origin else "team", content=library.parse(content), author=author or "",
        visibility=visibility, origin=Origin.model_validate(origin) if origin else None,
    )  # fmt: skip


def own(work: SessionWork, actor: Actor, slug: str) -> Row:
    """Return a template of the team that somebody sees, held for a change. Raises NotFound."""
    row = work.session.scalar(sa.select(Row).where(Row.slug == slug, *seen_by(actor)).with_for_update())
    if row is None:
        raise NotFound
    return row


def last(work: SessionWork, row: Row) -> dict[str, Any]:
    """Return the content of the newest version."""
    its = (TemplateVersion.template_id == row.id, TemplateVersion.number == row.number)
    content: dict[str, Any] = work.session.scalars(sa.select(TemplateVersion.content).where(*its)).one()
    return content


def add_version(work: SessionWork, row: Row, author_id: int, number: int, content: Mapping[str, Any]) -> None:
    """Make these the newest version of a template that has its id."""
    row.number, row.changed_at, row.withdrawn_at = number, work.now, None
    work.session.flush()
    values = {"team_id": row.team_id, "template_id": row.id, "author_id": author_id, "created_at": work.now}
    work.session.add(TemplateVersion(number=number, content=dict(content), **values))


def free_slug(work: SessionWork, actor: Actor, name: str) -> str:
    """Return a name for an address that no template a team may use has."""
    taken = work.session.scalars(sa.select(Row.slug).where(Row.team_id == actor.team_id)).all()
    return free(name, {*taken, *_TAKEN, *builtin.templates()})


def free(name: str, taken: Collection[str]) -> str:
    """Return a name for an address that is not among those taken."""
    wanted, number = slug_of(name, "template"), 1
    while (found := wanted if number == 1 else f"{wanted}-{number}") in taken:
        number += 1
    return found
