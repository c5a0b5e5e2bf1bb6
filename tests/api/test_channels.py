"""Channels by the API: set up, tested and removed; what is secret goes in and never comes out."""

import pytest

from app.infra import fetch
from tests.servers import web_server

pytestmark = pytest.mark.alike


@pytest.fixture
def server(settings):
    fetch.configure(settings)
    with web_server() as running:
        yield running


def test_a_channel_from_its_making_to_its_end(ada_program, server):
    given = {"kind": "ntfy", "name": "Phone", "address": {"topic": "bells", "server": server.url, "token": "tk_hush"}}
    made = ada_program.make("/channels", given)
    assert (made["state"], made["address"]) == ("new", "bells on 127.0.0.1")
    path = f"/channels/{made['id']}"
    assert ada_program.post(f"{path}/test").json == {"is_sent": True, "said": "200 OK: Hello"}
    assert ada_program.put(path, {"name": "Mine"}).json["name"] == "Mine"
    ada_program.post(f"{path}/test")
    assert server.requests[-1][2]["Authorization"] == "Bearer tk_hush"
    listed = ada_program.get("/channels")
    assert [(one["name"], one["state"]) for one in listed.json["items"]] == [("Mine", "ok")]
    assert "tk_hush" not in listed.text + ada_program.get(path).text
    assert ada_program.delete(path).status_code == 204
    assert ada_program.get(path).status_code == 404


def test_an_address_says_whether_it_was_confirmed(ada_program):
    made = ada_program.make("/channels", {"kind": "email", "address": {"addresses": "oncall@x.example"}})
    waits = {"address": "oncall@x.example", "is_confirmed": False, "asked_at": None, "problem": ""}
    assert made["recipients"] == [waits]
    assert ada_program.post(f"/channels/{made['id']}/letters").status_code == 202
    refused = ada_program.post(f"/channels/{made['id']}/test").json
    assert refused == {"is_sent": False, "said": "It waits until oncall@x.example has confirmed."}


def test_what_cannot_be_used_is_said_by_field(ada_program, server):
    wrong = ada_program.post("/channels", {"kind": "telegram", "address": {"token": "abc", "chat": "@x"}})
    assert wrong.status_code == 422
    assert "@BotFather" in wrong.text
    assert ada_program.post("/channels", {"kind": "pigeon", "address": {}}).status_code == 422
