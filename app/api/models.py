"""Language models: the names by which tasks may name them, and which of them says why runs failed."""

from flask import g
from pydantic import Field

from app.api.resource import In, Out, Resource
from app.services import models
from app.services.models import summaries

api = Resource("models", "Models")


class ModelsOut(Out):
    """The names of the team's models."""

    items: list[str]


class SummariesOut(Out):
    """Which model says of failed runs what went wrong."""

    model: str = Field(description="Its name; empty: none does")


class SummariesIn(In):
    """Which model is to say of failed runs what went wrong."""

    model: str = Field("", max_length=80, description="The name of one of the team's models; empty: none")


@api.get("/models")
@api.allow("see")
@api.output(ModelsOut)
def list_models() -> ModelsOut:
    """List the names of the models that agents may use"""
    return ModelsOut(items=list(models.names(g.actor)))


@api.get("/models/summaries")
@api.allow("see")
@api.output(SummariesOut)
def read_summaries() -> SummariesOut:
    """Say which model writes summaries of failed runs"""
    return SummariesOut(model=summaries.chosen(g.actor))


@api.put("/models/summaries")
@api.allow("manage")
@api.input(SummariesIn, example={"model": ""})
@api.output(SummariesOut)
def choose_summaries(json_data: SummariesIn) -> SummariesOut:
    """Let a model write a summary of failed runs, or none

    It is shown the end of the log without secrets, once a day for each cause; what it costs counts in the team's
    budget. What it says stands in `facts.summary` of a run.
    """
    summaries.choose(g.actor, json_data.model)
    return SummariesOut(model=json_data.model)
