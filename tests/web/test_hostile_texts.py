"""Texts from outside are texts on every page: they make no element, no script, no address and no attribute."""

from html.parser import HTMLParser

import pytest
import sqlalchemy as sa

from app.models.runs import Attempt, LogChunk, Step
from app.models.telling import Notification
from app.services import channels, hooks, library, tasks, wall, webhooks
from app.services import rules as alert_rules
from app.services.hooks import calls
from app.services.insights import problems
from app.services.tasks import tagging
from app.services.tasks.definitions import Draft
from app.services.tasks.schedules import Given
from app.services.unit import batch
from tests import factories
from tests.web.test_incidents import storm

pytestmark = pytest.mark.alike

MARK = "zq9"
HOSTILE = (
    f"""{MARK}'"><img src=x onerror=alert(1)><script>alert(1)</script><a href="javascript:alert(1)">{{{{7*7}}}}</a>"""
)
SHORT = f"{MARK}'\"><script>"
CORPUS = [
    HOSTILE, f"{MARK}]]><svg/onload=alert(1)>", f"{MARK}\x1b[31m<b onmouseover=alert(1)>", f"{MARK}--><style>*{{}}</style>",
    f"{MARK}&lt;script&gt;", f"{MARK}\u202e<iframe src=//x.example>",
]  # fmt: skip


class Page(HTMLParser):
    """What a browser would make of a page: its elements with their attributes."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.wrong, self.said = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            is_address = name in {"href", "src", "action", "formaction", "hx-get", "hx-post", "poster", "data"}
            if name.startswith("on") or (is_address and (value or "").strip().lower().startswith("javascript:")):
                self.wrong.append((tag, name, value))
        given = dict(attrs)
        is_ours = given.get("src", "").startswith("/static/") or given.get("type", "").endswith("json")
        if tag in {"iframe", "object", "embed", "base"} or (tag == "script" and not is_ours):
            self.wrong.append((tag, attrs))
        if tag in {"img", "style"} and (given.get("src") == "x" or tag == "style"):
            self.wrong.append((tag, attrs))

    def handle_data(self, data):
        self.said += data


def test_each_of_them_would_be_seen():
    assert [bool(Page(text).wrong) for text in CORPUS] == [True, True, True, True, False, True]


@pytest.fixture
def hostile(app, ada, northgate):
    """A team in which whatever somebody outside can write is an attack."""
    actor = ada.actor(app, northgate)
    with app.app_context():
        vault = app.extensions["vault"]
        draft = Draft(HOSTILE[:100], "http", {"url": "https://x.example/"}, [Given("every hour", "UTC")])
        task = tasks.create(actor, draft, app.config["SETTINGS"].data_dir)
        tasks.pause(actor, task.slug, HOSTILE)
        tagging.replace(actor, task.slug, [MARK])
        for number, text in enumerate(CORPUS):
            _failed(actor.team_id, task.id, text, number)
        hook = hooks.create(actor, vault, task.slug, hooks.Wanted(SHORT))
        body = f'{{"title": "{MARK}<script>alert(1)</script>"}}'.encode()
        calls.receive(calls.Call(hook.path.rpartition("/")[2], {"x-github-event": SHORT}, body), vault)
        webhooks.create(actor, vault, webhooks.Wanted(SHORT, "https://orders.example/"))
        channels.create(actor, vault, channels.Wanted("email", SHORT, {"addresses": "oncall@x.example"}))
        alert_rules.create(actor, alert_rules.Wanted(SHORT, ["failed"], ["owner"]))
        problems.report(actor, 1, HOSTILE)
        wall.create(actor, vault, SHORT)
        about = {"name": SHORT, "category": "Watch", "sentence": HOSTILE[:100], "engine": "http", "sample": HOSTILE}
        library.save(actor, {**about, "settings": {"url": "https://x.example/"}}, "")
        with batch() as work:
            told = {"person_id": ada.id, "team_id": actor.team_id, "event": "failed", "task_id": task.id}
            told |= {"key": "alert:1", "sentence": HOSTILE, "created_at": work.now, "changed_at": work.now}
            work.connection.execute(sa.insert(Notification).values(told))
    storm(app, ada, northgate, 2, cause=HOSTILE[:150])
    return task.slug


def _failed(team_id, task_id, text, number):
    began, ended = factories.ago(minutes=3 + number), factories.ago(minutes=2 + number)
    values = {"planned_at": began, "started_at": began, "ended_at": ended, "reason": "http_status", "worker": SHORT}
    run_id = factories.run(team_id, task_id, "failed", sentence=text, facts={"outputs": text, "status": 500}, **values)
    with batch() as work:
        row = {"run_id": run_id, "first": 1, "count": 1, "size_bytes": 9, "token": 1, "at": began}
        work.connection.execute(sa.insert(LogChunk).values(row | {"lines": [[0.1, "error", text]]}))
        row = {"run_id": run_id, "number": 1, "token": 1, "state": "failed", "worker": SHORT, "isolation": {"level": 1}}
        attempt = work.connection.execute(sa.insert(Attempt).values(row | {"started_at": began, "ended_at": ended}))
        step = {"attempt_id": attempt.inserted_primary_key[0], "position": 1, "name": "run", "state": "failed"}
        step |= {"started_at": began, "ended_at": ended, "detail": text}
        work.connection.execute(sa.insert(Step).values(step))


def test_no_text_becomes_more_than_text_on_any_page(app, ada, northgate, hostile):
    known = {"team": northgate, "whose": northgate, "slug": hostile, "number": 1, "question": "failures"}
    known |= dict.fromkeys(("webhook_id", "hook_id", "incident_id", "rule_id", "other"), 1)
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and rule.arguments <= known.keys()]
    wrong, showing = {}, 0
    for rule in rules:
        if rule.endpoint in {"live.stream", "my_calendars.connect", "my_calendars.connected"}:
            continue
        path = rule.build({name: known[name] for name in rule.arguments})[1]
        answer = ada.get(path)
        if answer.mimetype != "text/html" or answer.status_code != 200:
            assert answer.status_code < 500, path
            continue
        page = Page(answer.text)
        showing += MARK in page.said
        if page.wrong:
            wrong[path] = page.wrong
    assert wrong == {}
    assert showing > 20
