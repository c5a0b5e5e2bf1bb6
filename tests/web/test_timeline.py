"""Runs on a time axis: bars that are links with words, what is planned, and how many went at once."""

# ruff: noqa: F401, F811 fixtures of another module

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests import factories
from tests.web.test_runs import XSS, make, page, team, viewer

AXIS = "view=timeline"
PAST = "view=timeline&at=2026-03-28T12:00Z"
"""A day in which clocks change in Berlin."""


@pytest.fixture
def berlin(ada):
    ada.post("/me/profile", {"name": "Ada Park", "timezone": "Europe/Berlin"})
    return ada


def bars(text):
    """The bars of the chart: what each says, and where it leads."""
    found = re.findall(r'<a href="([^"]+)" aria-label="([^"]+)"', text.partition('class="tl-lanes"')[2])
    return {words: url for url, words in found}


def test_a_bar_is_a_link_that_says_all(berlin, make, page):
    at = datetime(2026, 3, 28, 20, tzinfo=UTC)
    number = make("failed", planned_at=at, started_at=at, ended_at=at + timedelta(minutes=4))
    text = berlin.get(f"{page}?{PAST}").text
    assert bars(text) == {"probe, Sat 28 Mar 21:00, failed, 4 min": f"{page}/{number}"}
    assert f'<a class="t" href="{page}/{number}">probe</a>' in text.partition('id="in-words"')[2]


def test_the_shape_tells_how_it_went(berlin, make, page):
    at = datetime(2026, 3, 28, 20, tzinfo=UTC)
    for hour, state in enumerate(("succeeded", "failed", "skipped")):
        begun = {} if state == "skipped" else {"started_at": at + timedelta(hours=hour)}
        make(state, planned_at=at + timedelta(hours=hour), ended_at=at + timedelta(hours=hour), **begun)
    chart = berlin.get(f"{page}?{PAST}").text.partition('class="tl-lanes"')[2]
    assert re.search(r'y="4" width="0.5%".*y="14" width="0.5%".*<circle', chart, re.DOTALL)


def test_bars_stand_where_their_time_is_also_when_clocks_change(berlin, make, page):
    at = datetime(2026, 3, 29, 1, tzinfo=UTC)  # the clock goes from 02:00 to 03:00
    make("succeeded", planned_at=at, started_at=at, ended_at=at + timedelta(hours=1))
    text = berlin.get(f"{page}?{PAST}").text
    assert "probe, Sun 29 Mar 03:00, succeeded, 1 h" in bars(text)
    assert '<rect class="bar" x="54.17%" y="4" width="4.17%"' in text
    axis = re.findall(r'x="([\d.]+)%" y="12">([^<]+)<', text)
    assert ("45.83", "Sun 29") in axis
    assert ("54.17", "03:00") in axis


def test_what_is_planned_is_hollow_and_leads_to_the_task(app, ada, team, page):
    with app.app_context():
        task = factories.task(team, "digest", label="Morning digest")
        factories.schedule(team, task, "5h")
    found = bars(ada.get(f"{page}?{AXIS}").text)
    assert len(found) == 1
    [(words, url)] = found.items()
    assert re.fullmatch(r"Morning digest, \w+ \d+ \w+ \d\d:\d\d, planned", words)
    assert url == page.replace("/runs", "/tasks/digest")


def test_a_frequent_one_is_folded(app, ada, team, page):
    with app.app_context():
        factories.schedule(team, factories.task(team, "probe"), "15m")
    text = ada.get(f"{page}?{AXIS}").text
    assert re.search(r"probe, \w+ \d+ \w+ \d\d:\d\d, every 15 minutes ×\d+", text)
    assert ">every 15 minutes ×" in text


def test_a_filter_that_asks_for_the_past_shows_no_plans(app, ada, team, page):
    with app.app_context():
        factories.schedule(team, factories.task(team, "probe"), "5h")
    assert "planned" in ada.get(f"{page}?{AXIS}&task=probe").text
    for filters in ("status=failed", "slow=1", "worker=w", "trigger=person"):
        text = ada.get(f"{page}?{AXIS}&{filters}").text
        assert "No run matches in this time." in text
        assert f'href="{page}?view=timeline">Clear filters' in text


def test_the_window_moves_and_changes_its_length(ada, make, page):
    text = ada.get(f"{page}?{PAST}&span=6h&task=probe").text
    assert f'href="{page}?view=timeline&amp;at=2026-03-28T09%3A00Z&amp;span=6h&amp;task=probe" rel="prev"' in text
    assert f'href="{page}?view=timeline&amp;at=2026-03-28T15%3A00Z&amp;span=6h&amp;task=probe" rel="next"' in text
    assert f'href="{page}?view=timeline&amp;at=2026-03-28T12%3A00Z&amp;span=week&amp;task=probe"' in text
    assert "Sat 28 Mar 12:00 to Sat 28 Mar 18:00" in text


def test_nonsense_in_the_address_is_as_if_it_were_not_there(ada, page):
    for query in ("at=nonsense", "at=9999-12-31T23:59Z", "span=year", "from=0001-01-01", "chart=pie", f"at={XSS[0]}"):
        assert ada.get(f"{page}?{AXIS}&{query}").status_code == 200
    assert ada.get(f"{page}?{AXIS}&status=nonsense").status_code == 404


def test_an_empty_window_says_so(ada, page):
    assert "Nothing ran in this time, and nothing is planned in it." in ada.get(f"{page}?{PAST}").text


def test_how_many_went_at_once_is_a_sentence_a_line_and_a_table(berlin, make, page):
    at = datetime(2026, 3, 28, 20, tzinfo=UTC)
    for minute in (0, 5, 9, 60):
        start = at + timedelta(minutes=minute)
        make("succeeded", planned_at=start, started_at=start, ended_at=start + timedelta(minutes=10))
    text = berlin.get(f"{page}?{PAST}&chart=concurrency").text
    assert "At most 3 runs went at once, first on Sat 28 Mar 21:09." in text
    assert re.search(r'<path d="M0 100H0V100V100H\d+V67', text)
    assert '<td>Sat 28 Mar 21:00</td><td>00:00</td><td class="num">3</td>' in text
    assert "Nothing ran in this time." in berlin.get(f"{page}?view=timeline&chart=concurrency&from=2026-01-01").text


def test_more_tasks_than_lanes_are_counted(app, ada, team, page):
    with app.app_context():
        for number in range(53):
            factories.run(team, factories.task(team, f"task-{number:02}"), "succeeded")
    text = ada.get(f"{page}?{AXIS}").text
    assert "And 3 more tasks." in text
    assert text.count('class="tl-name cut"') == 50


def test_list_and_timeline_lead_to_each_other(ada, make, page):
    make("failed")
    assert f'href="{page}?status=failed&amp;view=timeline"' in ada.get(f"{page}?status=failed").text
    assert f'href="{page}?status=failed"' in ada.get(f"{page}?{AXIS}&status=failed&span=week").text


def test_names_of_tasks_never_become_markup(app, ada, team, page):
    with app.app_context():
        for number, name in enumerate(XSS):
            task = factories.task(team, f"task-{number}", label=name)
            factories.run(team, task, "failed")
            factories.schedule(team, task, "1h")
    text = ada.get(f"{page}?{AXIS}").text
    assert "<script>alert" not in text
    assert "<img src=x" not in text


def test_a_viewer_sees_it_and_a_stranger_does_not(viewer, cid, make, page):
    make("failed")
    assert viewer.get(f"{page}?{AXIS}").status_code == 200
    assert cid.get(f"{page}?{AXIS}").status_code == 404
