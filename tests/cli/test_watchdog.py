"""`watchdog --test` and `probe watchdog`, as somebody types them."""

import os
import time

import pytest

from app.cli import probe
from app.cli.__main__ import main
from app.settings import read
from tests.mailboxes import mail_server
from tests.servers import web_server


@pytest.fixture
def given(monkeypatch, tmp_path):
    """Set these settings, and no others."""

    def give(**variables):
        for name in [name for name in os.environ if name.startswith(("CARILLON_", "DATABASE_", "REDIS_"))]:
            monkeypatch.delenv(name)
        for name, text in ({"CARILLON_DATA": str(tmp_path), "CARILLON_ALLOW_HOSTS": "127.0.0.1"} | variables).items():
            monkeypatch.setenv(name, text)

    return give


def test_the_test_says_what_each_server_answered(given, capsys):
    with mail_server() as box, web_server() as server:
        mail = {"CARILLON_SMTP_URL": box.url, "CARILLON_ALERT_EMAIL": "ops@northgate.example"}
        given(CARILLON_ALERT_WEBHOOK=f"{server.url}/status/204", **mail)
        assert main(["watchdog", "--test"]) == 0
        given(CARILLON_ALERT_WEBHOOK=f"{server.url}/status/500", **mail)
        assert main(["watchdog", "--test"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "email: sent. The server answered: 250 2.0.0 Kept as 4711",
        "webhook: sent. The server answered: 204 No Content",
        "email: sent. The server answered: 250 2.0.0 Kept as 4711",
        "webhook: not sent. 127.0.0.1 answered 500 Internal Server Error.",
    ]
    assert box.subjects == ["[Carillon] This is a test: alerts reach you by this channel."] * 2


def test_without_a_channel_it_says_what_to_set(given, capsys):
    given()
    assert main(["watchdog", "--test"]) == 1
    assert "No channel is set. Set CARILLON_SMTP_URL" in capsys.readouterr().err


def test_the_probe_knows_a_watchdog_by_when_it_looked(given):
    given()
    ask = probe._watchdog
    settings = read()
    assert ask(settings) == "no watchdog has looked here yet"
    settings.watchdog_file.touch()
    assert not ask(settings)
    old = time.time() - 20
    os.utime(settings.watchdog_file, (old, old))
    assert ask(settings) == "the watchdog last looked 20 s ago"
