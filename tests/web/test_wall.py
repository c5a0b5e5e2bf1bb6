"""Walls: what a screen with the address shows, what it never shows, and that the address can be taken back."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from app.models.instance import Worker
from app.models.rollups import OF_TEAM, Rollup
from app.models.teams import Membership
from app.models.walls import PublicLink
from app.services import budgets
from app.services.unit import batch
from app.web import hub, live
from app.web import wall as doors
from tests import factories
from tests.web.conftest import arrive, put_in
from tests.web.live_site import Listener, serve

URL = "/t/northgate/settings/walls"
NOON = datetime(2026, 11, 25, 10, 42, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh_minute(monkeypatch):
    monkeypatch.setattr(doors, "_minute", doors.Minute())


@pytest.fixture
def team_id(app, ada, northgate):
    return ada.actor(app, northgate).team_id


def address(visit, slug="northgate", **form):
    """Make a wall, and return the address that the page shows."""
    page = visit.post(f"/t/{slug}/settings/walls", {"name": "Kitchen", **form}, follow_redirects=True).text
    assert "Ready" in page, page
    return "/wall?token=" + page.rpartition("/wall?token=")[2].partition('"')[0]


def look(app, path):
    return app.test_client().get(path)


def text_of(answer):
    """The page without its head, white space folded."""
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.partition("<body>")[2].split())


@pytest.fixture
def busy(app, team_id):
    """Northgate at 10:42: two run, one waits, one went wrong, two come; three fine today; money spent."""
    with time_machine.travel(NOON, tick=False), app.app_context():
        ids = [factories.task(team_id, f"t{n}", label=f"Canary {n}") for n in range(4)]
        for minutes in (60, 50, 40):
            at = NOON - timedelta(minutes=minutes)
            times = {"planned_at": at, "started_at": at, "ended_at": at + timedelta(minutes=4)}
            factories.run(team_id, ids[0], "succeeded", sentence="secret result", **times)
        for number in (0, 1):
            at = NOON - timedelta(minutes=1)
            said = {"sentence": "secret prompt", "typed": {"to": "secret input"}}
            factories.run(team_id, ids[number], "running", planned_at=at, started_at=at, **said)
        factories.run(team_id, ids[2], "waiting", reason="approval", planned_at=NOON - timedelta(minutes=5))
        at = NOON - timedelta(minutes=20)
        factories.run(team_id, ids[3], "failed", sentence="secret error", planned_at=at, ended_at=at)
        factories.schedule(team_id, ids[0], "0 11 * * *", "cron")
        factories.schedule(team_id, ids[1], "30 14 * * *", "cron")
        with batch() as work:
            row = {"name": "north-1", "host": "n", "pid": 7, "io_slots": 4, "code_slots": 2, "isolation": {}}
            times = {"started_at": work.now, "seen_at": work.now}
            work.connection.execute(sa.insert(Worker).values(row | times))
            gone = {"name": "north-2", "seen_at": work.now - timedelta(minutes=9), "started_at": work.now}
            work.connection.execute(sa.insert(Worker).values(row | gone))
            spent = {
                "team_id": team_id, "grain": OF_TEAM, "at": NOON.replace(hour=8, minute=0), "task_id": 0,
                "state": "succeeded", "reason": "ok", "model": "", "runs": 3, "seconds": 9.0, "cost_micros": 940_000,
                "priced": 3, "tokens": 0, "took": {}, "late": {},
            }  # fmt: skip
            work.connection.execute(sa.insert(Rollup).values(spent))
    with time_machine.travel(NOON, tick=False):
        yield ids


def test_it_says_what_runs_what_comes_what_needs_somebody_and_how_today_went(app, ada, busy):
    shown = text_of(look(app, address(ada)))
    for words in (
        '<h1 id="wall-name">Northgate</h1>', ">10:42</text>", "Wednesday 25 November", "<b>3</b> of 4 fine today",
        "Now <span>2 running, 1 waiting</span>", "<b>Canary 0</b><span>since 10:41</span><small>3 min left</small>",
        'max="240.0" value="60.0"', ">11:00</time><b>Canary 0</b><span>in 18 min</span>", ">14:30</time><b>Canary 1</b>",
        "2 to come today", "<b>Canary 2 waits for a yes</b>", "<b>Canary 3 failed</b><span>20 min ago</span>",
        "1 of 2 workers up", "$0.94 today",
    ):  # fmt: skip
        assert words in shown, words
    assert shown.count('class="tf"') == 6, "five stretches of two hours are over, the sixth has begun"


def test_it_never_shows_what_a_run_works_with_or_says(app, ada, busy):
    path = address(ada)
    assert "secret" not in look(app, path).text
    with app.app_context():
        (link,) = factories.rows(PublicLink)
        assert path.partition("=")[2] not in str(link)


def test_names_and_money_can_be_hidden(app, ada, busy):
    shown = text_of(look(app, address(ada, masks_names="1")))
    assert "Canary" not in shown
    assert "$" not in shown
    assert "<b>Task 1</b><span>since 10:41</span>" in shown
    assert "<b>Task 3 waits for a yes</b>" in shown
    assert ">14:30</time><b>Task 2</b>" in shown


def test_the_month_is_told_where_there_is_a_budget(app, ada, busy):
    with app.app_context():
        budgets.set_team(ada.actor(app, "northgate"), {"month": "40"}, "UTC")
    assert "$0.94 today, $0.00 of $40.00 this month" in text_of(look(app, address(ada)))


def test_an_empty_team_has_a_calm_wall(app, ada, northgate):
    shown = text_of(look(app, address(ada)))
    for words in ("Nothing is running.", "Nothing is planned in the next 24 hours.", "No run has ended today"):
        assert words in shown
    assert "Carillon itself" in shown, "there is no worker"


@pytest.mark.parametrize(("hour", "is_night"), [(5, True), (6, False), (21, False), (22, True)])
def test_it_is_dim_at_night_in_its_own_zone(app, ada, northgate, hour, is_night):
    path = address(ada)
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(PublicLink).values(timezone="Asia/Tokyo"))
    with time_machine.travel(datetime(2026, 11, 25, (hour - 9) % 24, 30, tzinfo=UTC), tick=False):
        shown = text_of(look(app, path))
    assert ("is-night" in shown) is is_night
    assert f">{hour:02}:30</text>" in shown


# --- several teams


def test_it_turns_between_teams_that_its_maker_manages_as_long_as_that_is_so(app, ada, ben, northgate, team_id):
    with app.app_context():
        factories.team("eastgate"), factories.team("westgate")
    put_in(app, ada, "eastgate", "admin")
    put_in(app, ada, "westgate", "editor")
    refused = ada.post(URL, {"name": "Hall", "teams": ["westgate"]})
    assert (refused.status_code, "Choose among the teams that you manage" in refused.text) == (422, True)
    path = address(ada, teams="eastgate")
    first, second = look(app, path).text, look(app, f"{path}&turn=1").text
    assert ('id="wall-name">Northgate<' in first, 'id="wall-name">Eastgate<' in second) == (True, True)
    assert 'data-faces="northgate eastgate"' in first
    token = path.partition("=")[2]
    assert f'content="30;url=/wall?token={token}&amp;turn=1"' in first, "without scripts the page itself turns"
    assert f'content="30;url=/wall?token={token}&amp;team=eastgate"' in look(app, f"{path}&team=eastgate").text
    with app.app_context(), batch() as work:
        is_hers = (Membership.person_id == ada.id, Membership.team_id != team_id, Membership.role == "admin")
        work.connection.execute(sa.update(Membership).where(*is_hers).values(role="viewer"))
    assert "Eastgate" not in look(app, path).text
    assert look(app, f"{path.replace('/wall', '/wall/live')}&team=eastgate").status_code == 404


def test_who_manages_a_team_on_anothers_wall_sees_that_and_takes_it_from_there(app, ada, cid, northgate):
    with app.app_context():
        factories.team("eastgate")
    put_in(app, ada, "eastgate", "admin")
    put_in(app, cid, "eastgate", "owner")
    path = address(ada, teams="eastgate")
    page = cid.get("/t/eastgate/settings/walls").text
    assert "It belongs to another team" in page
    assert path.partition("=")[2] not in page
    assert "Northgate" not in page
    number = page.partition('id="wall-')[2].partition('"')[0]
    cid.post(f"/t/eastgate/settings/walls/{number}/removal")
    shown = look(app, path)
    assert (shown.status_code, "Eastgate" in shown.text) == (200, False)


# --- the address


def test_an_address_is_for_who_manages_the_team_and_shows_nothing_once_it_is_removed(app, ada, ben, northgate):
    path = address(ada)
    assert "/wall?token" not in ben.get(URL).text
    assert ben.post(URL, {"name": "Hall"}).status_code == 403
    with app.app_context():
        (link,) = factories.rows(PublicLink)
    assert "Last seen" not in ada.get(URL).text
    look(app, path)
    assert "Last seen" in ada.get(URL).text
    other = arrive(app, "Dan Low", "dan@elsewhere.example")
    assert other.post(f"/t/{other.slug}/settings/walls/{link.id}/removal").status_code == 404
    ada.post(f"{URL}/{link.id}/removal")
    gone, unknown = look(app, path), look(app, "/wall?token=x")
    assert (gone.status_code, gone.text) == (404, "There is nothing here.\n")
    assert (unknown.text, dict(unknown.headers)) == (gone.text, dict(gone.headers))
    assert look(app, path.replace("/wall", "/wall/live")).status_code == 404
    assert look(app, "/wall").status_code == 404


def test_it_is_neither_found_nor_told_on_nor_kept(app, ada, northgate):
    path = address(ada)
    for answer in (look(app, path), look(app, "/wall?token=x")):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
    assert ada.post(URL, {"name": " "}).status_code == 422


def test_who_guesses_has_to_wait_and_who_knows_an_address_has_not(app, ada, northgate, monkeypatch):
    monkeypatch.setattr(doors, "UNKNOWN_OF_PLACE", 2)
    path = address(ada)
    assert [look(app, f"/wall?token={number}").status_code for number in range(3)] == [404, 404, 429]
    assert look(app, path).status_code == 200


# --- live


def test_a_screen_is_told_what_changes_and_that_the_wall_is_gone(app, ada, team_id, busy, monkeypatch):
    monkeypatch.setattr(hub, "PULSE_SECONDS", 0.1)
    path = address(ada)
    with app.app_context():
        (link,) = factories.rows(PublicLink)
    for site in serve(app):
        with Listener(site, f"{path.replace('/wall', '/wall/live')}&team=northgate", None) as screen:
            assert screen.status == 200
            screen.until(lambda event: "Canary 1" in event.data)
            with app.app_context(), batch() as work:
                work.connection.execute(sa.text("UPDATE tasks SET name = 'New words' WHERE slug = 't1'"))
            screen.until(lambda event: "New words" in event.data)
            ada.post(f"{URL}/{link.id}/removal")
            screen.until(lambda event: event.name == "finished")
    assert live.views["wall"].pulses
