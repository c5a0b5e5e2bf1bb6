"""Streams: how late a log line reaches many open pages of its run, and how quick that page is meanwhile."""

from datetime import timedelta
from itertools import count

import sqlalchemy as sa

from app.models.runs import LogChunk, Run
from app.services.unit import batch
from tests.bench import plan, streams
from tests.bench.telling import say
from tests.factories import rows


def measure(here, is_quick):
    clients, seconds = (100, 4) if is_quick else (1000, 15)
    run = _running(here.team)
    page = f"/t/{here.slug}/runs/{run.number}"
    cookies = [here.cookie, *(here.sign_in() for _ in range(clients // streams.PER_SIGN_IN))]
    lines = count(1)
    url = f"http://127.0.0.1:{here.settings.port}/t/{here.slug}/live/runs/{run.number}"
    found = streams.measure(url, cookies, lambda text: _write(run, next(lines), text), clients, seconds, page)
    say(f"sse: {found.pop('delivered_percent')} % of the lines arrived")
    return found


def _running(team):
    """A run that seems to be carried out by a worker that never ends."""
    task, version = plan.tasks(team, 1, {"script": "sleep 60", "interpreter": "sh"}, "shell")[0]
    with batch() as work:
        row = {
            "team_id": team, "number": 999_999, "task_id": task, "version_id": version, "key": "bench", "facts": {},
            "trigger": "person", "planned_at": work.now, "lane": "code", "state": "running", "started_at": work.now,
            "token": 1, "lease_until": work.now + timedelta(days=1),
        }  # fmt: skip
        work.connection.execute(sa.insert(Run).values(row))
    return rows(Run)[0]


def _write(run, number, text):
    with batch() as work:
        row = {"run_id": run.id, "first": number, "count": 1, "size_bytes": len(text), "token": 1, "at": work.now}
        work.connection.execute(sa.insert(LogChunk).values(row | {"lines": [[0.0, "info", text]]}))
        work.ring(run.team_id, run.id)
