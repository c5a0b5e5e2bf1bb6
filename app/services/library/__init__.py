"""Templates: built-in ones and those of a team; found, saved as a new version, withdrawn, counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.domain import library
from app.domain.access import Actor
from app.domain.library import Doing, Suggestion, Template, Unfit, from_history
from app.infra.database import db
from app.models.library import Listing, TemplateUse
from app.models.library import Template as Row
from app.models.runs import Run
from app.models.tasks import Task, TaskVersion
from app.services.library import builtin, rows
from app.services.unit import SessionWork, unit

_WORKED = ("succeeded", "degraded")
_LOOKED_AT = 200
"""The newest tasks of a team that suggestions are made from."""

_WITHOUT_NOTE = ("First version.", "Saved again.")


@dataclass(frozen=True)
class Uses:
    """How much a team uses a template: tasks made of it, their runs that ended, and how many of these worked."""

    tasks: int = 0
    runs: int = 0
    worked: int = 0


# --- reading


def templates(actor: Actor) -> list[Template]:
    """Return all templates a team may use: its own and those it has installed by name, then the built-in ones."""
    own = [rows.template(*row) for row in db.session.execute(rows.newest(actor).where(Row.withdrawn_at.is_(None)))]
    own.sort(key=lambda one: one.content.name.lower())
    slugs = {one.slug for one in own}
    return own + [one for one in builtin.templates().values() if one.slug not in slugs]


def find(actor: Actor, slug: str) -> Template:
    """Return one template, also a withdrawn one: tasks made of it still refer to it. Raises NotFound."""
    found = db.session.execute(rows.newest(actor).where(Row.slug == slug)).one_or_none()
    if found is not None:
        return rows.template(*found)
    if slug in builtin.templates():
        return builtin.templates()[slug]
    raise NotFound


def is_withdrawn(actor: Actor, slug: str) -> bool:
    """Whether a team's template is no longer offered."""
    gone = sa.exists().where(Row.team_id == actor.team_id, Row.slug == slug, Row.withdrawn_at.is_not(None))
    return bool(db.session.scalar(sa.select(gone)))


def uses(actor: Actor, slug: str = "") -> dict[str, Uses]:
    """Return how much the team uses each template, by slug; with one, of that alone and with its runs."""
    alive = (TemplateUse.team_id == actor.team_id, Task.deleted_at.is_(None))
    counted = sa.select(TemplateUse.slug, sa.func.count()).join(Task, Task.id == TemplateUse.task_id).where(*alive)
    if not slug:
        return {name: Uses(number) for name, number in db.session.execute(counted.group_by(TemplateUse.slug))}
    tasks = db.session.execute(counted.where(TemplateUse.slug == slug).group_by(TemplateUse.slug)).all()
    its = sa.select(TemplateUse.task_id).where(TemplateUse.team_id == actor.team_id, TemplateUse.slug == slug)
    worked = sa.func.sum(sa.case((Run.state.in_(_WORKED), 1), else_=0))
    ended = sa.select(sa.func.count(), worked).where(
        Run.task_id.in_(its), Run.started_at.is_not(None), Run.ended_at.is_not(None)
    )
    runs, fine = db.session.execute(ended).one()
    return {slug: Uses(tasks[0][1] if tasks else 0, runs, fine or 0)}


def suggestions(actor: Actor, found: Sequence[Template]) -> list[Suggestion]:
    """Return templates that fit what the team's tasks do by themselves; those made of a template don't count."""
    is_made = sa.exists().where(TemplateUse.task_id == Task.id)
    query = (
        sa.select(Task.name, TaskVersion.definition)
        .join(TaskVersion, TaskVersion.id == Task.version_id)
        .where(Task.team_id == actor.team_id, Task.deleted_at.is_(None), ~is_made)
        .order_by(Task.id.desc())
        .limit(_LOOKED_AT)
    )
    doings = [Doing(name, definition) for name, definition in db.session.execute(query)]
    return from_history(doings, found)


# --- saving


def save(actor: Actor, content: Mapping[str, Any], note: str, slug: str = "") -> Template:
    """Save a template of the team, as a new version of the one called `slug` if there is one.

    `content` is as domain/library/content has it, without notes. Raises NotFound, Invalid.
    """
    with unit(actor) as work:
        row = _own(work, actor, slug) if slug else None
        notes = rows.last(work, row)["notes"] if row else []
        try:
            checked = library.parse({**content, "notes": [*notes, note.strip() or _WITHOUT_NOTE[bool(notes)]]})
        except Unfit as error:
            raise Invalid({"": str(error)}) from None
        if row is None:
            name = rows.free_slug(work, actor, checked.name)
            row = Row(team_id=actor.team_id, slug=name, number=0, created_at=work.now, author_id=actor.person_id)
            work.session.add(row)
        rows.add_version(work, row, actor.person_id, row.number + 1, checked.model_dump(mode="json"))
        work.audit("template_saved", checked.name, template=row.id, version=row.number)
    return Template(slug=row.slug, source="team", content=checked, visibility=row.visibility)


def withdraw(actor: Actor, slug: str) -> None:
    """Stop offering a template of the team, to others, too; tasks made of it go on. Raises NotFound."""
    with unit(actor) as work:
        row = rows.own(work, actor, slug)
        row.withdrawn_at = work.now
        offered = sa.select(Listing).where(Listing.template_id == row.id, Listing.state == "offered")
        for listing in work.session.scalars(offered):
            listing.state, listing.changed_at = "unpublished", work.now
        row.visibility = rows.TEAM if row.visibility in {rows.INSTANCE, rows.PUBLIC} else row.visibility
        work.audit("template_withdrawn", rows.last(work, row)["name"], template=row.id)


def _own(work: SessionWork, actor: Actor, slug: str) -> Row:
    row = rows.own(work, actor, slug)
    if row.origin:
        raise NotFound  # what others have made is changed by them alone
    return row
