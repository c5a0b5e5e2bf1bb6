"""The state of the whole installation, for programs of those who look after it."""

from typing import Literal

from flask import current_app, g
from pydantic import Field

from app.api.resource import Out, Resource
from app.services.health import system

api = Resource("system", "System")


class FactOut(Out):
    """A number of a part, as it is said to people."""

    name: str
    value: str


class PartOut(Out):
    """How one part is."""

    name: str
    tone: Literal["ok", "warn", "fail", "idle"] = Field(description="warn, fail: needs somebody; idle: says nothing")
    word: str
    sentence: str = Field(description="What that means and what to do; empty when there is nothing to do")
    facts: list[FactOut]


class SystemOut(Out):
    """Every part: clock, workers, queue, database, watchdog, alerts, checker, audit, backup, disk."""

    items: list[PartOut]


@api.get("/system")
@api.allow("own")
@api.output(SystemOut)
def show_system() -> SystemOut:
    """Show how every part of the installation is; for owners of its first team"""
    parts = system.parts(g.actor.person_id, current_app.config["SETTINGS"], g.actor.token_team_id)
    return SystemOut(
        items=[
            PartOut(
                name=part.name, tone=part.tone, word=part.word, sentence=part.sentence,
                facts=[FactOut(name=name, value=value) for name, value in part.facts],
            )
            for part in parts
        ]
    )  # fmt: skip
