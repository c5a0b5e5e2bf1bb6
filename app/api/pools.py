"""Pools: slots that tasks share, and how many runs of the team go at once."""

from flask import Response, g
from pydantic import Field

from app.api.resource import In, Out, Resource, nothing
from app.core.errors import NotFound
from app.services import pools

api = Resource("pools", "Pools")


class PoolOut(Out):
    """A pool, and what of it is in use."""

    name: str
    slots: int
    taken: int = Field(description="Runs that go in it now")
    waiting: int = Field(description="Runs that wait for one of its slots, or for another limit")
    used_by: list[str] = Field(description="The names of the tasks that run in it")


class PoolsOut(Out):
    """The team's pools, by name."""

    items: list[PoolOut]


class PoolIn(In):
    """How many runs go in it at once."""

    slots: int = Field(ge=1, le=pools.MOST_SLOTS)


class LimitOut(Out):
    """How many runs of the team may go at once; null is no limit."""

    max_running: int | None
    running: int
    waiting: int = Field(description="Runs that wait for a slot of any limit")


class LimitIn(In):
    """How many runs of the team may go at once; null is no limit."""

    max_running: int | None = Field(ge=1, le=pools.MOST_SLOTS)


@api.get("/pools")
@api.allow("see")
@api.output(PoolsOut)
def list_pools() -> PoolsOut:
    """List the pools"""
    return PoolsOut.model_validate({"items": pools.lines(g.actor)})


@api.put("/pools/<name>")
@api.allow("manage")
@api.input(PoolIn, example={"slots": 2})
@api.output({}, status_code=204)
def set_pool(name: str, json_data: PoolIn) -> Response:
    """Add a pool, or give it another number of slots"""
    pools.put(g.actor, name, json_data.slots)
    return nothing()


@api.delete("/pools/<name>")
@api.allow("manage")
@api.output({}, status_code=204)
def delete_pool(name: str) -> Response:
    """Delete a pool that no task names"""
    found = next((line for line in pools.lines(g.actor) if line.name == name), None)
    if found is None:
        raise NotFound
    pools.delete(g.actor, found.id)
    return nothing()


@api.get("/limit")
@api.allow("see")
@api.output(LimitOut)
def read_limit() -> LimitOut:
    """Read how many runs of the team may go at once, and how many do"""
    return LimitOut.model_validate(pools.team_limit(g.actor))


@api.put("/limit")
@api.allow("manage")
@api.input(LimitIn, example={"max_running": 8})
@api.output(LimitOut)
def set_limit(json_data: LimitIn) -> LimitOut:
    """Set how many runs of the team go at once"""
    pools.limit_team(g.actor, json_data.max_running)
    return LimitOut.model_validate(pools.team_limit(g.actor))
