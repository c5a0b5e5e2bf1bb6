"""Which template a task was made of: kept with the task. A helper of `tasks`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from app.domain.library import FOREIGN_LEVEL, PACKAGED
from app.infra.database import db
from app.models.library import Template, TemplateUse
from app.models.tasks import Task
from app.services.unit import SessionWork


@dataclass(frozen=True)
class Origin:
    """A version of a template, the answers that were written into the definition by name, and what a run spares."""

    slug: str
    number: int
    answers: Mapping[str, str] = field(default_factory=dict)
    minutes_saved: float = 0.0


def keep(work: SessionWork, task: Task, origin: Origin | None) -> None:
    """Remember of which version of which template a task is; None changes nothing."""
    if origin is None:
        return
    use = work.session.get(TemplateUse, task.id)
    if use is None:
        use = TemplateUse(task_id=task.id, team_id=task.team_id, dismissed=0, created_at=work.now)
        work.session.add(use)
        task.minutes_saved = origin.minutes_saved or None
    use.slug, use.number, use.answers = origin.slug, origin.number, dict(origin.answers)
    work.session.flush()


def of(task: Task) -> TemplateUse | None:
    """Return which template a task was made of, None for none."""
    return db.session.scalar(sa.select(TemplateUse).where(TemplateUse.task_id == task.id))


def least_isolation(task: Task) -> int:
    """Return the level of isolation that a task never goes below: what others have written stays confined."""
    is_same = sa.and_(Template.team_id == TemplateUse.team_id, Template.slug == TemplateUse.slug)
    is_others = sa.or_(Template.origin.is_not(None), TemplateUse.slug.contains(PACKAGED))
    foreign = sa.select(TemplateUse.task_id).outerjoin(Template, is_same).where(is_others)
    is_foreign = db.session.scalar(sa.select(foreign.where(TemplateUse.task_id == task.id).exists()))
    return FOREIGN_LEVEL if is_foreign else 0
