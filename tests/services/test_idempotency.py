"""Requests that must not be carried out twice: the first is done, the others get its answer."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.models.runs import Run
from app.models.teams import IdempotencyKey
from app.services import idempotency, runs
from app.services.idempotency import Again, First, OtherRequest, UnderWay
from app.services.unit import unit
from tests import factories


@pytest.fixture
def ada(app):
    with app.app_context():
        yield factories.owner(factories.team())


def age(**parts):
    with unit() as work:
        work.session.execute(sa.update(IdempotencyKey).values(created_at=datetime.now(UTC) - timedelta(**parts)))


def test_the_first_is_carried_out_and_its_answer_kept(ada):
    assert isinstance(idempotency.begin(ada, "k", "body"), First)
    idempotency.finish(ada, "k", 201, {"number": 1})
    assert idempotency.begin(ada, "k", "body") == Again(201, {"number": 1})


def test_while_it_is_under_way_others_wait(ada):
    idempotency.begin(ada, "k", "body")
    with pytest.raises(UnderWay):
        idempotency.begin(ada, "k", "body")


def test_another_body_is_refused_before_and_after_the_end(ada):
    idempotency.begin(ada, "k", "body")
    with pytest.raises(OtherRequest):
        idempotency.begin(ada, "k", "other")
    idempotency.finish(ada, "k", 201, {})
    with pytest.raises(OtherRequest):
        idempotency.begin(ada, "k", "other")


def test_another_teams_key_is_another_key(ada):
    idempotency.begin(ada, "k", "body")
    stranger = factories.owner(factories.team("elsewhere"))
    assert isinstance(idempotency.begin(stranger, "k", "other"), First)


def test_what_was_refused_may_be_tried_again(ada):
    idempotency.begin(ada, "k", "body")
    idempotency.forget(ada, "k")
    assert isinstance(idempotency.begin(ada, "k", "better"), First)


def test_after_a_day_a_key_is_new(ada):
    idempotency.begin(ada, "k", "body")
    idempotency.finish(ada, "k", 201, {})
    age(hours=24, seconds=1)
    assert isinstance(idempotency.begin(ada, "k", "other"), First)


def test_who_takes_over_from_a_dead_process_does_nothing_twice(ada):
    task = factories.task(ada.team_id)
    first = idempotency.begin(ada, "k", "body")
    number = runs.start(ada, task, "api", f"event:{first.ticket}")
    age(seconds=61)  # its process died before it could answer
    second = idempotency.begin(ada, "k", "body")
    assert second == first
    with pytest.raises(UnderWay):
        idempotency.begin(ada, "k", "body")
    assert runs.start(ada, task, "api", f"event:{second.ticket}") == number
    assert len(factories.rows(Run)) == 1
