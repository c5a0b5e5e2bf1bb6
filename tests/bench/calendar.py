"""The calendar: how long a month and a week take with more than 500 runs, asked by one client."""

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
    count = WARM_UP + (20 if is_quick else 100)
    return {view: ranks(browser.took([f"/t/{here.slug}/calendar/{view}/{day}"] * count, WARM_UP)) for view in VIEWS}


VIEWS = ("month", "week", "agenda")
