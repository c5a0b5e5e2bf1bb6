"""Search as a page, and what the palette gets."""

import pytest

from tests import factories
from tests.web.conftest import put_in


@pytest.fixture
def team_id(app, ada, northgate):
    team_id = ada.actor(app, northgate).team_id
    with app.app_context():
        for name in ("disk-check", "checkout-probe", "digest"):
            factories.task(team_id, name)
    return team_id


def lines(visit, slug, query):
    answer = visit.get(f"/t/{slug}/palette", query_string={"q": query})
    assert answer.status_code == 200
    return answer.json


def test_tasks_are_found_by_parts_of_their_names_best_first(ada, northgate, team_id):
    found = lines(ada, northgate, "check")
    assert [line["text"] for line in found] == ["checkout-probe", "disk-check"]
    assert found[0]["url"] == f"/t/{northgate}/tasks/checkout-probe"


def test_every_word_counts_in_any_order(ada, northgate, team_id):
    assert [line["text"] for line in lines(ada, northgate, "CHECK disk")] == ["disk-check"]


def test_percent_and_underscore_are_letters(ada, northgate, team_id):
    assert lines(ada, northgate, "%") == []
    assert lines(ada, northgate, "_") == []


@pytest.mark.parametrize("typed", ["#2", "2", " #2 "])
def test_a_run_is_found_by_its_number(app, ada, northgate, team_id, typed):
    with app.app_context():
        factories.run(team_id, factories.task(team_id, "nightly"), "failed", number=2)
    [line] = lines(ada, northgate, typed)
    assert (line["text"], line["sub"], line["url"]) == ("nightly #2", "failed", f"/t/{northgate}/runs/2")


def test_a_sentence_with_a_schedule_becomes_a_new_task(ada, northgate, team_id):
    [line] = lines(ada, northgate, "disk report every hour")
    assert line["text"].startswith("New task: Disk report, every hour")
    assert line["url"] == f"/t/{northgate}/tasks/new?text=disk+report+every+hour"


def test_who_may_not_make_tasks_is_not_offered_one(app, cid, northgate, team_id):
    put_in(app, cid, northgate, "runner")
    assert lines(cid, northgate, "disk report every hour") == []
    assert [line["text"] for line in lines(cid, northgate, "digest")] == ["digest"]


def test_other_teams_are_not_searched(app, ada, cid, northgate, team_id):
    with app.app_context():
        factories.run(team_id, factories.task(team_id, "secret-thing"), "failed")
    assert lines(cid, cid.slug, "secret") == []
    assert lines(cid, cid.slug, "#2") == []


def test_nothing_and_too_much_are_answered(ada, northgate, team_id):
    assert lines(ada, northgate, "") == []
    assert lines(ada, northgate, "every " * 500) == []


def found(visit, slug, query):
    answer = visit.get(f"/t/{slug}/search", query_string={"q": query})
    assert answer.status_code == 200
    return answer.text


def test_the_page_finds_places_too(ada, northgate, team_id):
    page = found(ada, northgate, "task")
    assert "Go to" in page
    page = found(ada, northgate, "digest")
    assert f'href="/t/{northgate}/tasks/digest"' in page


def test_the_page_says_what_it_did_not_find(ada, northgate):
    assert "Nothing here is called “zebra”." in found(ada, northgate, "zebra")
    assert ada.get(f"/t/{northgate}/search").status_code == 200
