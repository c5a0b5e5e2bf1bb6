"""Pages: how long each takes over a long history, asked by one client."""

import time

from app.infra import database
from tests.bench import history
from tests.bench.ranks import ranks

WARM_UP = 20


def measure(here, is_quick):
    with database.write() as connection:
        number = history.fill(connection, 2_000 if is_quick else 100_000, here.team)
    browser = here.browse()
    paths = {"today": "today", "tasks": "tasks", "task": "tasks/task-1", "runs": "runs", "run": f"runs/{number}"}
    return {name: _took(browser, f"/t/{here.slug}/{path}", 40 if is_quick else 200) for name, path in paths.items()}


def _took(browser, path, count):
    took = []
    for _ in range(WARM_UP + count):
        began = time.perf_counter()
        status, _text = browser.get(path)
        took.append(time.perf_counter() - began)
        assert status == 200, (path, status)
    return ranks(took[WARM_UP:])
