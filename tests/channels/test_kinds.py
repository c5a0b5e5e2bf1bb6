"""Each kind of channel in the words of its own interface, what it says of an answer, and what it never shows or sends."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.channels import kinds
from app.channels.base import Message, News, NotSent, Story
from app.channels.kinds import Means
from app.core.errors import Invalid
from app.infra import fetch
from app.settings import Settings
from tests.servers import web_server

NOW = datetime(2026, 11, 28, 9, 4, tzinfo=UTC)
NASTY = "<!channel> @everyone [x](https://evil.example) & “digest”\r\n failed\u202e."
MESSAGE = Message(
    "delivery-7", "failing", NASTY, "Northgate", "https://carillon.example/t/northgate/runs/1", NOW,
    story=Story(next_step="Fix the channel."),
)  # fmt: skip
MEANS = Means("https://carillon.example", allow_hosts=("127.0.0.1",))


@pytest.fixture
def server(tmp_path):
    fetch.configure(Settings(data_dir=tmp_path, allow_hosts=("127.0.0.1",)))
    with web_server() as running:
        yield running


def sent(server, kind, address, message=MESSAGE):
    """Send by a channel that was typed so; returns what was answered, and what arrived: path, headers, body."""
    checked, _ = kinds.read(kind, address)
    answer = kinds.opened(kind, checked, MEANS).send(message)
    _, path, headers, body = server.requests[-1]
    return answer, path, headers, json.loads(body)


def test_slack_gets_text_in_which_nothing_means_anything(server):
    answer, _, _, body = sent(server, "slack", {"url": f"{server.url}/text?body=ok"})
    assert answer == "200 OK: ok"
    assert body["text"].splitlines() == [
        "[Northgate] &lt;!channel&gt; @everyone [x](https://evil.example) &amp; “digest” failed .",
        "Fix the channel.", "https://carillon.example/t/northgate/runs/1",
    ]  # fmt: skip


def test_discord_mentions_nobody_and_keeps_the_address_whole(server):
    long = replace(MESSAGE, sentence="word " * 900)
    _, _, _, body = sent(server, "discord", {"url": f"{server.url}/status/204"}, long)
    assert body["allowed_mentions"] == {"parse": []}
    assert len(body["content"]) <= 2000
    assert body["content"].endswith(" …\nhttps://carillon.example/t/northgate/runs/1")


def test_teams_gets_a_card_without_marks(server):
    several = replace(MESSAGE, sentence="2 things need you", news=[News("A failed.", "https://x.example", NOW)] * 2)
    _, _, _, body = sent(server, "teams", {"url": f"{server.url}/status/202"}, several)
    card = body["attachments"][0]["content"]
    texts = [block["inlines"][0]["text"] for block in card["body"]]
    assert texts == ["[Northgate] 2 things need you", "A failed.", "A failed.", "Fix the channel."]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert card["actions"][0]["url"] == MESSAGE.url


def test_telegram_is_asked_by_its_bot_whose_token_is_never_shown(server):
    token = "123456:ABC-DEF1234567"
    address = {"token": token, "chat": "@family", "server": server.url}
    checked, shown = kinds.read("telegram", address)
    assert shown == "chat @family on 127.0.0.1"
    assert kinds.host("telegram", shown) == "127.0.0.1"
    assert kinds.host("telegram", "chat @family") == "telegram"
    with pytest.raises(NotSent) as refused:  # our server knows no such path
        kinds.opened("telegram", checked, MEANS).send(MESSAGE)
    assert server.requests[-1][1] == f"/bot{token}/sendMessage"
    assert json.loads(server.requests[-1][3])["chat_id"] == "@family"
    assert token not in refused.value.message


def test_ntfy_gets_topic_title_and_where_it_leads(server):
    _, path, headers, body = sent(server, "ntfy", {"topic": "bells", "server": server.url, "token": "tk_1"})
    assert (path, headers["Authorization"]) == ("/", "Bearer tk_1")
    assert (body["topic"], body["click"], body["priority"]) == ("bells", MESSAGE.url, 4)
    assert body["title"].startswith("[Northgate] <!channel>")


def test_a_web_address_gets_all_of_it_with_an_id_that_stays(server):
    several = replace(MESSAGE, news=[News("A failed.", "https://x.example", NOW)])
    _, _, headers, body = sent(server, "webhook", {"url": f"{server.url}/status/200"}, several)
    assert headers["webhook-id"] == body["id"] == "delivery-7"
    assert body["news"] == [
        {"sentence": "A failed.", "url": "https://x.example", "at": NOW.isoformat(), "recovered_at": None}
    ]


@pytest.mark.parametrize(
    ("path", "said", "is_permanent"),
    [
        ("/status/404", "127.0.0.1 answered 404 Not Found", True),
        ("/status/429?retry-after=2", "127.0.0.1 answered 429 Too Many Requests", False),
        ("/status/500", "127.0.0.1 answered 500 Internal Server Error", False),
        ("/redirect/302?to=http://127.0.0.1:9/", "127.0.0.1 answered 302 Found", True),
        ("/close", "broke off the connection", False),
        ("/garbage", "did not answer in HTTP", True),
    ],
)
def test_what_a_server_answers_is_told_in_its_words(server, path, said, is_permanent):
    checked, _ = kinds.read("slack", {"url": server.url + path})
    with pytest.raises(NotSent, match=said) as refused:
        kinds.opened("slack", checked, MEANS).send(MESSAGE)
    assert refused.value.is_permanent == is_permanent
    assert len(server.requests) <= 1


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"])
def test_inner_addresses_are_refused_before_and_at_connect(tmp_path, host):
    fetch.configure(Settings(data_dir=tmp_path))
    url = f"http://{host}:9/"
    with pytest.raises(Invalid):
        kinds.read("slack", {"url": url})
    with pytest.raises(NotSent, match=r"inner address|Type an address|no host"):
        kinds.opened("slack", {"url": url}, MEANS).send(MESSAGE)


@pytest.mark.parametrize(
    ("kind", "address", "field"),
    [
        ("slack", {}, "url"),
        ("slack", {"url": "hooks.slack.com"}, "url"),
        ("slack", {"url": "https://x.example/" + "y" * 1000}, "url"),
        ("telegram", {"token": "abc", "chat": "1"}, "token"),
        ("ntfy", {"topic": "two words"}, "topic"),
        ("sms", {"gateway": "pigeon"} | dict.fromkeys(("account", "password", "sender", "number"), "1"), "gateway"),
        ("sms", {"gateway": "twilio", "account": "a", "password": "b", "sender": "me", "number": "+4917012345"}, "sender"),
        ("telegram", {"token": "123456:ABC-DEF-GHI", "chat": "1 on slack.example", "server": "http://127.0.0.1:9"}, "chat"),
        ("email", {"addresses": "ada"}, "addresses"),
        ("email", {"addresses": "a:ada@x.example"}, "addresses"),
        ("email", {"addresses": "ada@x.example)"}, "addresses"),
        ("email", {"addresses": "ada@[127.0.0.1].example"}, "addresses"),
        ("email", {"addresses": "ada\\@x.example"}, "addresses"),
        ("email", {"addresses": "ada\x00@x.example"}, "addresses"),
        ("email", {"addresses": "\u00e4da@x.example"}, "addresses"),
        ("email", {"addresses": "ada@x.example\r\nBcc: eve@x.example"}, "addresses"),
        ("other", {"url": "pover"}, "url"),
        ("pigeon", {}, "kind"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_by_field(kind, address, field):
    with pytest.raises(Invalid) as wrong:
        kinds.read(kind, address)
    assert field in wrong.value.fields


def test_of_an_address_only_what_tells_it_apart_is_shown():
    sms = {
        "gateway": "twilio",
        "account": "AC1",
        "password": "hush",
        "sender": "+4930123456",
        "number": "+49 170 1234567",
    }
    assert kinds.read("sms", sms)[1] == "ends in 567"
    assert kinds.read("other", {"url": "pover://hush@token"})[1] == "pover://…"
    assert kinds.host("other", "pover://…") == ""  # two of them need not go to one server
