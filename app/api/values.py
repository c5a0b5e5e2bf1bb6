"""Values of the team: listed, set and deleted."""

from datetime import datetime

from flask import Response, g
from pydantic import Field

from app.api.resource import In, Out, Resource, nothing
from app.services import values

api = Resource("values", "Values")


class ValueOut(Out):
    """A value that tasks of the team use as `team.NAME`."""

    name: str
    value: str
    changed_by: str
    changed_at: datetime
    used_by: list[str] = Field(description="The names of the tasks that use it")


class ValuesOut(Out):
    """The team's values, by name."""

    items: list[ValueOut]


class ValueIn(In):
    """The value to keep."""

    value: str = Field(max_length=values.LONGEST_VALUE)


@api.get("/values")
@api.allow("see")
@api.output(ValuesOut)
def list_values() -> ValuesOut:
    """List the values of the team"""
    return ValuesOut.model_validate({"items": values.lines(g.actor)})


@api.put("/values/<name>")
@api.allow("edit")
@api.input(ValueIn, example={"value": "EMEA"})
@api.output({}, status_code=204)
def set_value(name: str, json_data: ValueIn) -> Response:
    """Set a value of the team, or replace it"""
    values.put(g.actor, name, json_data.value)
    return nothing()


@api.delete("/values/<name>")
@api.allow("edit")
@api.output({}, status_code=204)
def delete_value(name: str) -> Response:
    """Delete a value of the team; runs of tasks that name it are blocked from now on"""
    values.delete(g.actor, name)
    return nothing()
