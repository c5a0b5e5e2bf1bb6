"""Tasks after others on pages: chosen in the editor, refused in a circle, said on the task's page, drawn as a graph."""

import re

import pytest
import sqlalchemy as sa

from app.models.runs import Run
from app.models.tasks import Task, TaskLink
from app.services.tasks.chains import Chain, Edge
from app.services.tasks.overviews import Line
from app.services.unit import batch
from app.web import graph
from tests import factories
from tests.factories import rows
from tests.web.test_tasks_editor import definition

FORM = {"engine": "http", "method": "GET", "url": "http://127.0.0.1:9/", "expect_status": "200", "timeout": "30"}


def links(app):
    with app.app_context():
        return [(row.task_id, row.upstream_id, row.on) for row in rows(TaskLink)]


@pytest.fixture
def new(ada, northgate):
    def make(name, after=(), **more):
        fields = {f"after-{index}-task": str(task) for index, task in enumerate(after)}
        return ada.post(f"/t/{northgate}/tasks/new", FORM | {"name": name, "after-passes": "1"} | fields | more)

    return make


@pytest.fixture
def chain(new):
    """Extract, and Load after it."""
    new("Extract")
    new("Load", [1])


def test_a_task_after_another_says_so_and_is_drawn(app, ada, northgate, chain):
    assert definition(app)["after"] == {
        "tasks": [{"task": 1, "on": "success"}], "join": "all", "window_seconds": 86_400.0, "passes": True,
    }  # fmt: skip
    page = ada.get(f"/t/{northgate}/tasks/load").text
    assert "Starts when Extract has succeeded." in page
    assert "Nothing is planned: it starts when Extract has succeeded." in page
    first = ada.get(f"/t/{northgate}/tasks/extract").text
    assert re.search(r"<dt>Then</dt><dd><a[^>]*>Load</a>", first)
    graph = ada.get(f"/t/{northgate}/tasks/graph").text
    assert graph.count("<rect") == 2
    assert graph.count("edge on-success") == 1
    assert re.search(r">Load</a></td>.*?Extract has succeeded", graph, re.DOTALL)


def test_the_form_shows_it_again_and_a_press_adds_and_removes_rows(app, ada, northgate, chain):
    page = ada.get(f"/t/{northgate}/tasks/load/edit").text
    assert re.search(r'name="after-0-task".*?<option value="1" selected>Extract', page, re.DOTALL)
    assert "{{ upstream.extract.outputs" in page
    shown = ada.post(f"/t/{northgate}/tasks/load/edit", FORM | {"name": "Load", "after-0-task": "1", "afters": "add"})
    assert len(re.findall(r'name="after-\d-task"', shown.text)) == 2
    assert links(app) == [(2, 1, "success")]
    shown = ada.post(
        f"/t/{northgate}/tasks/load/edit", FORM | {"name": "Load", "after-0-task": "1", "afters": "remove-0"}
    )
    assert "after-0-task" not in shown.text
    assert ada.post(f"/t/{northgate}/tasks/load/edit", FORM | {"name": "Load", "version": "1"}).status_code == 303
    assert links(app) == []
    history = ada.get(f"/t/{northgate}/tasks/load/history").text
    assert "when Extract has succeeded" in history


@pytest.mark.alike
def test_a_task_after_a_deleted_one_says_so(ada, northgate, chain):
    ada.post(f"/t/{northgate}/tasks/extract/deletion")
    page = ada.get(f"/t/{northgate}/tasks/load").text
    assert "Extract, which this task runs after, was deleted." in page
    assert "Starts when Extract (deleted) has succeeded." in page


def test_a_circle_is_named_and_nothing_is_saved(app, ada, northgate, new, chain):
    answer = ada.post(
        f"/t/{northgate}/tasks/extract/edit", FORM | {"name": "Extract", "version": "1", "after-0-task": "2"}
    )
    assert answer.status_code == 422
    assert "That would go round in a circle: Extract → Load → Extract." in answer.text
    assert 'value="2" selected' in answer.text
    itself = ada.post(
        f"/t/{northgate}/tasks/extract/edit", FORM | {"name": "Extract", "version": "1", "after-0-task": "1"}
    )
    assert "Extract → Extract." in itself.text
    assert links(app) == [(2, 1, "success")]


@pytest.mark.alike
def test_what_can_not_be_is_said_at_its_place(new, chain):
    page = new("Report", [1, 1], **{"after-window": "0"}).text
    assert "This task stands here twice." in page
    assert "Between 0.0166667 and 744." in page
    assert "There is no such task." in new("Report", [99]).text
    assert "Choose one of the tasks." in new("Report", ["9" * 5000]).text
    for join in ("3", "9" * 5000):
        assert "Say all, any, or how many" in new("Report", [1, 2], **{"after-join": join}).text
    assert (
        "This task does not run after one called extract."
        in new("R", url="http://127.0.0.1:9/{{ upstream.extract.state }}").text
    )
    assert new("Report", [1], url="http://127.0.0.1:9/{{ upstream.extract.outputs.status }}").status_code == 303


@pytest.mark.alike
def test_a_run_that_waits_says_for_whom_and_the_graph_shows_it(app, ada, northgate, new):
    new("Extract")
    new("Load")
    new("Report", [1, 2])
    _end(app, 1, "succeeded", "ok")
    page = ada.get(f"/t/{northgate}/runs/2").text
    assert "Waits for Load (1 of 2 done)." in page
    assert "Another task" in page
    ada.post(f"/t/{northgate}/runs/2/cancellation", {"mode": "now"})
    new("Then", [2])
    _end(app, 2, "failed", "exit_code")
    skipped = ada.get(f"/t/{northgate}/runs/4").text
    assert re.search(r'Skipped: Load failed \(<a class="link" href="[^"]*/runs/3">#3</a>\)', skipped)
    graph = ada.get(f"/t/{northgate}/tasks/graph").text
    assert re.search(r">Report</a></td>\s*<td>.*?Cancelled", graph, re.DOTALL)
    assert "when Extract and Load have succeeded" in graph


def _end(app, task_id, state, reason):
    """Let a new run of a task end."""
    with app.app_context():
        team = rows(Task)[0].team_id
        run = factories.run(team, task_id)
        with batch() as work:
            values = {"state": state, "reason": reason, "sentence": "It ended.", "ended_at": work.now}
            work.connection.execute(sa.update(Run).where(Run.id == run).values(values))
            work.tell(state, team, run)


def test_what_has_too_many_lines_is_not_drawn():
    line = Line.__new__(Line)
    for count, is_drawn in ((500, True), (501, False)):
        edges = [Edge(1 + number % 20, 21 + number // 20, "any") for number in range(count)]
        chain = Chain(dict.fromkeys(range(1, 60), line), edges)
        assert (graph.draw(chain) is not None) is is_drawn
