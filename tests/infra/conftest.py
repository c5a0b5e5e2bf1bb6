"""A web server on loopback, and what this process may reach of it."""

import pytest

from app.infra import addresses, fetch
from app.settings import Settings
from tests.servers import web_server


@pytest.fixture(scope="module")
def server():
    with web_server() as server:
        yield server


@pytest.fixture
def configure(tmp_path):
    def configure(*allowed, **names):
        def look_up(host):
            return names[host.replace(".", "_")] if names else addresses.look_up(host)

        fetch.configure(Settings(data_dir=tmp_path, allow_hosts=allowed), look_up)

    configure("localhost")
    yield configure
    fetch.configure(Settings(data_dir=tmp_path))
