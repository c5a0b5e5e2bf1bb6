"""Webhooks: each event once to each address that wants it, with patience, and no address delays another."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict, Invalid, NotFound
from app.domain import webhooks as rules
from app.domain.access import Actor
from app.infra import fetch
from app.infra.database import db
from app.models.runs import Alert, Event
from app.models.teams import Team
from app.models.webhooks import Webhook, WebhookDelivery
from app.services import webhooks
from app.services.unit import batch
from app.services.webhooks import Wanted, deliveries, fanout, sending
from app.settings import Settings
from jobs.webhooks import Postman
from tests import factories
from tests.factories import rows
from tests.servers import closed_port, silent_server, web_server

URL = "https://carillon.example"
LEASE = 0.2


@pytest.fixture
def server(settings, tmp_path):
    fetch.configure(settings)
    with web_server() as running:
        yield running
    fetch.configure(Settings(data_dir=tmp_path))


@pytest.fixture
def vault(app, team):
    vault = app.extensions["vault"]
    with batch() as work:
        work.connection.execute(sa.update(Team).values(data_key=vault.new_data_key(team)))
    return vault


@pytest.fixture
def told(actor, vault, server):
    """Make a webhook; returns its id."""

    def make(path="/status/204", name="Orders", **wanted):
        address = path if path.startswith("http") else server.url + path
        return webhooks.create(actor, vault, Wanted(name, address, **wanted))[0].id

    return make


@pytest.fixture
def send(vault):
    """Do what a worker does until nothing is due; returns whether each message was taken."""

    def send():
        fanout.fan_out(URL)
        done = []
        while taken := sending.take(LEASE, {}):
            done += [sending.carry_out(due, vault, LEASE) for due in taken]
        db.session.rollback()  # what is read next has seen it
        return done

    return send


def happens(team, kind="failed", run_id=None, **data):
    with batch() as work:
        work.tell(kind, team, run_id, **data)


def signed(request, secret):
    _, _, headers, body = request
    given = {name.lower(): value for name, value in headers.items()}
    return rules.is_signed([secret], given, body, datetime.now(UTC))


# --- what is told


def test_what_happens_is_told_once_and_signed(team, actor, vault, server, send):
    line, secret = webhooks.create(actor, vault, Wanted("Orders", server.url + "/status/204", ["failed", "succeeded"]))
    task = factories.task(team, "nightly")
    run = factories.run(team, task)
    for _ in range(2):
        happens(team, "failed", run, reason="exit_code")
    happens(team, "running", run, attempt=1)
    assert send() == [True, True]
    assert send() == []
    assert all(signed(request, secret) for request in server.requests)
    [first, second] = [json.loads(body) for *_, body in server.requests]
    assert (first["type"], first["data"]["task"], first["data"]["run"]) == ("failed", "nightly", 1)
    assert first["data"]["url"] == f"{URL}/t/northgate/runs/1"
    assert first["data"]["event"] < second["data"]["event"]
    assert len({headers["webhook-id"] for _, _, headers, _ in server.requests}) == 2
    assert webhooks.find(actor, line.id).counts == {"sent": 2}


@pytest.mark.alike
def test_only_what_it_wants(team, told, send, server):
    nightly, other = factories.task(team, "nightly"), factories.task(team, "other")
    told("/status/200?all")
    told("/status/200?task", "One task", task="nightly")
    told("/status/200?condition", "Condition", condition='data.reason == "timeout"')
    happens(team, "failed", factories.run(team, nightly), reason="exit_code")
    happens(team, "failed", factories.run(team, other), reason="timeout")
    happens(team, "task_paused", task=nightly)
    send()
    asked = sorted((path.partition("?")[2], json.loads(body)["data"]["task"]) for _, path, _, body in server.requests)
    assert asked == [("all", "nightly"), ("all", "other"), ("condition", "other"), ("task", "nightly")]


@pytest.mark.alike
def test_another_team_hears_nothing(team, told, send, server):
    told()
    happens(factories.team("southgate"))
    assert send() == []


@pytest.mark.alike
def test_what_happened_before_is_not_told(team, told, send):
    happens(team)
    told()
    assert send() == []


@pytest.mark.alike
def test_two_that_look_at_once_make_each_message_once(team, told):
    told()
    told(name="Other")
    for _ in range(20):
        happens(team)
    threads = [threading.Thread(target=fanout.fan_out, args=(URL,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(WebhookDelivery)) == 40


@pytest.mark.alike
def test_an_event_that_is_committed_late_is_not_skipped(team, told):
    told()
    happens(team)
    late = rows(Event)[-1].id + 1
    with batch() as work:  # one that has its number already, and is not committed yet
        row = {"team_id": team, "kind": "failed", "token": 0, "data": {}, "at": work.now}
        work.connection.execute(sa.insert(Event).values(id=late + 1, **row))
    fanout.fan_out(URL)
    with batch() as work:
        work.connection.execute(sa.insert(Event).values(id=late, **row))
    fanout.fan_out(URL)
    assert [one.event_id for one in rows(WebhookDelivery)] == [late - 1, late, late + 1]


# --- receivers that fail in every way


@pytest.mark.alike
@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/status/500", 500, "answered 500"), ("/status/404", 404, "answered 404"), ("/delay/2", 0, "within 0.3 s"),
        ("/drip/0.05", 0, "within 0.3 s"), ("/cut", 0, "broke off"),
        ("/close", 0, "broke off"), ("/garbage", 0, "HTTP"), ("/redirect/302?to=/status/200", 302, "not followed"),
    ],
)  # fmt: skip
def test_a_receiver_that_fails_is_asked_again_with_the_same_id(team, told, send, server, path, status, part):
    told(path)
    happens(team)
    assert send() == [False]
    [row] = rows(WebhookDelivery)
    assert (row.state, row.tries, row.attempts[0]["status"]) == ("waiting", 1, status)
    assert part in row.attempts[0]["problem"]
    assert timedelta(seconds=4) < row.next_try_at - factories.ago() < timedelta(seconds=7)
    with batch() as work:
        work.connection.execute(sa.update(WebhookDelivery).values(next_try_at=work.now))
    send()
    assert {headers["webhook-id"] for _, _, headers, _ in server.requests} == {row.message_id}
    assert len(server.requests) == 2


@pytest.mark.alike
def test_an_answer_without_end_is_cut(team, told, send):
    told("/big/30000000")
    happens(team)
    assert send() == [True]
    assert len(rows(WebhookDelivery)[0].attempts[0]["answer"]) == 1000


@pytest.mark.alike
def test_nobody_there_and_inner_addresses_say_so(team, told, send, settings, tmp_path):
    with silent_server() as (port, _):
        told(f"http://127.0.0.1:{port}/", "Silent")
        told(f"http://127.0.0.1:{closed_port()}/", "Closed")
        happens(team)
        assert send() == [False, False]
    fetch.configure(Settings(data_dir=tmp_path))
    told("http://127.0.0.1:9/", "Inner")
    happens(team, "succeeded")
    send()
    problems = [row.attempts[-1]["problem"] for row in rows(WebhookDelivery)]
    assert "within" in problems[0]
    assert "refused" in problems[1]
    assert "CARILLON_ALLOW_HOSTS" in problems[-1]


@pytest.mark.alike
def test_a_wait_that_is_asked_for_is_kept(team, told, send):
    told("/status/429?retry-after=120")
    happens(team)
    send()
    assert rows(WebhookDelivery)[0].next_try_at > factories.ago() + timedelta(seconds=115)


def test_gone_is_off_at_once_and_told(team, actor, told, send):
    webhook = told("/status/410")
    happens(team)
    happens(team)
    send()
    line = webhooks.find(actor, webhook)
    assert line.word == "off"
    assert "410" in line.off_because
    assert {row.state for row in rows(WebhookDelivery)} == {"failed"}
    [alert] = rows(Alert)
    assert (alert.kind, alert.ended_at) == ("webhook_off", None)
    webhooks.turn_on(actor, webhook)
    assert rows(Alert)[0].ended_at
    assert webhooks.find(actor, webhook).word == "on"


@pytest.mark.alike
def test_five_days_of_nothing_but_failure_switch_it_off(team, actor, told, send):
    webhook = told("/status/500")
    with batch() as work:
        since = work.now - rules.GIVES_UP
        work.connection.execute(sa.update(Webhook).values(failing_since=since, failures=1))
    happens(team)
    send()
    assert webhooks.find(actor, webhook).is_off
    assert [alert.kind for alert in rows(Alert)] == ["webhook_off"]


@pytest.mark.alike
def test_after_the_last_try_it_has_failed_and_can_be_sent_again(team, actor, told, send, server):
    webhook = told("/flaky/500")
    happens(team)
    fanout.fan_out(URL)
    with batch() as work:
        work.connection.execute(sa.update(WebhookDelivery).values(tries=rules.MOST_TRIES - 1))
    assert send() == [False]
    assert rows(WebhookDelivery)[0].state == "failed"
    assert deliveries.replay_failed(actor, webhook) == 1
    assert send() == [True]
    assert len({headers["webhook-id"] for _, _, headers, _ in server.requests}) == 1
    [entry] = deliveries.listing(actor, webhook)
    assert [one["status"] for one in entry.attempts] == [500, 200]


def test_an_address_that_fails_is_left_alone_then_tried_by_one(team, told, send, server):
    told("/status/503")
    for _ in range(12):
        happens(team)
    fanout.fan_out(URL)
    assert len(send()) == 8  # two handfuls are on their way before it is known
    assert sending.take(LEASE, {}) == []
    with batch() as work:
        work.connection.execute(sa.update(Webhook).values(rests_until=work.now))
        work.connection.execute(sa.update(WebhookDelivery).values(next_try_at=work.now))
    assert len(sending.take(LEASE, {})) == 1
    assert sending.take(LEASE, {}) == []  # while that one is on its way nobody else tries


@pytest.mark.alike
def test_a_team_with_many_addresses_leaves_room_for_others(actor, vault, team, told, server):
    southgate = Actor(actor.person_id, factories.team("southgate"), "owner")
    with batch() as work:
        key = vault.new_data_key(southgate.team_id)
        work.connection.execute(sa.update(Team).where(Team.id == southgate.team_id).values(data_key=key))
    hooks = [told(name=f"Orders {number}") for number in range(6)]
    webhooks.create(southgate, vault, Wanted("Other", server.url))
    for _ in range(4):
        happens(team)
        happens(southgate.team_id)
    fanout.fan_out(URL)
    taken = [due.team_id for due in sending.take(LEASE, {})]
    assert (taken.count(team), taken.count(southgate.team_id)) == (sending.OF_TEAM, 4)
    going = {(team, hook): sending.MOST_AT_ONCE for hook in hooks[:4]}
    assert sending.take(LEASE, going) == []


# --- rotation, rights, tests


@pytest.mark.alike
def test_for_a_day_both_secrets_sign(team, actor, vault, server, send):
    line, before = webhooks.create(actor, vault, Wanted("Orders", server.url + "/status/204"))
    after = webhooks.rotate(actor, vault, line.id)
    happens(team)
    send()
    assert signed(server.requests[0], before)
    assert signed(server.requests[0], after)
    with batch() as work:
        work.connection.execute(sa.update(Webhook).values(before_until=work.now))
    deliveries.tend()
    happens(team)
    send()
    assert not signed(server.requests[1], before)
    assert signed(server.requests[1], after)
    assert rows(Webhook)[0].sealed_before is None


@pytest.mark.alike
def test_a_test_shows_the_real_answer(actor, told, send):
    webhook = told("/json?body=%7B%22ok%22:1%7D", events=["failed"])
    webhooks.test(actor, webhook, URL)
    assert send() == [True]
    [entry] = deliveries.listing(actor, webhook)
    assert (entry.kind, entry.attempts[0]["answer"]) == ("test", '{"ok":1}')
    webhooks.turn_off(actor, webhook)
    with pytest.raises(Conflict):
        webhooks.test(actor, webhook, URL)


@pytest.mark.alike
def test_what_can_not_be_used_is_refused_by_field(actor, told, vault):
    told()
    wanted = Wanted("Orders", "ftp://x.example", ["nonsense"], "no-such-task", "data.x ==")
    with pytest.raises(Invalid) as refused:
        webhooks.create(actor, vault, wanted)
    assert set(refused.value.fields) == {"name", "url", "events", "task", "condition"}


@pytest.mark.alike
def test_another_team_finds_nothing(actor, told):
    webhook = told()
    stranger = Actor(actor.person_id, factories.team("southgate"), "owner")
    for act in (
        lambda: webhooks.find(stranger, webhook), lambda: webhooks.delete(stranger, webhook),
        lambda: deliveries.listing(stranger, webhook), lambda: deliveries.replay(stranger, webhook, 1),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            act()


@pytest.mark.alike
def test_what_is_old_goes(team, actor, told, send):
    webhook = told("/status/204")
    told("/status/500", "Failing")
    happens(team)
    send()
    with batch() as work:
        work.connection.execute(sa.update(WebhookDelivery).values(since=work.now - timedelta(days=2)))
        work.connection.execute(sa.update(WebhookDelivery).values(ended_at=work.now - timedelta(days=8)))
    assert deliveries.tend() == 1
    assert deliveries.listing(actor, webhook) == []
    assert [row.state for row in rows(WebhookDelivery)] == ["failed"]


# --- the thread of a worker


@pytest.mark.alike
def test_a_slow_address_delays_no_other(team, told, settings, vault, server):
    told("/delay/3", "Slow")
    told("/status/204", "Quick")
    for _ in range(10):
        happens(team)
    wants_end = threading.Event()
    postman = Postman(settings, vault, wants_end)
    began = time.monotonic()
    postman.start()
    while sum(path == "/status/204" for _, path, _, _ in server.requests) < 10:
        assert time.monotonic() - began < 2
        time.sleep(0.02)
    assert server.most["/delay/3"] <= sending.MOST_AT_ONCE
    wants_end.set()
    server.released.set()
    while any(postman._going.values()):
        time.sleep(0.01)
