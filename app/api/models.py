"""Language models: the names by which tasks may name them."""

from flask import g

from app.api.resource import Out, Resource
from app.services import models

api = Resource("models", "Models")


class ModelsOut(Out):
    """The names of the team's models."""

    items: list[str]


@api.get("/models")
@api.allow("see")
@api.output(ModelsOut)
def list_models() -> ModelsOut:
    """List the names of the models that agents may use"""
    return ModelsOut(items=list(models.names(g.actor)))
