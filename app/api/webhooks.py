"""Webhooks: addresses that are told of events, and the log of what was sent and answered."""

from datetime import datetime
from typing import Any, Literal

from flask import Response, current_app, g
from pydantic import Field

from app.api.idempotency import once
from app.api.resource import Empty, In, Out, Resource, nothing
from app.domain.webhooks import USUAL
from app.services import webhooks
from app.services.webhooks import Line, Wanted, deliveries

api = Resource("webhooks", "Webhooks")


class WebhookIn(In):
    """What is to be told where."""

    name: str = Field(min_length=1, max_length=webhooks.LONGEST_NAME)
    url: str = Field(min_length=1, max_length=webhooks.LONGEST_URL, description="Where each event is sent by POST")
    events: list[str] = Field(list(USUAL), max_length=100, description="Kinds of events, as GET /events has them")
    task: str = Field("", max_length=80, description="The slug of the only task it is about; empty: any")
    condition: str = Field("", max_length=500, description='Over the message, like data.reason == "exit_code"')


class WebhookOut(Out):
    """A webhook, and how it does."""

    id: int
    name: str
    url: str
    events: list[str]
    task: str
    condition: str
    state: Literal["on", "failing", "off"]
    off_because: str = Field(description="Why Carillon switched it off; empty where a person did")
    failing_since: datetime | None
    delivered_at: datetime | None = Field(description="When a message was taken last")
    before_until: datetime | None = Field(description="Until then the secret before the present one signs, too")
    created_at: datetime
    waiting: int
    sent: int
    failed: int


class NewWebhookOut(WebhookOut):
    """A webhook with its secret, shown this once."""

    secret: str = Field(description="whsec_ and base64, as Standard Webhooks has it")


class WebhooksOut(Out):
    """The team's webhooks, by name."""

    items: list[WebhookOut]


class WebhookSecretOut(Out):
    """A new secret, shown this once; for 24 hours messages carry the signature of the old one, too."""

    secret: str


class DeliveryQuery(In):
    """Which messages."""

    state: Literal["", "waiting", "sent", "failed"] = ""
    before: int | None = Field(None, ge=1, le=2**63 - 1, description="The `id` of the last one you have")
    limit: int = Field(50, ge=1, le=200)


class AttemptedOut(Out):
    """One try to send a message: what was answered, or why nothing was."""

    at: datetime
    status: int = Field(description="Of HTTP; 0: there was no answer")
    problem: str
    answer: str = Field(description="The beginning of it")
    seconds: float


class DeliveryOut(Out):
    """A message; `message_id` is the webhook-id of each of its tries."""

    id: int
    message_id: str
    kind: str
    state: Literal["waiting", "sent", "failed"]
    tries: int
    at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None
    body: str = Field(description="As it is sent and signed")
    attempts: list[AttemptedOut]


class DeliveriesOut(Out):
    """Messages of a webhook, the latest first."""

    items: list[DeliveryOut]


class ReplayIn(In):
    """Which of the messages that failed are sent once more."""

    since: datetime | None = Field(None, description="Those from then on; without it all that are kept")


class ReplayedOut(Out):
    """How many messages are sent once more."""

    messages: int


class TestedOut(Out):
    """A test message that is on its way."""

    delivery: int = Field(description="Its id in the log")


@api.get("/webhooks")
@api.allow("manage")
@api.output(WebhooksOut)
def list_webhooks() -> WebhooksOut:
    """List the webhooks"""
    return WebhooksOut.model_validate({"items": [_shown(line) for line in webhooks.lines(g.actor)]})


@api.post("/webhooks")
@api.allow("manage")
@api.input(WebhookIn, example={"name": "Orders", "url": "https://orders.example/carillon", "events": ["failed"]})
@api.output(NewWebhookOut, status_code=201)
@once
def create_webhook(json_data: WebhookIn) -> NewWebhookOut:
    """Tell an address of events from now on; its secret is in this answer alone"""
    line, secret = webhooks.create(g.actor, current_app.extensions["vault"], _wanted(json_data))
    return NewWebhookOut.model_validate({**_shown(line), "secret": secret})


