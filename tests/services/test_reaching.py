"""Messages to people and teams: what is due goes as one, says what is so by then, and goes another way when one fails."""

from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app.channels.kinds import Means
from app.domain.access import Actor
from app.infra import fetch, mailer
from app.models.people import Person
from app.models.runs import Alert, Delivery, Run
from app.models.tasks import Task
from app.models.teams import Membership, Team
from app.models.telling import Channel
from app.services import alerting, channels, deliveries, telling
from app.services import teams as all_teams
from app.services.channels import Wanted
from app.services.deliveries import Sender
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.mailboxes import mail_server
from tests.servers import web_server

HOME = "https://carillon.example"


@pytest.fixture
def house(app, settings):
    """Northgate, which Ada owns, with a mail server and a web server of its own, and what sends by them."""
    fetch.configure(settings)
    vault = app.extensions["vault"]
    with app.app_context(), mail_server() as box, web_server() as server:
        with batch() as work:
            values = {"email": "ada@x.example", "name": "Ada", "password_hash": "", "timezone": "Europe/Berlin"}
            person = work.connection.execute(
                sa.insert(Person).values(values | {"created_at": work.now}).returning(Person.id)
            ).scalar_one()
        for make in (lambda: all_teams.personal(vault, person), lambda: all_teams.create(vault, person, "Northgate")):
            make()
        [own, team] = [row.id for row in rows(Team)]
        means = Means(HOME, mailer.read(box.url), settings.allow_hosts)
        yield SimpleNamespace(
            vault=vault, box=box, server=server, person=person, team=team, own=Actor(person, own, "owner"),
            actor=Actor(person, team, "owner"), means=means, sender=Sender({}, means, vault), email=f"email:{person}",
        )  # fmt: skip


def owned(house, name="digest", label="Morning digest"):
    task = factories.task(house.team, name, label=label)
    with batch() as work:
        work.connection.execute(sa.update(Task).where(Task.id == task).values(owner_id=house.person))
    return task


def begin(house, key, sentence, task=None, **more):
    with batch() as work:
        alerting.begin(work, key, key.partition(":")[0], sentence, house.team, task_id=task, **more)


def due(house, alert, channel, **more):
    """A row that is due for a channel."""
    with batch() as work:
        person = house.person if channel == house.email else None
        row = {
            "alert_id": alert, "channel": channel, "person_id": person, "is_recovery": False, "state": "waiting", "tries": 0,
            "next_try_at": work.now, "problem": "", "at": work.now, "why": "you own the task",
        } | more  # fmt: skip
        return work.connection.execute(sa.insert(Delivery).values(row).returning(Delivery.id)).scalar_one()


def alert(house, kind, sentence, **more):
    with batch() as work:
        values = {
            "team_id": house.team, "kind": kind, "key": f"{kind}:{sentence}"[:120], "sentence": sentence, "at": work.now,
            "is_new": False,
        } | more  # fmt: skip
        return work.connection.execute(sa.insert(Alert).values(values).returning(Alert.id)).scalar_one()


def send(house, sender=None):
    """Let all that is due go out; returns how many messages were made."""
    sender, count = sender or house.sender, 0
    for name in [one.channel for one in deliveries.waiting()]:
        while sender.can_send(name) and sender.send_next(name):
            count += 1
    return count


def again(house):
    with batch() as work:
        work.connection.execute(sa.update(Delivery).where(Delivery.state == "waiting").values(next_try_at=work.now))


def states():
    return [(row.channel.partition(":")[0], row.state) for row in rows(Delivery)]


# --- as one message


@pytest.mark.alike
def test_what_is_due_at_once_goes_as_one_message_the_newest_failure_first(house):
    task = owned(house)
    for kind, sentence in (("failing", "Old failed."), ("slow", "Digest is slow."), ("failing", "New failed.")):
        due(house, alert(house, kind, sentence, task_id=task), house.email)
    assert send(house) == 1
    [kept] = house.box.mails
    assert kept.mail["subject"] == "[Northgate] 3 things need you"
    text = kept.mail.get_body(("plain",)).get_content()
    assert text.index("New failed.") < text.index("Old failed.") < text.index("Digest is slow.")
    assert "You get this because you own the task." in text
    assert {row.state for row in rows(Delivery)} == {"sent"}
    assert rows(Delivery)[0].answer == "250 2.0.0 Kept as 4711"


