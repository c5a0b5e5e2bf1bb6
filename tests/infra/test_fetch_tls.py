"""Requests over TLS: the name is verified, whatever address it leads to."""

import time

import pytest

from tests.fetching import failure, get, stopped_after
from tests.servers import certificate, web_server


def test_tls_is_verified_by_name(configure, tmp_path, monkeypatch):
    trusted, context = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with web_server(tls=context) as server:
        url = f"https://localhost:{server.port}/"
        assert get(url).body == b"Hello"
        assert get(url).body == b"Hello"
        assert server.connections == 1
        problem = failure(f"https://127.0.0.1:{server.port}/")
        assert (problem.reason, problem.is_permanent) == ("tls", True)
        assert "can't be trusted" in problem.message


def test_the_name_is_verified_even_where_the_address_came_from_the_check(configure, tmp_path, monkeypatch):
    trusted, context = certificate(tmp_path, "outer.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    configure("localhost", outer_example=["127.0.0.1"], other_example=["127.0.0.1"])
    with web_server(tls=context) as server:
        assert get(f"https://outer.example:{server.port}/").body == b"Hello"
        assert failure(f"https://other.example:{server.port}/").reason == "tls"


def test_a_certificate_nobody_vouches_for_is_told(configure, tmp_path):
    _, context = certificate(tmp_path, "localhost")
    with web_server(tls=context) as server:
        problem = failure(f"https://localhost:{server.port}/")
        assert (
            problem.message == f"The certificate of localhost:{server.port} can't be trusted: self-signed certificate."
        )


def test_a_server_without_tls_is_told(configure, server):
    problem = failure(f"https://localhost:{server.port}/")
    assert problem.reason == "tls"
    assert "No secure connection" in problem.message


@pytest.mark.parametrize("path", ["/drip/0.05", "/delay/9"])
def test_deadline_and_stop_hold_over_tls(configure, tmp_path, monkeypatch, path):
    trusted, context = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with web_server(tls=context) as server:
        url = f"https://localhost:{server.port}{path}"
        started = time.monotonic()
        assert failure(url, timeout_seconds=0.3).reason == "timeout"
        assert time.monotonic() - started < 2
        assert stopped_after(url) < 1.5
