"""O8: webhooks are delivered or said to have failed, whatever receivers do and whenever a worker dies."""

import json
import time

import pytest
import sqlalchemy as sa
from flask import current_app

from app.infra.database import db
from app.models.teams import Team
from app.models.webhooks import Webhook, WebhookDelivery
from app.services import webhooks
from app.services.unit import batch
from app.services.webhooks import Wanted
from tests.factories import ago, rows
from tests.faults.conftest import assert_promises_kept
from tests.processes import eventually

pytestmark = pytest.mark.fault


@pytest.fixture
def told(house, server):
    """Make a webhook of a path; returns its id."""
    vault = current_app.extensions["vault"]
    with batch() as work:
        work.connection.execute(sa.update(Team).values(data_key=vault.new_data_key(house.team)))

    def make(path, name="Orders"):
        made = webhooks.create(house.ada, vault, Wanted(name, server.url + path, ["failed"]))[0].id
        db.session.rollback()  # holds nothing open meanwhile
        return made

    return make


def happens(house, count):
    with batch() as work:
        for _ in range(count):
            work.tell("failed", house.team, None, reason="exit_code")


def heard(server, path):
    """What came to a path: (message id, number of the event)."""
    return [
        (headers["webhook-id"], json.loads(body)["data"]["event"])
        for _, asked, headers, body in server.requests
        if asked == path
    ]


def test_o8_a_worker_killed_between_sending_and_noting_loses_nothing(house, server, told, seen):
    since, path = ago(), "/slow-once/20?killed"
    told(path)
    first = house.spawn("worker")
    eventually(lambda: "worker_ready" in house.log("worker"), 15)
    began = time.monotonic()
    happens(house, 1)
    eventually(lambda: heard(server, path), 5)
    after = time.monotonic() - began
    house.kill(first)  # it was sent, and nobody knows
    happens(house, 3)
    house.spawn("worker")
    eventually(lambda: [row.state for row in rows(WebhookDelivery)] == ["sent"] * 4, 20)
    (repeated, event), *others = heard(server, path)
    assert sorted(others).count((repeated, event)) == 1  # once more, by the same id
    assert len({ident for ident, _ in heard(server, path)}) == len({number for _, number in heard(server, path)}) == 4
    assert after < 2
    seen(f"told after {after:.1f} s; after a kill told again by the same id, 0 of 4 lost")
    assert_promises_kept(since)


@pytest.mark.always
def test_o8_a_receiver_that_fails_is_tried_again_and_delays_no_other(house, server, told, seen):
    since = ago()
    told("/flaky/503", "Flaky")
    told("/delay/20", "Slow")
    told("/status/410", "Gone")
    told("/status/204", "Quick")
    house.spawn("worker")
    eventually(lambda: "worker_ready" in house.log("worker"), 15)
    began = time.monotonic()
    happens(house, 1)
    eventually(lambda: heard(server, "/status/204"), 5)
    quick = time.monotonic() - began
    eventually(lambda: len(heard(server, "/flaky/503")) == 1 and rows(Webhook)[2].off_at, 5)
    eventually(lambda: rows(WebhookDelivery)[0].attempts, 5)  # what became of the first try is noted
    with batch() as work:  # the first wait is five seconds
        flaky = (WebhookDelivery.webhook_id == rows(Webhook)[0].id, WebhookDelivery.tries == 1)
        work.connection.execute(sa.update(WebhookDelivery).where(*flaky).values(next_try_at=work.now))
    eventually(lambda: rows(WebhookDelivery)[0].state == "sent", 5)
    assert len({ident for ident, _ in heard(server, "/flaky/503")}) == 1
    assert [row.state for row in rows(WebhookDelivery)][2:] == ["failed", "sent"]
    assert quick < 2
    seen(f"the others told after {quick:.1f} s; the one that answered 503 was told at its second try")
    server.released.set()
    assert_promises_kept(since)
