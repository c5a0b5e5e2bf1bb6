"""Take the pictures of the README: .venv/bin/python -m tests.browser.screenshots

Web, clock, worker and Valkey are the real processes, and the run that is seen live is a real one. The runs of the past
three days are made up, as a fresh installation has none; so are the sixty days of the team whose Insights are shown.
"""

import json
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from PIL import Image
from playwright.sync_api import sync_playwright

from app.domain import triggers
from app.domain.access import Actor
from app.services import accounts, planned, tasks, teams, wall
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from app.services.unit import batch
from app.settings import ROOT
from tests import past
from tests.cli.conftest import free_port
from tests.processes import Processes, eventually
from tests.web.conftest import arrive

FOLDER = ROOT / "docs" / "img"
WIDE, PHONE = {"width": 1200, "height": 860}, {"width": 390, "height": 844}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]

# The pictures show about midday, whenever they are taken.
ZONES = ("Europe/Berlin", "America/New_York", "America/Los_Angeles", "Pacific/Auckland", "Asia/Tokyo", "Asia/Kolkata")

CODE = json.dumps(
    {
        "code": "import csv\nlimit = 15\nrows = list(csv.DictReader(open('stock.csv')))\n"
        "low = [one for one in rows if float(one['kg']) < limit]\n"
        "with open('low_stock.csv', 'w', newline='') as file:\n    made = csv.DictWriter(file, ['store', 'kg'])\n"
        "    made.writeheader()\n    made.writerows(low)\n"
        "print('low:', len(low))\nfor one in low:\n    print(one['store'], one['kg'])\n"
    }
)
REPORT = """\
import time

FEEDS = ["orders", "returns", "stock", "support", "visits", "mail"]

for number in range(40):
    feed = FEEDS[number % len(FEEDS)]
    print(f"{feed}: page {number // len(FEEDS) + 1} read, {417 + number * 31} rows")
    if number % 9 == 4:
        print(f"\\033[33m{feed}: slow answer, asked again\\033[0m")
    time.sleep(0.25)
"""
CHAT = {
    "model": "gpt-5",
    "messages": [
        {
            "role": "user",
            "content": "List the stores that have less than 15 kg of coffee left, and write them to low_stock.csv. The "
            "stock is in stock.csv.",
        },
        {
            "role": "assistant",
            "content": "Two stores are low.",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "python", "arguments": CODE}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "low: 2\nKiel 12.5\nLübeck 9.0"},
        {"role": "assistant", "content": "Kiel has 12.5 kg left, Lübeck 9 kg. Both stand in low_stock.csv."},
        {
            "role": "user",
            "content": "Perfect. Do that every Monday at 8:00 Berlin time.\n\nFor the orders later, my token is: "
            "ghp_Zt9Qm2Lx8Vb4Nc7Wd1Rf6Ty3Hg5Jk0Pa1b2C",
        },
        {"role": "assistant", "content": "Every Monday at 08:00, Berlin time."},
    ],
}
"""A conversation that becomes a task."""

TASKS = (
    ("Morning report", "python", {"code": REPORT}, "every weekday at 9:00", 11.0),
    ("Shop front", "http", {"url": "https://shop.northgate.example/health"}, "every 30 minutes", 0.4),
    ("Back up the wiki", "shell", {"script": "set -e\n./backup wiki\n"}, "every day at 2:30", 95.0),
    ("Stock levels", "shell", {"script": "./stock --since yesterday\n"}, "every 2 hours from 8 to 18", 21.0),
    ("Exchange rates", "http", {"url": "https://rates.example/latest.json"}, "every weekday at 16:00", 0.6),
    ("Certificate expiry", "python", {"code": "import ssl\n"}, "every Monday at 8:00", 3.0),
)
WORKED = ("succeeded", "ok", "Worked in {:.1f} s.")
FATES = {
    ("Back up the wiki", 0): (
        "failed",
        "exit_code",
        "Ended with exit code 12. Last line: “no space left on the target”.",
    ),
    ("Shop front", 3): ("failed", "http_status", "shop.northgate.example answered 502 Bad Gateway; expected 2xx."),
    ("Shop front", 9): ("missed", "misfire_latest", "Missed: Carillon was not running then; a later one ran instead."),
    ("Stock levels", 1): ("skipped", "overlap", "Skipped: the run before it was still going."),
}
"""What became of the n-th latest run of a task; every other one worked."""


