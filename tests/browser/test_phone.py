"""Carillon on a phone: installed, read without a network, told by push, and given texts by other apps."""

import json

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from app.infra import fetch
from app.models.telling import Notification
from app.services import devices
from app.services.unit import batch
from app.settings import Settings
from app.web import pwa
from tests import factories
from tests.browser.conftest import PHONE, visiting
from tests.push_service import Phone, PushService

SUBSCRIBED = """([endpoint, key, auth]) => {
    const bytes = text => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), one => one.charCodeAt(0)).buffer
    let own = null
    const subscription = { endpoint, getKey: name => bytes(name === 'auth' ? auth : key), unsubscribe: async () => { own = null } }
    PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
        window.applicationServerKey = new Uint8Array(applicationServerKey)
        return own = subscription
    }
    PushManager.prototype.getSubscription = async () => own ?? (localStorage.subscribed ? subscription : null)
}"""
"""Stands for the maker of the browser, which is not there in tests: a subscription at our own push service."""

OPENED = """async () => {
    const opened = []
    clients.openWindow = async href => opened.push(href)
    for (const path of ['/t/x/runs/1', '//evil.example/', 'https://evil.example/']) await open(path)
    return opened
}"""
LATER = """async path => {
    const now = Date.now
    const gone = []
    for (const hours of [11, 13]) {
        Date.now = () => now() + hours * 3600e3
        gone.push(await kept(path) === null)
    }
    Date.now = now
    return gone
}"""
KEPT = "caches.open('pages').then(pages => pages.keys()).then(keys => keys.map(({ url }) => new URL(url).pathname))"


@pytest.fixture
def phone(app, address, browser):
    """Ada's phone, with the service worker at work and a task of hers."""
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "service_workers": "allow"}
    with visiting(app, address, browser, permissions=["notifications"], **options) as phone:
        with app.app_context():
            factories.task(phone.actor.team_id, "morning-digest", label="Morning digest")
        page = phone.open("/tasks")
        until(page, "navigator.serviceWorker.controller !== null")
        yield phone
        phone.context.set_offline(False)


def until(page, holds):
    """Wait until this holds in the page, asked anew each time: its policy lets no text become code."""
    for _ in range(200):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(20)
    raise AssertionError(holds)


def offline(phone, is_off=True):
    phone.context.set_offline(is_off)


def test_it_can_be_installed(phone):
    page = phone.page
    manifest = page.request.get(phone.url + "/manifest.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    told = manifest.json()
    for icon in told["icons"]:
        size = page.evaluate("src => new Promise(done => Object.assign(new Image(), { src, onload() { done(this.naturalWidth) } }))", icon["src"])  # fmt: skip
        assert icon["sizes"] == f"{size}x{size}"
    assert {icon["purpose"] for icon in told["icons"]} == {"any", "maskable"}
    session = phone.context.new_cdp_session(page)
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] in ([], [{"errorId": "in-incognito", "errorArguments": []}])  # fmt: skip
    assert not session.send("Page.getAppManifest")["errors"]
    for shortcut in told["shortcuts"]:
        assert page.request.get(phone.url + shortcut["url"]).status == 200


def test_what_was_seen_last_is_read_offline_under_a_banner_that_says_from_when(phone):
    page = phone.open("/today")
    phone.open("/calendar?view=agenda")
    phone.open("/tasks")
    until(page, f"{KEPT}.then(kept => kept.length === 3)")
    assert phone.context.service_workers[0].evaluate(LATER, f"/t/{phone.slug}/tasks") == [False, True]
    offline(phone)
    for path, heading in (("/today", "Today"), ("/tasks?status=paused", "Tasks"), ("/calendar", "Calendar")):
        phone.open(path)
        expect(page.get_by_text("You are offline. Showing what was here at")).to_be_visible()
        assert heading in page.title()
    expect(page.get_by_role("button", name="Refresh")).to_be_visible()
    page.goto(phone.url)
    expect(page).to_have_title("Today · Carillon")
    page.goto(f"{phone.at}/tasks/morning-digest")
    expect(page.get_by_role("heading", name="This page is not kept offline")).to_be_visible()
    expect(page.get_by_role("link", name="Agenda of")).to_be_visible()
    assert not phone.flaws(but=["iframe"])
    page.get_by_role("link", name="Tasks of").click()
    expect(page.get_by_text("Morning digest").first).to_be_visible()
    offline(phone, False)
    expect(page.get_by_text("You are offline")).to_be_hidden()
    phone.problems.clear()  # the console says that there was no network


def test_what_is_sent_without_a_network_stays_typed(phone):
    page = phone.page
    page.goto(f"{phone.url}/me/profile")
    page.get_by_label("Name").fill("Ada P.")
    offline(phone)
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_text("You are offline, so nothing was sent. What you typed is still here.")).to_be_visible()
    page.evaluate("Object.defineProperty(navigator, 'onLine', { get: () => true })")
    page.get_by_label("Name").press("Enter")
    expect(
        page.get_by_role("region", name="Notices").get_by_text("Carillon did not answer: look whether")
    ).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Ada P.")
    offline(phone, False)
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_text("Saved")).to_be_visible()
    phone.problems.clear()


