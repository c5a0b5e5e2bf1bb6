"""What a page may weigh on its first visit, compressed, and how often it may ask."""

from datetime import UTC, datetime, timedelta

import brotli
import pytest
import sqlalchemy as sa

from app.models.runs import LogChunk
from app.services.unit import batch
from tests import factories

KB = 1024
SCRIPT, MORE_SCRIPT, STYLE, REQUESTS = 22 * KB, 5 * KB, 14 * KB, 6
"""Of any page of the app, in all its sheets and scripts; the calendar's grid has a script of its own."""

TODAY = datetime.now(UTC).date()

PAGES = [
    ("/today", 15 * KB, REQUESTS),
    ("/tasks", 25 * KB, REQUESTS),
    ("/tasks/task-1", 15 * KB, REQUESTS),
    ("/tasks/task-1/edit", 15 * KB, REQUESTS),
    ("/runs", 15 * KB, REQUESTS),
    ("/runs?view=timeline", 30 * KB, REQUESTS),
    ("/runs/2/compare/1", 15 * KB, REQUESTS),
    ("/runs/1", 60 * KB, REQUESTS + 1),
    ("/settings/members", 15 * KB, REQUESTS),
    ("/templates", 15 * KB, REQUESTS),
    ("/threads", 15 * KB, REQUESTS),
    (f"/calendar/week/{TODAY}", 30 * KB, REQUESTS + 1),
    (f"/calendar/month/{TODAY}", 30 * KB, REQUESTS),
]
"""Path, most bytes of HTML, most requests without the stream."""

LINES = 2000


@pytest.fixture
def busy(site):
    """A team with 100 tasks and runs, the first of them with 2,000 lines."""
    with site.app.app_context():
        team_id, at = site.actor.team_id, factories.ago(minutes=9)
        task_ids = [factories.task(team_id, f"task-{number}") for number in range(1, 101)]
        for number, task_id in enumerate(task_ids, 1):
            over = {"started_at": at, "ended_at": at + timedelta(seconds=number), "sentence": f"Worked in {number} s."}
            factories.run(team_id, task_id, "succeeded", planned_at=at, **over)
            factories.schedule(team_id, task_id, f"{number}h")
        lines = [
            [n / 9, "info", f"{n * 7919 % 100_003:x} read from feed {n % 13}, {n * 31} rows"] for n in range(LINES)
        ]
        with batch() as work:
            row = {"run_id": 1, "first": 1, "count": LINES, "size_bytes": 9, "token": 1, "lines": lines, "at": at}
            work.connection.execute(sa.insert(LogChunk).values(row))
    return site


def test_no_page_passes_its_budget(busy, browser):
    passed = [said for page in PAGES if (said := over(first_visit(busy, browser, page[0]), *page))]
    assert passed == []


def first_visit(site, browser, path):
    """The answers that a browser without any memory gets for a page, but for the stream."""
    context = browser.new_context(storage_state=site.context.storage_state())
    page, answers = site.watch(context.new_page()), []
    page.on("response", lambda answer: "/live/" in answer.url or answers.append(answer))
    page.goto(site.at + path)
    page.wait_for_function("window.htmx")
    weights = [(answer.url.removeprefix(site.at), weight(answer)) for answer in answers]
    context.close()
    return weights


def over(weights, path, html, requests):
    """What is beyond the budget of a page, as a sentence with all that it asked for."""
    sums = {ending: sum(size for url, size in weights if url.endswith(ending)) for ending in (path, ".js", ".css")}
    most = {path: html, ".js": SCRIPT + (requests > REQUESTS) * MORE_SCRIPT, ".css": STYLE}
    wrong = [f"{name} {size}" for name, size in sums.items() if size > most[name]]
    wrong += [f"{len(weights)} requests"] if len(weights) > requests else []
    return f"{path}: {wrong} in {weights}" if wrong else ""


def weight(answer):
    """The bytes of an answer as they came; HTML that came plain counts as a proxy would compress it."""
    body, headers = answer.body(), answer.headers
    if headers.get("content-encoding") == "br":
        return answer.request.sizes()["responseBodySize"]
    assert headers["content-type"].startswith("text/html") or len(body) < KB, (answer.url, headers)
    return len(brotli.compress(body))
