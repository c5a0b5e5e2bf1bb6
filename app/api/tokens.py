"""Tokens: who asks, the team's tokens, and making and revoking them."""

from datetime import datetime
from typing import Literal

from flask import Response, g
from pydantic import Field

from app.api.resource import In, Out, Resource, nothing
from app.domain.access import Scope
from app.models.teams import ApiToken
from app.services import tokens

api = Resource("tokens", "Tokens")


class MeOut(Out):
    """Who asks: a token, as whom, in which team."""

    token: str = Field(description="Its name")
    prefix: str
    scopes: list[str]
    expires_at: datetime | None
    person: str
    email: str
    timezone: str
    role: str = Field(description="The person's role in the team now; a token never reaches further")
    team: str = Field(description="The slug of the team")
    team_name: str


class TokenOut(Out):
    """A token without its secret part."""

    id: int
    name: str
    prefix: str
    scopes: list[str]
    person: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class TokensOut(Out):
    """The team's tokens, the newest first."""

    items: list[TokenOut]


class NewTokenOut(TokenOut):
    """A token just made."""

    token: str = Field(description="Keep it: it is shown this once")


class TokenIn(In):
    """A token to make. It acts as the person of the token that asks, and reaches no further than that one."""

    name: str = Field(max_length=60)
    scopes: list[Scope] = Field(min_length=1, max_length=4)
    days: Literal[0, 30, 90, 365] = Field(90, description="How long it is good for; 0: for ever")


@api.get("/me")
@api.allow("see")
@api.output(MeOut)
def read_me() -> MeOut:
    """Say who asks"""
    asks = g.bearer
    return MeOut(
        token=asks.token_name, prefix=asks.prefix, scopes=list(asks.scopes), expires_at=asks.expires_at,
        person=asks.person, email=asks.email, timezone=asks.timezone, role=asks.actor.role, team=asks.team_slug,
        team_name=asks.team_name,
    )  # fmt: skip


@api.get("/tokens")
@api.allow("see")
@api.output(TokensOut)
def list_tokens() -> TokensOut:
    """List one's own tokens of the team; those who manage it see all"""
    return TokensOut(items=[TokenOut.model_validate(_said(row)) for row in tokens.listing(g.actor)])


@api.post("/tokens")
@api.allow("manage")
@api.input(TokenIn, example={"name": "Deploy script", "scopes": ["run"], "days": 90})
@api.output(NewTokenOut, status_code=201)
def create_token(json_data: TokenIn) -> NewTokenOut:
    """Make a token; it is shown this once"""
    token, row = tokens.create(g.actor, json_data.name, json_data.scopes, json_data.days, by=g.bearer)
    return NewTokenOut.model_validate(_said(row) | {"token": token})


@api.delete("/tokens/<int:token_id>")
@api.allow("manage")
@api.output({}, status_code=204)
def revoke_token(token_id: int) -> Response:
    """Make a token useless at once"""
    tokens.revoke(g.actor, token_id)
    return nothing()


@api.delete("/me")
@api.allow("see")
@api.output({}, status_code=204)
def revoke_me() -> Response:
    """Make the token that asks useless at once"""
    tokens.revoke(g.actor, g.bearer.token_id)
    return nothing()


def _said(row: ApiToken) -> dict[str, object]:
    names = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at")
    return {name: getattr(row, name) for name in names} | {"person": row.person.name}
