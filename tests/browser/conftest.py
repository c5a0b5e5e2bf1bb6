"""The real site in a real browser: uvicorn in a thread, Ada signed in, and nothing on the console but silence."""

import itertools
import os
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import uvicorn
from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.api.feeds import Feeds
from app.services import teams
from app.web.hub import Hub
from tests.cli.conftest import free_port
from tests.processes import Processes, eventually
from tests.web.conftest import Visit, arrive

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]  # fmt: skip
DESK, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
FLAWS = """async options => (await axe.run(document, options)).violations
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`))"""
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@dataclass
class Site:
    """A running site. `page` is Ada's tab, `at` the address of her team, `problems` what the console complained about."""

    url: str
    slug: str
    app: Flask
    ada: Visit
    context: BrowserContext
    page: Page
    problems: list[str] = field(default_factory=list)

    @property
    def at(self):
        return f"{self.url}/t/{self.slug}"

    @property
    def actor(self):
        return self.ada.actor(self.app, self.slug)

    def open(self, path):
        """Open a page of the team in Ada's tab."""
        self.page.goto(self.at + path)
        return self.page

    def flaws(self, rules=None):
        """What axe finds wrong with Ada's tab (WCAG 2 A to 2.2 AA and best practice), one line each."""
        only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": AXE_TAGS}
        if self.page.evaluate("typeof axe") == "undefined":
            self.page.evaluate(AXE_SCRIPT)
        return self.page.evaluate(FLAWS, {"resultTypes": ["violations"], "runOnly": only})

    def watch(self, page):
        """Keep what the console of `page` complains about: scripts that fail, and the content policy."""
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        return page


@pytest.fixture(scope="package")
def browser():
    """Chromium; it ends with these tests, because Playwright's event loop stands in the way of every other."""
    path = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def address(app):
    """The address where `app` is served, streams included."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(Hub(app, Feeds(app)), log_config=None, lifespan="on", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def site(app, address, browser: Browser):
    with visiting(app, address, browser) as site:
        yield site


@contextmanager
def visiting(app, address, browser, **options):
    """A new Ada with a team of her own, signed in with a new browser; `options` are those of its context."""
    ada = arrive(app, "Ada Park", f"ada-{next(_numbers)}@northgate.example")
    with app.app_context():
        slug = teams.create(app.extensions["vault"], ada.id, "Northgate")
    options = {"viewport": DESK, "locale": "en-GB", "timezone_id": "Europe/Berlin"} | options
    context = browser.new_context(**options)
    context.set_default_timeout(5000)
    context.add_cookies([{"name": "carillon", "value": ada.client.get_cookie("carillon").value, "url": address}])
    site = Site(address, slug, app, ada, context, context.new_page())
    site.watch(site.page)
    try:
        yield site
    finally:
        context.close()
    assert site.problems == []


# --- with clock and worker: what runs in these tests really runs


@pytest.fixture(scope="package")
def house(home):
    """Web, clock, worker and Valkey as processes of their own, for all walks."""
    port = free_port()
    processes = Processes(home / "house", CARILLON_PORT=str(port))
    try:
        processes.start_redis()
        processes.migrate()
        for command in ("web", "clock", "worker"):
            processes.spawn(command)
        eventually(partial(_is_ready, f"http://127.0.0.1:{port}"), 30)
        yield processes
    finally:
        processes.close()


@pytest.fixture
def walk(house, browser):
    """Ada's tab in the running house; each walk has an Ada and a team of its own."""
    with house.inside() as app, visiting(app, f"http://127.0.0.1:{house.settings.port}", browser) as site:
        yield site


def _is_ready(url):
    try:
        return urllib.request.urlopen(f"{url}/readyz", timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False
