"""A run that is seen live over a connection that breaks: nothing missing, nothing twice, the end as it was."""

import re
import socket
import threading
from contextlib import contextmanager, suppress
from random import Random

import pytest
from playwright.sync_api import expect

from app.services import run_log
from tests import factories

LINES, CUTS = 300, 20
SCRIPT = f"for n in $(seq 1 2 {LINES}); do echo line $n; echo line $((n + 1)); sleep 0.04; done"


class Cutter:
    """A door to a web server that breaks the first streams of runs after so many bytes each, wherever that is."""

    def __init__(self, port, cuts):
        self.cuts = 0
        self._port, self._left = port, list(cuts)
        self._door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"

    def open(self):
        while True:
            try:
                client = self._door.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            stream = threading.Event()
            threading.Thread(target=self._up, args=(client, server, stream), daemon=True).start()
            threading.Thread(target=self._down, args=(client, server, stream), daemon=True).start()

    def close(self):
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _up(self, client, server, stream):
        with suppress(OSError):
            while data := client.recv(65_536):
                if re.match(rb"GET /t/[^/]+/live/runs/", data):
                    stream.set()
                server.sendall(data)
        _end(client, server)

    def _down(self, client, server, stream):
        room = None
        with suppress(OSError):
            while data := server.recv(65_536):
                if stream.is_set() and room is None:
                    room = self._next()
                if room is not None:
                    data, room = data[:room], room - len(data)
                client.sendall(data)
                if room is not None and room <= 0:
                    self.cuts += 1
                    break
        _end(client, server)

    def _next(self):
        with self._lock:
            return self._left.pop(0) if self._left else None


def _end(*connections):
    for one in connections:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@contextmanager
def cutter(port, cuts):
    """A Cutter that runs until the end of the block."""
    found = Cutter(port, cuts)
    thread = threading.Thread(target=found.open, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.close()
        thread.join()


@pytest.fixture
def door(house):
    chance = Random(482)
    # The first are cut in what is new, the others also in what they are sent at once, whole parts of 5 kB: none ends well.
    rooms = [chance.randint(800, 8_000 if cut < 6 else 4_500) for cut in range(CUTS)]
    with cutter(house.settings.port, rooms) as door:
        yield door


def test_a_stream_that_is_cut_twenty_times_leaves_no_gap_and_no_duplicate(walk, door):
    factories.task(walk.actor.team_id, "count", "shell", {"script": SCRIPT, "interpreter": "bash"})
    page = walk.page
    page.goto(f"{door.url}/t/{walk.slug}/tasks/count")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("button", name="Follow new lines")).to_be_visible()
    expect(page.locator("#run-head .pill")).to_have_text("Succeeded", timeout=40_000)
    expect(page.get_by_role("button", name="Follow new lines")).to_be_hidden(timeout=20_000)  # the stream is over
    assert door.cuts == CUTS
    stored = [(str(line.number), line.text) for line in run_log.lines(walk.actor, 1)]
    assert len(stored) == LINES
    shown = page.locator("#log-lines > li")
    numbers, texts = (shown.locator(part).all_text_contents() for part in ("> a", "> span"))
    assert list(zip(numbers, texts, strict=True)) == stored
    expect(page).to_have_title("✓ Succeeded · count #1 · Carillon")
    expect(page.locator("#run-steps")).to_contain_text("3 of 3 done")
    expect(page.locator(".live-lost")).to_have_count(0)
    walk.problems[:] = [said for said in walk.problems if not re.search("network error|net::ERR_", said)]
