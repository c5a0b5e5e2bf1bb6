"""What a run hands to those after it: its outputs in expressions, and the files it made."""

import pytest

from app.models.runs import Run
from app.models.tasks import Task
from app.services import runs
from tests import factories
from tests.factories import rows
from tests.services.test_steps import asked, carried_out, code, log, server, team, tools  # noqa: F401 fixtures


@pytest.fixture
def tell(team, server):  # noqa: F811 the fixture's name
    """A task that asks with what the task Extract said, after it."""
    settings = {"url": f"{server.url}/status/200?{{{{ upstream.extract_data.outputs.exit_code | default('none') }}}}"}
    task = factories.task(team, "tell", settings=settings | {"method": "GET"}, variables=[])
    return factories.after(task, factories.task(team, "extract-data", settings={"url": f"{server.url}/status/200"}))


def test_outputs_of_the_run_before_stand_in_expressions(tools, team, asked, tell):  # noqa: F811
    extract = rows(Task)[1].id
    before = factories.run(team, extract, "succeeded", facts={"exit_code": 3})
    factories.run(team, extract, "succeeded", facts={"exit_code": 5})
    run = carried_out(tools, factories.run(team, tell, upstreams={str(extract): before}))
    assert run.state == "succeeded", run.sentence
    assert asked() == ["/status/200?3"]


@pytest.mark.alike
def test_who_starts_it_now_gets_what_was_last(tools, team, asked, tell):  # noqa: F811
    extract = rows(Task)[1].id
    carried_out(tools, factories.run(team, tell))
    factories.run(team, extract, "succeeded", facts={"exit_code": 5})
    carried_out(tools, rows(Run, Run.number == runs.start(factories.owner(team), tell))[0].id)
    assert asked() == ["/status/200?none", "/status/200?5"]


@pytest.mark.alike
@pytest.mark.usefixtures("code")
def test_files_are_handed_on_in_a_folder_of_their_task(tools, team):  # noqa: F811
    make = {"script": "mkdir -p artifacts; echo 41 > artifacts/total.txt", "artifacts": ["artifacts/*"]}
    extract = factories.task(team, "extract-data", "shell", make)
    load = factories.task(team, "load", "shell", {"script": "cat upstream/extract_data/total.txt"})
    factories.after(load, extract)
    first = carried_out(tools, factories.run(team, extract, lane="code"))
    (next_run,) = rows(Run, Run.task_id == load)
    assert next_run.upstreams == {str(extract): first.id}
    assert carried_out(tools, next_run.id).state == "succeeded"
    assert "41" in log()


@pytest.mark.alike
def test_what_was_not_put_out_is_named_before_anything_begins(tools, team, asked, server):  # noqa: F811
    settings = {"url": f"{server.url}/status/200?{{{{ upstream.extract_data.outputs.total }}}}", "method": "GET"}
    extract = factories.task(team, "extract-data")
    load = factories.after(factories.task(team, "load", settings=settings, variables=[]), extract)
    before = factories.run(team, extract, "succeeded", facts={"exit_code": 3})
    run = carried_out(tools, factories.run(team, load, upstreams={str(extract): before}))
    assert (run.state, run.reason) == ("blocked", "variables")
    assert "upstream.extract_data.outputs.total has no value: the run of that task has none." in run.sentence
    assert asked() == []
