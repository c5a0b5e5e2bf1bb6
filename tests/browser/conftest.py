"""The real site in a real browser: uvicorn in a thread, Ada signed in, and nothing on the console but silence."""

import shutil
import socket
import threading
import time
from dataclasses import dataclass, field

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.services import teams
from app.web.hub import Hub
from tests.web.conftest import Visit, arrive

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]  # fmt: skip
PHONE = {"width": 390, "height": 844}


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

    def flaws(self):
        """What axe finds wrong with Ada's tab (WCAG 2 A to 2.2 AA and best practice), one line each."""
        found = Axe().run(self.page).response["violations"]
        return [f"{flaw['id']}: {node['html'][:200]}" for flaw in found for node in flaw["nodes"]]

    def watch(self, page):
        """Keep what the console of `page` complains about: scripts that fail, and the content policy."""
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        return page


@pytest.fixture(scope="session")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def address(app):
    """The address where `app` is served, streams included."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(Hub(app), log_config=None, lifespan="on", timeout_graceful_shutdown=1)
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
    ada = arrive(app, "Ada Park", "ada@northgate.example")
    with app.app_context():
        slug = teams.create(app.extensions["vault"], ada.id, "Northgate")
    context = browser.new_context(viewport={"width": 1200, "height": 900}, locale="en-GB", timezone_id="Europe/Berlin")
    context.set_default_timeout(5000)
    context.add_cookies([{"name": "carillon", "value": ada.client.get_cookie("carillon").value, "url": address}])
    site = Site(address, slug, app, ada, context, context.new_page())
    site.watch(site.page)
    yield site
    context.close()
    assert site.problems == []
