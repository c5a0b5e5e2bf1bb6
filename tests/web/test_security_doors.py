"""What somebody without a key can do at the doors: nothing that costs much, and no count that can be walked around."""

import http.client

import pytest

from app.factory import create_app
from tests.web.conftest import PASSWORD, token_in
from tests.web.live_site import serve


def sign_in(client, email, password, address="127.0.0.1"):
    at = {"REMOTE_ADDR": address}
    token = token_in(client.get("/login", environ_overrides=at).text)
    form = {"email": email, "password": password, "csrf_token": token}
    return client.post("/login", data=form, environ_overrides=at)


@pytest.mark.parametrize("door", ["setup", "invite"])
@pytest.mark.parametrize("password", ["short", PASSWORD])
def test_a_link_that_is_none_is_told_before_a_password_is_weighed(client, door, password):
    form = {"csrf_token": token_in(client.get("/login").text), "name": "Eve", "email": "eve@x.example"}
    answer = client.post(f"/{door}/none-at-all", data={**form, "password": password, "timezone": "UTC"})
    assert answer.status_code == 404


def test_a_long_password_can_be_set(ada):
    long_one = f"{PASSWORD} and {PASSWORD[::-1]} and a heron beside the quiet canal"
    answer = ada.post("/me/password", {"current": PASSWORD, "password": long_one})
    assert answer.status_code == 303


def test_an_origin_that_is_no_address_is_foreign(ada):
    assert ada.post("/me/appearance", {"theme": "dark"}, headers={"Origin": "http://["}).status_code == 403


def test_the_addresses_of_one_ipv6_network_share_their_tries(app, ada):
    for number in range(5):
        assert sign_in(app.test_client(), ada.email, "wrong wrong", f"2001:db8:7:1::{number}").status_code == 422
    assert sign_in(app.test_client(), ada.email, PASSWORD, "2001:db8:7:1::9").status_code == 429
    assert sign_in(app.test_client(), ada.email, PASSWORD, "2001:db8:7:2::9").status_code == 303


def test_addresses_of_ipv4_seen_through_ipv6_stay_apart(app, ada):
    for _ in range(5):
        sign_in(app.test_client(), ada.email, "wrong wrong", "::ffff:192.0.2.1")
    assert sign_in(app.test_client(), ada.email, PASSWORD, "::ffff:192.0.2.1").status_code == 429
    assert sign_in(app.test_client(), ada.email, PASSWORD, "::ffff:192.0.2.2").status_code == 303


# --- behind a proxy


@pytest.fixture
def seen():
    return []


@pytest.fixture
def site(app, settings, seen):
    behind = create_app(settings.__class__(**{**settings.__dict__, "trusted_proxies": 1}))

    @behind.before_request
    def look():
        from flask import request

        seen.append((request.remote_addr, request.host))

    yield from serve(behind)


def test_a_header_spelled_with_underscores_is_not_the_proxys(site, seen):
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
    said = {"X-Forwarded-For": "192.0.2.7", "X_Forwarded_For": "203.0.113.9", "X_Forwarded_Host": "evil.example"}
    connection.request("GET", "/healthz", headers=said)
    assert connection.getresponse().status == 200
    connection.close()
    assert seen == [("192.0.2.7", f"127.0.0.1:{site.port}")]
