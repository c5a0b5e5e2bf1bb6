"""Settings > Pools on the page and over the API: what is listed, what is refused, who may; and the task form's choice."""

import pytest

from app.models.runs import Run
from app.services import tasks
from tests import factories
from tests.factories import rows

TASK = {"engine": "http", "name": "Probe", "url": "https://example.com/", "method": "GET", "overlap": "skip"}


def put(visit, slug, name="gpu", slots="2"):
    return visit.post(f"/t/{slug}/settings/pools", {"name": name, "slots": slots})


def listed(visit, slug):
    return visit.get(f"/t/{slug}/settings/pools").text


def test_without_one_the_page_says_what_a_pool_is_for(ada, northgate):
    assert "No pools yet." in listed(ada, northgate)


def test_a_pool_is_added_listed_and_changed(app, ada, northgate):
    assert put(ada, northgate).status_code == 303
    assert "0 of 2" in listed(ada, northgate)
    put(ada, northgate, slots="1200")
    page = listed(ada, northgate)
    assert "0 of 1,200" in page
    assert page.count('id="pool-') == 1


def test_what_is_taken_and_what_waits_is_shown(app, ada, northgate):
    put(ada, northgate)
    with app.app_context():
        team = ada.actor(app, northgate).team_id
        task = factories.task(team)
        for state, reason in (("running", ""), ("waiting", "capacity"), ("waiting", "capacity"), ("waiting", "retry")):
            factories.run(team, task, state, reason=reason, pool="gpu")
    page = listed(ada, northgate)
    assert "1 of 2" in page
    assert "2 wait" in page


@pytest.mark.parametrize(
    ("name", "slots", "sentence"),
    [
        ("", "2", "A name has 1 to 60 letters"),
        ("a" * 61, "2", "A name has 1 to 60 letters"),
        ("a/b", "2", "no slash"),
        ("gpu", "0", "Write a number from 1 to 10,000."),
        ("gpu", "many", "Write a number from 1 to 10,000."),
        ("gpu", "10001", "Write a number from 1 to 10,000."),
    ],
)
def test_each_field_says_what_it_takes(ada, northgate, name, slots, sentence):
    answer = put(ada, northgate, name, slots)
    assert (answer.status_code, sentence in answer.text) == (422, True)
    assert "No pools yet." in answer.text


def test_a_pool_that_a_task_names_is_not_deleted(app, ada, northgate):
    put(ada, northgate)
    made = ada.post(f"/t/{northgate}/tasks/new", TASK | {"pool": "gpu"})
    assert made.status_code == 303, made.text
    pool = f"/t/{northgate}/settings/pools/1/deletion"
    refused = ada.post(pool)
    assert refused.status_code == 422
    assert "The task Probe uses gpu. Give it another pool first." in refused.text
    assert ada.post(f"/t/{northgate}/tasks/probe/edit", TASK | {"pool": "", "version": "1"}).status_code == 303
    assert ada.post(pool).status_code == 303
    assert "No pools yet." in listed(ada, northgate)


def test_the_task_form_offers_the_pools_and_refuses_any_other(ada, northgate):
    put(ada, northgate)
    assert '<option value="gpu">gpu</option>' in ada.get(f"/t/{northgate}/tasks/new").text
    refused = ada.post(f"/t/{northgate}/tasks/new", TASK | {"pool": "disk"})
    assert refused.status_code == 422
    assert "There is no pool called disk. Make it in Settings, Pools, or choose another." in refused.text
    assert "disk (not there any more)" in refused.text


def test_runs_that_have_not_begun_follow_a_change_of_their_tasks_limits(app, ada, northgate):
    put(ada, northgate)
    ada.post(f"/t/{northgate}/tasks/new", TASK)
    with app.app_context():
        actor = ada.actor(app, northgate)
        task = tasks.find(actor, "probe")
        begun, waits = (factories.run(actor.team_id, task.id, state) for state in ("running", "waiting"))
    ada.post(f"/t/{northgate}/tasks/probe/edit", TASK | {"pool": "gpu", "max_running": "3", "version": "1"})
    with app.app_context():
        limits = {run.id: (run.pool, run.max_running) for run in rows(Run)}
    assert limits == {begun: ("", 0), waits: ("gpu", 3)}


def test_the_team_has_a_limit_that_is_taken_off_by_leaving_it_empty(ada, northgate):
    address = f"/t/{northgate}/settings/limit"
    assert ada.post(address, {"max_running": "8"}).status_code == 303
    assert 'value="8"' in listed(ada, northgate)
    refused = ada.post(address, {"max_running": "0"})
    assert (refused.status_code, "or nothing for no limit" in refused.text) == (422, True)
    ada.post(address, {"max_running": ""})
    assert 'value="8"' not in listed(ada, northgate)


def test_members_see_pools_and_admins_change_them_and_strangers_see_nothing(ada, ben, cid, northgate):
    put(ada, northgate)
    assert "gpu" in listed(ben, northgate)
    assert "Set a pool" not in listed(ben, northgate)
    for path, form in (("pools", {"name": "a", "slots": "1"}), ("pools/1/deletion", {}), ("limit", {})):
        assert ben.post(f"/t/{northgate}/settings/{path}", form).status_code == 403
        assert cid.post(f"/t/{northgate}/settings/{path}", form).status_code == 404
    assert cid.get(f"/t/{northgate}/settings/pools").status_code == 404
    own = put(cid, cid.slug, "mine")
    assert own.status_code == 303
    assert ada.post(f"/t/{northgate}/settings/pools/2/deletion").status_code == 404


def test_a_run_says_what_it_waits_for(app, ada, northgate):
    with app.app_context():
        team = ada.actor(app, northgate).team_id
        sentence = "Waits for a free slot in pool gpu (2 of 2 taken)."
        factories.run(team, factories.task(team), "waiting", reason="capacity", sentence=sentence)
    assert sentence in ada.get(f"/t/{northgate}/runs/1").text
