"""Rows for tests of the run path: a team, a task of it, a schedule that is due, a queued run."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.domain import triggers
from app.domain.access import Actor
from app.domain.policy import Policy
from app.domain.triggers import Trigger
from app.engines.base import SEVERAL
from app.infra import database
from app.models.people import Person
from app.models.runs import Run
from app.models.tasks import Schedule, Task, TaskLink, TaskVersion
from app.models.teams import Calendar, Membership, Team
from app.services import planned
from app.services.unit import batch

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def team(name="northgate"):
    """A team without members; returns its id."""
    with batch() as work:
        values = {"slug": name, "name": name.title(), "data_key": b"", "created_at": work.now}
        return work.connection.execute(sa.insert(Team).values(values).returning(Team.id)).scalar_one()


def owner(team_id):
    """Somebody who owns the team; returns what they act as."""
    with batch() as work:
        values = {"email": f"ada-{team_id}@x.example", "name": "Ada Park", "password_hash": "", "created_at": work.now}
        person_id = work.connection.execute(sa.insert(Person).values(values).returning(Person.id)).scalar_one()
        member = {"team_id": team_id, "person_id": person_id, "role": "owner", "created_at": work.now}
        work.connection.execute(sa.insert(Membership).values(member))
        return Actor(person_id, team_id, "owner")


def task(
    team_id, name="probe", engine="http", settings=None, timeout_seconds=20, label="", steps=(), variables=None,
    timezone="", contract=(), repair=None, **policy
):  # fmt: skip
    """A task with one version; returns its id. Each of `steps` and `variables` says what is not by default."""
    engine = SEVERAL if steps else engine
    with batch() as work:
        values = {"team_id": team_id, "slug": name, "name": label or name, "engine": engine, "version_number": 1}
        times = {"created_at": EPOCH, "changed_at": EPOCH, "seen_at": work.now}
        task_id = work.connection.execute(sa.insert(Task).values(values | times).returning(Task.id)).scalar_one()
        definition = {
            "name": label or name,
            "engine": engine,
            "settings": {} if steps else settings or {"url": "http://127.0.0.1:9/", "method": "GET"},
            "steps": list(steps),
            "limits": {"timeout_seconds": timeout_seconds},
            "policy": asdict(Policy(**policy)),
            "min_isolation": 0,
            "files": [],
            "schedules": [{"timezone": timezone}] if timezone else [],
            **({} if variables is None else {"variables": variables}),
            "contract": list(contract),
            **({"repair": repair} if repair else {}),
        }
        version = {"team_id": team_id, "task_id": task_id, "number": 1, "definition": definition, "created_at": EPOCH}
        version_id = work.connection.execute(
            sa.insert(TaskVersion).values(version).returning(TaskVersion.id)
        ).scalar_one()
        work.connection.execute(sa.update(Task).where(Task.id == task_id).values(version_id=version_id))
        return task_id


def after(task_id, *upstreams, join="all", window_seconds=86_400.0, scheduled=False):
    """Let a task run after others, each an id or (id, on); `scheduled`: it waits for them at its times. Returns its id."""
    links = [(one, "success") if isinstance(one, int) else one for one in upstreams]
    said = {
        "tasks": [{"task": upstream, "on": on} for upstream, on in links], "join": join,
        "window_seconds": window_seconds,
    }  # fmt: skip
    with batch() as work:
        row = work.connection.execute(sa.select(TaskVersion).where(TaskVersion.task_id == task_id)).mappings().one()
        content = row["definition"] | {"after": said} | ({"schedules": [{"timezone": "UTC"}]} if scheduled else {})
        work.connection.execute(sa.update(TaskVersion).where(TaskVersion.id == row["id"]).values(definition=content))
        work.connection.execute(sa.update(Task).where(Task.id == task_id).values(awaits=scheduled))
        team = {"team_id": row["team_id"], "task_id": task_id, "created_at": work.now}
        for upstream, on in links:
            work.connection.execute(sa.insert(TaskLink).values(upstream_id=upstream, on=on, **team))
    return task_id


def needs_isolation(task_id, level):
    """Let a task need so much isolation; returns its id."""
    with batch() as work:
        row = work.connection.execute(sa.select(TaskVersion).where(TaskVersion.task_id == task_id)).mappings().one()
        definition = row["definition"] | {"min_isolation": level}
        work.connection.execute(sa.update(TaskVersion).where(TaskVersion.id == row["id"]).values(definition=definition))
    return task_id


def schedule(team_id, task_id, expression="1s", kind="interval", since=None, timezone="UTC", **policy):
    """A schedule whose times since `since` are still to be decided; returns its id."""
    with batch() as work:
        start = since or work.now
        trigger = Trigger(kind, expression, timezone, anchor_at=start if kind == "interval" else None)
        following = triggers.next_fire(trigger, start)
        values = {
            "team_id": team_id,
            "task_id": task_id,
            "kind": kind,
            "expression": expression,
            "timezone": timezone,
            "anchor_at": trigger.anchor_at,
            "policy": asdict(Policy(**policy)),
            "next_fire_at": following.at if following else None,
            "decided_until": start,
            "created_at": start,
        }
        return work.connection.execute(sa.insert(Schedule).values(values).returning(Schedule.id)).scalar_one()


def calendar(team_id, name="Freeze", kind="blackout", timezone="UTC", content="", **settings):
    """A calendar of exception; returns its id. Its slug is its name in small letters."""
    with batch() as work:
        values = {
            "team_id": team_id, "slug": name.lower(), "name": name, "kind": kind, "timezone": timezone, "version": 1,
            "settings": settings, "content": content, "created_at": work.now, "changed_at": work.now,
        }  # fmt: skip
        return work.connection.execute(sa.insert(Calendar).values(values).returning(Calendar.id)).scalar_one()


def run(team_id, task_id, state="queued", **values):
    """A run a person asked for, in `state`; returns its id."""
    with batch() as work:
        version = sa.select(Task.version_id).where(Task.id == task_id).scalar_subquery()
        after = work.connection.execute(
            sa.update(Team)
            .where(Team.id == team_id)
            .values(next_run_number=Team.next_run_number + 1)
            .returning(Team.next_run_number)
        ).scalar_one()
        row = {
            "team_id": team_id, "task_id": task_id, "version_id": version, "number": after - 1, "key": f"manual:{after}",
            "trigger": "person", "planned_at": work.now, "lane": "io", "state": state, "facts": {},
            "queued_at": work.now if state == "queued" else None,
        }  # fmt: skip
        row |= values
        row.setdefault("rank_at", planned.rank(row["queued_at"], row.get("priority", 1)))
        return work.connection.execute(sa.insert(Run).values(row).returning(Run.id)).scalar_one()


def rows(model, *where):
    """All rows of a table in the order of their ids."""
    with database.read() as connection:
        order = list(model.__table__.primary_key.columns)
        return connection.execute(sa.select(model.__table__).where(*where).order_by(*order)).all()


def ago(**parts):
    """The instant so long before now."""
    return datetime.now(UTC) - timedelta(**parts)
