"""All that Apprise speaks: in a process of its own, which reaches neither inner addresses nor this machine."""

from datetime import UTC, datetime

import pytest

from app.channels.base import Message, NotSent
from app.channels.gateways import Gateway
from tests.servers import web_server

MESSAGE = Message("delivery-7", "failing", "A failed.", "Northgate", "https://x.example/1", datetime.now(UTC))


def test_a_service_says_what_it_was_answered_and_never_what_is_secret():
    with web_server() as server:
        gateway = Gateway("other", f"json://ada:hush-hush@127.0.0.1:{server.port}/mirror", ["127.0.0.1"], ["hush-hush"])
        assert gateway.send(MESSAGE).startswith("200 OK: {")
        [(_, _, headers, body)] = server.requests
    assert headers["Authorization"].startswith("Basic ")
    assert b'"title": "[Northgate] A failed."' in body


def test_it_reaches_no_inner_address_by_whatever_library():
    with web_server() as server:
        for url in (
            f"json://localhost:{server.port}/",
            f"mailto://a:b@127.0.0.1:{server.port}?to=x@y.example&from=a@b.example",
        ):
            with pytest.raises(NotSent, match="inner address") as refused:
                Gateway("other", url, [], []).send(MESSAGE)
            assert refused.value.is_permanent
        assert server.connections == 0


def test_it_reads_no_file_of_this_machine(tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('{"text": "hush"}')
    with web_server() as server:
        url = f"workflows://127.0.0.1:{server.port}/abc/def?template={secret}"
        with pytest.raises(NotSent, match="this machine itself"):
            Gateway("other", url, ["127.0.0.1"], []).send(MESSAGE)
        assert server.requests == []
