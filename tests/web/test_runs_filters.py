"""Filters of the runs: all of them in the address, each shown, each cleared, and with them what did not happen."""

# ruff: noqa: F401, F811 fixtures of another module

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests import factories
from tests.web.test_runs import make, page, team, viewer


def listed(visit, address):
    """The numbers of the runs that an address lists, the newest first."""
    return [int(number) for number in re.findall(r'id="run-(\d+)"', visit.get(address).text)]


@pytest.fixture
def steady(app, team):
    """A task with twelve runs of ten seconds and ten cents, and one that took a minute and cost a dollar."""
    with app.app_context():
        task = factories.task(team, "steady")
        for minute in range(12):
            at = factories.ago(minutes=60 - minute)
            ended = {"planned_at": at, "started_at": at, "ended_at": at + timedelta(seconds=10), "cost_micros": 100_000}
            factories.run(team, task, "succeeded", **ended)
        at = factories.ago(minutes=30)
        odd = {"planned_at": at, "started_at": at, "ended_at": at + timedelta(minutes=1), "cost_micros": 1_000_000}
        factories.run(team, task, "succeeded", worker="north-9", **odd)
    return task


def test_slow_runs_are_those_beyond_what_is_usual_for_their_task(app, ada, team, steady, page):
    with app.app_context():
        other = factories.task(team, "long")
        for _ in range(3):
            at = factories.ago(hours=3)
            factories.run(team, other, "succeeded", planned_at=at, started_at=at, ended_at=at + timedelta(hours=1))
        going = factories.ago(minutes=5)
        factories.run(team, steady, "running", planned_at=going, started_at=going)
    assert listed(ada, f"{page}?slow=1") == [17, 13]
    text = ada.get(f"{page}?slow=1").text
    assert "of 10 s" in text


def test_of_few_runs_none_is_slow(ada, make, page):
    make("succeeded", ended_at=factories.ago(seconds=1))
    assert listed(ada, f"{page}?slow=1") == []
    assert "No run matches." in ada.get(f"{page}?slow=1").text


def test_expensive_runs_are_those_beyond_what_is_usual(app, ada, team, steady, page):
    with app.app_context():
        factories.run(team, factories.task(team, "once"), "succeeded", cost_micros=2_000_000)
        factories.run(team, factories.task(team, "free"), "succeeded", cost_micros=None)
    assert listed(ada, f"{page}?expensive=1") == [14, 13]
    assert "$2.00" in ada.get(f"{page}?expensive=1").text


def test_runs_are_told_apart_by_worker_type_and_who_asked(app, ada, team, steady, make, page):
    with app.app_context():
        script = factories.run(team, factories.task(team, "script", "shell"), "failed", trigger="schedule")
    assert listed(ada, f"{page}?worker=north-9") == [13]
    assert listed(ada, f"{page}?engine=shell") == [script]
    assert listed(ada, f"{page}?trigger=schedule") == [script]
    assert listed(ada, f"{page}?task=steady&worker=nowhere") == []


def test_mine_are_those_i_asked_for_and_those_of_my_tasks(app, ada, ben, team, make, page):
    mine = make("succeeded")
    with app.app_context():
        factories.run(team, factories.task(team, "bens"), "succeeded", requested_by_id=ben.id)
    assert listed(ada, f"{page}?mine=1") == [mine]


def test_what_is_chosen_stands_there_and_can_be_cleared(ada, make, page):
    make("succeeded", worker="north-1")
    text = ada.get(f"{page}?worker=north-1&task=probe&period=7d").text
    bar = text.partition('id="in-force"')[2].partition("</p>")[0]
    assert f'href="{page}?task=probe&amp;period=7d"' in bar
    assert f'href="{page}?worker=north-1&amp;period=7d"' in bar
    assert f'href="{page}">Clear filters' in bar
    assert '<option value="north-1" selected>' in text


def test_the_form_keeps_what_the_chips_chose(ada, make, page):
    text = ada.get(f"{page}?status=failed&slow=1&mine=1").text
    for name, value in (("status", "failed"), ("slow", "1"), ("mine", "1")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in text


def test_dates_are_those_of_who_looks(app, ada, make, page):
    ada.post("/me/profile", {"name": "Ada", "timezone": "Asia/Tokyo"})
    number = make("failed", planned_at=datetime(2026, 3, 1, 16, tzinfo=UTC))
    assert listed(ada, f"{page}?from=2026-03-02&to=2026-03-02") == [number]
    assert listed(ada, f"{page}?from=2026-03-01&to=2026-03-01") == []


def test_reasons_are_counted_and_each_leads_to_its_runs(ada, make, page):
    overlap = make("skipped", reason="overlap", sentence="Skipped: the run before it was still going.")
    make("skipped", reason="paused", folded_count=40, sentence="Skipped 40 times: the task was paused.")
    make("blocked", reason="no_secret", sentence="The secret X is not set.")
    text = ada.get(f"{page}?status=not").text
    assert re.search(r"the task was paused <b>40</b>.*the run before it was still going <b>1</b>", text, re.DOTALL)
    found = re.search(r'<li><a class="chip" href="([^"]+reason=overlap)"', text)
    assert listed(ada, found[1].replace("&amp;", "&")) == [overlap]
    assert "Why they did not happen" not in ada.get(page).text


def test_pages_go_on_under_a_filter(ada, make, page):
    first = make("failed")
    for _ in range(51):
        make("failed")
    text = ada.get(f"{page}?status=failed&mine=1").text
    older = re.search(r'rel="next" href="([^"]+)"', text)[1].replace("&amp;", "&")
    assert "status=failed" in older
    assert listed(ada, older)[-1] == first


def test_a_viewer_has_nothing_to_tick(ada, viewer, make, page):
    make("queued")
    assert 'type="checkbox"' in ada.get(page).text
    assert 'type="checkbox"' not in viewer.get(page).text
