"""As whom a command acts in a team: a person who is named, else an owner."""

from app.core.errors import Forbidden, NotFound
from app.domain.access import Action, Actor
from app.services import accounts, teams


def actor(slug: str, email: str, action: Action) -> Actor:
    """Return who acts: this person, else an owner of the team. Raises NotFound, Forbidden without the right."""
    people = [person for person in accounts.everybody() if email.lower() in {"", person.email.lower()}]
    members = [(person, team) for person in people for team in teams.of(person.id) if team.slug == slug]
    if not members:
        raise NotFound(f"There is no team {slug}{f' with {email} in it' if email else ''}. Its address has its name.")
    person, team = next((one for one in members if one[1].role == "owner"), members[0])
    found = Actor(person.id, team.id, team.role)
    if not found.may(action):
        raise Forbidden(action, f"{person.name} may not do that in {team.name}.")
    return found
