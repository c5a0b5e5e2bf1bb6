"""Suggestions: changes worth making to tasks, applied, undone or dismissed."""

from datetime import datetime
from typing import Literal

from flask import g
from pydantic import Field

from app.api.resource import Empty, Out, Resource
from app.domain.suggestions import Kind
from app.models.planning import Suggestion
from app.services.tasks import suggested

api = Resource("suggestions", "Suggestions")


class SuggestedOut(Out):
    """A change worth making to a task."""

    id: int
    task: str = Field(description="The slug of the task")
    kind: Kind
    state: Literal["open", "applied", "undone", "dismissed", "over"] = Field(
        description="over: what it rested on is no longer so"
    )
    sentence: str = Field(description="The change, and what it rests on")
    found_at: datetime
    decided_at: datetime | None
    version: int | None = Field(description="The version of the task after it was applied")
    effect: str = Field(description="What came of it, two weeks after it was applied")


class SuggestionsOut(Out):
    """The suggestions that wait for a decision, the most telling first; then those applied, the latest first."""

    items: list[SuggestedOut]


@api.get("/suggestions")
@api.allow("see")
@api.output(SuggestionsOut)
def list_suggestions() -> SuggestionsOut:
    """List the suggestions that are open or were applied"""
    found = suggested.of_team(g.actor)
    return SuggestionsOut(items=[_suggestion(one) for one in (*found.waiting, *found.applied)])


@api.post("/suggestions/<int:suggestion_id>/application")
@api.allow("edit")
@api.input(Empty)
@api.output(SuggestedOut)
def apply_suggestion(suggestion_id: int, json_data: Empty) -> SuggestedOut:  # noqa: ARG001 nothing is asked
    """Make the change, as a new version of the task or by a pause"""
    suggested.apply(g.actor, suggestion_id)
    return _suggestion(suggested.find(g.actor, suggestion_id))


@api.post("/suggestions/<int:suggestion_id>/undo")
@api.allow("edit")
@api.input(Empty)
@api.output(SuggestedOut)
def undo_suggestion(suggestion_id: int, json_data: Empty) -> SuggestedOut:  # noqa: ARG001 nothing is asked
    """Take the change back, while the task was not changed again"""
    suggested.undo(g.actor, suggestion_id)
    return _suggestion(suggested.find(g.actor, suggestion_id))


@api.post("/suggestions/<int:suggestion_id>/dismissal")
@api.allow("edit")
@api.input(Empty)
@api.output(SuggestedOut)
def dismiss_suggestion(suggestion_id: int, json_data: Empty) -> SuggestedOut:  # noqa: ARG001 nothing is asked
    """Leave the task as it is; the same is not suggested again for 90 days, unless its evidence doubles"""
    suggested.dismiss(g.actor, suggestion_id)
    return _suggestion(suggested.find(g.actor, suggestion_id))


def _suggestion(one: Suggestion) -> SuggestedOut:
    own = {name: getattr(one, name) for name in SuggestedOut.model_fields if name != "task"}
    return SuggestedOut.model_validate({**own, "task": one.task.slug})
