"""Going on from a run: what is kept, what would be done again, and the way back when something is wrong."""

import pytest
import sqlalchemy as sa

from app.models.runs import Checkpoint, Run
from app.models.tasks import Task, TaskVersion
from app.models.teams import Breaker
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.web.conftest import put_in

STEPS = [
    {"name": "Fetch", "engine": "http", "settings": {"url": "https://example.com/x", "method": "GET"}},
    {"name": "Send", "engine": "http", "settings": {"url": "https://example.com/x", "method": "POST"}},
]


@pytest.fixture
def team_id(app, ada, northgate):
    return ada.actor(app, northgate).team_id


@pytest.fixture
def flow(app, team_id):
    """Run #1 of a task with two steps, which failed in the second."""
    with app.app_context():
        task = factories.task(team_id, "flow", "steps", {"steps": True}, label="Flow")
        with batch() as work:
            known = sa.select(TaskVersion.definition).where(TaskVersion.task_id == task)
            definition = work.connection.execute(known).scalar_one() | {"steps": STEPS}
            work.connection.execute(sa.update(TaskVersion).values(definition=definition))
        run = factories.run(team_id, task, "failed", reason="http_status", ended_at=factories.ago())
        with batch() as work:
            values = {"team_id": team_id, "run_id": run, "number": 1, "token": 1, "after": "Fetch", "files": {}}
            work.connection.execute(sa.insert(Checkpoint).values(values | {"state": {"result": {}}, "at": work.now}))
    return task


@pytest.fixture
def place(northgate):
    return f"/t/{northgate}/runs/1"


def stored(app):
    with app.app_context():
        return rows(Run)


def test_before_it_goes_on_a_person_reads_what_would_be_done_again(ada, flow, place):
    assert "Resume from its checkpoint" in ada.get(place).text
    page = ada.get(f"{place}/resumption").text
    assert "From Send" in page
    assert "From the start" in page
    assert page.count("Send: sends POST to example.com again.") == 2
    assert 'value="step:Fetch" checked' in page
    assert "Which version?" not in page


def test_it_goes_on_from_the_place_that_was_chosen(app, ada, flow, place, northgate):
    answer = ada.post(f"{place}/resumption", {"place": "step:Fetch"})
    assert answer.location.endswith(f"/t/{northgate}/runs/2")
    assert (stored(app)[1].resumes_after, stored(app)[1].resumes_id) == ("Fetch", stored(app)[0].id)
    assert ada.post(f"{place}/resumption", {"place": "start"}).location.endswith("/runs/3")
    assert stored(app)[2].resumes_id is None
    assert "Went on in" in ada.get(place).text


def test_with_the_present_version_where_there_is_another(app, ada, flow, place, team_id):
    with app.app_context(), batch() as work:
        definition = work.connection.execute(sa.select(TaskVersion.definition)).scalar_one()
        row = {"team_id": team_id, "task_id": flow, "number": 2, "definition": definition, "created_at": work.now}
        made = work.connection.execute(sa.insert(TaskVersion).values(row).returning(TaskVersion.id)).scalar_one()
        work.connection.execute(sa.update(Task).values(version_id=made, version_number=2))
    assert "As it is now: 2" in ada.get(f"{place}/resumption").text
    ada.post(f"{place}/resumption", {"place": "step:Fetch", "version": "present"})
    assert stored(app)[1].version_id == made


@pytest.mark.parametrize(
    ("typed", "status", "sentence"),
    [
        ({"place": "middle"}, 422, "Choose where it goes on from."),
        ({"place": "start", "version": "other"}, 422, "Choose which version goes on."),
        ({"place": "step:Gone"}, 409, "keeps no checkpoint after Gone"),
    ],
)
def test_nonsense_is_answered_in_words(app, ada, flow, place, typed, status, sentence):
    answer = ada.post(f"{place}/resumption", typed)
    assert (answer.status_code, sentence in answer.text) == (status, True)
    assert len(stored(app)) == 1


def test_it_takes_the_right_to_run_and_the_team(app, ben, cid, flow, place, northgate):
    put_in(app, cid, northgate, "viewer")
    for ask in (cid.get, cid.post):
        assert ask(f"{place}/resumption").status_code == 403
    assert ben.get(f"{place}/resumption").status_code == 200
    assert ben.get(f"/t/{ben.slug}/runs/1/resumption").status_code == 404


def test_what_is_left_alone_is_shown_and_can_be_tried_at_once(app, ada, team_id, northgate):
    page = f"/t/{northgate}/settings/workers"
    assert "Nothing: all that runs need answers." in ada.get(page).text
    with app.app_context(), batch() as work:
        values = {"team_id": team_id, "target": "host:example.com", "state": "open", "failures": 5, "opened": 1}
        values |= {"problem": "503 Service Unavailable.", "changed_at": work.now, "open_until": work.now}
        work.connection.execute(sa.insert(Breaker).values(values))
    shown = ada.get(page).text
    assert "Failed 5 times in a row" in shown
    assert "503 Service Unavailable." in shown
    answer = ada.post(f"{page}/breakers", {"target": "host:example.com"})
    assert "Runs try it again" in ada.get(answer.location).text
    with app.app_context():
        assert rows(Breaker) == []
    assert ada.post(f"{page}/breakers", {"target": "host:example.com"}).status_code == 404
