"""Walls and badges on both databases: who may be shown, by which number, and what stands beside a day."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.domain.access import Actor
from app.infra.database import db
from app.models.rollups import OF_TASK, OF_TEAM, Rollup
from app.models.tasks import Task
from app.models.teams import Membership, Team
from app.services import badges, teams, today, wall
from app.services.unit import batch
from tests import factories


@pytest.fixture(autouse=True)
def inside(app):
    with app.app_context():
        yield


@pytest.fixture
def ada(app):
    """What Ada acts as in a team of hers."""
    person = factories.owner(factories.team("first")).person_id
    slug = teams.create(app.extensions["vault"], person, "Northgate")
    return Actor(person, factories.rows(Team, Team.slug == slug)[0].id, "owner")


def rollup(team_id, task_id, micros):
    with batch() as work:
        grain = OF_TASK if task_id else OF_TEAM
        row = {
            "team_id": team_id, "grain": grain, "at": work.now - timedelta(hours=1), "task_id": task_id, "reason": "ok",
            "state": "succeeded", "model": "", "runs": 1, "seconds": 1.0, "cost_micros": micros, "priced": 1, "tokens": 0,
            "took": {}, "late": {},
        }  # fmt: skip
        work.connection.execute(sa.insert(Rollup).values(row))


def test_a_wall_shows_the_teams_that_its_maker_manages_and_nothing_once_it_is_gone(app, backend, ada):
    vault = app.extensions["vault"]
    line = wall.create(ada, vault, "Kitchen", ["first"])
    token = line.path.partition("=")[2]
    shown = wall.show(token)
    assert [face.slug for face in shown.faces] == ["northgate", "first"]
    first = shown.faces[1].id
    assert wall.find(line.id, first)[1].name == "First"
    with batch() as work:
        work.connection.execute(sa.delete(Membership).where(Membership.team_id == first))
    db.session.rollback()  # another request comes
    assert [face.slug for face in wall.show(token).faces] == ["northgate"]
    assert wall.listing(ada, vault)[0].seen_at
    wall.remove(ada, line.id)
    for look in (lambda: wall.show(token), lambda: wall.find(line.id, ada.team_id)):
        with pytest.raises(NotFound):
            look()


def test_tasks_are_called_by_their_age_where_names_are_masked(app, backend, ada):
    other = factories.team("other")
    ids = [factories.task(team, f"t{n}") for n, team in enumerate((ada.team_id, other, ada.team_id, ada.team_id))]
    factories.run(ada.team_id, ids[3], "running")
    assert wall.numbers(ada.team_id, {"t0", "t1", "t2"}, {1}) == {"t0": 1, "t2": 2, 1: 3}


def test_a_badge_keeps_its_address_until_it_is_revoked(app, backend, ada):
    vault, task_id = app.extensions["vault"], factories.task(ada.team_id, "probe", label="Probe")
    at = factories.ago(hours=2)
    factories.run(ada.team_id, task_id, "succeeded", planned_at=at, ended_at=at)
    path = badges.put(ada, vault, "probe", masks_names=False).path
    assert badges.put(ada, vault, "probe", masks_names=True).path == path
    badge = badges.show(path.rpartition("/")[2])
    assert (badge.name, badge.state, badge.success, badge.runs) == ("", "succeeded", 1.0, 1)
    badges.remove(ada, "probe")
    with pytest.raises(NotFound):
        badges.show(path.rpartition("/")[2])


def test_what_stands_beside_a_day_is_about_the_tasks_of_one_person_where_that_is_asked(app, backend, ada):
    own, other = factories.task(ada.team_id, "own"), factories.task(ada.team_id, "other")
    with batch() as work:
        work.connection.execute(sa.update(Task).where(Task.id == own).values(owner_id=ada.person_id))
    yesterday = utc_now() - timedelta(days=1)
    for task_id, cost in ((own, 3), (other, 4)):
        factories.run(ada.team_id, task_id, "failed", planned_at=yesterday)
        rollup(ada.team_id, task_id, cost)
    factories.run(ada.team_id, other, "succeeded", planned_at=utc_now())
    rollup(ada.team_id, 0, 7)
    since, until = utc_now() - timedelta(hours=2), utc_now()
    assert today.spent(ada.team_id, since, until) == 7
    assert today.spent(ada.team_id, since, until, ada.person_id) == 3
    found = today.yesterday(ada, ZoneInfo("UTC"))
    assert [(one.slug, one.times, one.is_over) for one in found.troubles] == [("other", 1, True), ("own", 1, False)]
    assert [one.slug for one in today.yesterday(ada, ZoneInfo("UTC"), ada.person_id).troubles] == ["own"]
    assert [need.slug for need in today.needs(ada, ada.person_id)] == ["own"]
    assert today.workers() == (0, 0)
