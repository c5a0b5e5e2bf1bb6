"""Every page of the URL map, empty, full and refused: nothing that axe finds, nothing on the console."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app.domain import library as templates
from app.infra import bundles
from app.models.instance import Worker
from app.models.people import Person
from app.models.runs import Attempt, LogChunk, Step
from app.models.teams import Membership, Team
from app.models.telling import Notification
from app.services import accounts, channels, hooks, library, secrets, tasks, teams, webhooks
from app.services import rules as alert_rules
from app.services.hooks import calls
from app.services.library import installing, opinions
from app.services.tasks import tagging
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from app.services.unit import batch
from tests import factories
from tests.browser.conftest import DESK, PHONE
from tests.web.conftest import arrive, put_in
from tests.web.test_incidents import storm

COLOURS = ["color-contrast", "link-in-text-block"]
LOOKS = [("light", DESK, None), ("dark", DESK, COLOURS), ("light", PHONE, None)]
"""The dark look is the same page in other colours."""

FRAME = ("aside.side", "nav.bottom", ".tools", "dialog")
"""What surrounds each page."""

WORD_FOR_WORD = """all => {
    const sheets = [...document.styleSheets].map(({ href }) => href).join()
    const text = one => one.outerHTML.replace(/(name="csrf_token" value=)"[^"]*"/g, "$1")
    return all.map(some => [some, sheets, ...[...document.querySelectorAll(some)].map(text)].join())
}"""

NO_PAGES = {
    "live.stream", "runs.file", "assets.file", "library_shared.bundle", "library_shared.index",
    "library_shared.public_bundle", "library.example", "calendar_moves.check", "webhooks.log",
    "notifications.bell", "notifications.panel", "my_calendars.connect", "my_calendars.connected",
}  # fmt: skip
"""Streams, files, parts, and the way to Google and back. Any other rule answers GET with a page, with JSON or text, or leads to a page."""

TEMPLATE = {
    "name": "Shop front", "category": "Watch", "sentence": "Asks a shop.", "engine": "http", "sample": "200 OK",
    "settings": {"url": "{{ url }}"},
}  # fmt: skip
STATES = ("succeeded", "running", "queued", "waiting", "failed", "unmet", "missed", "skipped")
UNENDED, UNBEGUN = {"running", "queued", "waiting"}, {"queued", "waiting", "missed", "skipped"}


# --- looking


def look(site, path):
    """Open a path, and return what axe finds in it."""
    site.page.set_viewport_size(DESK)
    site.page.goto(site.url + path)
    return flaws(site)


def flaws(site):
    """What axe finds in the page that is open, in every look of it; what it saw of a frame it does not look at again."""
    found = []
    for scheme, size, rules in LOOKS:
        site.turn(scheme, size)
        frame = [(scheme, size["width"], text) for text in site.page.evaluate(WORD_FOR_WORD, FRAME)]
        known = [some for some, text in zip(FRAME, frame, strict=True) if text in site.seen]
        found += [f"{site.page.url} {scheme} {size['width']} {flaw}" for flaw in site.flaws(rules, known)]
        site.seen.update(frame)
    return found


def pages(site, **known):
    """The path of every page whose rule asks for nothing but what is `known`."""
    rules = [rule for rule in site.app.url_map.iter_rules() if "GET" in rule.methods and rule.arguments <= known.keys()]
    paths = [rule.build({n: known[n] for n in rule.arguments})[1] for rule in rules if rule.endpoint not in NO_PAGES]
    answers = {path: site.ada.get(path) for path in paths}
    shown = [path for path, answer in answers.items() if answer.mimetype == "text/html" and answer.status_code != 302]
    assert [path for path in shown if answers[path].status_code != 200] == []
    return shown


# --- what there is to see


@pytest.fixture
def full(site):
    """Ada's team with tasks, runs in every state, a secret, a worker, an invitation, and Ben."""
    with site.app.app_context():
        draft = Draft("Shop front", "http", {"url": "https://shop.example/"}, [Given("every hour", "Europe/Berlin")])
        task = tasks.create(site.actor, draft, site.app.config["SETTINGS"].data_dir)
        tasks.reschedule(site.actor, task.slug, [Given("every day at 2:30", "Europe/Berlin")])
        factories.task(site.actor.team_id, "backup", "shell", {"script": "true"})
        factories.calendar(site.actor.team_id, "shop-front", weekly=["Fri 18:00 - Mon 06:00 Weekend"])
        tasks.pause(site.actor, "backup", "We move house.")
        for state in STATES:
            add_run(site.actor.team_id, task.id, state)
        content = {**TEMPLATE, "form": [{"name": "url", "label": "Shop", "kind": "url"}]}
        library.save(site.actor, content, "")
        add_shared(site, templates.parse({**content, "notes": ["First version."]}))
        secrets.put(site.actor, site.app.extensions["vault"], "API_KEY", "only for tests")
        teams.invite(site.actor, "editor")
        vault = site.app.extensions["vault"]
        webhooks.create(site.actor, vault, webhooks.Wanted("Orders", "https://orders.example/"))
        webhooks.test(site.actor, 1, site.url)
        channels.create(site.actor, vault, channels.Wanted("email", "On call", {"addresses": "oncall@x.example"}))
        alert_rules.create(site.actor, alert_rules.Wanted("Nights", ["failed"], ["owner"]))
        tagging.replace(site.actor, "shop-front", ["shop"])
        told = {"person_id": site.ada.id, "team_id": site.actor.team_id, "event": "failed", "task_id": task.id}
        hook = hooks.create(site.actor, vault, "shop-front", hooks.Wanted("Issues"))
        calls.receive(calls.Call(hook.path.rpartition("/")[2], {}, b"{}"), vault)
        with batch() as work:
            slots = {"io_slots": 64, "code_slots": 2, "isolation": {"level": 1}}
            row = {"name": "north-1", "host": "north", "pid": 7, "started_at": work.now, "seen_at": work.now}
            work.connection.execute(sa.insert(Worker).values(row | slots))
            told |= {"key": "alert:1", "sentence": "Shop front failed.", "created_at": work.now, "changed_at": work.now}
            work.connection.execute(sa.insert(Notification).values(told))
    put_in(site.app, arrive(site.app, "Ben Okri", "ben@northgate.example"), site.slug, "viewer")
    storm(site.app, site.ada, site.slug, 2)
    return site


