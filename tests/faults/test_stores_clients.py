"""Those at the other end: streams that read badly or not at all (PROMISES I9), targets that hang (I12)."""

import re
import socket
import time
from contextlib import closing, suppress
from http.client import HTTPConnection

import pytest

from app.infra import redis
from app.models.runs import Run
from app.services import accounts
from app.web.hub import MOST_OF_BROWSER
from tests import factories
from tests.cli.conftest import free_port
from tests.factories import ago, rows
from tests.faults.conftest import all_ended, assert_promises_kept, queue, states
from tests.processes import eventually

pytestmark = [pytest.mark.fault, pytest.mark.alike]

CLIENTS = 60
"""The full form has 500."""


@pytest.fixture
def site(house):
    """Web, and a way to sign in once more: (port, sign_in)."""
    house.environ["CARILLON_PORT"] = str(free_port())
    house.spawn("web")

    def sign_in():
        link = accounts.sign_in_link(f"ada-{house.team}@x.example").rpartition("/")[2]
        return f"carillon={accounts.sign_in_by_link(link, accounts.Browser('127.0.0.1', 'Firefox'))}"

    port = int(house.environ["CARILLON_PORT"])
    eventually(lambda: ask(port, "/healthz"), 30)
    return port, sign_in


def ask(port, path, cookie=""):
    """The body of a page, None while web does not answer."""
    with suppress(OSError), closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers={"Cookie": cookie})
        return connection.getresponse().read().decode()
    return None


def streams(port):
    """How many streams web has."""
    return int(float(re.search(r"^carillon_streams ([\d.]+)", ask(port, "/metrics"), re.MULTILINE)[1]))


def listen(port, cookie):
    """A stream of Today with a small window, which nobody has read from yet."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    head = f"GET /t/northgate/live/today HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n"
    connection.sendall(head.encode())
    return connection


@pytest.mark.parametrize("clients", [pytest.param(CLIENTS), pytest.param(500, marks=pytest.mark.long)])
def test_i9_clients_that_read_badly_hold_nobody_up_and_leave_nothing_behind(house, site, probe, clients, seen):
    since = ago(seconds=1)
    port, sign_in = site
    cookies = [sign_in() for _ in range(0, clients, MOST_OF_BROWSER)]  # a browser has only so many streams
    clock = house.spawn("clock")
    house.spawn("worker")
    factories.schedule(house.team, probe(), "1s", overlap="allow")
    eventually(lambda: "succeeded" in states().values(), 40)
    base = len(redis.client().client_list())
    bad = [listen(port, cookies[number // MOST_OF_BROWSER]) for number in range(clients)]
    eventually(lambda: streams(port) == clients, 20)
    slow = bad[: clients // 3]  # the others read nothing at all
    deadline, longest = time.monotonic() + 4, 0.0
    while time.monotonic() < deadline:
        for one in slow:
            one.recv(1)
        began = time.monotonic()
        assert "Today" in ask(port, "/t/northgate/today", cookies[0])
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.3)
    assert longest < 3
    assert len(redis.client().client_list()) <= base + 2  # one hub, however many look
    for one in bad:
        one.close()
    began = time.monotonic()
    eventually(lambda: streams(port) == 0, 30)
    freed = time.monotonic() - began
    house.end(clock)
    runs = all_ended()
    assert {run.state for run in runs} == {"succeeded"}
    assert_promises_kept(since)
    seen(f"{clients} bad clients: pages in {longest:.2f} s at most, all freed {freed:.1f} s after they went")


def test_i12_a_target_that_hangs_frees_its_slot_at_its_time_limit(house, server, seen):
    since = ago(seconds=1)
    house.spawn("clock")
    house.spawn("worker", CARILLON_IO_SLOTS="2")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never says a word
        hangs = {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/", "method": "GET"}
        hung = factories.task(house.team, "hung", settings=hangs, timeout_seconds=1.5, retries=0, overlap="allow")
        works = {"url": server.url + "/status/204", "method": "GET"}
        fine = factories.task(house.team, "fine", settings=works, overlap="allow")
        stuck, others = queue(house.team, hung, 2), queue(house.team, fine, 4)
        ended = all_ended(stuck)
        seconds = max((run.ended_at - run.started_at).total_seconds() for run in ended)
        assert {run.state for run in ended} == {"timed_out"}
        assert seconds < 1.5 + 2
        assert {run.state for run in all_ended(others)} == {"succeeded"}
    assert_promises_kept(since)
    assert len(rows(Run)) == 6
    seen(f"timed out after {seconds:.1f} s of 1.5 s; 4 of 4 others ran in the slots they left")
