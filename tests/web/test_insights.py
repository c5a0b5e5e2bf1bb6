"""Insights: every question has its answer, for the time that is asked for, and none takes the others with it."""

import json
import re

import pytest
import sqlalchemy as sa

from app.domain.analytics.answers import QUESTIONS
from app.models.budgets import PlanRequest
from app.models.instance import Audit
from app.models.rollups import ProblemReport, Rollup, Satisfaction
from app.models.tasks import Task
from app.services import insights
from app.services.planning import loads, week
from app.services.unit import batch
from tests import factories
from tests.factories import ago
from tests.past import ended, keep
from tests.web.test_tasks import viewer  # noqa: F401 a fixture

pytestmark = pytest.mark.alike


@pytest.fixture
def team_id(app, ada, northgate):
    return ada.actor(app, northgate).team_id


@pytest.fixture
def past(app, team_id):
    """Two tasks with twenty runs each in the last days, one of which fails a lot; all are counted."""
    with app.app_context():
        rows = []
        for name, bad in (("shop", 12), ("prices", 1)):
            task = made(team_id, name)
            for number in range(20):
                state, reason = ("failed", "dns") if number < bad else ("succeeded", "ok")
                began = ago(days=1 + number % 3, minutes=number)
                rows.append(ended(team_id, task, state, began, reason=reason, cost_micros=1000))
        keep(team_id, rows)


def made(team_id, name):
    return factories.rows(Task, Task.id == factories.task(team_id, name, label=name.title()))[0]


def test_an_empty_team_is_told_so_by_every_question(ada, northgate):
    text = ada.get(f"/t/{northgate}/insights").text
    assert "Nothing is planned for the coming seven days." in text
    assert text.count("Come back after 20") == 4
    assert "data-chart" not in text
    for question in QUESTIONS:
        assert ada.get(f"/t/{northgate}/insights/{question}").status_code == 200


def test_every_question_has_its_answer_and_table_in_the_page_before_any_chart(past, ada, northgate):
    text = ada.get(f"/t/{northgate}/insights").text
    assert "13 of 40 runs failed, all of them because a name was not found." in text
    assert re.search(r"Of \$0.04 in the time chosen, 50 % went to (Shop|Prices)", text)
    assert text.count("The same as a table") >= 3
    assert f'hx-get="/t/{northgate}/insights/failures"' in text
    assert "plotly-basic.min" in text


def test_a_chart_is_a_part_with_its_figure_as_data(past, ada, northgate):
    text = ada.get(f"/t/{northgate}/insights/failures", headers={"HX-Request-Type": "partial"}).text
    figure = json.loads(re.search(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)[1])
    assert [trace["name"] for trace in figure["data"]] == ["A name was not found"]
    assert sum(figure["data"][0]["y"]) == 13
    assert "<html" not in text


def test_what_somebody_called_a_task_stays_text_in_a_figure(app, past, ada, northgate, team_id):
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Task).values(name="</script><b>x", minutes_saved=5.0))
    text = ada.get(f"/t/{northgate}/insights/value", headers={"HX-Request-Type": "partial"}).text
    assert "<b>x" not in text
    assert r"\u003c/script\u003e" in text


def test_one_that_cannot_be_worked_out_takes_no_other_with_it(past, ada, northgate, monkeypatch):
    def fails(asked):
        asked.connection.execute(sa.text("SELECT 1"))
        raise RuntimeError

    monkeypatch.setitem(insights._ANSWERS, "slower", fails)
    monkeypatch.setattr(week, "week", lambda *_: fails(None))
    text = ada.get(f"/t/{northgate}/insights").text
    assert text.count("This one could not be worked out.") == 2
    assert "13 of 40 runs failed" in text
    assert "What did it give back?" in text


def test_the_time_and_the_comparison_stand_in_the_address(app, past, ada, northgate, team_id):
    at = f"/t/{northgate}/insights"
    assert (
        "No runs so far in this time. Come back after 20."
        in ada.get(f"{at}/failures?from=2026-01-01&to=2026-01-31").text
    )
    wrong = ada.get(f"{at}?days=5")
    assert wrong.status_code == 200
    assert "Choose 1, 7, 30 or 90 days, or two dates. Shown are the last 30 days." in wrong.text
    assert "are not known in full" in ada.get(f"{at}?days=7&compare=1").text
    with app.app_context():
        keep(team_id, [ended(team_id, made(team_id, "old"), "failed", ago(days=13), reason="dns")])
    text = ada.get(f"{at}/failures?days=7&compare=1").text
    assert "as much as in the 7 days before" in text
    assert "compare=1" in text


def test_a_stranger_finds_nothing(cid, northgate):
    assert cid.get(f"/t/{northgate}/insights").status_code == 404
    assert cid.get(f"/t/{northgate}/insights/failures").status_code == 404


# --- the week that comes


def test_the_fullest_hour_is_named_with_a_way_out(app, ada, viewer, northgate, team_id):  # noqa: F811 the fixture
    with app.app_context():
        for number in range(3):
            factories.schedule(team_id, factories.task(team_id, f"t{number}", "agent"), "0 9 * * *", "cron")
        loads.refresh()
    text = ada.get(f"/t/{northgate}/insights").text
    assert "at 09:00: 3 runs start at once, and there is 1 slot for them." in text
    assert "The last one waits about 2 min." in text
    assert f'href="/t/{northgate}/spread"' in text
    assert "/spread" not in viewer.get(f"/t/{northgate}/insights").text


