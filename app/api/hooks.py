"""Hooks: secret addresses by which other programs start a task with values of what they send."""

import json
from datetime import datetime
from typing import Any, Literal

from flask import Response, current_app, g
from pydantic import Field

from app.api.idempotency import once
from app.api.resource import Empty, In, Out, Resource, nothing
from app.domain.hooks import Scheme
from app.models.webhooks import Hook
from app.services import hooks
from app.services.hooks import Made, Wanted, calls, trying

api = Resource("hooks", "Hooks")


class HookIn(In):
    """How a task is started by a call, and with what."""

    name: str = Field(min_length=1, max_length=hooks.LONGEST_NAME)
    scheme: Scheme = Field("address", description="How a call proves who sends it")
    header: str = Field("", max_length=60, description="Where the scheme `token` has its secret; empty: X-Hook-Token")
    secret: str = Field("", max_length=200, description="Of the sender; empty: one is made, or the present one stays")
    condition: str = Field("", max_length=500, description='Over payload and event: payload.action == "opened"')
    mapping: dict[str, str] = Field({}, description="Paths in the payload by variables, like issue.title")
    tools: list[str] = Field([], max_length=20, description="Tools that an agent keeps in runs of it; else off")
    calls_a_minute: int = Field(60, ge=1, le=hooks.MOST_CALLS_A_MINUTE)


class HookOut(Out):
    """A hook without what is secret."""

    id: int
    name: str
    scheme: Scheme
    header: str
    condition: str
    mapping: dict[str, str]
    tools: list[str]
    calls_a_minute: int
    is_off: bool
    called_at: datetime | None
    before_until: datetime | None = Field(description="Until then the address and secret before these work, too")
    created_at: datetime


class NewHookOut(HookOut):
    """A hook with what is shown this once: its address, and its secret where one was made."""

    url: str
    secret: str


class HooksOut(Out):
    """The hooks of a task, by name."""

    items: list[HookOut]


class ChangedHookOut(HookOut):
    """A hook, with a secret where its new scheme needed one that was made."""

    secret: str


class HookTrialIn(In):
    """A payload, and the filter and mapping to try it with."""

    payload: str = Field(max_length=300_000, description="JSON, as text")
    event: str = Field("", max_length=80)
    condition: str = Field("", max_length=500)
    mapping: dict[str, str] = Field({})


class HookTrialOut(Out):
    """What would come of it; `wrong` says by field what is not right."""

    starts: bool
    sentence: str
    values: dict[str, Any]
    wrong: dict[str, str]


class HookCallOut(Out):
    """A call: what became of it, and its payload, without secrets, while that is kept."""

    id: int
    at: datetime
    verdict: Literal["accepted", "repeated", "filtered", "refused"]
    sentence: str
    event: str
    size_bytes: int
    payload: Any
    is_cut: bool
    times: int = Field(description="Refused calls of one reason within a quarter of an hour since `at` are one line")


class HookCallsOut(Out):
    """The last calls of a hook, the latest first."""

    items: list[HookCallOut]


class HookRunOut(Out):
    """The run that a call began."""

    run: int = Field(description="Its number")


EXAMPLE = {"name": "Issues", "scheme": "github", "mapping": {"title": "issue.title"}}


@api.get("/tasks/<slug>/hooks")
@api.allow("edit")
@api.output(HooksOut)
def list_hooks(slug: str) -> HooksOut:
    """List the hooks of a task"""
    return HooksOut.model_validate({"items": [_shown(hook) for hook in hooks.listing(g.actor, slug)]})


@api.post("/tasks/<slug>/hooks")
@api.allow("edit")
@api.input(HookIn, example=EXAMPLE)
@api.output(NewHookOut, status_code=201)
@once
def create_hook(slug: str, json_data: HookIn) -> NewHookOut:
    """Let other programs start a task; address and secret are in this answer alone"""
    return _new(slug, hooks.create(g.actor, current_app.extensions["vault"], slug, _wanted(json_data)))


@api.get("/tasks/<slug>/hooks/<int:hook_id>")
@api.allow("edit")
@api.output(HookOut)
def read_hook(slug: str, hook_id: int) -> HookOut:
    """Read a hook"""
    return _read(slug, hook_id)


