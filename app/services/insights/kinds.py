"""What kind of work a task is: by its first tag, the template it was made of, or itself alone."""

from collections.abc import Collection

import sqlalchemy as sa

from app.models.library import TemplateUse
from app.models.tasks import Task


def of(connection: sa.Connection, task_ids: Collection[int]) -> dict[int, str]:
    """Return the kind of each task: tasks of one kind are compared with each other."""
    query = sa.select(Task.id, Task.name, Task.tags, TemplateUse.slug).outerjoin(
        TemplateUse, TemplateUse.task_id == Task.id
    )
    rows = connection.execute(query.where(Task.id.in_(task_ids))).all()
    known = {row.id: row.tags[0] if row.tags else _words(row.slug) if row.slug else row.name for row in rows}
    return {one: known.get(one, "A deleted task") for one in task_ids}


def _words(slug: str) -> str:
    return slug.rpartition("/")[2].replace("-", " ").capitalize()
