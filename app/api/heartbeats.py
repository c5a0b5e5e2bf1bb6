"""The address that a job which runs elsewhere calls."""

from datetime import datetime
from typing import Any

from flask import current_app, g
from pydantic import Field

from app.api.resource import Out, Resource
from app.models.tasks import Heartbeat
from app.services.tasks import heartbeats

api = Resource("heartbeats", "Jobs elsewhere")


class HeartbeatOut(Out):
    """Where a job of the type `ping` says how it goes, and what it said last."""

    url: str = Field(description="Call it for success; with /start, /fail, /log or an exit code behind it for these")
    last_ping_at: datetime | None
    last_kind: str = Field(description="start, success, fail or log; empty before the first")


@api.get("/tasks/<slug>/heartbeat")
@api.allow("edit")
@api.output(HeartbeatOut)
def show_heartbeat(slug: str) -> dict[str, Any]:
    """Show the address that the job of a task calls"""
    return _shown(heartbeats.find(g.actor, slug))


@api.post("/tasks/<slug>/heartbeat/regeneration")
@api.allow("edit")
@api.output(HeartbeatOut)
def regenerate_heartbeat(slug: str) -> dict[str, Any]:
    """Give a task another address; the old one stops working at once"""
    return _shown(heartbeats.regenerate(g.actor, slug))


def _shown(beat: Heartbeat) -> dict[str, Any]:
    url = f"{current_app.config['SETTINGS'].url}/ping/{beat.token}"
    return {"url": url, "last_ping_at": beat.last_ping_at, "last_kind": beat.last_kind}
