"""Circuit breakers: the targets that runs leave alone because they failed again and again."""

from datetime import datetime

from flask import Response, g
from pydantic import Field

from app.api.resource import In, Out, Resource, nothing
from app.services.execution import breakers

api = Resource("breakers", "Breakers")


class BreakerOut(Out):
    """A target that runs of the team leave alone."""

    target: str = Field(description="Like host:example.com or model:Sonnet")
    state: str = Field(description="open, or half_open when one run may try")
    failures: int = Field(description="How often in a row it has failed")
    problem: str = Field(description="What its last failure said")
    open_until: datetime | None = Field(description="When one run may try it")
    changed_at: datetime = Field(description="When it failed last")
    is_probed: bool = Field(description="Whether a run tries it right now")


class BreakersOut(Out):
    """All of the team that are not closed."""

    items: list[BreakerOut]


class TargetIn(In):
    """Which target."""

    target: str = Field(min_length=1, max_length=200)


@api.get("/breakers")
@api.allow("see")
@api.output(BreakersOut)
def list_breakers() -> BreakersOut:
    """List the targets that are left alone"""
    return BreakersOut(items=[BreakerOut.model_validate(line) for line in breakers.listing(g.actor)])


@api.post("/breakers/closing")
@api.allow("run")
@api.input(TargetIn, example={"target": "host:example.com"})
@api.output({}, status_code=204)
def close_breaker(json_data: TargetIn) -> Response:
    """Let runs try a target again now"""
    breakers.try_now(g.actor, json_data.target)
    return nothing()
