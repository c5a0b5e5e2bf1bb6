"""Addresses of e-mail channels: whoever owns one is asked first, once a day, and nothing else goes there before."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.clock import utc_now
from app.domain.access import Actor
from app.models.runs import Delivery
from app.models.teams import Membership
from app.models.telling import ActionLink, Channel, Recipient
from app.services import action_links, channels, recipients
from app.services import teams as all_teams
from app.services.channels import Wanted
from app.services.unit import batch
from tests.factories import rows
from tests.services.test_reaching import again, alert, due, house, send, states  # noqa: F401 a fixture


@pytest.fixture
def channel(house):  # noqa: F811 the fixture
    """A channel of Northgate to an address that nobody here has."""
    return channels.create(house.actor, house.vault, Wanted("email", "On call", {"addresses": "OnCall@x.example"}))


def ask(house):  # noqa: F811
    """Let the watchdog ask; returns to whom letters went."""
    before = len(house.box.mails)
    while recipients.send_next(house.means):
        pass
    return [kept.to[0] for kept in house.box.mails[before:]]


def press(house):  # noqa: F811
    """Press in the last letter."""
    text = house.box.mails[-1].mail.get_body(("plain",)).get_content()
    token = text.partition("/a/")[2].split()[0]
    link = action_links.find(token, utc_now())
    assert action_links.take(link, action_links.actor_of(link))
    recipients.confirm(link)


def later(**span):
    with batch() as work:
        at = Recipient.asked_at
        for row in rows(Recipient):
            if row.asked_at:
                change = sa.update(Recipient).where(Recipient.id == row.id)
                work.connection.execute(change.values({at: row.asked_at - timedelta(**span)}))


def test_nothing_but_a_letter_goes_to_an_address_before_its_owner_confirms(house, channel):  # noqa: F811
    due(house, alert(house, "failing", "Digest failed."), f"channel:{channel}")
    assert ask(house) == ["oncall@x.example"]
    said = "[Northgate] Northgate wants to send its alerts to oncall@x.example."
    assert house.box.subjects == [said]
    text = house.box.mails[0].mail.get_body(("plain",)).get_content()
    assert "Ada (ada@x.example) typed this address." in text
    assert f"Confirm the address: {house.means.home}/a/" in text
    send(house)
    assert house.box.subjects == [said]
    [row] = rows(Delivery)
    assert (row.state, row.problem) == ("waiting", "It waits until OnCall@x.example has confirmed.")
    assert channels.test(house.actor, house.vault, channel, house.means).said == row.problem
    press(house)
    send(house)
    assert house.box.subjects[1:] == ["[Northgate] Digest failed."]
    assert states() == [("channel", "sent")]
    assert rows(Channel)[0].state == "ok"
    assert [one.is_confirmed for one in channels.find(house.actor, channel).recipients] == [True]


def test_an_address_is_asked_once_a_day_whoever_wants_to_write_to_it(house, channel):  # noqa: F811
    assert ask(house) == ["oncall@x.example"]
    channels.ask_again(house.actor, house.vault, channel)
    all_teams.create(house.vault, house.person, "Southgate")
    southgate = Actor(house.person, house.team + 1, "owner")
    other = channels.create(southgate, house.vault, Wanted("email", "", {"addresses": "oncall@x.example"}))
    assert ask(house) == []
    later(hours=25)
    assert ask(house) == ["oncall@x.example"]
    press(house)
    later(hours=25)
    assert ask(house) == ["oncall@x.example"]  # for the other team
    found = [channels.find(*asked).recipients[0].is_confirmed for asked in ((house.actor, channel), (southgate, other))]
    assert found == [True, False]


def test_members_confirm_too_and_one_that_has_not_holds_back_no_other(house):  # noqa: F811
    given = {"addresses": "Ada@x.example, oncall@x.example"}
    channel = channels.create(house.actor, house.vault, Wanted("email", "Both", given))
    due(house, alert(house, "failing", "Digest failed."), f"channel:{channel}")
    assert send(house) == 1
    assert ask(house) == ["ada@x.example", "oncall@x.example"]
    press(house)
    send(house)
    assert house.box.mails[-1].to == ["oncall@x.example"]


def test_who_was_never_asked_is_asked_with_the_next_message(house, channel):  # noqa: F811
    with batch() as work:  # as of a list that was longer than what could be read of it
        work.connection.execute(sa.delete(Recipient))
    due(house, alert(house, "failing", "Digest failed."), f"channel:{channel}")
    send(house)
    assert ask(house) == ["oncall@x.example"]
    text = house.box.mails[0].mail.get_body(("plain",)).get_content()
    assert "Northgate typed this address." in text
    press(house)
    send(house)
    assert house.box.subjects[1:] == ["[Northgate] Digest failed."]


@pytest.mark.alike
def test_no_letter_goes_in_the_name_of_who_has_left(house, channel):  # noqa: F811
    with batch() as work:
        work.connection.execute(sa.delete(Membership).where(Membership.team_id == house.team))
    assert ask(house) == ["oncall@x.example"]
    text = house.box.mails[0].mail.get_body(("plain",)).get_content()
    assert "Northgate typed this address." in text
    assert "Ada" not in text


@pytest.mark.alike
@pytest.mark.parametrize("address", ["ä@x.example", "a:v@x.example", "v@x.example)"])
def test_what_is_no_address_is_tried_no_more(house, channel, address):  # noqa: F811
    with batch() as work:
        work.connection.execute(sa.update(Recipient).values(address=address))
    assert ask(house) == []
    [row] = rows(Recipient)
    assert (row.wanted_at, row.problem) == (None, "This is no e-mail address.")


@pytest.mark.alike
def test_a_letter_that_chokes_is_tried_no_more(house, channel, monkeypatch):  # noqa: F811
    monkeypatch.setattr(recipients.Email, "send", lambda *_: "\udc80".encode())
    assert ask(house) == []
    [row] = rows(Recipient)
    assert (row.wanted_at, row.problem) == (None, "It can't be sent: UnicodeEncodeError.")


@pytest.mark.alike
def test_a_letter_over_which_processes_die_is_left(house, channel):  # noqa: F811
    with batch() as work:
        work.connection.execute(sa.update(Recipient).values(tries=5))
    assert ask(house) == []
    channels.ask_again(house.actor, house.vault, channel)
    assert ask(house) == ["oncall@x.example"]


@pytest.mark.alike
def test_who_has_confirmed_stops_it_by_the_same_link_years_later(house, channel):  # noqa: F811
    ask(house)
    press(house)
    [link] = rows(ActionLink)
    assert link.expires_at > utc_now() + timedelta(days=3000)
    text = house.box.mails[-1].mail.get_body(("plain",)).get_content()
    recipients.withdraw(action_links.find(text.partition("/a/")[2].split()[0], utc_now()))
    due(house, alert(house, "failing", "Digest failed."), f"channel:{channel}")
    send(house)
    assert len(house.box.mails) == 1


def test_a_letter_that_does_not_get_there_is_tried_again_and_said(house, channel):  # noqa: F811
    house.box.answer = "451 4.3.0 Try again later"
    assert ask(house) == []
    [row] = rows(Recipient)
    assert "Try again later" in channels.find(house.actor, channel).recipients[0].problem
    assert row.wanted_at > utc_now()
    house.box.answer = "550 5.1.1 There is nobody of that name"
    with batch() as work:
        work.connection.execute(sa.update(Recipient).values(wanted_at=work.now))
    ask(house)
    assert rows(Recipient)[0].wanted_at is None
    assert len(rows(ActionLink)) == 2


def test_a_team_does_not_ask_half_the_world(house, monkeypatch):  # noqa: F811
    monkeypatch.setattr(recipients, "MOST", 2)
    for number in range(4):
        given = {"addresses": f"someone{number}@x.example"}
        channels.create(house.actor, house.vault, Wanted("email", "", given))
    assert len(ask(house)) <= recipients.MOST


def test_a_message_that_waited_too_long_goes_another_way(house, channel):  # noqa: F811
    mine = channels.create(house.actor, house.vault, Wanted("webhook", "", {"url": house.server.url}))
    channels.change(house.actor, house.vault, channel, Wanted("email", "", {"addresses": "oncall@x.example"}, mine))
    due(house, alert(house, "failing", "Digest failed."), f"channel:{channel}")
    for _ in range(6):
        send(house)
        again(house)
    assert states() == [("channel", "failed"), ("channel", "sent")]


def test_a_team_tests_its_channels_so_often_at_most(house):  # noqa: F811
    ident = channels.create(house.actor, house.vault, Wanted("webhook", "", {"url": house.server.url}))
    answers = [channels.test(house.actor, house.vault, ident, house.means).is_sent for _ in range(6)]
    assert answers == [True] * 5 + [False]
    assert len(house.server.requests) == 5
    assert channels.find(house.actor, ident).state == "ok"
