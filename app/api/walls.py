"""Walls and badges: addresses that show how things are to whoever knows them, and can do nothing."""

from datetime import datetime
from typing import Any

from flask import Response, current_app, g
from pydantic import Field

from app.api.resource import In, Out, Resource, nothing
from app.services import badges, wall

api = Resource("walls", "Walls and badges")


class WallIn(In):
    """A wall to make."""

    name: str = Field(min_length=1, max_length=wall.LONGEST_NAME, description="Where it hangs")
    masks_names: bool = Field(False, description="Tasks are called Task 1, Task 2, and money is left out")


class WallOut(Out):
    """A wall that shows the team."""

    id: int
    name: str
    url: str = Field(description="Whoever knows it sees the wall; empty for a wall of another team")
    teams: list[str] = Field(description="The names of the teams that it turns between, the own first")
    masks_names: bool
    is_own: bool = Field(description="False for a wall of another team, which shows this one, too")
    created_at: datetime
    seen_at: datetime | None


class WallsOut(Out):
    """The walls that show the team, its own first."""

    items: list[WallOut]


class BadgeIn(In):
    """What the badge of a task says."""

    masks_names: bool = Field(False, description="Leave the name of the task out")


class BadgeOut(Out):
    """The badge of a task: a picture and JSON."""

    svg_url: str
    json_url: str
    masks_names: bool
    created_at: datetime
    seen_at: datetime | None


@api.get("/walls")
@api.allow("manage")
@api.output(WallsOut)
def list_walls() -> dict[str, Any]:
    """List the walls that show the team, with the addresses of its own"""
    return {"items": [_wall(line) for line in wall.listing(g.actor, _vault())]}


@api.post("/walls")
@api.allow("manage")
@api.input(WallIn, example={"name": "Kitchen"})
@api.output(WallOut, status_code=201)
def create_wall(json_data: WallIn) -> dict[str, Any]:
    """Make a wall of the team, in the time zone of the token's person"""
    return _wall(wall.create(g.actor, _vault(), json_data.name, masks_names=json_data.masks_names))


@api.delete("/walls/<int:wall_id>")
@api.allow("manage")
@api.output({}, status_code=204)
def remove_wall(wall_id: int) -> Response:
    """Remove a wall: screens that show it go blank; from one of another team the team is taken"""
    wall.remove(g.actor, wall_id)
    return nothing()


@api.get("/tasks/<slug>/badge")
@api.allow("manage")
@api.output(BadgeOut)
def read_badge(slug: str) -> dict[str, Any]:
    """Read the addresses of a task's badge"""
    return _badge(badges.find(g.actor, _vault(), slug))


@api.put("/tasks/<slug>/badge")
@api.allow("manage")
@api.input(BadgeIn, example={"masks_names": True})
@api.output(BadgeOut)
def put_badge(slug: str, json_data: BadgeIn) -> dict[str, Any]:
    """Give a task a badge, or change what the one it has says; its address stays"""
    return _badge(badges.put(g.actor, _vault(), slug, masks_names=json_data.masks_names))


@api.delete("/tasks/<slug>/badge")
@api.allow("manage")
@api.output({}, status_code=204)
def revoke_badge(slug: str) -> Response:
    """Revoke the badge of a task: its address shows nothing any more"""
    badges.remove(g.actor, slug)
    return nothing()


def _wall(line: wall.Line) -> dict[str, Any]:
    return vars(line) | {"url": f"{_url()}{line.path}" if line.path else ""}


def _badge(line: badges.Line) -> dict[str, Any]:
    return vars(line) | {"svg_url": f"{_url()}{line.path}.svg", "json_url": f"{_url()}{line.path}.json"}


def _url() -> str:
    url: str = current_app.config["SETTINGS"].url
    return url


def _vault() -> Any:
    return current_app.extensions["vault"]
