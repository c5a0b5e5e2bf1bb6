"""Badges: what a page elsewhere may show of a task, and that the address can be taken back."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from app.models.tasks import Task
from app.models.walls import PublicLink
from app.services.unit import batch
from app.web import badges as doors
from tests import factories

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh_minute(monkeypatch):
    monkeypatch.setattr(doors, "_minute", doors.Minute())


@pytest.fixture
def task_id(app, ada, northgate):
    """A task at noon: three of four runs of 30 days worked, the last of them did not, an older one counts no more."""
    team_id = ada.actor(app, northgate).team_id
    with time_machine.travel(NOON, tick=False):
        with app.app_context():
            task_id = factories.task(team_id, "digest", label="Digest & <news>")
            states = (1, "failed"), (2, "succeeded"), (3, "degraded"), (4, "succeeded"), (31 * 24, "failed")
            for hours, state in states:
                at = NOON - timedelta(hours=hours)
                factories.run(team_id, task_id, state, planned_at=at, ended_at=at, sentence="secret answer")
            factories.schedule(team_id, task_id, "0 15 * * *", "cron")
        yield task_id


def address(visit, **form):
    """Make the badge of the task, and return its address without the ending."""
    page = visit.post("/t/northgate/tasks/digest/badge", form, follow_redirects=True).text
    return "/badge/" + page.partition("/badge/")[2].partition(".svg")[0]


def fetch(app, path, **headers):
    return app.test_client().get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def change(app, task_id, **values):
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Task).where(Task.id == task_id).values(values))


def test_it_says_how_the_task_does_and_no_more(app, ada, task_id):
    path = address(ada)
    picture, said = fetch(app, f"{path}.svg"), fetch(app, f"{path}.json")
    assert picture.mimetype == "image/svg+xml"
    assert "<title>Digest &amp; &lt;news&gt;: failed</title>" in picture.text
    assert said.json == {
        "name": "Digest & <news>", "state": "failed", "last_run": {"state": "failed", "at": "2026-11-25T11:00:00Z"},
        "next_at": "2026-11-25T15:00:00Z", "runs_30d": 4, "success_30d": 0.75,
    }  # fmt: skip
    change(app, task_id, paused_at=NOON)
    assert (fetch(app, f"{path}.json").json["state"], fetch(app, f"{path}.json").json["next_at"]) == ("paused", None)
    change(app, task_id, deleted_at=NOON)
    assert fetch(app, f"{path}.svg").status_code == 404


def test_pages_elsewhere_may_show_it_and_keep_it_for_a_minute(app, ada, task_id):
    path = address(ada)
    for ending in ("svg", "json"):
        first = fetch(app, f"{path}.{ending}", Origin="https://elsewhere.example")
        assert first.headers["Access-Control-Allow-Origin"] == "*"
        assert first.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert first.headers["Cache-Control"] == "public, max-age=60"
        assert "noindex" in first.headers["X-Robots-Tag"]
        assert "Set-Cookie" not in first.headers
        assert "unsafe" not in first.headers["Content-Security-Policy"]
        assert fetch(app, f"{path}.{ending}", If_None_Match=first.headers["ETag"]).status_code == 304


def test_the_name_can_be_left_out_while_the_address_stays(app, ada, task_id):
    path = address(ada)
    assert address(ada, masks_names="1") == path
    assert "<title>Carillon: failed</title>" in fetch(app, f"{path}.svg").text
    assert fetch(app, f"{path}.json").json["name"] is None


def test_what_to_paste_is_ready_and_holds_whatever_the_name(app, ada, task_id):
    change(app, task_id, name='A "[b](http://x)" <i>')
    path = address(ada)
    page = ada.get("/t/northgate/tasks/digest/badge").text
    url = f"http://localhost:8700{path}"
    assert f"![A &#34;\\[b\\](http://x)&#34; &lt;i&gt;]({url}.svg)" in page
    assert f"&lt;img src=&#34;{url}.svg&#34; alt=&#34;A &amp;quot;[b](http://x)&amp;quot; &amp;lt;i&gt;&#34;" in page
    assert f"{url}.json" in page
    assert "Not fetched yet" in page
    fetch(app, f"{path}.svg")
    assert "Last fetched" in ada.get("/t/northgate/tasks/digest/badge").text


def test_an_address_is_for_who_manages_the_team_and_shows_nothing_once_it_is_revoked(app, ada, ben, cid, task_id):
    path = address(ada)
    url = "/t/northgate/tasks/digest/badge"
    assert path not in ben.get(url).text
    assert ben.post(url).status_code == 403
    assert cid.get(url).status_code == 404
    with app.app_context():
        (row,) = factories.rows(PublicLink)
        assert path.removeprefix("/badge/") not in str(row)
    ada.post(f"{url}/removal")
    gone, unknown = fetch(app, f"{path}.svg"), fetch(app, "/badge/x.svg")
    assert (gone.status_code, gone.text, dict(gone.headers)) == (404, unknown.text, dict(unknown.headers))
    assert address(ada) != path


def test_whoever_fetches_too_often_or_guesses_has_to_wait(app, ada, task_id, monkeypatch):
    monkeypatch.setattr(doors, "OF_ADDRESS", 2)
    monkeypatch.setattr(doors, "UNKNOWN_OF_PLACE", 2)
    path = address(ada)
    assert [fetch(app, f"{path}.svg").status_code for _ in range(3)] == [200, 200, 429]
    assert [fetch(app, f"/badge/{number}.svg").status_code for number in range(3)] == [404, 404, 429]
