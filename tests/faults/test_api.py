"""E7: a program that repeats its request, a hundred times at once or after the end, starts one run."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import Barrier

import pytest

from app.models.runs import Run
from app.services import tokens
from tests import factories
from tests.web.live_site import serve

pytestmark = [pytest.mark.slow, pytest.mark.fault]

POSTS = 100


@pytest.fixture
def site(app):
    yield from serve(app)


@pytest.fixture
def token(app):
    with app.app_context():
        team = factories.team()
        factories.task(team, "probe")
        factories.task(team, "other")
        made, _ = tokens.create(factories.owner(team), "Tests", ["run"], 30)
    return made


def post(site, token, key, task="probe"):
    """Ask for a run; returns (status, body, whether it was answered before)."""
    connection = HTTPConnection("127.0.0.1", site.port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    connection.request("POST", "/api/v1/runs", json.dumps({"task": task}), headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body, answer.headers.get("Idempotency-Replayed") == "true"


def test_e7_a_hundred_posts_at_once_with_one_key_start_one_run(app, site, token, seen):
    together = Barrier(POSTS)

    def one(_):
        together.wait()
        return post(site, token, "monday")

    with ThreadPoolExecutor(POSTS) as threads:
        answers = list(threads.map(one, range(POSTS)))
    statuses = Counter(status for status, _, _ in answers)
    assert set(statuses) <= {201, 409}
    assert sum(status == 201 and not is_again for status, _, is_again in answers) == 1
    numbers = {body["number"] for status, body, _ in answers if status == 201}
    with app.app_context():
        [run] = factories.rows(Run)
    assert numbers == {run.number}
    assert run.trigger == "api"
    # After the end: the stored answer, to the letter; another body is refused.
    first = next(body for status, body, is_again in answers if status == 201 and not is_again)
    assert post(site, token, "monday") == (201, first, True)
    status, problem, _ = post(site, token, "monday", "other")
    assert (status, problem["title"]) == (422, "Something needs another look.")
    with app.app_context():
        assert len(factories.rows(Run)) == 1
    seen(f"{POSTS} requests: 1 run, {statuses[409]} told to wait, the others given the same answer")


def test_e7_what_is_refused_may_be_repeated_when_it_is_mended(app, site, token, seen):
    assert post(site, token, "tuesday", "nothing")[0] == 404
    assert post(site, token, "tuesday", "probe")[0] == 201
    assert post(site, token, "wednesday", "probe")[0] == 201
    with app.app_context():
        assert len(factories.rows(Run)) == 2
    seen("a refusal keeps no key")
