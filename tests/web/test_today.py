"""Today as its readers see it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.models.rollups import OF_TEAM, Rollup
from app.models.tasks import Task
from app.services import teams
from app.services.unit import batch
from tests import factories
from tests.web.conftest import put_in


@pytest.fixture
def team_id(app, ada, northgate):
    return ada.actor(app, northgate).team_id


def shown(visit, slug):
    answer = visit.get(f"/t/{slug}/today")
    assert answer.status_code == 200
    return answer.text


def at(hours=0.0):
    return datetime.now(UTC) + timedelta(hours=hours)


def test_the_address_of_a_team_leads_to_its_day(ada, cid, northgate):
    assert ada.get(f"/t/{northgate}").location == f"/t/{northgate}/today"
    assert cid.get(f"/t/{northgate}").status_code == 404


def test_an_empty_day_offers_ways_to_start_that_exist(ada, northgate):
    page = shown(ada, northgate)
    assert "/tasks/new?start=website" in page
    assert "/tasks/new?start=script" in page
    assert page.count('class="pick-card"') == 3


def test_a_viewer_of_an_empty_team_is_not_asked_to_make_tasks(app, cid, northgate):
    put_in(app, cid, northgate, "viewer")
    page = shown(cid, northgate)
    assert "has no task yet" in page
    assert "start=website" not in page


def test_the_day_in_words(app, ada, northgate, team_id):
    with app.app_context():
        probe = factories.task(team_id, "shop-probe")
        factories.run(
            team_id, probe, "failed", number=41, sentence="The shop said 503.", started_at=at(), ended_at=at()
        )
        factories.run(team_id, factories.task(team_id, "digest"), "running", started_at=at())
        factories.schedule(team_id, probe, "2h")
    page = shown(ada, northgate)
    assert "One run is going." in page
    assert "The shop said 503." in page
    assert f"/t/{northgate}/runs/41" in page
    assert "1 failed, 1 running" in page or "1 running, 1 failed" in page
    assert "in 2 h" in page


def test_a_quiet_day_says_so(app, ada, northgate, team_id):
    with app.app_context():
        factories.task(team_id, "probe")
    page = shown(ada, northgate)
    assert "Nothing is running." in page
    assert "Nothing is planned in the next 24 hours." in page


def test_a_clock_that_is_away_needs_somebody(app, ada, northgate, team_id):
    with app.app_context():
        factories.task(team_id, "probe")
    assert "The clock is away: schedules wait." in shown(ada, northgate)


def test_names_are_text(app, ada, northgate, team_id):
    with app.app_context():
        name = "<script>alert(1)</script>"
        task = factories.task(team_id, name)
        factories.schedule(team_id, task, "2h")
        factories.run(team_id, task, "failed", sentence="<b>bad</b>", ended_at=at())
        factories.run(team_id, task, "running", started_at=at())
    page = shown(ada, northgate)
    assert "<script>alert" not in page
    assert "<b>bad" not in page


def test_the_parts_that_change_are_those_of_the_page(app, ada, northgate, team_id):
    with app.app_context():
        factories.run(team_id, factories.task(team_id, "probe"), "failed", ended_at=at())
    page = shown(ada, northgate)
    for part in ("ruler", "needs", "now", "next"):
        assert page.count(f'id="today-{part}"') == 1
    assert f'hx-sse:connect="/t/{northgate}/live/today"' in page


def test_someone_alone_in_a_team_is_asked_to_invite(app, ada, ben, northgate, team_id):
    with app.app_context():
        factories.task(team_id, "probe")
    assert "Invite someone" not in shown(ada, northgate)
    with app.app_context():
        alone = teams.create(app.extensions["vault"], ada.id, "Alone")
        factories.task(ada.actor(app, alone).team_id, "probe")
    assert "Invite someone" in shown(ada, alone)


def test_a_task_that_carillon_paused_says_why_and_offers_to_resume(app, ada, northgate, team_id):
    with app.app_context():
        task = factories.task(team_id, "report", label="Report")
        factories.run(team_id, task, "failed", ended_at=at())
        with batch() as work:
            values = {"paused_at": work.now, "paused_for": "failures", "pause_note": "It failed 10 times in a row."}
            work.connection.execute(sa.update(Task).where(Task.id == task).values(values))
    assert shown(ada, northgate).count("Carillon paused it. It failed 10 times in a row.") == 1
    assert "It failed 10 times in a row." in ada.get(f"/t/{northgate}/tasks/report").text
    assert "paused: it failed again and again" in ada.get(f"/t/{northgate}/tasks?status=attention").text
    assert ada.post(f"/t/{northgate}/tasks/report/resume").status_code == 303
    assert "Carillon paused it" not in shown(ada, northgate)


def test_what_did_not_happen_today_has_a_line_that_leads_to_it(app, ada, northgate, team_id):
    assert "did not happen; each says why" not in shown(ada, northgate)
    with app.app_context():
        task = factories.task(team_id, "report")
        for state in ("missed", "skipped", "blocked", "succeeded"):
            factories.run(team_id, task, state, ended_at=at())
    line = f'<a href="/t/{northgate}/runs?status=not">3 planned runs</a> of today did not happen; each says why.'
    assert line in shown(ada, northgate)


def test_who_looks_at_mine_sees_only_what_is_about_tasks_of_their_own(app, ada, ben, northgate, team_id):
    with app.app_context():
        for name, owner_id in (("hers", ada.id), ("his", ben.id)):
            task = factories.task(team_id, name, label=f"Task of {name}")
            with batch() as work:
                work.connection.execute(sa.update(Task).where(Task.id == task).values(owner_id=owner_id))
            factories.run(team_id, task, "failed", planned_at=at(-1), ended_at=at(-1))
            factories.run(team_id, task, "running", started_at=at())
            factories.schedule(team_id, task, "3h")
    for who, other in ((ada, "his"), (ben, "hers")):
        everything, own = shown(who, northgate), who.get(f"/t/{northgate}/today?whose=mine").text
        assert 'aria-label="Whose tasks"' in everything
        assert f"Task of {other}" in everything.partition("<main")[2]
        assert f"Task of {other}" not in own.partition("<main")[2]
        assert own.partition("<main")[2].count("Task of ") >= 4, "it failed, it runs, it comes, and the ruler has it"
        assert f"/live/today/{who.id}" in own
        answer = who.get(f"/t/{northgate}/live/today/{who.id}")
        assert answer.status_code == 200
        answer.close()


def test_yesterday_says_what_it_cost_and_what_became_of_what_failed(app, ada, northgate, team_id):
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    with app.app_context():
        for name, then in (("digest", "succeeded"), ("export", "failed")):
            task = factories.task(team_id, name, label=name.title())
            for hours, state in ((0, "failed"), (1, "failed"), (2, then)):
                factories.run(team_id, task, state, planned_at=noon + timedelta(hours=hours))
        with batch() as work:
            spent = {
                "team_id": team_id, "grain": OF_TEAM, "at": noon, "task_id": 0, "state": "succeeded", "reason": "ok",
                "model": "", "runs": 1, "seconds": 9.0, "cost_micros": 1_120_000, "priced": 1, "tokens": 0, "took": {},
                "late": {},
            }  # fmt: skip
            work.connection.execute(sa.insert(Rollup).values(spent))
    page = shown(ada, northgate)
    said = re.sub(r"<[^>]+>", "", page.partition("Yesterday</h2>")[2].partition("</section>")[0])
    assert "6 runs: 1 succeeded, 5 failed, $1.12." in said
    assert "Export failed 3 times, and has not worked since." in said
    assert "Digest failed twice and works again." in said
