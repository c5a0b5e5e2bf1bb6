"""Every route, also those of tomorrow: strangers find nothing, and nothing changes without the forms' token."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from werkzeug.routing import IntegerConverter

from app.infra.database import Base
from app.services.unit import unit
from tests.web.conftest import token_in

# Every table gets one row of Ada's under this id, number and name, so that any parameter of any route hits it.
NUMBER, WORD = 1001, "adas-thing"
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def routes(app, prefix="/"):
    """The pages; what is for programs, or for those who know the address, has tests of its own."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(prefix)]
    views = app.view_functions
    return [rule for rule in rules if not {"is_for_programs", "is_key"} & vars(views[rule.endpoint]).keys()]


def address(app, rule, **known):
    values = {
        name: known.get(name, NUMBER if isinstance(converter, IntegerConverter) else WORD)
        for name, converter in rule._converters.items()
    }
    return rule.build(values)[1]


def methods(rule):
    return sorted(rule.methods - {"HEAD", "OPTIONS"})


def ask(visit, method, path):
    return visit.client.open(path, method=method, headers={"X-CSRFToken": visit.token()} if method in UNSAFE else {})


@pytest.fixture
def adas_things(app, ada, northgate):
    """One row of everything, in Ada's team."""
    team_id = ada.actor(app, northgate).team_id
    with app.app_context(), unit() as work:
        for table in Base.metadata.sorted_tables:
            if table.name != "teams":
                work.session.execute(table.insert().values(row_of(table, team_id)))
    return northgate


def row_of(table, team_id):
    row = {}
    for column in table.columns:
        target = next((key.column.table.name for key in column.foreign_keys), None)
        if column.name == "team_id":
            row[column.name] = team_id
        elif target or not column.nullable:
            row[column.name] = value_of(column)
    return row


VALUES = {
    sa.TypeDecorator: datetime.now(UTC),
    sa.Boolean: False,
    sa.Integer: NUMBER,
    sa.Float: 0.5,
    sa.LargeBinary: b"sealed",
}


def value_of(column):
    kind = column.type
    if isinstance(kind, sa.String):
        return WORD[: kind.length]
    return next((value for sort, value in VALUES.items() if isinstance(kind, sort)), {})


def test_every_route_of_a_team_says_what_it_asks_for(app):
    silent = [rule.rule for rule in routes(app, "/t/") if not hasattr(app.view_functions[rule.endpoint], "action")]
    assert silent == []


def test_a_strangers_team_is_not_there(app, adas_things, cid):
    for rule in routes(app, "/t/<team>"):
        for method in methods(rule):
            path = address(app, rule, team=adas_things)
            assert ask(cid, method, path).status_code == 404, (method, path)


def test_another_teams_things_are_not_there_in_ones_own(app, adas_things, cid):
    for rule in routes(app, "/t/<team>"):
        if rule.arguments == {"team"}:
            continue
        for method in methods(rule):
            path = address(app, rule, team=cid.slug)
            assert ask(cid, method, path).status_code == 404, (method, path)


def test_a_strangers_things_outside_teams_are_not_there(app, adas_things, cid):
    for rule in routes(app, "/me/"):
        if rule.arguments:
            for method in methods(rule):
                path = address(app, rule)
                assert ask(cid, method, path).status_code == 404, (method, path)


def test_nothing_of_ada_has_changed_after_a_stranger_tried_everything(app, adas_things, cid):
    before = everything(app)
    for rule in routes(app, "/t/<team>"):
        for method in methods(rule):
            for team in (adas_things, cid.slug) if len(rule.arguments) > 1 else (adas_things,):
                ask(cid, method, address(app, rule, team=team))
    assert everything(app) == before


def everything(app):
    ignored = {"sign_ins", "audit", "people"}
    with app.app_context(), unit() as work:
        return {
            table.name: work.session.execute(sa.select(table)).all()
            for table in Base.metadata.sorted_tables
            if table.name not in ignored
        }


def test_nothing_happens_without_the_token(app, adas_things, ada):
    before = everything(app)
    for rule in routes(app):
        only_asks = getattr(app.view_functions[rule.endpoint], "only_asks", False)
        for method in sorted(rule.methods & UNSAFE):
            path = address(app, rule, team=adas_things)
            for client in (ada.client, app.test_client()):
                refused = client.open(path, method=method).status_code in {400, 403}
                assert refused is not only_asks, (method, path)
    assert everything(app) == before


def test_who_is_not_signed_in_is_led_to_the_door(app, adas_things):
    for rule in routes(app):
        view = app.view_functions[rule.endpoint]
        if "GET" in rule.methods and not getattr(view, "is_open", False):
            answer = app.test_client().get(address(app, rule, team=adas_things))
            assert answer.status_code == 302, rule.rule
            assert answer.location.startswith("/login"), rule.rule


def test_the_crawler_knows_the_doors(app):
    client = app.test_client()
    assert token_in(client.get("/login").text)
    open_rules = {rule.rule for rule in routes(app) if getattr(app.view_functions[rule.endpoint], "is_open", False)}
    assert not any(rule.startswith(("/t/", "/me/")) for rule in open_rules)
