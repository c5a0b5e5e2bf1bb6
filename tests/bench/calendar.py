"""The calendar: how long a month and a week take with more than 500 runs, asked by one client."""

import time
from datetime import UTC, datetime

from app.infra import database
from tests.bench import history
from tests.bench.ranks import ranks

RUNS = 2_000
"""In ninety days: some seven hundred in a month, and what 40 schedules still plan."""

WARM_UP = 5


def measure(here, is_quick):
    with database.write() as connection:
        history.fill(connection, RUNS, here.team)
    browser, day = here.browse(), datetime.now(UTC).date()
    return {view: _took(browser, f"/t/{here.slug}/calendar/{view}/{day}", 20 if is_quick else 100) for view in VIEWS}


VIEWS = ("month", "week", "agenda")


def _took(browser, path, count):
    took = []
    for _ in range(WARM_UP + count):
        began = time.perf_counter()
        status, _text = browser.get(path)
        took.append(time.perf_counter() - began)
        assert status == 200, (path, status)
    return ranks(took[WARM_UP:])
