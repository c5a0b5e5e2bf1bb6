"""Teams below the web: addresses, owners, roles."""

from datetime import UTC, datetime

import pytest

from app.core.errors import Conflict, Forbidden, NotFound
from app.domain.access import Actor
from app.models.people import Person
from app.models.teams import Membership, Team
from app.services import teams
from app.services.unit import unit


@pytest.fixture
def inside(app):
    with app.app_context():
        yield app.extensions["vault"]


def person(name):
    with unit() as work:
        row = Person(email=f"{name}@x.example", name=name, password_hash="", created_at=datetime.now(UTC))
        work.session.add(row)
        work.session.flush()
        return row.id


def team_of(vault, owner, name="Northgate"):
    slug = teams.create(vault, owner, name)
    team = next(team for team in teams.of(owner) if team.slug == slug)
    return Actor(owner, team.id, team.role)


def add(actor, person_id, role):
    with unit() as work:
        member = Membership(team_id=actor.team_id, person_id=person_id, role=role, created_at=datetime.now(UTC))
        work.session.add(member)
        work.session.flush()
        return member.id


def test_addresses_are_plain_and_unique(inside):
    ada = person("Ada")
    names = ["Straßen & Brücken", "Me", "new", "Ada", "ada", "日本"]
    assert [teams.create(inside, ada, name) for name in names] == [
        "strassen-brucken", "me-2", "new-2", "ada", "ada-2", "team"
    ]  # fmt: skip


def test_ones_own_space_is_made_once_and_comes_first(inside):
    zoe = person("Zoe")
    teams.create(inside, zoe, "Alpha")
    assert teams.personal(inside, zoe) == teams.personal(inside, zoe) == "zoe"
    assert [team.slug for team in teams.of(zoe)] == ["zoe", "alpha"]


def test_each_team_has_a_key_of_its_own(inside):
    ada = person("Ada")
    teams.create(inside, ada, "One")
    teams.create(inside, ada, "Two")
    with unit() as work:
        keys = {team.data_key for team in work.session.query(Team)}
    assert len(keys) == 2
    assert b"" not in keys


def test_two_owners_of_whom_one_goes(inside):
    ada, ben = person("Ada"), person("Ben")
    actor = team_of(inside, ada)
    bens = add(actor, ben, "owner")
    teams.change_role(actor, bens, "viewer")
    with pytest.raises(Conflict):
        teams.leave(actor)


def test_a_member_of_another_team_is_not_found(inside):
    ada, cid = person("Ada"), person("Cid")
    actor, other = team_of(inside, ada), team_of(inside, cid, "Elsewhere")
    stranger = teams.members(other)[0].id
    for act in (lambda: teams.remove(actor, stranger), lambda: teams.change_role(actor, stranger, "viewer")):
        with pytest.raises(NotFound):
            act()


def test_admins_invite_up_to_editor(inside):
    ada, ben = person("Ada"), person("Ben")
    owner = team_of(inside, ada)
    add(owner, ben, "admin")
    admin = Actor(ben, owner.team_id, "admin")
    assert teams.invite(admin, "editor")
    with pytest.raises(Forbidden):
        teams.invite(admin, "owner")


def test_members_are_counted(inside):
    ada = person("Ada")
    actor = team_of(inside, ada)
    add(actor, person("Ben"), "viewer")
    assert teams.of(ada)[0].member_count == 2


def test_the_owners_are_whom_to_ask(inside):
    ada = person("Ada")
    assert list(teams.owners(team_of(inside, ada).team_id)) == ["Ada"]
