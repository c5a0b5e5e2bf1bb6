"""Which tasks of a team run after which, with the states of their last runs: of one task and of all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from app.domain import graph
from app.domain.access import Actor
from app.domain.graph import After
from app.infra.database import db
from app.models.tasks import Task, TaskLink, TaskVersion
from app.services.tasks import order, overviews
from app.services.tasks.overviews import Line

MOST_DRAWN = 200
"""Of a chain with more tasks only the table is shown."""


@dataclass(frozen=True)
class Edge:
    """One task that runs after another, by their ids."""

    upstream_id: int
    task_id: int
    on: str


@dataclass(frozen=True)
class Chain:
    """Tasks that belong together by what runs after what; `lines` are by id, as is what each runs after, in words."""

    lines: Mapping[int, Line]
    edges: Sequence[Edge]
    words: Mapping[int, str] = field(default_factory=dict)

    @property
    def before(self) -> dict[int, list[int]]:
        """The tasks that each runs after."""
        found: dict[int, list[int]] = {}
        for edge in self.edges:
            found.setdefault(edge.task_id, []).append(edge.upstream_id)
        return found

    def upstreams(self, task_id: int) -> list[tuple[Line, str]]:
        """Return the tasks that one runs after, each with the end that is waited for."""
        return [(self.lines[edge.upstream_id], edge.on) for edge in self.edges if edge.task_id == task_id]

    def then(self, task_id: int) -> list[tuple[Line, str]]:
        """Return the tasks that run after one, each with the end that they wait for."""
        return [(self.lines[edge.task_id], edge.on) for edge in self.edges if edge.upstream_id == task_id]


def whole(actor: Actor) -> Chain:
    """Return all tasks of the team that run after others, or that others run after."""
    return _chain(actor, _edges(actor))


def of_task(actor: Actor, task: Task) -> Chain:
    """Return the tasks that come before one and after it, itself among them; empty where it stands alone."""
    edges = _edges(actor)
    if not any(task.id in {edge.task_id, edge.upstream_id} for edge in edges):
        return Chain({}, [])
    before: dict[int, list[int]] = {}
    for edge in edges:
        before.setdefault(edge.task_id, []).append(edge.upstream_id)
    near = graph.near(task.id, before)
    return _chain(actor, [edge for edge in edges if edge.task_id in near and edge.upstream_id in near])


def _edges(actor: Actor) -> list[Edge]:
    down, up = Task, sa.orm.aliased(Task)
    query = (
        sa.select(TaskLink.upstream_id, TaskLink.task_id, TaskLink.on)
        .join(down, down.id == TaskLink.task_id)
        .join(up, up.id == TaskLink.upstream_id)
        .where(TaskLink.team_id == actor.team_id, down.deleted_at.is_(None), up.deleted_at.is_(None))
        .order_by(down.name, up.name)
    )
    return [Edge(*row) for row in db.session.execute(query)]


def _chain(actor: Actor, edges: Sequence[Edge]) -> Chain:
    ids = {task for edge in edges for task in (edge.upstream_id, edge.task_id)}
    return Chain({line.id: line for line in overviews.of_ids(actor, ids)}, edges, _words(actor, ids))


def _words(actor: Actor, ids: Collection[int]) -> dict[int, str]:
    query = sa.select(Task.id, TaskVersion.definition["after"]).join(TaskVersion, TaskVersion.id == Task.version_id)
    found = {row[0]: {"after": row[1]} for row in db.session.execute(query.where(Task.id.in_(ids)))}
    names = order.names(actor.team_id, *found.values())
    return {task_id: graph.in_words(After.of(one["after"]), names) for task_id, one in found.items()}