@api.put("/tasks/<slug>/hooks/<int:hook_id>")
@api.allow("edit")
@api.input(HookIn, example=EXAMPLE)
@api.output(ChangedHookOut)
def change_hook(slug: str, hook_id: int, json_data: HookIn) -> ChangedHookOut:
    """Change a hook"""
    secret = hooks.change(g.actor, current_app.extensions["vault"], slug, hook_id, _wanted(json_data))
    return ChangedHookOut.model_validate({**_shown(hooks.find(g.actor, slug, hook_id)), "secret": secret})


@api.delete("/tasks/<slug>/hooks/<int:hook_id>")
@api.allow("edit")
@api.output({}, status_code=204)
def delete_hook(slug: str, hook_id: int) -> Response:
    """Delete a hook and the log of its calls"""
    hooks.delete(g.actor, slug, hook_id)
    return nothing()


@api.post("/tasks/<slug>/hooks/<int:hook_id>/rotation")
@api.allow("edit")
@api.input(Empty)
@api.output(NewHookOut)
def rotate_hook(slug: str, hook_id: int, json_data: Empty) -> NewHookOut:  # noqa: ARG001 nothing is sent
    """Give a hook another address, and another secret if it is one of ours; the old ones work for 24 hours"""
    return _new(slug, hooks.rotate(g.actor, current_app.extensions["vault"], slug, hook_id))


@api.post("/tasks/<slug>/hooks/<int:hook_id>/off")
@api.allow("edit")
@api.output(HookOut)
def turn_hook_off(slug: str, hook_id: int) -> HookOut:
    """Let no call through any more"""
    hooks.turn(g.actor, slug, hook_id, on=False)
    return _read(slug, hook_id)


@api.post("/tasks/<slug>/hooks/<int:hook_id>/on")
@api.allow("edit")
@api.output(HookOut)
def turn_hook_on(slug: str, hook_id: int) -> HookOut:
    """Let calls through again"""
    hooks.turn(g.actor, slug, hook_id, on=True)
    return _read(slug, hook_id)


@api.post("/tasks/<slug>/hooks/trial")
@api.allow("edit")
@api.input(HookTrialIn, example={"payload": '{"issue": {"title": "It hurts"}}', "mapping": {"title": "issue.title"}})
@api.output(HookTrialOut)
def try_hook(slug: str, json_data: HookTrialIn) -> HookTrialOut:
    """See what a payload would come to; nothing starts"""
    asked = json_data
    found = trying.try_out(g.actor, slug, asked.payload, asked.event, asked.condition, asked.mapping)
    return HookTrialOut.model_validate(found)


@api.get("/tasks/<slug>/hooks/<int:hook_id>/calls")
@api.allow("edit")
@api.output(HookCallsOut)
def list_hook_calls(slug: str, hook_id: int) -> HookCallsOut:
    """Read the last calls of a hook, and what became of each"""
    rows = hooks.last_calls(g.actor, slug, hook_id, limit=100)
    return HookCallsOut.model_validate({"items": [{**row.__dict__, "payload": _payload(row)} for row in rows]})


@api.post("/tasks/<slug>/hooks/<int:hook_id>/calls/<int:call_id>/replay")
@api.allow("edit")
@api.output(HookRunOut)
def replay_hook_call(slug: str, hook_id: int, call_id: int) -> HookRunOut:
    """Let a call count once more, as the hook is now"""
    return HookRunOut(run=calls.replay(g.actor, slug, hook_id, call_id))


def _read(slug: str, hook_id: int) -> HookOut:
    return HookOut.model_validate(_shown(hooks.find(g.actor, slug, hook_id)))


def _wanted(given: HookIn) -> Wanted:
    return Wanted(**given.model_dump())


def _shown(hook: Hook) -> dict[str, Any]:
    return {**hook.__dict__, "is_off": hook.off_at is not None}


def _new(slug: str, made: Made) -> NewHookOut:
    url = current_app.config["SETTINGS"].url + made.path
    return NewHookOut.model_validate({**_shown(hooks.find(g.actor, slug, made.id)), "url": url, "secret": made.secret})


def _payload(row: Any) -> Any:
    """Return a payload that is kept whole as JSON, one that was cut as the text of its beginning."""
    return row.payload if row.is_cut or not row.payload else json.loads(row.payload)