@api.get("/webhooks/<int:webhook_id>")
@api.allow("manage")
@api.output(WebhookOut)
def read_webhook(webhook_id: int) -> WebhookOut:
    """Read a webhook, and how it does"""
    return _read(webhook_id)


@api.put("/webhooks/<int:webhook_id>")
@api.allow("manage")
@api.input(WebhookIn, example={"name": "Orders", "url": "https://orders.example/carillon"})
@api.output(WebhookOut)
def change_webhook(webhook_id: int, json_data: WebhookIn) -> WebhookOut:
    """Change a webhook"""
    webhooks.change(g.actor, webhook_id, _wanted(json_data))
    return _read(webhook_id)


@api.delete("/webhooks/<int:webhook_id>")
@api.allow("manage")
@api.output({}, status_code=204)
def delete_webhook(webhook_id: int) -> Response:
    """Delete a webhook and its log"""
    webhooks.delete(g.actor, webhook_id)
    return nothing()


@api.post("/webhooks/<int:webhook_id>/rotation")
@api.allow("manage")
@api.input(Empty)
@api.output(WebhookSecretOut)
def rotate_webhook(webhook_id: int, json_data: Empty) -> WebhookSecretOut:  # noqa: ARG001 nothing is sent
    """Give a webhook another secret; both sign for 24 hours"""
    return WebhookSecretOut(secret=webhooks.rotate(g.actor, current_app.extensions["vault"], webhook_id))


@api.post("/webhooks/<int:webhook_id>/off")
@api.allow("manage")
@api.output(WebhookOut)
def turn_webhook_off(webhook_id: int) -> WebhookOut:
    """Tell it nothing any more"""
    webhooks.turn_off(g.actor, webhook_id)
    return _read(webhook_id)


@api.post("/webhooks/<int:webhook_id>/on")
@api.allow("manage")
@api.output(WebhookOut)
def turn_webhook_on(webhook_id: int) -> WebhookOut:
    """Tell it again, of what happens from now on"""
    webhooks.turn_on(g.actor, webhook_id)
    return _read(webhook_id)


@api.post("/webhooks/<int:webhook_id>/test")
@api.allow("manage")
@api.output(TestedOut)
def test_webhook(webhook_id: int) -> TestedOut:
    """Send a message of the kind `test` now; the log has the answer"""
    return TestedOut(delivery=webhooks.test(g.actor, webhook_id, current_app.config["SETTINGS"].url))


@api.get("/webhooks/<int:webhook_id>/deliveries")
@api.allow("manage")
@api.input(DeliveryQuery, location="query")
@api.output(DeliveriesOut)
def list_webhook_deliveries(webhook_id: int, query_data: DeliveryQuery) -> DeliveriesOut:
    """Read the log: each message with its tries"""
    asked = query_data
    found = deliveries.listing(g.actor, webhook_id, asked.state, asked.before or 0, asked.limit)
    return DeliveriesOut.model_validate({"items": found})


@api.post("/webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/replay")
@api.allow("manage")
@api.output(ReplayedOut)
def replay_webhook_delivery(webhook_id: int, delivery_id: int) -> ReplayedOut:
    """Send a message once more, with the same id"""
    deliveries.replay(g.actor, webhook_id, delivery_id)
    return ReplayedOut(messages=1)


@api.post("/webhooks/<int:webhook_id>/replay")
@api.allow("manage")
@api.input(ReplayIn, example={"since": "2026-11-28T00:00:00Z"})
@api.output(ReplayedOut)
def replay_webhook(webhook_id: int, json_data: ReplayIn) -> ReplayedOut:
    """Send all that failed once more, with the same ids"""
    return ReplayedOut(messages=deliveries.replay_failed(g.actor, webhook_id, json_data.since))


def _read(webhook_id: int) -> WebhookOut:
    return WebhookOut.model_validate(_shown(webhooks.find(g.actor, webhook_id)))


def _wanted(given: WebhookIn) -> Wanted:
    return Wanted(given.name, given.url, given.events, given.task, given.condition)


def _shown(line: Line) -> dict[str, Any]:
    counts = {state: line.counts.get(state, 0) for state in deliveries.STATES}
    return {**line.__dict__, "state": line.word, **counts}
