"""From events to webhooks: each that a webhook wants becomes one row, whichever process looks and whenever it dies."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.domain import webhooks
from app.infra import database
from app.models.runs import Event, Run
from app.models.tasks import Task
from app.models.teams import Team
from app.models.webhooks import Webhook, WebhookDelivery
from app.services.unit import Work, batch
from app.services.webhooks import new_message_id

MOST_EVENTS = 1000
"""So many events are looked at in one transaction."""

_SETTLES = timedelta(seconds=5)
"""Ids are handed out before the commit: one that is missing for so long belongs to no transaction any more."""


def fan_out(url: str) -> int:
    """Make the messages that are lacking, up to MOST_EVENTS events of them; returns how many events were looked at.

    `url` is the address of Carillon, to which messages lead.
    """
    with database.read() as connection:
        place, last = connection.execute(_PLACES).one()
        if place is None or last is None or place >= last:
            return 0
    with batch() as work:
        hooks = work.connection.execute(_HOOKS).all()
        if not hooks:
            return 0
        place = min(hook.after_event_id for hook in hooks)
        events = _settled(work.connection.execute(_EVENTS, {"place": place}).all(), place, work.now)
        if not events:
            return 0
        rows = _messages(work, hooks, events, url.rstrip("/"))
        if rows:
            work.connection.execute(_ADD[work.connection.dialect.name], rows)
        behind = (Webhook.off_at.is_(None), Webhook.after_event_id < events[-1].id)
        work.connection.execute(sa.update(Webhook).where(*behind).values(after_event_id=events[-1].id))
        return len(events)


def _settled(events: Sequence[Any], place: int, now: datetime) -> list[Any]:
    """Return those of the events before which none can still turn up."""
    found: list[Any] = []
    for event in events:
        if event.id != place + 1 and event.at > now - _SETTLES:
            break
        found.append(event)
        place = event.id
    return found


def _messages(work: Work, all_hooks: Sequence[Any], events: Sequence[Any], url: str) -> list[dict[str, Any]]:
    by_team: dict[int, list[Any]] = {}
    for hook in all_hooks:
        by_team.setdefault(hook.team_id, []).append(hook)
    chosen = [one for one in events if any(one.kind in hook.events for hook in by_team.get(one.team_id, ()))]
    if not chosen:
        return []
    runs = _by_id(work, _RUNS, {one.run_id for one in chosen if one.run_id})
    tasks = _by_id(work, _TASKS, {one.data["task"] for one in chosen if "task" in one.data})
    teams = _by_id(work, _TEAMS, {one.team_id for one in chosen})
    rows: list[dict[str, Any]] = []
    for event in chosen:
        run, task = runs.get(event.run_id), tasks.get(event.data.get("task"))
        told = _told(event, teams[event.team_id].slug, run, task, url)
        said = webhooks.payload(told)
        task_id = run.task_id if run else task.id if task else None
        hooks = [hook for hook in by_team[event.team_id] if _is_for(hook, event, task_id, said)]
        rows += [_row(hook, event, said, work.now) for hook in hooks]
    return rows


def _told(event: Any, team: str, run: Any, task: Any, url: str) -> webhooks.Told:
    slug = run.slug if run else task.slug if task else None
    path = f"/runs/{run.number}" if run else f"/tasks/{slug}" if slug else "/today"
    return webhooks.Told(
        event.id, event.kind, event.at, team, slug, run.number if run else None, f"{url}/t/{team}{path}", event.data
    )


def _is_for(hook: Any, event: Any, task_id: int | None, said: dict[str, Any]) -> bool:
    return (
        event.id > hook.after_event_id
        and event.kind in hook.events
        and hook.task_id in {None, task_id}
        and webhooks.wants(hook.condition, said)
    )


def _row(hook: Any, event: Any, said: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "team_id": hook.team_id, "webhook_id": hook.id, "event_id": event.id, "message_id": new_message_id(),
        "kind": event.kind, "body": webhooks.as_body(said), "state": "waiting", "tries": 0, "next_try_at": now,
        "since": now, "at": now, "attempts": [],
    }  # fmt: skip


def _by_id(work: Work, query: Any, ids: Iterable[int]) -> dict[int, Any]:
    wanted = list(ids)
    return {row.id: row for row in work.connection.execute(query, {"ids": wanted})} if wanted else {}


_IDS: Any = sa.bindparam("ids", expanding=True)
_PLACES = sa.select(
    sa.select(sa.func.min(Webhook.after_event_id)).where(Webhook.off_at.is_(None)).scalar_subquery(),
    sa.select(sa.func.max(Event.id)).scalar_subquery(),
)
_HOOKS = (
    sa.select(
        Webhook.id, Webhook.team_id, Webhook.events, Webhook.task_id, Webhook.condition, Webhook.after_event_id
    )
    .where(Webhook.off_at.is_(None))
    .order_by(Webhook.id)
    .with_for_update()
)  # fmt: skip
_EVENTS = (
    sa.select(Event.id, Event.kind, Event.at, Event.team_id, Event.run_id, Event.data)
    .where(Event.id > sa.bindparam("place"))
    .order_by(Event.id)
    .limit(MOST_EVENTS)
)
_RUNS = sa.select(Run.id, Run.number, Run.task_id, Task.slug).join(Task, Task.id == Run.task_id).where(Run.id.in_(_IDS))
_TASKS = sa.select(Task.id, Task.slug).where(Task.id.in_(_IDS))
_TEAMS = sa.select(Team.id, Team.slug).where(Team.id.in_(_IDS))
_ADD: dict[str, Any] = {
    dialect: insert_into(WebhookDelivery).on_conflict_do_nothing(index_elements=["webhook_id", "event_id"])
    for dialect, insert_into in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