def test_runs_at_once_that_all_find_a_slot_are_no_crowd(app, ada, northgate, team_id):
    with app.app_context():
        factories.schedule(team_id, factories.task(team_id, "one"), "0 9 * * *", "cron")
        loads.refresh()
        said = insights.answer("busy", ada.actor(app, northgate), insights.period("", "", "", "UTC"))
    text = ada.get(f"/t/{northgate}/insights").text
    assert "at 09:00: 1 run, and none waits for a slot." in text
    assert said.lead in text
    assert "/spread" not in text


def test_what_runs_each_minute_is_there_on_the_last_day_too(app, ada, northgate):
    with app.app_context():
        actor = ada.actor(app, northgate)
        factories.schedule(actor.team_id, factories.task(actor.team_id, "often"), "1m")
        last = week.week(actor, "UTC").days[-1]
        assert (last.runs, min(last.hours)) == (24 * 60, 1)


# --- what runs save


def test_what_a_run_saves_is_said_once_and_told_beside_the_number(past, ada, northgate):
    at = f"/t/{northgate}/insights"
    form = {"hourly": "60", "minutes-shop": "30", "minutes-prices": ""}
    assert ada.post(f"{at}/savings", form).status_code == 303
    text = ada.get(f"{at}/value").text
    assert "About 4 hours of somebody&#39;s time, worth $240 at $60 an hour" in text
    assert "each of 8 runs that did their work" in text
    assert 'value="30"' in ada.get(f"{at}/savings").text


def test_a_wrong_number_comes_back_with_what_was_typed(past, ada, northgate):
    answer = ada.post(f"/t/{northgate}/insights/savings", {"hourly": "60", "minutes-shop": "a lot"})
    assert answer.status_code == 422
    assert "Write minutes from 0 to 10,000, or nothing." in answer.text
    assert 'value="a lot"' in answer.text


def test_who_may_only_see_sets_nothing_and_an_editor_sets_no_rate(app, past, viewer, ben, northgate, team_id):  # noqa: F811
    form = {"hourly": "60", "minutes-shop": "30"}
    assert viewer.post(f"/t/{northgate}/insights/savings", form).status_code == 403
    assert ben.post(f"/t/{northgate}/insights/savings", form).status_code == 303
    with app.app_context():
        assert [row.minutes_saved for row in factories.rows(Task, Task.slug == "shop")] == [30.0]
        assert [row.action for row in factories.rows(Audit, Audit.action.like("%_set"))] == ["savings_set"]


# --- problems, satisfaction, metrics


def test_a_problem_of_a_run_reaches_those_who_look_after_the_installation(app, past, ada, ben, northgate):
    run = f"/t/{northgate}/runs/1"
    assert "Report a problem with this run" in ben.get(run).text
    assert ben.post(f"{run}/problem", {"note": " "}).status_code == 422
    assert ben.post(f"{run}/problem", {"note": "<b>It is empty"}).status_code == 303
    assert ben.get("/system/metrics").status_code == 403
    assert ben.post("/system/problems/1/settlement").status_code == 403
    with app.app_context(), batch() as work:
        work.connection.execute(
            sa.insert(PlanRequest).values(team_id=1, note="More", at=work.now, state="open", answer="")
        )
    text = ada.get("/system/metrics").text
    assert "“&lt;b&gt;It is empty”" in text
    assert "1 report in the last 7 days" in text
    assert "1 request for a larger plan in 90 days" in text
    assert "Half take up to 9" in text
    assert ada.post("/system/problems/1/settlement").status_code == 303
    with app.app_context():
        assert factories.rows(ProblemReport)[0].settled_at
    assert "none open" in ada.get("/system/metrics").text or "0 open" in ada.get("/system/metrics").text


def test_a_person_is_asked_once_in_ninety_days_and_only_after_runs_that_worked(app, past, ada, cid, northgate):
    today = f"/t/{northgate}/today"
    assert "Is Carillon a help to you?" in ada.get(today).text
    assert "Is Carillon a help to you?" not in cid.get(f"/t/{cid.slug}/today").text
    assert ada.post(f"/t/{northgate}/satisfaction", {"score": "9"}).status_code == 422
    assert ada.post(f"/t/{northgate}/satisfaction").status_code == 303
    assert "Is Carillon a help to you?" not in ada.get(today).text
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Satisfaction).values(asked_at=ago(days=91)))
    assert "Is Carillon a help to you?" in ada.get(today).text
    ada.post(f"/t/{northgate}/satisfaction", {"score": "4", "note": "Faster, please"})
    text = ada.get("/system/metrics").text
    assert "4.0 of 5, from 1 answer of 2 asked." in text
    assert "Faster, please" in text


def test_what_is_counted_belongs_to_a_team(app, past, ada, cid):
    text = cid.get(f"/t/{cid.slug}/insights").text
    assert "No runs so far in this time. Come back after 20." in text
    with app.app_context():
        assert len({row.team_id for row in factories.rows(Rollup)}) == 1
