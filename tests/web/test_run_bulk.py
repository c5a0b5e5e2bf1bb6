"""Several runs at once: what worked, what could not, and why; never twice, and never in another team."""

# ruff: noqa: F401, F811 fixtures of another module

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.models.runs import Run
from app.models.tasks import Task
from app.services.unit import batch
from tests import factories
from tests.web.conftest import token_in
from tests.web.test_runs import make, page, stored, team, viewer


def heading(answer):
    return re.search(r"<h1[^>]*>(.*?)</h1>", answer.text)[1]


def runs_of(app, *where):
    with app.app_context():
        return factories.rows(Run, *where)


def test_selected_runs_are_cancelled_and_the_others_say_why_not(app, ada, make, page):
    one, two, over = make("queued"), make("waiting", reason="retry"), make("succeeded")
    answer = ada.post(f"{page}/selection/cancellation", {"run": [one, two, over]})
    assert heading(answer) == "2 runs were cancelled"
    assert f"Run #{over} has already ended: it is succeeded." in answer.text
    assert [stored(app, number).state for number in (one, two, over)] == ["cancelled", "cancelled", "succeeded"]


def test_a_second_press_cancels_nothing_twice(app, ada, make, page):
    number = make("running")
    for _ in range(2):
        assert heading(ada.post(f"{page}/selection/cancellation", {"run": number})) == "1 run was cancelled"
    assert stored(app, number).stop_mode == "now"
    queued = make("queued")
    ada.post(f"{page}/selection/cancellation", {"run": queued})
    answer = ada.post(f"{page}/selection/cancellation", {"run": queued})
    assert heading(answer) == "No run was cancelled"


def test_the_same_form_starts_nothing_twice(app, ada, make, page):
    one, two = make("failed"), make("succeeded")
    once = re.search(r'name="once" value="([^"]+)"', ada.get(page).text)[1]
    for _ in range(2):
        answer = ada.post(f"{page}/selection/again", {"run": [one, two, one], "once": once})
        assert heading(answer) == "2 runs were started again"
    assert len(runs_of(app, Run.state == "queued")) == 2
    fresh = re.search(r'name="once" value="([^"]+)"', ada.get(page).text)[1]
    ada.post(f"{page}/selection/again", {"run": one, "once": fresh})
    assert len(runs_of(app, Run.state == "queued")) == 3


def test_two_presses_at_the_same_moment_start_one_run(app, ada, make, page):
    number, token = make("failed"), ada.token()

    def press(_):
        client = app.test_client()
        client.set_cookie("carillon", ada.client.get_cookie("carillon").value)
        return client.post(
            f"{page}/selection/again", data={"csrf_token": token, "run": number, "once": "x"}
        ).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(press, range(4))) == [200] * 4
    assert len(runs_of(app, Run.state == "queued")) == 1


def test_decisions_are_taken_together(app, ada, make, page):
    one, two = (make("waiting", reason="approval") for _ in range(2))
    over = make("succeeded")
    text = ada.get(page).text
    assert "Let it run" in text
    answer = ada.post(f"{page}/selection/decision", {"run": [one, two, over], "answer": "end"})
    assert heading(answer) == "2 runs were decided"
    assert f"Run #{over} does not wait for a decision." in answer.text
    assert [stored(app, number).state for number in (one, two)] == ["failed", "failed"]
    again = ada.post(f"{page}/selection/decision", {"run": [one], "answer": "nonsense"})
    assert "Choose whether it runs again or ends." in again.text


def test_a_deleted_task_does_not_run_again(app, ada, make, page):
    number = make("succeeded")
    with app.app_context(), batch() as work:
        work.connection.execute(Task.__table__.update().values(deleted_at=work.now))
    assert "probe was deleted" in ada.post(f"{page}/selection/again", {"run": number}).text


def test_another_teams_runs_are_not_there(app, ada, cid, page):
    with app.app_context():
        foreign = factories.team("elsewhere")
        task = factories.task(foreign, "theirs")
        for _ in range(3):
            factories.run(foreign, task, "queued")
    answer = ada.post(f"{page}/selection/cancellation", {"run": [2, 3, "x", "-1", 2**70]})
    assert heading(answer) == "No run was cancelled"
    assert answer.text.count("It is not there.") == 2
    assert {run.state for run in runs_of(app, Run.team_id == foreign)} == {"queued"}
    assert cid.post(f"{page}/selection/cancellation", {"run": 1}).status_code == 404


def test_who_may_only_see_does_nothing(viewer, make, page):
    number = make("queued")
    for what in ("cancellation", "again", "decision"):
        assert viewer.post(f"{page}/selection/{what}", {"run": number}).status_code == 403


def test_without_a_selection_it_says_how(ada, page):
    answer = ada.post(f"{page}/selection/cancellation")
    assert heading(answer) == "No run was selected"
    assert "Tick runs in the list" in answer.text


# --- all that match


@pytest.fixture
def sixty(make):
    """Sixty queued runs and five that failed."""
    return [make("queued") for _ in range(60)] + [make("failed") for _ in range(5)]


def test_all_that_match_are_counted_before_and_done_after(app, ada, sixty, page):
    text = ada.get(f"{page}?status=going").text
    assert "All 60 that match" in text
    form = dict(re.findall(r'type="hidden" name="((?:filter-|upto)[^"]*)" value="([^"]*)"', text))
    assert form == {"filter-status": "going", "upto": str(sixty[59])}
    answer = ada.post(f"{page}/selection/cancellation", form | {"all": "1", "run": sixty[-1]})
    assert heading(answer) == "60 runs were cancelled"
    assert f'href="{page}?status=going"' in answer.text
    assert len(runs_of(app, Run.state == "cancelled")) == 60


def test_what_came_after_the_count_is_not_meant(app, ada, sixty, make, page):
    form = {"filter-status": "going", "upto": sixty[59], "all": "1"}
    later = make("queued")
    ada.post(f"{page}/selection/cancellation", form)
    assert stored(app, later).state == "queued"


def test_at_most_a_hundred_are_dealt_with_together(app, ada, team, sixty, page):
    with app.app_context():
        task = factories.rows(Task)[0].id
        for _ in range(50):
            factories.run(team, task, "queued")
    assert "The newest 100 of all that match" in ada.get(f"{page}?status=going").text
    answer = ada.post(f"{page}/selection/cancellation", {"filter-status": "going", "all": "1"})
    assert heading(answer) == "100 runs were cancelled"


def test_a_page_that_shows_all_offers_no_more(ada, make, page):
    make("queued")
    assert "that match" not in ada.get(page).text


# --- two of them


def test_two_selected_runs_stand_side_by_side(ada, make, page):
    one, two = make("succeeded"), make("failed")
    first = ada.post(f"{page}/selection/comparison", {"run": [two, one]})
    assert first.status_code == 303
    assert ada.get(first.location).location == f"{page}/{two}/compare/{one}"
    three = ada.get(ada.post(f"{page}/selection/comparison", {"run": [two, one, 3]}).location)
    assert "3 runs were selected; two can stand side by side." in three.text
    assert token_in(three.text)