@pytest.mark.alike
def test_a_beginning_and_its_end_at_once_are_one_sentence(house):
    task = owned(house)
    at = factories.ago(days=1).replace(hour=2, minute=0)
    ident = alert(
        house, "failing", "Morning digest failed: no channel #ops.", task_id=task, at=at,
        ended_at=at.replace(minute=20), recovery="Morning digest works again.",
    )  # fmt: skip
    due(house, ident, house.email)
    due(house, ident, house.email, is_recovery=True)
    send(house)
    hour = at.astimezone(ZoneInfo("Europe/Berlin")).hour
    said = f"[Northgate] Morning digest failed at {hour:02}:00, fine again since {hour:02}:20."
    assert house.box.subjects == [said]
    assert "no channel #ops" in house.box.mails[0].mail.get_body(("plain",)).get_content()


@pytest.mark.alike
def test_a_digest_does_not_call_for_anybody(house):
    for sentence in ("Digest is slow.", "Export is slow."):
        due(house, alert(house, "slow", sentence), house.email)
    send(house)
    assert house.box.subjects == ["[Northgate] 2 things to know"]
    assert "Good to know" in house.box.mails[0].mail.get_body(("plain",)).get_content()


# --- what is not told


@pytest.mark.alike
def test_an_escalation_is_dropped_once_somebody_reacted_or_it_is_over(house):
    is_open = alert(house, "failing", "A failed.")
    seen = alert(house, "failing", "B failed.", acknowledged_at=factories.ago(seconds=1))
    over = alert(house, "failing", "C failed.", ended_at=factories.ago(seconds=1))
    for ident in (is_open, seen, over):
        due(house, ident, house.email, part="escalated")
    send(house)
    assert house.box.subjects == ["[Northgate] A failed."]
    assert [state for _, state in states()] == ["sent", "dropped", "dropped"]


def test_who_has_left_the_team_is_told_nothing_of_it(house):
    own = channels.create(house.own, house.vault, Wanted("webhook", "Mine", {"url": house.server.url}))
    ident = alert(house, "failing", "A failed.")
    due(house, ident, house.email)
    due(house, ident, f"channel:{own}")
    with batch() as work:
        work.connection.execute(sa.delete(Membership).where(Membership.team_id == house.team))
    send(house)
    assert {state for _, state in states()} == {"dropped"}
    assert house.box.mails == house.server.requests == []


@pytest.mark.alike
def test_a_channel_of_another_team_is_told_nothing(house):
    with batch() as work:
        other = work.connection.execute(
            sa.insert(Person)
            .values(email="eve@x.example", name="Eve", password_hash="", created_at=work.now)
            .returning(Person.id)
        ).scalar_one()
    all_teams.create(house.vault, other, "Elsewhere")
    [elsewhere] = [row.id for row in rows(Team) if row.slug == "elsewhere"]
    strange = channels.create(
        Actor(other, elsewhere, "owner"), house.vault, Wanted("webhook", "", {"url": house.server.url})
    )
    due(house, alert(house, "failing", "A failed."), f"channel:{strange}")
    send(house)
    assert states() == [("channel", "dropped")]
    assert house.server.requests == []


# --- another way


def slack(house, actor, path, **more):
    return channels.create(actor, house.vault, Wanted("slack", "#ops", {"url": house.server.url + path}, **more))


def test_what_a_channel_refuses_goes_to_its_fallback_and_then_by_email_and_is_reported_once(house):
    second = slack(house, house.own, "/status/410")
    first = slack(house, house.own, "/status/404", fallback_id=second)
    for sentence in ("A failed.", "B failed."):
        due(house, alert(house, "failing", sentence), f"channel:{first}")
    for _ in range(3):
        send(house)
    assert house.box.subjects == ["[Northgate] 2 things need you"]
    text = house.box.mails[0].mail.get_body(("plain",)).get_content()
    assert "you own the task, and Slack did not take it" in text
    found = rows(Delivery)
    assert [(row.state, row.tries) for row in found] == [("failed", 1)] * 4 + [("sent", 1)] * 2
    assert found[-1].fallback_of_id == found[3].id
    assert found[0].problem == "127.0.0.1 answered 404 Not Found."
    reports = rows(Alert, Alert.kind == "channel_failing")
    assert [report.sentence for report in reports] == [
        "Messages don't reach Slack “#ops”: 127.0.0.1 answered 404 Not Found.",
        "Messages don't reach Slack “#ops”: 127.0.0.1 answered 410 Gone.",
    ]
    assert {report.team_id for report in reports} == {house.own.team_id}
    assert {row.state for row in rows(Channel)} == {"failing"}
    assert rows(Run) == []


