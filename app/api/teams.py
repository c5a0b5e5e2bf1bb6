"""Teams: those one belongs to, and the token's own, with its name."""

from flask import g
from pydantic import Field

from app.api.resource import In, Out, Resource
from app.core.errors import NotFound
from app.services import teams

api = Resource("teams", "Teams")


class TeamOut(Out):
    """A team as the token's person sees it."""

    slug: str
    name: str
    is_personal: bool
    role: str
    member_count: int


class TeamsOut(Out):
    """The teams one belongs to."""

    items: list[TeamOut]


class TeamIn(In):
    """What to change of a team."""

    name: str = Field(max_length=120)


@api.get("/teams")
@api.allow("see")
@api.output(TeamsOut)
def list_teams() -> TeamsOut:
    """List the teams of the token's person; the token itself reaches one of them"""
    return TeamsOut.model_validate({"items": teams.of(g.actor.person_id)})


@api.get("/teams/<slug>")
@api.allow("see")
@api.output(TeamOut)
def read_team(slug: str) -> TeamOut:
    """Read the token's team"""
    return _own(slug)


@api.patch("/teams/<slug>")
@api.allow("own")
@api.input(TeamIn, example={"name": "Northgate"})
@api.output(TeamOut)
def rename_team(slug: str, json_data: TeamIn) -> TeamOut:
    """Rename the token's team; its address stays"""
    _own(slug)
    teams.rename(g.actor, json_data.name)
    return _own(slug)


def _own(slug: str) -> TeamOut:
    found = next((team for team in teams.of(g.actor.person_id) if team.id == g.actor.team_id), None)
    if found is None or found.slug != slug:
        raise NotFound
    return TeamOut.model_validate(found)
