"""Who may: tokens good and bad, every operation by scope and by role, and strangers."""

import logging

import pytest
import sqlalchemy as sa

from app import bootstrap
from app.domain.access import ROLES, SCOPES, can, reaches, scope_of, scopes_for
from app.models.teams import ApiToken, Membership
from app.services import tries
from app.services.unit import unit
from tests.api.conftest import HTTP, Program, program
from tests.api.operations import ACTION, OWN_SPACE, operations
from tests.web.conftest import arrive, put_in

PROBLEM = "application/problem+json"


def test_every_operation_stands_in_the_table(app):
    found = {name: app.view_functions[f"{endpoint}"].action for endpoint, name in _named(app)}
    assert found == ACTION


def _named(app):
    views = {endpoint: view for endpoint, view in app.view_functions.items() if hasattr(view, "is_for_programs")}
    return [(endpoint, view.__name__) for endpoint, view in views.items()]


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer nonsense", "Basic YTpi", "Bearer car_aaaaaaaa_b_c", "Bearer \xff"]
)
def test_without_a_good_token_nothing_is_said(app, given):
    client = app.test_client()
    for name, method, path in operations(app):
        tries_left = client.open(f"/api/v1{path}", method=method, headers={"Authorization": given} if given else {})
        assert tries_left.status_code in {401, 429}, name
        assert tries_left.mimetype == PROBLEM
    first = app.test_client().get("/api/v1/me", environ_base={"REMOTE_ADDR": "192.0.2.9"})
    assert first.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_cookie_opens_nothing(ada, northgate):
    assert ada.client.get("/api/v1/me").status_code == 401
    assert ada.client.post("/api/v1/tasks", json=HTTP, headers={"X-CSRFToken": ada.token()}).status_code == 401


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_reaches_its_operations_and_no_others(app, ada, northgate, scope):
    limited = program(app, ada, ada.slug, [scope])
    for name, method, path in operations(app):
        if name == "revoke_me":
            continue
        answer = limited.ask(method, path, {} if method in {"POST", "PUT", "PATCH"} else None)
        if reaches([scope], ACTION[name]):
            assert answer.status_code not in {401, 403}, (name, answer.text)
        else:
            needed = scope_of(ACTION[name])
            assert (answer.status_code, f"no scope “{needed}”" in answer.json["detail"]) == (403, True), name


def test_the_installation_is_seen_by_tokens_of_its_first_team_only(ada_program):
    answer = ada_program.get("/system")
    assert (answer.status_code, "their tokens for that team" in answer.json["detail"]) == (403, True)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "owner"])
def test_no_token_exceeds_the_present_role_of_its_person(app, ada, northgate, role):
    dan = arrive(app, "Dan Lee", "dan@northgate.example")
    put_in(app, dan, northgate, "admin")
    token = program(app, dan, northgate)
    with app.app_context(), unit() as work:
        work.session.execute(sa.update(Membership).where(Membership.person_id == dan.id).values(role=role))
    for name, method, path in operations(app):
        if name == "revoke_me":
            continue
        answer = token.ask(method, path, {} if method in {"POST", "PUT", "PATCH"} else None)
        if can(role, ACTION[name]) and name in OWN_SPACE:
            assert (answer.status_code, "token in your own space" in answer.json["detail"]) == (403, True), name
        elif can(role, ACTION[name]):
            assert answer.status_code not in {401, 403}, (name, answer.text)
        else:
            assert (answer.status_code, "Ask Ada Park, who owns Northgate." in answer.json["detail"]) == (403, True), (
                name
            )


def test_another_teams_things_are_not_there(cid_program, ada_program, task):
    ada_program.make("/runs", {"task": task})
    ada_program.put("/secrets/API_KEY", {"value": "a value"})
    [member] = ada_program.get("/members").json["items"]
    token = ada_program.get("/tokens").json["items"][0]["id"]
    for method, path, body in (
        ("GET", f"/tasks/{task}", None),
        ("PATCH", f"/tasks/{task}", {"version": 1, "name": "Mine"}),
        ("DELETE", f"/tasks/{task}", None),
        ("PUT", f"/tasks/{task}/schedules", {"schedules": []}),
        ("POST", "/runs", {"task": task}),
        ("GET", "/runs/1", None),
        ("GET", "/runs/1/log", None),
        ("GET", "/runs/1/events", None),
        ("POST", "/runs/1/cancellation", {}),
        ("DELETE", "/secrets/API_KEY", None),
        ("DELETE", f"/tokens/{token}", None),
        ("PATCH", f"/members/{member['id']}", {"role": "viewer"}),
        ("GET", "/teams/northgate", None),
        ("PATCH", "/teams/northgate", {"name": "Mine"}),
    ):
        answer = cid_program.ask(method, path, body)
        assert (answer.status_code, answer.mimetype) == (404, PROBLEM), (method, path, answer.text)
    assert cid_program.get("/tasks").json["items"] == []
    assert cid_program.get("/events").json["items"] == []


def test_a_leavers_token_dies(app, ada_program, ben, ben_program):
    assert ben_program.get("/me").status_code == 200
    member = next(one for one in ada_program.get("/members").json["items"] if one["name"] == "Ben Okri")
    assert ada_program.delete(f"/members/{member['id']}").status_code == 204
    assert ben_program.get("/me").status_code == 401


def test_wrong_tokens_are_slowed_down_and_good_ones_are_not(ada_program, app):
    wrong = Program(app.test_client(), "car_nonsense")
    answers = [wrong.get("/me") for _ in range(tries.FREE_OF_ADDRESS + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {401}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 1
    assert ada_program.get("/me").status_code == 200


def test_a_token_never_stands_in_a_log(app, ada_program, capsys):
    with app.app_context(), unit() as work:
        assert ada_program.token not in str(work.session.execute(sa.select(ApiToken.__table__)).all())
    line = bootstrap.hide_private(None, "", {"event": f"got {ada_program.token}", "token": ada_program.token})
    assert ada_program.token.split("_")[2] not in str(line)
    logging.getLogger().warning("got %s", ada_program.token)


def test_it_says_who_asks(ada_program):
    me = ada_program.get("/me").json
    assert (me["person"], me["role"], me["team"], me["token"]) == ("Ada Park", "owner", "northgate", "Tests")
    assert ada_program.token.startswith(me["prefix"])


def test_a_token_makes_and_revokes_tokens(ada_program, app):
    made = ada_program.make("/tokens", {"name": "Deploy", "scopes": ["run"], "days": 30})
    child = Program(app.test_client(), made["token"])
    assert child.get("/me").json["scopes"] == ["run"]
    assert "token" not in ada_program.get("/tokens").json["items"][0]
    assert ada_program.delete(f"/tokens/{made['id']}").status_code == 204
    assert child.get("/me").status_code == 401
    assert ada_program.delete("/me").status_code == 204
    assert ada_program.get("/me").status_code == 401


def test_the_scopes_offered_are_those_of_the_role():
    assert scopes_for("viewer") == ("read",)
