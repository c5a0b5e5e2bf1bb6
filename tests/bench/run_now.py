"""Run now: from the click, sent over HTTP, to the moment at which another process sees the claim committed."""

import time

from app.models.tasks import Task
from tests.bench import plan
from tests.bench.ranks import ranks_and_max
from tests.bench.watch import Watch
from tests.factories import rows
from tests.processes import eventually
from tests.web.conftest import token_in

APART_SECONDS = 0.1


def measure(here, is_quick):
    plan.tasks(here.team, 1, {"url": here.target, "method": "GET"})
    browser, path = here.browse(), f"/t/{here.slug}/tasks/{rows(Task)[-1].slug}"
    token = token_in(browser.get(path)[1])
    took = []
    with Watch() as watch:
        for number in range(10 if is_quick else 60):
            began = time.time()
            status, _ = browser.post(f"{path}/runs", f"csrf_token={token}")
            assert status == 303, status
            eventually(lambda number=number: len(watch.seen) > number, pause=0.001)
            took.append(list(watch.seen.values())[-1] - began)
            time.sleep(APART_SECONDS)
    return ranks_and_max(took)