def add_shared(site, content):
    """A template that came in a file, installed, rated and reported; and a newer version of it, to be looked at."""
    vault = site.app.extensions["vault"]
    for newer in ("", "Asks more."):
        content = content.model_copy(update={"notes": (*content.notes, newer)} if newer else {"name": "Shop back"})
        data = bundles.pack(content, "back", "Westgate", "2026-11-28", bytes(32))
        listing = installing.upload(site.actor, data)
        if not newer:
            installing.install(site.actor, vault, listing)
            opinions.rate(site.actor, listing, 4, "Does it.")
            opinions.report(site.actor, listing, "It asks too often.")


def add_run(team_id, task_id, state):
    """A run in a state; with attempt, steps and log if it began."""
    at, over = factories.ago(minutes=3), None if state in UNENDED else factories.ago(minutes=2)
    began = None if state in UNBEGUN else at
    values = {"planned_at": at, "started_at": began, "ended_at": over, "sentence": "What became of it.", "worker": "w"}
    run_id = factories.run(team_id, task_id, state, **values)
    if not began:
        return
    levels = enumerate(("info", "warn", "error", "debug"), 1)
    lines = [[n / 10, level, f"\x1b[3{n}m{level}\x1b[0m and plain"] for n, level in levels]
    times = {"started_at": at, "ended_at": over}
    with batch() as work:
        row = {"run_id": run_id, "first": 1, "count": 4, "size_bytes": 9, "token": 1, "lines": lines, "at": at}
        work.connection.execute(sa.insert(LogChunk).values(row))
        row = {"run_id": run_id, "number": 1, "token": 1, "state": state, "worker": "w", "isolation": {"level": 1}}
        attempt = work.connection.execute(sa.insert(Attempt).values(row | times).returning(Attempt.id)).scalar_one()
        step = {"attempt_id": attempt, "position": 1, "name": "run", "state": state}
        work.connection.execute(sa.insert(Step).values(step | times))


def test_every_page_of_a_team_that_has_everything(full):
    known = {"slug": "shop-front", "number": 1, "listing_id": 2}
    known |= dict.fromkeys(("webhook_id", "hook_id", "incident_id", "rule_id"), 1)
    shown = pages(full, team=full.slug, whose=full.slug, **known)
    assert len(shown) > 20
    assert [flaw for path in shown for flaw in look(full, path)] == []


def test_runs_as_list_as_timeline_and_side_by_side(full):
    paths = (
        "?status=not", "?slow=1&expensive=1&worker=w&task=shop-front", "?select=1", "?view=timeline",
        "?view=timeline&span=week&chart=concurrency", "/compare", "/6/compare/1", "/1/compare/5",
    )  # fmt: skip
    assert [flaw for path in paths for flaw in look(full, f"/t/{full.slug}/runs{path}")] == []


