"""Tokens: shown once, kept as a hash, good only while their person belongs to the team and their time is not up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.core.identifiers import digest, is_api_token, new_api_token
from app.domain.access import ACTIONS, ROLES, SCOPES, Actor, can, reaches, scopes_for
from app.infra.storage import Storage
from app.models.instance import Audit
from app.models.people import Person, Throttle
from app.models.teams import ApiToken, IdempotencyKey, Membership
from app.services import retention, teams, tokens, tries
from app.services.tries import Throttled
from app.services.unit import unit
from tests import factories


@pytest.fixture
def ada(app):
    with app.app_context():
        yield factories.owner(factories.team())


def join(team_id, role, name="Ben Okri"):
    with unit() as work:
        person = Person(email=f"{role}@x.example", name=name, password_hash="", created_at=work.now)
        work.session.add(person)
        work.session.flush()
        member = Membership(team_id=team_id, person_id=person.id, role=role, created_at=work.now)
        work.session.add(member)
        work.session.flush()
        return Actor(person.id, team_id, role), member.id


def set_all(**values):
    with unit() as work:
        work.session.execute(sa.update(ApiToken).values(values))


def test_a_token_says_by_itself_whether_it_is_whole():
    token, shown = new_api_token()
    assert is_api_token(token)
    assert token.startswith(f"{shown}_")
    assert len(token) == len("car_") + 8 + 1 + 32 + 1 + 8
    assert not is_api_token(token[:-1])
    assert not is_api_token(token[:20] + ("a" if token[20] != "a" else "b") + token[21:])


def test_only_the_hash_is_kept(ada):
    token, row = tokens.create(ada, "Deploy", ["run"], 30)
    [kept] = factories.rows(ApiToken)
    assert (kept.token_hash, kept.prefix) == (digest(token), token[:12])
    assert token.split("_")[2] not in str(kept)
    assert token.split("_")[2] not in str(factories.rows(Audit))
    assert (kept.expires_at - kept.created_at, row.scopes) == (timedelta(days=30), ["run"])


def test_a_token_acts_as_its_person_in_the_role_of_now(ada):
    ben, member = join(ada.team_id, "admin")
    token, _ = tokens.create(ben, "Deploy", ["run", "admin"], 0)
    assert tokens.who(token).actor == replace(ben, scopes=frozenset({"run", "admin"}))
    teams.change_role(ada, member, "viewer")
    assert tokens.who(token).actor.role == "viewer"


def test_it_dies_with_the_membership_and_does_not_come_back(ada):
    ben, member = join(ada.team_id, "editor")
    token, _ = tokens.create(ben, "Deploy", ["read"], 0)
    teams.remove(ada, member)
    assert tokens.who(token) is None
    with unit() as work:
        again = Membership(team_id=ada.team_id, person_id=ben.person_id, role="editor", created_at=work.now)
        work.session.add(again)
    assert tokens.who(token) is None


def test_it_ends_when_its_time_is_up_or_it_is_revoked(ada):
    token, row = tokens.create(ada, "Deploy", ["read"], 30)
    set_all(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert tokens.who(token) is None
    set_all(expires_at=None)
    assert tokens.who(token)
    tokens.revoke(ada, row.id)
    assert tokens.who(token) is None
    assert [entry.action for entry in factories.rows(Audit)] == ["token_created", "token_revoked"]


def test_last_use_is_noted_at_most_once_a_minute(ada):
    token, _ = tokens.create(ada, "Deploy", ["read"], 30)
    tokens.who(token)
    [first] = factories.rows(ApiToken)
    tokens.who(token)
    assert factories.rows(ApiToken)[0].last_used_at == first.last_used_at
    set_all(last_used_at=first.last_used_at - timedelta(seconds=61))
    tokens.who(token)
    assert factories.rows(ApiToken)[0].last_used_at >= first.last_used_at


def test_members_see_their_own_and_admins_all(ada):
    ben, _ = join(ada.team_id, "editor")
    _, own = tokens.create(ben, "Ben's", ["read"], 30)
    _, adas = tokens.create(ada, "Ada's", ["read"], 30)
    assert [row.name for row in tokens.listing(ben)] == ["Ben's"]
    assert [row.name for row in tokens.listing(ada)] == ["Ada's", "Ben's"]
    with pytest.raises(NotFound):
        tokens.revoke(ben, adas.id)
    tokens.revoke(ada, own.id)
    assert tokens.listing(ben) == []


def test_another_teams_token_is_not_there(ada):
    stranger = factories.owner(factories.team("elsewhere"))
    _, row = tokens.create(ada, "Ada's", ["read"], 30)
    assert tokens.listing(stranger) == []
    with pytest.raises(NotFound):
        tokens.revoke(stranger, row.id)


@pytest.mark.alike
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"days": 31}, "days"),
    ],
)
def test_what_is_wrong_is_said(ada, values, field):
    with pytest.raises(Invalid) as refused:
        tokens.create(ada, **({"name": "Deploy", "scopes": ["read"], "days": 30} | values))
    assert list(refused.value.fields) == [field]


def test_nobody_makes_a_token_for_more_than_their_role(ada):
    viewer, _ = join(ada.team_id, "viewer")
    with pytest.raises(Invalid, match="As viewer you can't make a token with run"):
        tokens.create(viewer, "Deploy", ["run"], 30)


def test_a_token_made_by_a_token_reaches_no_further_and_lives_no_longer(ada):
    token, _ = tokens.create(ada, "Parent", ["run", "admin"], 90)
    parent = tokens.who(token)
    with pytest.raises(Invalid, match="no write itself"):
        tokens.create(ada, "Child", ["write"], 30, by=parent)
    for days in (0, 365):
        _, child = tokens.create(ada, "Child", ["read", "run"], days, by=parent)
        assert child.expires_at == parent.expires_at


def test_wrong_tokens_from_one_place_are_slowed_down(ada):
    for _ in range(tries.FREE_OF_ADDRESS):
        tokens.count_wrong("192.0.2.1")
    with pytest.raises(Throttled):
        tokens.count_wrong("192.0.2.1")
    tokens.count_wrong("192.0.2.2")
    assert len(factories.rows(Throttle)) == 2


@pytest.mark.parametrize("role", ROLES)
def test_scopes_are_those_a_role_can_use(role):
    useful = {scope for scope, actions in SCOPES.items() if any(can(role, action) for action in actions)}
    assert set(scopes_for(role)) == useful
    assert all(reaches(SCOPES, action) for action in ACTIONS)
    assert [action for action in ACTIONS if reaches((), action)] == ["see"]


def test_old_tokens_and_keys_are_removed(ada, tmp_path):
    _, row = tokens.create(ada, "Old", ["read"], 30)
    tokens.create(ada, "New", ["read"], 30)
    now = datetime.now(UTC)
    with unit() as work:
        gone = sa.update(ApiToken).where(ApiToken.id == row.id).values(revoked_at=now - timedelta(days=31))
        work.session.execute(gone)
        for key, hours in (("old", 25), ("new", 23)):
            values = {"team_id": ada.team_id, "key": key, "body_hash": "", "status": 201, "response": {}}
            work.session.add(IdempotencyKey(**values, created_at=now - timedelta(hours=hours)))
    retention.prune(Storage(tmp_path))
    assert [one.name for one in factories.rows(ApiToken)] == ["New"]
    assert [one.key for one in factories.rows(IdempotencyKey)] == ["new"]
