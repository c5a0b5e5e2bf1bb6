"""The table of rights, as ARCHITECTURE writes it."""

import pytest

from app.domain.access import ACTIONS, LABELS, ROLES, Actor, can, may_give

TABLE = {
    "see": "viewer runner approver editor admin owner",
    "run": "runner approver editor admin owner",
    "decide": "approver admin owner",
    "edit": "editor admin owner",
    "manage": "admin owner",
    "audit": "admin owner",
    "members": "admin owner",
    "own": "owner",
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_table_says(role, action):
    may = role in TABLE[action].split()
    assert can(role, action) is may
    assert Actor(1, 1, role).may(action) is may


@pytest.mark.parametrize("action", ACTIONS)
def test_a_stranger_may_do_nothing(action):
    assert not can(None, action)


def test_every_action_has_a_label():
    assert set(LABELS) == set(ACTIONS) == set(TABLE)


@pytest.mark.parametrize(
    ("giver", "given"),
    [
        ("owner", {"viewer", "runner", "approver", "editor", "admin", "owner"}),
        ("admin", {"viewer", "runner", "approver", "editor"}),
        ("editor", set()),
        ("approver", set()),
        ("runner", set()),
        ("viewer", set()),
    ],
)
def test_a_role_is_handed_out_by_those_above(giver, given):
    assert {role for role in ROLES if may_give(giver, role)} == given
