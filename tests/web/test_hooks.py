"""Hooks over the web: what callers hear, and the pages where they are made, tried and looked at."""

import hashlib
import hmac
import json
import re
import time

import pytest

from app.domain.variables import Variable
from app.models.runs import Run
from app.services import tasks
from app.services.tasks.definitions import Draft
from app.web.pings import Minute
from tests.factories import rows


@pytest.fixture(autouse=True)
def _a_fresh_minute(monkeypatch):
    monkeypatch.setattr("app.web.hooks._minute", Minute())


@pytest.fixture
def base(app, ada, northgate):
    with app.app_context():
        settings = {"prompt": "Sort {{ title }}.", "tools": ["http_get", "read_file"]}
        actor = ada.actor(app, northgate)
        draft = Draft("Triage", "agent", settings, [], variables=[Variable("title")])
        tasks.create(actor, draft, app.config["SETTINGS"].data_dir)
    return f"/t/{northgate}/tasks/triage/hooks"


def made(ada, base, **more):
    """Make a hook; returns its path, and its secret if one was made."""
    form = {"name": "Issues", "scheme": "address", "map-title": "issue.title"} | more
    page = ada.post(base, form).text
    path = re.search(r'id="new-address">[^<]*(/hooks/[^<]+)<', page)[1]
    secret = re.search(r'id="new-secret">([^<]+)<', page)
    return path, secret[1] if secret else ""


def test_an_address_starts_the_task_and_tells_the_run_where_asked(app, client, ada, base):
    path, _ = made(ada, base)
    answer = client.post(path, json={"issue": {"title": "It hurts"}})
    assert (answer.status_code, answer.json) == (202, {"status": "accepted"})
    answer = client.post(f"{path}?answer=run", json={"issue": {"title": "It hurts"}})
    assert answer.json == {"status": "repeated", "detail": "The same call as run #1.", "run": 1}
    assert answer.headers["Cache-Control"] == "no-store"
    with app.app_context():
        assert [run.typed for run in rows(Run)] == [{"title": "It hurts"}]
    run = ada.get(base.replace("/tasks/triage/hooks", "/runs/1")).text
    assert "A call of a hook" in run


def test_github_signs(client, ada, base):
    path, secret = made(ada, base, scheme="github")
    body = json.dumps({"issue": {"title": "x"}}).encode()
    signed = {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    kind = {"Content-Type": "application/json", "X-GitHub-Event": "issues"}
    assert client.post(path, data=body, headers=kind).status_code == 401
    assert client.post(path, data=body, headers=kind | signed).status_code == 202


def test_slack_hears_its_challenge(client, ada, base):
    path, _ = made(ada, base, scheme="slack", secret="slack-signing-secret")
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB"}).encode()
    stamp = str(int(time.time()))
    signed = hmac.new(b"slack-signing-secret", f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signed}"}
    answer = client.post(path, data=body, headers=headers | {"Content-Type": "application/json"})
    assert (answer.status_code, answer.text) == (200, "3eZbrw1aB")


def test_strangers_and_those_who_were_turned_off_hear_the_same(client, ada, base):
    path, _ = made(ada, base)
    ada.post(f"{base}/1/off")
    answers = [client.post(one, json={}) for one in (path, "/hooks/never-was")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json == answers[1].json
    assert [client.get(path).status_code, client.get("/hooks/never-was").status_code] == [405, 405]


def test_guesses_have_to_wait(client, base):
    answers = [client.post(f"/hooks/guess-{number}", json={}).status_code for number in range(35)]
    assert answers[0] == 404
    assert answers[-1] == 429


def test_a_body_that_is_too_large_or_no_payload_is_refused(client, ada, base):
    path, _ = made(ada, base)
    assert client.post(path, data=b"x" * 300_000, content_type="application/json").status_code == 400
    assert client.post(path, data=b"<a/>", content_type="text/xml").json["detail"].startswith("The body is neither")


def test_what_is_refused_is_counted_on_the_page(client, ada, base):
    path, _ = made(ada, base, scheme="token")
    for _ in range(3):
        assert client.post(path, json={}).status_code == 401
    page = ada.get(f"{base}/1").text
    assert "3 refused<span" in page
    assert ": The signature or secret is not right.</span>" in page


def test_a_payload_is_tried_and_the_last_one_stands_there(client, ada, base):
    path, _ = made(ada, base, condition='payload.action == "opened"')
    client.post(path, json={"action": "opened", "issue": {"title": "<b>bold</b>"}})
    page = ada.get(f"{base}/1").text
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page
    form = {"hook": "1", "condition": "", "map-title": "issue.title", "payload": '{"issue": {"title": "Seen"}}'}
    tried = ada.post(f"{base}/trial", form).text
    assert "It starts the task." in tried
    assert "Seen" in tried
    assert "no JSON" in ada.post(f"{base}/trial", form | {"payload": "{"}).text
    part = ada.htmx(f"{base}/trial", form).text
    assert part.lstrip().startswith('<details class="fold" id="trial"')


def test_it_is_changed_renewed_replayed_and_deleted(client, ada, base):
    path, _ = made(ada, base)
    client.post(path, json={"issue": {"title": "x"}})
    assert ada.post(f"{base}/1", {"name": "Bugs", "scheme": "address", "tools": ["http_get"]}).status_code == 303
    assert "Bugs" in ada.get(base).text
    renewed = ada.post(f"{base}/1/rotation").text
    assert re.search(r"/hooks/[^<]+<", renewed)[0][:-1] != path
    assert client.post(path, json={"n": 1}).status_code == 202  # for a day
    assert ada.post(f"{base}/1/calls/1/replay").location.endswith("/runs/3?saved=replay")
    wrong = ada.post(f"{base}/1", {"name": "", "scheme": "token", "secret": "x", "calls_a_minute": "many"})
    assert wrong.status_code == 422
    ada.post(f"{base}/1/deletion")
    assert "No hooks yet." in ada.get(base).text
    assert client.post(path, json={}).status_code == 404


def test_the_task_names_its_hooks(ada, base):
    task = base.removesuffix("/hooks")
    assert "Another program can start it by one." in ada.get(task).text
    made(ada, base)
    assert "Issues" in ada.get(task).text