def test_nobody_else_reads_what_was_kept(phone):
    page = phone.page
    phone.open("/today")
    until(page, f"{KEPT}.then(kept => kept.length === 1)")
    phone.open("/settings/general")
    assert len(page.evaluate(KEPT)) == 1
    page.evaluate("fetch('/me/profile').then(answer => answer.text())")
    assert len(page.evaluate(KEPT)) == 1
    page.get_by_role("group").filter(has_text="Log out").locator("summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_title("Sign in · Carillon")
    assert page.evaluate(KEPT) == []
    offline(phone)
    phone.open("/today")
    expect(page.get_by_role("heading", name="This page is not kept offline")).to_be_visible()
    phone.problems.clear()


def test_after_an_update_the_pages_that_are_kept_are_those_of_now(phone, monkeypatch):
    page = phone.open("/tasks")
    until(page, f"{KEPT}.then(kept => kept.length === 1)")
    with phone.app.app_context():
        factories.task(phone.actor.team_id, "stock-level", label="Stock level")
    served = pwa._worker().replace(b"MARK='", b"MARK='next-")
    monkeypatch.setattr(pwa, "_worker", lambda: served)
    page.evaluate("navigator.serviceWorker.getRegistration().then(one => one.update()).then(() => 1)")
    until(
        page, "caches.keys().then(names => names.length === 2 && names.some(name => name.startsWith('static-next-')))"
    )
    until(
        page,
        f"caches.match('/t/{phone.slug}/tasks').then(kept => kept.text()).then(text => text.includes('Stock level'))",
    )
    offline(phone)
    phone.open("/tasks")
    expect(page.get_by_text("Stock level").first).to_be_visible()
    phone.problems.clear()


def test_the_icon_shows_how_many_notifications_are_unread(phone):
    page = phone.page
    page.add_init_script("navigator.setAppBadge = count => { window.badge = count }; navigator.clearAppBadge = () => { window.badge = 0 }")  # fmt: skip
    page.reload()
    until(page, "window.badge === 0")
    with phone.app.app_context(), batch() as work:
        new = {"person_id": phone.ada.id, "team_id": phone.actor.team_id, "key": "alert:1", "event": "failed"}
        at = {"created_at": work.now, "changed_at": work.now}
        work.connection.execute(sa.insert(Notification).values(**new, **at, sentence="Digest failed.", is_over=False))
    page.reload()
    until(page, "window.badge === 1")


def test_push_reaches_the_phone_and_is_shown_there(phone, tmp_path):
    page = phone.page
    with PushService() as service:
        fetch.configure(Settings(data_dir=tmp_path, allow_hosts=(service.host,)))
        own = Phone(service)
        given = own.given()
        page.add_init_script(f"({SUBSCRIBED})({json.dumps([given.endpoint, given.public_key, given.auth])})")
        page.goto(f"{phone.url}/me/devices")
        page.get_by_role("button", name="Turn on notifications").tap()
        expect(page.get_by_text("Notifications are on")).to_be_visible()
        page.evaluate("localStorage.subscribed = 1")
        page.reload()
        expect(page.get_by_text("This browser", exact=True)).to_be_visible()
        assert not phone.flaws()
        page.get_by_role("button", name="Send a test").tap()
        expect(page.get_by_text("Sent. Chrome on Linux: 127.0.0.1 answered 201 Created.")).to_be_visible()
        [(told, _)] = own.opened()
        assert told["body"] == "This is a test: notifications reach this device."
        deliver(phone, json.dumps(told | {"badge": 3}))
        shown = page.evaluate("navigator.serviceWorker.ready.then(one => one.getNotifications())"
                              ".then(all => all.map(({ title, body, data, actions }) => [title, body, data, actions.map(one => one.title)]))")  # fmt: skip
        assert shown == [["Carillon", told["body"], "/me/devices", ["Open"]]]
        assert phone.context.service_workers[0].evaluate(OPENED) == [phone.url + "/t/x/runs/1"]
        until(page, "localStorage.device !== undefined")
        service.answers["/one"] = 410
        page.get_by_role("button", name="Send a test").tap()
        expect(page.get_by_role("button", name="Turn on notifications")).to_be_visible()
        with phone.app.app_context():
            assert not devices.of(phone.ada.id)
    fetch.configure(Settings(data_dir=tmp_path))


def deliver(phone, text):
    """Hand a message to the service worker as the browser's push service does."""
    session = phone.context.new_cdp_session(phone.page)
    found = []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda told: found.extend(told["registrations"]))
    session.send("ServiceWorker.enable")
    while not found:
        phone.page.wait_for_timeout(20)
    session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": phone.url, "registrationId": found[-1]["registrationId"], "data": text},
    )
    until(phone.page, "navigator.serviceWorker.ready.then(one => one.getNotifications()).then(all => all.length > 0)")


def test_a_shared_link_becomes_a_task_only_when_somebody_says_so(phone):
    page = phone.page
    page.set_content(f"<form method=post action='{phone.url}/share' enctype='multipart/form-data'>"
                     "<textarea name=text>Prices of today https://shop.example/prices</textarea><button>Share</button></form>")  # fmt: skip
    page.get_by_role("button").click()
    expect(page.get_by_text("This is a link.")).to_be_visible()
    assert not phone.flaws()
    page.get_by_role("button", name="Make a task that fetches it").click()
    expect(page.get_by_label("Address", exact=True)).to_have_value("https://shop.example/prices")
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("Prices of today")
    assert len(phone.ada.get(f"/t/{phone.slug}/tasks").text.split("/tasks/prices")) == 1