def test_a_channel_that_works_again_is_said_to(house):
    ident = slack(house, house.actor, "/status/404")
    due(house, alert(house, "failing", "A failed."), f"channel:{ident}")
    send(house, Sender({"email": SimpleNamespace(send=lambda _: "ok")}, house.means, house.vault))
    assert states() == [("channel", "failed"), ("email", "waiting")]
    channels.change(house.actor, house.vault, ident, Wanted("", "#ops", {"url": house.server.url}))
    due(house, alert(house, "failing", "B failed."), f"channel:{ident}")
    send(house)
    [report] = rows(Alert, Alert.kind == "channel_failing")
    assert report.recovery == "Messages reach Slack “#ops” again."
    assert rows(Channel)[0].state == "ok"


@pytest.mark.alike
def test_what_passes_is_tried_again_and_only_then_another_way(house):
    ident = slack(house, house.own, "/status/503")
    due(house, alert(house, "failing", "A failed."), f"channel:{ident}")
    for number in range(1, 6):
        assert rows(Delivery, Delivery.channel == house.email) == []
        again(house)
        send(house)
        assert rows(Delivery)[0].tries == number
    assert house.box.subjects == []
    again(house)
    send(house)
    assert house.box.subjects == ["[Northgate] A failed."]


@pytest.mark.alike
def test_two_channels_that_stand_in_for_each_other_end_in_the_mailbox(house):
    first = slack(house, house.own, "/status/404")
    second = slack(house, house.own, "/status/404", fallback_id=first)
    channels.change(house.own, house.vault, first, Wanted("", "#ops", {}, second))
    due(house, alert(house, "failing", "A failed."), f"channel:{first}")
    for _ in range(3):
        send(house)
    assert states() == [("channel", "failed"), ("channel", "failed"), ("email", "sent")]


@pytest.mark.alike
def test_without_a_key_file_messages_to_channels_wait(house):
    ident = slack(house, house.own, "/status/200")
    due(house, alert(house, "failing", "A failed."), f"channel:{ident}")
    assert send(house, Sender({}, house.means)) == 0
    assert states() == [("channel", "waiting")]
    assert send(house) == 1


@pytest.mark.alike
def test_what_waits_for_a_channel_that_is_removed_goes_by_email(house):
    ident = slack(house, house.own, "/status/200")
    due(house, alert(house, "failing", "A failed."), f"channel:{ident}")
    channels.delete(house.own, ident)
    send(house)
    assert house.box.subjects == ["[Northgate] A failed."]


@pytest.mark.alike
def test_one_that_chokes_on_its_message_holds_back_no_other(house):
    for sentence in ("A failed.", "B failed."):
        due(house, alert(house, "failing", sentence), "push:1")

    class Choking:
        name = "push"

        def send(self, message):
            if message.news or "A " in message.sentence:
                raise ZeroDivisionError(message.sentence)
            return "ok"

    send(house, Sender({}, house.means, house.vault, lambda _: Choking()))
    assert [(row.state, row.problem[:32]) for row in rows(Delivery)] == [
        ("waiting", "It can't be sent: ZeroDivisionEr"), ("sent", ""),
    ]  # fmt: skip


@pytest.mark.alike
def test_a_person_without_a_mail_server_is_not_waited_for(house):
    due(house, alert(house, "failing", "A failed."), house.email)
    own = SimpleNamespace(name="webhook", send=lambda _: "ok")
    sender = Sender({"webhook": own}, Means(HOME), house.vault)
    send(house, sender)
    send(house, sender)
    assert states() == [("email", "failed"), ("webhook", "sent")]


def test_the_whole_way_from_an_alert_to_a_persons_mailbox(house):
    task = owned(house)
    begin(house, "not_started:1", "Morning digest has not started.", task)
    telling.route(telling.Outside([], has_mail=True))
    send(house)
    assert house.box.subjects == ["[Northgate] Morning digest has not started."]
    assert house.box.mails[0].to == ["ada@x.example"]
    with batch() as work:
        alerting.end(work, "not_started:1", "Morning digest has started.")
    telling.route(telling.Outside([], has_mail=True))
    send(house)
    assert house.box.subjects[1:] == ["[Northgate] Morning digest has started."]
    assert house.box.mails[1].mail["references"] == house.box.mails[0].mail["references"]
