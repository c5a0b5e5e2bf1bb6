"""What each role may do, tried on every route: a missing right is a 403 that names it, and nothing else is."""

import pytest
import sqlalchemy as sa

from app.domain.access import LABELS, ROLES, can
from app.models.teams import Membership
from app.services.unit import unit
from tests.web.test_strangers import address, methods, routes

ALWAYS = {
    "tasks.index": "see",
    "runs.show": "see",
    "compare.show": "see",
    "tasks.run": "run",
    "runs.cancel": "run",
    "run_bulk.cancel": "run",
    "run_bulk.again": "run",
    "run_bulk.decide": "run",
    "tasks.pause": "edit",
    "settings.put_secret": "manage",
    "settings.invite": "members",
    "settings.change_role": "members",
    "settings.remove_member": "members",
    "settings.withdraw": "members",
    "settings.leave": "see",
    "settings.save_general": "own",
}
"""What these ask for never changes by accident."""


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_refused_what_it_may_not_and_only_that(app, ben, northgate, role):
    actor = ben.actor(app, northgate)
    with app.app_context(), unit() as work:
        theirs = (Membership.person_id == ben.id, Membership.team_id == actor.team_id)
        work.session.execute(sa.update(Membership).where(*theirs).values(role=role))
    headers = {"X-CSRFToken": ben.token()}
    for rule in routes(app, "/t/<team>"):
        if rule.endpoint == "settings.leave":  # after it there is nothing to try
            continue
        action = app.view_functions[rule.endpoint].action
        for method in methods(rule):
            answer = ben.client.open(address(app, rule, team=northgate), method=method, headers=headers)
            said = (role, method, rule.rule, answer.status_code)
            assert answer.status_code < 500, said
            assert (answer.status_code != 403) is can(role, action), said
            assert can(role, action) or LABELS[action] in answer.text, said
            answer.close()
