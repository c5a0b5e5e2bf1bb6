"""Secrets: their names, set and deleted; nobody reads a value back."""

from datetime import datetime

from flask import Response, current_app, g
from pydantic import Field

from app.api.resource import In, Out, Resource, nothing
from app.core.errors import NotFound
from app.services import secrets

api = Resource("secrets", "Secrets")


class SecretOut(Out):
    """A secret without its value."""

    name: str
    changed_by: str
    changed_at: datetime
    used_by: list[str] = Field(description="The names of the tasks that use it")


class SecretsOut(Out):
    """The team's secrets, by name."""

    items: list[SecretOut]


class SecretIn(In):
    """The value to keep."""

    value: str = Field(max_length=secrets.LARGEST_BYTES)


@api.get("/secrets")
@api.allow("see")
@api.output(SecretsOut)
def list_secrets() -> SecretsOut:
    """List the names of the secrets"""
    return SecretsOut.model_validate({"items": secrets.lines(g.actor)})


@api.put("/secrets/<name>")
@api.allow("manage")
@api.input(SecretIn, example={"value": "the value"})
@api.output({}, status_code=204)
def set_secret(name: str, json_data: SecretIn) -> Response:
    """Set a secret, or replace its value"""
    secrets.put(g.actor, current_app.extensions["vault"], name, json_data.value)
    return nothing()


@api.delete("/secrets/<name>")
@api.allow("manage")
@api.output({}, status_code=204)
def delete_secret(name: str) -> Response:
    """Delete a secret; tasks that name it are blocked from now on"""
    found = next((line for line in secrets.lines(g.actor) if line.name == name), None)
    if found is None:
        raise NotFound
    secrets.delete(g.actor, found.id)
    return nothing()