def test_the_calendar_and_a_run_that_is_to_come(full):
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    fire_at = datetime.combine(tomorrow, time(2, 30), ZoneInfo("Europe/Berlin")).astimezone(UTC)
    planned = f"/t/{full.slug}/tasks/shop-front/planned/{fire_at:%Y%m%dT%H%M%SZ}?to={tomorrow}T12:00"
    views = [f"/t/{full.slug}/calendar/{view}/{tomorrow}" for view in ("month", "week", "agenda")]
    assert [flaw for path in [*views, planned] for flaw in look(full, path)] == []


def test_what_became_of_selected_runs(full):
    full.page.set_viewport_size(DESK)
    full.open("/runs")
    for box in full.page.get_by_role("checkbox").all()[:4]:
        box.check()
    assert flaws(full) == []
    full.page.set_viewport_size(DESK)
    full.page.get_by_role("button", name="Cancel").click()
    full.page.get_by_role("heading", name="cancelled").wait_for()
    assert flaws(full) == []


def test_a_run_in_every_state(full):
    paths = [f"/t/{full.slug}/runs/{number}" for number in range(2, len(STATES) + 1)]
    assert [flaw for path in paths for flaw in look(full, path)] == []


def test_every_page_of_a_team_that_has_nothing(site):
    shown = [path for path in pages(site, team=site.slug) if path.startswith("/t/")]
    assert [flaw for path in shown for flaw in look(site, path)] == []


# --- doors: seen by who is not signed in


@pytest.fixture
def nobody(site):
    """The same tab, signed out."""
    site.context.clear_cookies()
    return site


def test_the_doors(nobody):
    with nobody.app.app_context():
        invitation = teams.invite(nobody.actor, "editor")
        link = accounts.sign_in_link(nobody.ada.email).rpartition("/")[2]
    found = [flaw for path in ("/login", f"/invite/{invitation}", f"/sign-in/{link}") for flaw in look(nobody, path)]
    assert found == []
    nobody.page.goto(f"{nobody.url}/login")
    nobody.page.get_by_label("E-mail").fill("ada@northgate.example")
    nobody.page.get_by_label("Password").fill("a wrong one")
    nobody.page.get_by_role("button", name="Sign in").click()
    nobody.page.get_by_role("alert").wait_for()
    assert flaws(nobody) == []
    forgive(nobody)


def test_the_first_door(nobody):
    with nobody.app.app_context():
        with batch() as work:
            for table in (Team, Person):
                work.connection.execute(sa.delete(table))
        path = accounts.setup_link(nobody.app.config["SETTINGS"]).removeprefix(nobody.app.config["SETTINGS"].url)
    assert look(nobody, path) == []
    for label, typed in (("Your name", "Ada"), ("E-mail", "ada@x.example"), ("Password", "short")):
        nobody.page.get_by_label(label).fill(typed)
    nobody.page.get_by_role("button", name="Start").click()
    nobody.page.locator(".err").first.wait_for()
    assert flaws(nobody) == []
    forgive(nobody)


# --- refused


FORMS = [
    ("/tasks/new", {"Address": "nowhere", "When should it run?": "at the full moon"}, "Save"),
    ("/tasks/backup/edit", {"When should it run?": "at the full moon"}, "Save"),
    ("/settings/secrets", {"Name": "not a name", "Value": "x"}, "Set secret"),
    ("/settings/general", {"Name of the team": " "}, "Save name"),
    ("/me/profile", {"Name": " "}, "Save profile"),
    ("/me/security", {"Current password": "wrong", "New password": "short"}, "Change password"),
    ("/me/teams", {"Name": " "}, "Make the team"),
]


def test_forms_that_come_back(full):
    found = []
    for path, fields, button in FORMS:
        full.page.set_viewport_size(DESK)
        full.page.goto(full.url + path if path.startswith("/me/") else full.at + path)
        for label, typed in fields.items():
            full.page.get_by_role("textbox", name=label).fill(typed)
        full.page.get_by_role("button", name=button, exact=True).first.click()
        full.page.locator(".err, [role=alert] > *").first.wait_for()
        found += flaws(full)
    assert found == []
    forgive(full)


def test_pages_that_are_not_there_or_not_allowed(full):
    paths = ["/nowhere", f"/t/{full.slug}/runs/4711", "/t/elsewhere/today"]
    found = [flaw for path in paths for flaw in look(full, path)]
    with full.app.app_context(), batch() as work:
        work.connection.execute(sa.update(Membership).values(role="viewer"))
    paths = [
        f"/t/{full.slug}/{path}" for path in ("tasks/new", "tasks", "tasks/shop-front", "runs/1", "settings/secrets")
    ]
    found += [flaw for path in paths for flaw in look(full, path)]
    assert found == []
    forgive(full)


def forgive(site):
    """The browser tells every refused page on the console; anything else there is a failure."""
    site.problems[:] = [problem for problem in site.problems if "status of 4" not in problem]
