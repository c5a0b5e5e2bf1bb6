"""Clients that are slow on purpose hold up nobody."""

import contextlib
import http.client
import re
import socket
import time

import pytest

from app.web import bodies
from tests.web.live_site import begin_story, serve

pytestmark = pytest.mark.slow


@pytest.fixture
def site(app):
    yield from serve(app)


@contextlib.contextmanager
def slow(site, request, count):
    """Connections that have sent only so much."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", site.port), 5))
            client.sendall(request)
        yield


def status(site, path="/healthz"):
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
    connection.request("GET", path)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_forms_that_never_end_hold_no_thread(site, settings):
    head = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    with slow(site, head + b"Content-Length: 1000\r\n\r\nemail=", settings.web_threads + 1):
        assert status(site) == 200


def test_a_form_may_come_in_pieces_and_is_read_whole(app, site, ada):
    page = ada.get("/me/profile")
    cookie = ada.client.get_cookie("carillon").value
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    body = f"csrf_token={token}&name=Ada+Lark&timezone=UTC&more={'x' * 1_500_000}".encode()
    head = (
        f"POST /me/profile HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nCookie: carillon={cookie}\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", site.port), 5) as client:
        for piece in (head.encode(), body[:9], body[9:700_000], body[700_000:]):
            client.sendall(piece)
            time.sleep(0.02)
        assert client.recv(4096).startswith(b"HTTP/1.1 303")
    assert 'value="Ada Lark"' in ada.get("/me/profile").text


def test_what_is_too_large_is_refused_before_it_has_come(site):
    head = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 99999999999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), 5) as client:
        client.sendall(head)
        assert client.recv(4096).startswith((b"HTTP/1.1 413", b"HTTP/1.1 403"))


def test_who_falls_silent_is_given_up(site, monkeypatch):
    monkeypatch.setattr(bodies, "SILENCE_SECONDS", 0.1)
    head = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nx"
    with socket.create_connection(("127.0.0.1", site.port), 5) as client:
        client.sendall(head)
        assert client.recv(4096).startswith(b"HTTP/1.1 408")


def test_downloads_that_nobody_reads_hold_no_page(app, site, settings, ada, northgate):
    story = begin_story(app, ada, northgate)
    for _ in range(16):
        story.write(100, "x" * 2000)
    cookie = ada.client.get_cookie("carillon").value
    head = f"GET /t/{northgate}/runs/7/log.txt HTTP/1.1\r\nHost: x\r\nCookie: carillon={cookie}\r\n\r\n"
    with slow(site, head.encode(), settings.web_threads + 1):
        time.sleep(0.5)
        assert status(site) == 200
