"""Alert rules of a team: when whom to tell on which channel, and what each would have sent lately."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.domain.access import Actor
from app.infra.database import db
from app.models.tasks import Task
from app.models.telling import AlertRule
from app.services.rules.preview import Message, Preview, preview
from app.services.rules.wanted import MOST_FAILURES, MOST_MINUTES, Line, Wanted, checked, line, names_of, tasks_of, who
from app.services.unit import SessionWork, unit

__all__ = ["MOST_FAILURES", "MOST_MINUTES", "Line", "Message", "Preview", "Wanted", "preview"]

MOST = 100


@dataclass(frozen=True)
class Choices:
    """What a rule can be about and whom it can tell: (value, word) by name."""

    tasks: Sequence[tuple[str, str]]
    tags: Sequence[str]
    tell: Sequence[tuple[str, str]]


# --- reading


def lines(actor: Actor) -> list[Line]:
    """Return the team's rules by name."""
    found = db.session.scalars(_rules(actor).order_by(AlertRule.name, AlertRule.id)).all()
    tasks, names = tasks_of(actor), names_of(who(actor))
    return [line(row, tasks, names) for row in found]


def find(actor: Actor, rule_id: int) -> Line:
    """Return a rule of the team. Raises NotFound."""
    row = db.session.scalar(_rules(actor).where(AlertRule.id == rule_id))
    if row is None:
        raise NotFound
    return line(row, tasks_of(actor), names_of(who(actor)))


def choices(actor: Actor) -> Choices:
    """Return what the team's rules can be about, and whom they can tell."""
    query = sa.select(Task.slug, Task.name, Task.tags).where(Task.team_id == actor.team_id, Task.deleted_at.is_(None))
    rows = db.session.execute(query.order_by(Task.name, Task.id)).all()
    tags = sorted({tag for row in rows for tag in row.tags or ()})
    tell = [(key, name) for key, name in who(actor).items()]
    return Choices([(row.slug, row.name) for row in rows], tags, tell)


# --- changing


def create(actor: Actor, wanted: Wanted) -> Line:
    """Make a rule; it holds from now on. Raises Invalid."""
    with unit(actor) as work:
        definition = checked(actor, wanted)
        count = sa.select(sa.func.count()).select_from(_rules(actor).subquery())
        if (work.session.scalar(count) or 0) >= MOST:
            raise Invalid({"": f"A team has at most {MOST} alert rules. Delete one first."})
        row = AlertRule(
            team_id=actor.team_id, name=wanted.name.strip(), is_on=True, definition=definition,
            created_by_id=actor.person_id, created_at=work.now, changed_at=work.now,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        work.audit("alert_rule_created", row.name, rule=row.id)
    return find(actor, row.id)


def change(actor: Actor, rule_id: int, wanted: Wanted) -> None:
    """Change a rule. Raises NotFound, Invalid."""
    with unit(actor) as work:
        row = _own(work, actor, rule_id)
        row.definition, row.name, row.changed_at = checked(actor, wanted), wanted.name.strip(), work.now
        work.audit("alert_rule_changed", row.name, rule=row.id)


def turn(actor: Actor, rule_id: int, *, is_on: bool) -> None:
    """Let a rule hold or not. Raises NotFound."""
    with unit(actor) as work:
        row = _own(work, actor, rule_id)
        if row.is_on != is_on:
            row.is_on, row.changed_at = is_on, work.now
            work.audit("alert_rule_turned_on" if is_on else "alert_rule_turned_off", row.name, rule=row.id)


def delete(actor: Actor, rule_id: int) -> None:
    """Delete a rule. Raises NotFound."""
    with unit(actor) as work:
        row = _own(work, actor, rule_id)
        row.deleted_at = work.now
        work.audit("alert_rule_deleted", row.name, rule=row.id)


def recover(actor: Actor, rule_id: int) -> None:
    """Take back that a rule was deleted. Raises NotFound."""
    with unit(actor) as work:
        row = _own(work, actor, rule_id, is_deleted=True)
        row.deleted_at = None
        work.audit("alert_rule_recovered", row.name, rule=row.id)


def _own(work: SessionWork, actor: Actor, rule_id: int, *, is_deleted: bool = False) -> AlertRule:
    query = sa.select(AlertRule).where(AlertRule.team_id == actor.team_id, AlertRule.id == rule_id)
    query = query.where(AlertRule.deleted_at.is_not(None) if is_deleted else AlertRule.deleted_at.is_(None))
    row = work.session.scalar(query.with_for_update())
    if row is None:
        raise NotFound
    return row


def _rules(actor: Actor) -> sa.Select[AlertRule]:
    alive = (AlertRule.team_id == actor.team_id, AlertRule.deleted_at.is_(None))
    return sa.select(AlertRule).where(*alive).execution_options(populate_existing=True)
