"""Channels of the team, or in one's own space one's own: where they lead is written and never read."""

from datetime import datetime
from typing import Literal

from flask import Response, current_app, g
from pydantic import Field

from app.api.idempotency import once
from app.api.resource import Empty, In, Out, Resource, nothing
from app.channels import configured
from app.services import channels
from app.services.channels import Line, Wanted

api = Resource("channels", "Channels")


class ChannelIn(In):
    """A channel to set up."""

    kind: Literal["email", "slack", "teams", "discord", "telegram", "ntfy", "sms", "webhook", "other"]
    name: str = Field("", max_length=channels.LONGEST_NAME, description="Empty: that of its kind")
    address: dict[str, str] = Field(
        max_length=10,
        description=(
            "The fields of its form: `url` (slack, teams, discord, webhook, other), `addresses` (email), `token`,"
            " `chat` and `server` (telegram), `topic`, `server` and `token` (ntfy), `gateway`, `account`,"
            " `password`, `sender` and `number` (sms)"
        ),
    )
    fallback_id: int | None = Field(None, ge=1, le=2**63 - 1, description="The channel for what this one does not take")


class ChannelChangeIn(In):
    """What a channel is to be; a secret field that is left out stays as it is."""

    name: str = Field("", max_length=channels.LONGEST_NAME)
    address: dict[str, str] = Field(default_factory=dict, max_length=10)
    fallback_id: int | None = Field(None, ge=1, le=2**63 - 1)


class RecipientOut(Out):
    """An address of an e-mail channel. Until its owner has confirmed nothing goes there but the letter that asks."""

    address: str
    is_confirmed: bool
    asked_at: datetime | None = Field(description="When the letter went out last")
    problem: str = Field(description="Why the letter did not get there; empty if it did")


class ChannelOut(Out):
    """A channel, and how it fares."""

    id: int
    kind: str
    name: str
    address: str = Field(description="Of where it leads what may be read")
    fallback_id: int | None
    state: str = Field(description="new, ok, failing or off")
    problem: str = Field(description="Why the last message was not taken; empty if it was")
    changed_state_at: datetime | None = Field(description="When a message was taken last, or since when none is")
    waiting: int = Field(description="Messages on their way")
    created_at: datetime
    recipients: list[RecipientOut]


class ChannelsOut(Out):
    """The channels, by name."""

    items: list[ChannelOut]


class ChannelTestedOut(Out):
    """What became of a test message."""

    is_sent: bool
    said: str = Field(description="What the other side answered, or why it did not take it")


@api.get("/channels")
@api.allow("see")
@api.output(ChannelsOut)
def list_channels() -> ChannelsOut:
    """List the channels and how each fares"""
    return ChannelsOut(items=[_shown(line) for line in channels.lines(g.actor)])


@api.post("/channels")
@api.allow("manage")
@api.input(ChannelIn, example={"kind": "email", "name": "On call", "address": {"addresses": "oncall@x.example"}})
@api.output(ChannelOut, status_code=201)
@once
def create_channel(json_data: ChannelIn) -> ChannelOut:
    """Set a channel up; where it leads is sealed and never shown again"""
    wanted = Wanted(json_data.kind, json_data.name, json_data.address, json_data.fallback_id)
    return _read(channels.create(g.actor, current_app.extensions["vault"], wanted))


@api.get("/channels/<int:channel_id>")
@api.allow("see")
@api.output(ChannelOut)
def read_channel(channel_id: int) -> ChannelOut:
    """Read a channel, and how it fares"""
    return _read(channel_id)


@api.put("/channels/<int:channel_id>")
@api.allow("manage")
@api.input(ChannelChangeIn, example={"name": "#ops"})
@api.output(ChannelOut)
def change_channel(channel_id: int, json_data: ChannelChangeIn) -> ChannelOut:
    """Change a channel; its kind stays"""
    wanted = Wanted("", json_data.name, json_data.address, json_data.fallback_id)
    channels.change(g.actor, current_app.extensions["vault"], channel_id, wanted)
    return _read(channel_id)


@api.delete("/channels/<int:channel_id>")
@api.allow("manage")
@api.output({}, status_code=204)
def delete_channel(channel_id: int) -> Response:
    """Take a channel away; what waits for it goes another way"""
    channels.delete(g.actor, channel_id)
    return nothing()


@api.post("/channels/<int:channel_id>/test")
@api.allow("manage")
@api.input(Empty)
@api.output(ChannelTestedOut)
def test_channel(channel_id: int, json_data: Empty) -> ChannelTestedOut:  # noqa: ARG001 nothing is sent
    """Send a test message now, and say what the other side answered within ten seconds"""
    means = configured.means(current_app.config["SETTINGS"])
    return ChannelTestedOut.model_validate(channels.test(g.actor, current_app.extensions["vault"], channel_id, means))


@api.post("/channels/<int:channel_id>/letters")
@api.allow("manage")
@api.input(Empty)
@api.output(ChannelOut, status_code=202)
def ask_channel(channel_id: int, json_data: Empty) -> ChannelOut:  # noqa: ARG001 nothing is sent
    """Ask the addresses of an e-mail channel once more that have not confirmed; each at most once a day"""
    channels.ask_again(g.actor, current_app.extensions["vault"], channel_id)
    return _read(channel_id)


def _read(channel_id: int) -> ChannelOut:
    return _shown(channels.find(g.actor, channel_id))


def _shown(line: Line) -> ChannelOut:
    return ChannelOut.model_validate(line)
