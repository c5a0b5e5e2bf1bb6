"""A restore that waits for a word: what it paused, and that it may go on."""

from datetime import datetime

from flask import g
from pydantic import Field

from app.api.resource import Empty, Out, Resource
from app.services.tasks import restored

api = Resource("restore", "Restore")


class RestoreOut(Out):
    """Whether tasks of the team stand still since a restore."""

    made_at: datetime | None = Field(description="When the backup was made; null when nothing waits")
    paused_tasks: int


class ConfirmedOut(Out):
    """What goes on again."""

    resumed_tasks: int


@api.get("/restore")
@api.allow("see")
@api.output(RestoreOut)
def read_restore() -> RestoreOut:
    """Say whether tasks stand still since a restore"""
    found = restored.unconfirmed(g.actor.team_id)
    return RestoreOut(made_at=found.made_at if found else None, paused_tasks=found.tasks if found else 0)


@api.post("/restore/confirmation")
@api.allow("edit")
@api.input(Empty)
@api.output(ConfirmedOut)
def confirm_restore(json_data: Empty) -> ConfirmedOut:  # noqa: ARG001 nothing is asked
    """Let all tasks go on that a restore has paused"""
    return ConfirmedOut(resumed_tasks=restored.resume_all(g.actor))
