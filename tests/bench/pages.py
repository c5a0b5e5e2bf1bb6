"""Pages: how long each takes over a long history, asked by one client."""

from app.infra import database
from tests.bench import history
from tests.bench.ranks import ranks

WARM_UP = 20


def measure(here, is_quick):
    with database.write() as connection:
        number = history.fill(connection, 2_000 if is_quick else 100_000, here.team)
    browser = here.browse()
    paths = {"today": "today", "tasks": "tasks", "task": "tasks/task-1", "runs": "runs", "run": f"runs/{number}"}
    count = WARM_UP + (40 if is_quick else 200)
    return {name: ranks(browser.took([f"/t/{here.slug}/{path}"] * count, WARM_UP)) for name, path in paths.items()}
