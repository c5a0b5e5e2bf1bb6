"""Alerts on their way: each told once of its beginning and once of its end, by every channel, with patience."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.channels import configured
from app.channels.base import NotSent
from app.channels.email import Email
from app.channels.kinds import Means
from app.channels.webhook import Webhook
from app.infra import fetch, mailer
from app.models.runs import Alert, Delivery
from app.services import alerting, deliveries, telling
from app.services.deliveries import Sender
from app.services.unit import batch
from app.settings import SettingError, Settings, read
from tests import factories
from tests.factories import rows
from tests.mailboxes import mail_server
from tests.servers import closed_port, silent_server, web_server

HOME = "https://carillon.example"


class Kept:
    """A channel that keeps what it is told, or refuses it while `problem` is set."""

    def __init__(self, name="email"):
        self.name = name
        self.told = []
        self.problem = None

    def send(self, message):
        if self.problem:
            raise self.problem
        self.told.append(message)
        return "250 OK"


@pytest.fixture
def task(team):
    return factories.task(team, name="digest", label="Morning digest")


@pytest.fixture
def channel():
    return Kept()


def begin(team, key="slow:1", **more):
    with batch() as work:
        alerting.begin(work, key, key.partition(":")[0], "Morning digest is slow.", team, **more)


def end(key="slow:1", recovery="Morning digest has ended."):
    with batch() as work:
        alerting.end(work, key, recovery)


def route(*names):
    """Decide who is told, with these channels of the installation."""
    telling.route(telling.Outside(names))
    deliveries.set_aside(names)


def send(*channels):
    """Let each channel send all that is due; returns how many messages it took up."""
    route(*(channel.name for channel in channels))
    count = 0
    for channel in channels:
        while due := deliveries.take(channel.name):
            deliveries.carry_out(due, channel, Sender({}, Means(HOME)))
            count += 1
    return count


def wait_over():
    with batch() as work:
        work.connection.execute(sa.update(Delivery).where(Delivery.state == "waiting").values(next_try_at=work.now))


def told(channel):
    return [(message.id, message.sentence) for message in channel.told]


# --- once each


def test_a_beginning_and_an_end_are_told_once_each_by_every_channel(team, channel):
    hook = Kept("webhook")
    begin(team)
    assert send(channel, hook) == 2
    assert send(channel, hook) == 0
    end()
    assert send(channel, hook) == 2
    assert send(channel, hook) == 0
    (alert,) = rows(Alert)
    both = [(f"alert-{alert.id}", "Morning digest is slow."), (f"alert-{alert.id}-over", "Morning digest has ended.")]
    assert told(channel) == told(hook) == both
    assert channel.told[1].recovered_at == alert.ended_at
    assert {row.state for row in rows(Delivery)} == {"sent"}


def test_what_was_over_before_anybody_looked_is_told_from_beginning_to_end(team, channel):
    begin(team)
    end()
    send(channel)
    assert [message.recovered_at is None for message in channel.told] == [True, False]


def test_what_has_no_end_to_tell_has_one_message(team, channel):
    with batch() as work:
        alerting.once(work, "rearmed:1", "rearmed", "A schedule had lost its next time.", team)
    assert [send(channel), send(channel)] == [1, 0]


def test_a_channel_that_is_set_later_hears_of_what_is_open_and_not_of_the_past(team, channel):
    begin(team, "slow:1")
    begin(team, "slow:2")
    end("slow:1")
    with batch() as work:
        work.connection.execute(
            sa.update(Alert).where(Alert.key == "slow:1").values(ended_at=work.now - timedelta(hours=2))
        )
    send(channel)
    assert told(channel) == [(f"alert-{rows(Alert)[1].id}", "Morning digest is slow.")]


def test_two_watchdogs_send_each_message_once(team, channel):
    for number in range(12):
        begin(team, f"slow:{number}")
    start = threading.Barrier(2)

    def work():
        start.wait()
        send(channel)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(message.id for message in channel.told) == sorted(f"alert-{alert.id}" for alert in rows(Alert))
    assert len(rows(Delivery)) == 12


def test_who_dies_while_sending_leaves_the_message_to_another(team, channel):
    begin(team)
    route("email")
    assert deliveries.take("email")
    assert deliveries.take("email") is None
    wait_over()
    assert send(channel) == 1
    assert len(channel.told) == 1


# --- patience


def test_it_is_tried_five_times_ever_later_and_then_set_aside(team, channel):
    begin(team)
    channel.problem = NotSent("mail.example answered 451 4.3.0 Try again later.")
    waits = []
    for _ in range(5):
        wait_over()
        assert send(channel) == 1
        (row,) = rows(Delivery)
        if row.next_try_at:
            waits.append(round((row.next_try_at - datetime.now(UTC)).total_seconds() / 60))
    assert waits == [1, 2, 4, 8]
    assert (row.state, row.tries, row.problem) == ("failed", 5, "mail.example answered 451 4.3.0 Try again later.")
    wait_over()
    assert send(channel) == 0


def test_an_end_waits_until_its_beginning_was_told(team, channel):
    begin(team)
    channel.problem = NotSent("Away.")
    send(channel)
    end()
    channel.problem = None
    assert send(channel) == 0
    wait_over()
    assert send(channel) == 2
    assert [message.recovered_at is None for message in channel.told] == [True, False]


@pytest.mark.alike
def test_one_poisoned_row_stops_no_other(team, channel):
    for number in range(3):
        begin(team, f"slow:{number}")
    route("email")
    garbled, choking, _ = [row.alert_id for row in rows(Delivery)]
    with batch() as work:
        work.connection.exec_driver_sql("UPDATE alerts SET at = 'garbage' WHERE id = ?", (garbled,))
        strange = {"alert_id": choking, "channel": "pigeon", "is_recovery": False, "state": "waiting", "tries": 0}
        strange |= {"next_try_at": work.now, "problem": "", "at": work.now}
        work.connection.execute(sa.insert(Delivery).values(strange))

    class Choking(Kept):
        def send(self, message):
            if message.id == f"alert-{choking}":
                raise ZeroDivisionError("bad row")
            return super().send(message)

    for _ in range(6):
        wait_over()
        send(Choking())
    found = [(row.channel, row.state, row.problem) for row in rows(Delivery)]
    assert found[0][1:] == ("failed", "It can't be sent: ValueError: Invalid isoformat string: 'garbage'")
    assert found[1:] == [
        ("email", "failed", "It can't be sent: ZeroDivisionError: bad row"),
        ("email", "sent", ""),
        ("pigeon", "failed", "This channel is not set any more."),
    ]


# --- where a message leads


@pytest.mark.alike
def test_a_message_leads_to_the_run_the_task_or_the_alerts(team, task, channel):
    run = factories.run(team, task)
    begin(team, "slow:1", task_id=task, run_id=run)
    begin(team, "missed:1", task_id=task)
    begin(team, "missed:team:1")
    begin(None, "clock:")
    send(channel)
    assert [message.url for message in channel.told] == [
        f"{HOME}/t/northgate/runs/1", f"{HOME}/t/northgate/tasks/digest", f"{HOME}/t/northgate/alerts", f"{HOME}/system",
    ]  # fmt: skip
    assert [message.team for message in channel.told] == ["Northgate"] * 3 + [""]


# --- the channels themselves


@pytest.fixture
def message(team, task, channel):
    begin(team, task_id=task)
    send(channel)
    return channel.told[0]


@pytest.mark.alike
def test_an_email_says_it_in_plain_words_and_leads_there(message, channel, team):
    with mail_server() as box:
        email = Email(mailer.read(box.url), ["ops@northgate.example", "ada@northgate.example"], HOME)
        assert email.send(message) == "250 2.0.0 Kept as 4711"
        end()
        send(channel)
        email.send(channel.told[1])
    first, second = box.mails
    assert first.to == ["ops@northgate.example", "ada@northgate.example"]
    assert first.mail["subject"] == "[Northgate] Morning digest is slow."
    assert first.sender == first.mail["from"] == "carillon@northgate.example"
    text, html = first.mail.iter_parts()
    for part in (text, html):
        assert "Morning digest is slow." in part.get_content()
        assert f"{HOME}/t/northgate/tasks/digest" in part.get_content()
        assert "<img" not in part.get_content()
    assert second.mail["in-reply-to"] == first.mail["message-id"]
    assert "was over at" in second.mail.get_body().get_content()


@pytest.mark.alike
def test_what_is_in_a_sentence_is_no_html_and_no_header(message):
    sentence = "<b>Digest</b>\r\nBcc: eve@x.example is slow. " + "word " * 60
    nasty = type(message)(message.id, "slow", sentence, "North <gate>", message.url, message.at)
    with mail_server() as box:
        Email(mailer.read(box.url), ["ops@northgate.example"], HOME).send(nasty)
    (kept,) = box.mails
    assert kept.mail["bcc"] is None
    assert kept.mail["subject"].startswith("[North <gate>] <b>Digest</b> Bcc: eve@x.example is slow. word")
    assert kept.mail["subject"].endswith(" …")
    assert "&lt;b&gt;Digest&lt;/b&gt;" in list(kept.mail.iter_parts())[1].get_content()


@pytest.mark.alike
def test_what_a_mail_server_refuses_is_told_in_its_words(message):
    with mail_server() as box:
        email = Email(mailer.read(box.url), ["ops@northgate.example", "gone@northgate.example"], HOME)
        box.refuses = {"gone@northgate.example"}
        assert "refused: gone@northgate.example: 550 5.1.1 There is nobody of that name" in email.send(message)
        box.refuses.add("ops@northgate.example")
        with pytest.raises(NotSent, match="refused every address"):
            email.send(message)
        box.refuses = set()
        box.answer = "452 4.2.2 The mailbox is full"
        with pytest.raises(NotSent, match=r"127\.0\.0\.1 answered 452 4\.2\.2 The mailbox is full"):
            email.send(message)
    with pytest.raises(NotSent, match="can't be reached"):
        email.send(message)


@pytest.mark.alike
def test_a_mail_server_that_says_nothing_is_not_waited_for_for_ever(message, monkeypatch):
    monkeypatch.setattr(mailer, "WAIT_SECONDS", 0.2)
    with silent_server() as (port, _), pytest.raises(NotSent, match="did not answer within"):
        Email(mailer.read(f"smtp://127.0.0.1:{port}?from=a@b.example"), ["ops@b.example"], HOME).send(message)


@pytest.mark.alike
def test_a_password_is_not_sent_in_the_clear_to_another_host(message, monkeypatch):
    with mail_server() as box:
        server = mailer.read(f"smtp://ada%40x.example:secret@127.0.0.1:{box.port}")
        assert (server.user, server.sender) == ("ada@x.example", "ada@x.example")
        monkeypatch.setattr(mailer, "_OWN", set())
        with pytest.raises(NotSent, match="offers no TLS"):
            Email(server, ["ops@b.example"], HOME).send(message)


@pytest.mark.alike
def test_a_webhook_gets_json_with_an_id_that_stays(message, settings):
    fetch.configure(settings)
    with web_server() as server:
        assert Webhook(server.url + "/status/202").send(message) == "202 Accepted"
        with pytest.raises(NotSent, match=r"127\.0\.0\.1 answered 500 Internal Server Error"):
            Webhook(server.url + "/status/500").send(message)
    (_, _, headers, body), (_, _, again, _) = server.requests
    assert headers["webhook-id"] == again["webhook-id"] == message.id
    assert json.loads(body) == {
        "id": message.id, "kind": "slow", "sentence": "Morning digest is slow.", "team": "Northgate",
        "url": f"{HOME}/t/northgate/tasks/digest", "at": message.at.isoformat(), "recovered_at": None,
    }  # fmt: skip
    with pytest.raises(NotSent, match="refused the connection"):
        Webhook(f"http://127.0.0.1:{closed_port()}/").send(message)


@pytest.mark.alike
def test_a_webhook_reaches_no_inner_address_that_is_not_allowed(message, settings, tmp_path):
    fetch.configure(Settings(data_dir=tmp_path))
    with web_server() as server, pytest.raises(NotSent, match="CARILLON_ALLOW_HOSTS"):
        Webhook(server.url).send(message)
    assert server.requests == []


# --- settings


@pytest.mark.alike
def test_channels_are_those_of_the_settings(tmp_path):
    given = {
        "CARILLON_DATA": str(tmp_path), "CARILLON_SMTP_URL": "smtps://ada:secret@mail.example?from=carillon@x.example",
        "CARILLON_ALERT_EMAIL": "ops@x.example, ada@x.example", "CARILLON_ALERT_WEBHOOK": "https://hooks.example/a",
    }  # fmt: skip
    assert [channel.name for channel in configured.of(read(given))] == ["email", "webhook"]
    assert configured.of(Settings(data_dir=tmp_path)) == []
    assert mailer.read(given["CARILLON_SMTP_URL"]).port == 465


@pytest.mark.alike
@pytest.mark.parametrize(
    "given",
    [
        {"CARILLON_SMTP_URL": "mail.example", "CARILLON_ALERT_EMAIL": "a@x.example"},
        {"CARILLON_ALERT_EMAIL": "a@x.example"},
        {"CARILLON_SMTP_URL": "smtp://mail.example?from=a@x.example", "CARILLON_ALERT_EMAIL": "ada"},
        {"CARILLON_ALERT_WEBHOOK": "hooks.example"},
        {"CARILLON_HEARTBEAT_URL": "ftp://x.example"},
    ],
)
def test_wrong_settings_are_refused_with_a_sentence(given, tmp_path):
    with pytest.raises(SettingError, match="CARILLON_"):
        read({"CARILLON_DATA": str(tmp_path)} | given)


@pytest.mark.alike
@pytest.mark.parametrize("url", ["smtp://mail.example", "smtp://:25?from=a@b.example", "smtp://mail.example:x"])
def test_a_mail_server_without_host_or_sender_is_refused(url):
    with pytest.raises(SettingError, match="from="):
        mailer.read(url)
