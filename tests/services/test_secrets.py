"""Secrets below the web: sealed, bound to their row, and known to the tasks that use them."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app.core.errors import NotFound
from app.domain.access import Actor
from app.models.people import Person
from app.models.tasks import Task, TaskVersion
from app.models.teams import Secret, Team
from app.services import secrets, teams
from app.services.unit import unit

VALUE = "s3cr3t-of-the-bell"


@pytest.fixture
def vault(app):
    with app.app_context():
        yield app.extensions["vault"]


@pytest.fixture
def actor(vault):
    return owner_of(vault, "Northgate")


def owner_of(vault, name):
    with unit() as work:
        person = Person(email=f"{name}@x.example", name="Ada", password_hash="", created_at=datetime.now(UTC))
        work.session.add(person)
        work.session.flush()
        person_id = person.id
    teams.create(vault, person_id, name)
    return Actor(person_id, teams.of(person_id)[0].id, "owner")


def value_of(vault, actor, name):
    with unit() as work:
        secret = work.session.scalars(sa.select(Secret).filter_by(team_id=actor.team_id, name=name)).one()
        key = work.session.get_one(Team, actor.team_id).data_key
        opened = vault.unseal(key, secret.sealed, Secret.aad_of(actor.team_id, name, secret.version))
        return opened if isinstance(opened, str) else opened.decode()


def test_what_was_set_can_be_unsealed_and_is_not_stored_plainly(vault, actor):
    secrets.put(actor, vault, "API_KEY", VALUE)
    assert value_of(vault, actor, "API_KEY") == VALUE
    with unit() as work:
        assert VALUE.encode() not in work.session.scalars(sa.select(Secret.sealed)).one()


def test_a_new_value_replaces_the_old_as_a_new_version(vault, actor):
    secrets.put(actor, vault, "API_KEY", VALUE)
    secrets.put(actor, vault, "API_KEY", "another value")
    assert value_of(vault, actor, "API_KEY") == "another value"
    with unit() as work:
        assert work.session.scalars(sa.select(Secret.version)).one() == 2


def test_two_rows_values_cannot_be_swapped(vault, actor):
    secrets.put(actor, vault, "ONE_KEY", "first value")
    secrets.put(actor, vault, "TWO_KEY", "second value")
    with unit() as work:
        one, two = work.session.scalars(sa.select(Secret).order_by(Secret.name)).all()
        one.sealed, two.sealed = two.sealed, one.sealed
    with pytest.raises(Exception):  # noqa: B017 whatever the vault says
        value_of(vault, actor, "ONE_KEY")


def test_names_are_those_of_ones_own_team(vault, actor):
    other = owner_of(vault, "Elsewhere")
    secrets.put(other, vault, "THEIR_KEY", VALUE)
    secrets.put(actor, vault, "OUR_KEY", VALUE)
    assert list(secrets.names(actor)) == ["OUR_KEY"]
    assert [line.name for line in secrets.lines(actor)] == ["OUR_KEY"]


def test_another_teams_secret_is_not_found(vault, actor):
    other = owner_of(vault, "Elsewhere")
    secrets.put(other, vault, "THEIR_KEY", VALUE)
    with pytest.raises(NotFound):
        secrets.delete(actor, secrets.lines(other)[0].id)


def test_it_says_which_tasks_use_it(vault, actor):
    secrets.put(actor, vault, "API_KEY", VALUE)
    secrets.put(actor, vault, "TOKEN", VALUE)
    task(actor, "Morning digest", {"secrets": ["API_KEY"]})
    task(actor, "Check a website", {"auth_secret": "API_KEY"})
    task(actor, "Ask the shop", {"headers": {"X-Key": "{{ secrets.TOKEN }}"}})
    task(actor, "Two steps", {}, [{"settings": {"auth_secret": "TOKEN"}}, {"settings": {"secrets": ["API_KEY"]}}])
    used = {line.name: list(line.used_by) for line in secrets.lines(actor)}
    assert used == {
        "API_KEY": ["Check a website", "Morning digest", "Two steps"],
        "TOKEN": ["Ask the shop", "Two steps"],
    }


def task(actor, name, settings, steps=()):
    with unit() as work:
        row = Task(team_id=actor.team_id, slug=name, name=name, engine="http", created_at=work.now, changed_at=work.now)
        work.session.add(row)
        work.session.flush()
        version = TaskVersion(
            team_id=actor.team_id,
            task_id=row.id,
            number=1,
            definition={"settings": settings, "steps": list(steps)},
            created_at=work.now,
        )
        work.session.add(version)
        work.session.flush()
        row.version_id = version.id
