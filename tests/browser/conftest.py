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
from urllib.parse import urljoin

import pytest
import uvicorn
from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from app.api.feeds import Feeds
from app.services import teams
from app.web.hub import Hub
from tests.cli.conftest import free_port
from tests.processes import Processes, eventually
from tests.web.conftest import Visit, arrive

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]  # fmt: skip
DESK, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
ADAS = {"viewport": DESK, "locale": "en-GB", "timezone_id": "Europe/Berlin", "service_workers": "block"}
FORGET = "() => [localStorage, sessionStorage].forEach(kept => kept.clear())"
FLAWS = """async ([but, options]) => (await axe.run(but.length ? { exclude: but } : document, options)).violations
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`))"""
SETTLED = """() => Promise.race([
    Promise.allSettled(document.getAnimations().map(one => one.finished)), new Promise(done => setTimeout(done, 1000))
])"""
"""Colours on their way from light to dark are neither; what moves for ever is not waited for."""

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@dataclass
class Site:
    """A running site. `page` is Ada's tab, `at` the address of her team, `problems` what the console complained about.

    `seen` is what axe need not look at again.
    """

    url: str
    slug: str
    app: Flask
    ada: Visit
    context: BrowserContext
    page: Page
    problems: list[str] = field(default_factory=list)
    seen: set[tuple] = field(default_factory=set)

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

    def turn(self, scheme, size):
        """Show Ada's tab in another size, light or dark."""
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.page.set_viewport_size(size)
        self.page.evaluate(SETTLED)

    def flaws(self, rules=None, but=()):
        """What axe finds wrong with Ada's tab (WCAG 2 A to 2.2 AA and best practice), one line each.

        It looks at all of it `but` what these selectors find.
        """
        only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": AXE_TAGS}
        if self.page.evaluate("typeof axe") == "undefined":
            self.page.evaluate(AXE_SCRIPT)
        return self.page.evaluate(FLAWS, [but, {"resultTypes": ["violations"], "runOnly": only}])

    def watch(self, page):
        """Keep what the console of `page` complains about: scripts that fail, and the content policy."""
        page.on("pageerror", self._failed)
        page.on("console", self._told)
        return page

    def leave(self, page):
        """Watch it no longer."""
        page.remove_listener("pageerror", self._failed)
        page.remove_listener("console", self._told)

    def _failed(self, error):
        self.problems.append(str(error))

    def _told(self, message):
        if message.type == "error":
            self.problems.append(message.text)


@pytest.fixture(scope="package")
def browser():
    """Chromium; it ends with these tests, because Playwright's event loop stands in the way of every other."""
    path = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def listener():
    """One address for all sites, so that the browser keeps what it compiled."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def address(app, listener):
    """The address where `app` is served, streams included."""
    config = uvicorn.Config(Hub(app, Feeds(app)), log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener.dup()]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="package")
def tabs_left():
    """The tab that the last test left, if it is as new: to open one takes longer than most of these tests."""
    return []


@pytest.fixture
def tab(request, browser: Browser, tabs_left):
    """Ada's tab, not signed in. Who sets its clock, adds scripts or answers dialogs takes a browser by `visiting`."""
    page = tabs_left.pop() if tabs_left else browser.new_context(**ADAS).new_page()
    failed = request.session.testsfailed
    yield page
    if request.session.testsfailed == failed and _is_as_new(page):
        tabs_left.append(page)
    else:
        page.context.close()


@pytest.fixture
def site(app, address, tab):
    with _signed_in(app, address, tab) as site:
        yield site


@contextmanager
def visiting(app, address, browser, **options):
    """A new Ada with a team of her own, signed in with a new browser; `options` are those of its context."""
    context = browser.new_context(**ADAS | options)
    try:
        with _signed_in(app, address, context.new_page()) as site:
            yield site
    finally:
        context.close()


@contextmanager
def _signed_in(app, address, page):
    ada = arrive(app, "Ada Park", f"ada-{next(_numbers)}@northgate.example")
    with app.app_context():
        slug = teams.create(app.extensions["vault"], ada.id, "Northgate")
    page.context.set_default_timeout(5000)
    page.context.add_cookies([{"name": "carillon", "value": ada.client.get_cookie("carillon").value, "url": address}])
    site = Site(address, slug, app, ada, page.context, page)
    site.watch(page)
    yield site
    site.leave(page)
    assert site.problems == []


def _is_as_new(page):
    """Take back what a test may have done to the tab; False if it can't be taken back."""
    context = page.context
    try:
        for other in context.pages:
            if other != page:
                other.close()
        context.set_offline(False)
        context.unroute_all()
        page.unroute_all()
        if page.url.startswith("http"):
            page.goto(urljoin(page.url, "/healthz"))  # a page without scripts, which would keep what was typed
            page.evaluate(FORGET)
        context.clear_cookies()
        context.clear_permissions()
        page.mouse.move(-9, -9)
        page.set_viewport_size(DESK)
        page.emulate_media(media="null", color_scheme="light", reduced_motion="no-preference", forced_colors="none")
    except Error:
        return False
    return True


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
def walk(house, tab):
    """Ada's tab in the running house; each walk has an Ada and a team of its own."""
    address = f"http://127.0.0.1:{house.settings.port}"
    with house.inside() as app, _signed_in(app, address, tab) as site:
        yield site


def _is_ready(url):
    try:
        return urllib.request.urlopen(f"{url}/readyz", timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False