def main():
    """Start everything, fill it, take the pictures, stop everything."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-", dir="/tmp"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    zone = next(name for name in ZONES if 10 <= datetime.now(ZoneInfo(name)).hour < 16)
    processes = Processes(folder, CARILLON_PORT=str(port))
    try:
        processes.start_redis()
        processes.migrate()
        with processes.inside() as app:
            cookie, slug, actor = _people(app, zone)
            rows = [row for task in TASKS for row in _make(actor, folder, zone, *task)]
            with batch() as work:
                planned.insert(work, sorted(rows, key=lambda row: row["planned_at"]))
            on_wall = wall.create(actor, app.extensions["vault"], "Kitchen").path
            asked = _team_with_a_past(app, actor)
        for command in ("web", "clock", "worker"):
            processes.spawn(command)
        eventually(partial(_is_ready, url), 30)
        _take_all(url, cookie, slug, on_wall, asked)
        _make_small()
    finally:
        processes.close()
        shutil.rmtree(folder, ignore_errors=True)


def _is_ready(url):
    try:
        return urllib.request.urlopen(f"{url}/readyz", timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


# --- what is seen


def _people(app, zone):
    ada = arrive(app, "Ada Park", "ada@northgate.example")
    slug = teams.create(app.extensions["vault"], ada.id, "Northgate")
    accounts.save_profile(ada.id, "Ada Park", zone)
    team = next(team for team in teams.of(ada.id) if team.slug == slug)
    return ada.client.get_cookie("carillon").value, slug, Actor(ada.id, team.id, team.role)


def _team_with_a_past(app, actor):
    slug = teams.create(app.extensions["vault"], actor.person_id, "Harbour")
    past.fill(next(team.id for team in teams.of(actor.person_id) if team.slug == slug), tasks=24, days=60)
    return slug


def _make(actor, folder, zone, name, engine, settings, words, seconds):
    """Make a task, and return the runs it is said to have had."""
    task = tasks.create(actor, Draft(name, engine, settings, [Given(words, zone)]), folder / "files")
    schedule = task.schedules[0]
    lane = "io" if engine == "http" else "code"
    now, chance = datetime.now(UTC), Random(name)
    fires = list(triggers.fires_between(schedule.trigger, now - timedelta(days=3), now - timedelta(minutes=4)))
    return [
        _past(task, schedule, lane, fire, FATES.get((name, number), WORKED), seconds * chance.uniform(0.8, 1.3))
        for number, fire in enumerate(reversed(fires))
    ]


def _past(task, schedule, lane, fire, fate, seconds):
    state, reason, sentence = fate
    ran = state in {"succeeded", "failed"}
    return {
        "team_id": task.team_id, "task_id": task.id, "version_id": task.version_id, "schedule_id": schedule.id,
        "key": f"at:{fire.at.isoformat()}", "trigger": "schedule", "planned_at": fire.at, "planned_local": fire.local,
        "lane": lane, "state": state, "reason": reason, "sentence": sentence.format(seconds), "token": int(ran),
        "worker": "north-1" if ran else "", "queued_at": fire.at if ran else None,
        "started_at": fire.at + timedelta(milliseconds=9) if ran else None,
        "ended_at": fire.at + timedelta(seconds=seconds) if ran else fire.at,
    }  # fmt: skip


# --- the pictures


def _take_all(url, cookie, slug, on_wall, asked):
    FOLDER.mkdir(parents=True, exist_ok=True)
    at = f"{url}/t/{slug}"
    sign_in = {"name": "carillon", "value": cookie, "url": url}
    program = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright, ExitStack() as stack:
        browser = stack.enter_context(playwright.chromium.launch(executable_path=program, args=ARGUMENTS))
        for theme in ("light", "dark"):
            wide = _tab(browser, stack, sign_in, theme, WIDE)
            _run_live(wide, at, theme)
            _shoot(wide, f"{at}/today", f"today-{theme}")
            _shoot(wide, f"{at}/tasks/shop-front", f"task-{theme}")
            _shoot(wide, f"{at}/runs", f"runs-{theme}")
            _shoot(wide, f"{at}/calendar", f"calendar-{theme}")
            _shoot(wide, f"{url}/t/{asked}/insights", f"insights-{theme}", ".main-svg")
            _shoot(wide, f"{url}{on_wall}", f"wall-{theme}")
            _edit(wide, at, theme)
            _review(wide, at, theme)
            _shoot(_tab(browser, stack, sign_in, theme, PHONE), f"{at}/today", f"phone-{theme}")


def _make_small():
    for path in FOLDER.glob("*.png"):
        with Image.open(path) as picture:
            small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        small.save(path, optimize=True)


def _tab(browser, stack, sign_in, theme, size):
    context = stack.enter_context(browser.new_context(viewport=size, color_scheme=theme, locale="en-GB"))
    context.add_cookies([sign_in])
    return context.new_page()


def _run_live(page, at, theme):
    """Start a run, look at it while it is under way, and leave it going for Today."""
    page.goto(f"{at}/tasks/morning-report")
    page.get_by_role("button", name="Run now").first.click()
    page.locator("#log-lines").get_by_text("mail: page 2").wait_for(timeout=20_000)
    page.screenshot(path=FOLDER / f"run-{theme}.png")


def _edit(page, at, theme):
    page.goto(f"{at}/tasks/new?start=website")
    page.locator("#f-url").fill("https://shop.northgate.example/health")
    page.locator("#f-when-0-text").press_sequentially("every weekday at 9:00")
    page.locator("#fires li").nth(4).wait_for()
    page.mouse.click(5, 5)
    page.screenshot(path=FOLDER / f"editor-{theme}.png")


def _review(page, at, theme):
    """Paste a conversation, and look at what was understood of it."""
    page.goto(f"{at}/threads/import")
    page.locator("#f-text").fill(json.dumps(CHAT))
    page.get_by_role("button", name="Import").click()
    page.locator("#thread-task").wait_for(timeout=30_000)
    page.screenshot(path=FOLDER / f"review-{theme}.png")


def _shoot(page, address, name, awaited="main"):
    page.goto(address)
    page.locator(awaited).first.wait_for()
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    sys.exit(main())
