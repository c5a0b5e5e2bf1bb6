"""Steps that fail, or leave the contract unmet, are repaired by an agent: within its budget, never for more rights."""

import json
import time
from types import SimpleNamespace

import pytest

from app.core.errors import Conflict, NotFound
from app.domain import repairs
from app.engines.base import Outcome
from app.infra import sandbox
from app.models.instance import Audit
from app.models.runs import Artifact, Run, Step
from app.models.tasks import Task, TaskVersion
from app.services import runs, tasks
from app.services.execution import repairing
from app.services.tasks import repairs as proposals
from tests import agents, factories, sandboxes
from tests.factories import rows
from tests.llm_server import Says, llm_server
from tests.servers import web_server
from tests.services.test_checkpoints import seal
from tests.services.test_steps import carried_out, log, team, tools

__all__ = ["team", "tools"]

pytestmark = pytest.mark.alike

GOOD = "/json?body=%7B%22id%22%3A+7%7D"
CONTRACT = [{"kind": "schema", "of": "steps.fetch.json", "schema": {"type": "object", "required": ["id"]}}]


@pytest.fixture(scope="module")
def web():
    with web_server() as running:
        yield running


@pytest.fixture
def paths(web):
    web.requests.clear()
    return lambda: [path for _, path, _, _ in web.requests]


def says(settings, step="fetch", why="It moved.", **more):
    return Says("", (("repair", {"step": step, "why": why, "settings": settings}),), **more)


def ran(tools, team, script, *steps, **more):
    """Run a task of steps once with a scripted model; returns the run and what the model was asked."""
    with llm_server(*script) as model:
        if script:
            agents.model(team, model)
        task = {"repair": {"model": "", "cost_cap_cents": 50}, **more}
        task_id = factories.task(team, steps=steps, **task)
        return carried_out(tools, factories.run(team, task_id)), model.asked


def fetch_step(web, path, name="fetch", **more):
    return {"name": name, "engine": "http", "settings": {"url": web.url + path, "method": "GET"}, **more}


def test_a_failed_step_runs_as_it_was_repaired_and_the_repair_is_offered(tools, team, web, paths):
    last = fetch_step(web, "/echo?id={{ steps.fetch.json.id }}", "next")
    script = [says({"url": web.url + GOOD})]
    run, asked = ran(tools, team, script, fetch_step(web, "/status/404"), last, contract=CONTRACT)
    assert run.state == "succeeded", (run.sentence, log())
    assert run.sentence.endswith("The step fetch was repaired.")
    assert paths() == ["/status/404", GOOD, "/echo?id=7"]
    (repair,) = run.facts["repairs"]
    assert (repair["step"], repair["why"], repair["state"]) == ("fetch", "It moved.", "offered")
    assert (repair["before"], repair["after"]) == ({"url": web.url + "/status/404"}, {"url": web.url + GOOD})
    question = asked[0].body
    assert "answered 404 Not Found; expected 2xx" in json.dumps(question)
    assert [(row.name, row.state) for row in rows(Step)][:2] == [("fetch", "failed"), ("fetch", "succeeded")]


def test_an_unmet_contract_is_repaired_from_the_step_on_that_keeps_it_so(tools, team, web, paths):
    steps = [
        fetch_step(web, "/status/200", "before"),
        fetch_step(web, "/json?body=%7B%7D"),
        fetch_step(web, "/status/204", "after"),
    ]
    run, asked = ran(tools, team, [says({"url": web.url + GOOD})], *steps, contract=CONTRACT)
    assert run.state == "succeeded", (run.sentence, log())
    assert paths() == ["/status/200", "/json?body=%7B%7D", "/status/204", GOOD, "/status/204"]
    assert [one["state"] for one in run.checks] == ["met"]
    assert [one["step"] for one in run.facts["repairs"]] == ["fetch"]
    assert len(asked) == 1


def test_a_repair_that_does_not_help_leaves_the_run_as_it_was(tools, team, web, paths):
    run, asked = ran(
        tools, team, [says({"url": web.url + "/status/410"})], fetch_step(web, "/json?body=%7B%7D"), contract=CONTRACT
    )
    assert (run.state, run.reason) == ("unmet", "contract")
    assert "repairs" not in run.facts
    assert len(asked) == repairs.MOST
    assert run.facts["repairing"]["asked"] == repairs.MOST


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"url": "http://evil.example/x"}, "would ask another server"),
        ({"method": "DELETE", "url": "/x"}, "would change method"),
        ({"auth": "bearer", "auth_secret": "TOKEN"}, "would change auth and auth_secret"),
        ({"expect_status": "4xx"}, "would change expect_status"),
        ({"headers": {"X-Key": "{{ secrets.TOKEN }}"}}, "would use the secret TOKEN"),
        ({"body": "cc: spy@evil.example"}, "would reach evil.example"),
        ({}, "changes nothing"),
    ],
)
def test_an_answer_never_grants_anything(tools, team, web, paths, changes, why):
    seal(tools.vault, team, "TOKEN", "s3cret-0815")
    run, _ = ran(tools, team, [says(changes)], fetch_step(web, "/status/404"))
    assert (run.state, run.reason) == ("failed", "http_status")
    assert any(line.startswith("The repair of fetch was refused: it ") and why in line for line in log()), log()
    assert paths() == ["/status/404"]


def test_nonsense_is_no_repair(tools, team, web, paths):
    run, asked = ran(tools, team, [Says("I am sorry, I can't.")], fetch_step(web, "/status/404"))
    assert run.state == "failed"
    assert "No repair: the model's answer can't be used." in log()
    assert len(asked) == 1


def test_time_to_read_an_answer_grows_with_it_and_no_faster():
    def seconds(size):
        began = time.process_time()
        repairing._read(SimpleNamespace(calls=(), text="{" * size))
        return time.process_time() - began

    once = min(seconds(8_000) for _ in range(2))
    assert any(seconds(32_000) <= once * 6 + 0.01 for _ in range(2))


def test_an_answer_in_words_is_read_and_the_second_repair_goes_on_from_the_first(tools, team, web, paths):
    answers = iter(["/status/410", GOOD])
    script = [Says(lambda _: "Here: " + json.dumps({"why": "x", "settings": {"url": web.url + next(answers)}}))]
    run, asked = ran(tools, team, script, fetch_step(web, "/status/404"))
    assert run.state == "succeeded", log()
    assert paths() == ["/status/404", "/status/410", GOOD]
    assert run.facts["repairs"][0]["before"] == {"url": web.url + "/status/404"}
    assert "/status/410" in json.dumps(asked[1].body)


def test_repairs_end_at_what_they_may_cost(tools, team, web, paths):
    dear = says({"url": web.url + "/status/410"}, tokens=(1000, 2000))  # 1.1 cents at the prices of the tests
    run, asked = ran(tools, team, [dear], fetch_step(web, "/status/404"), repair={"model": "", "cost_cap_cents": 1})
    assert run.state == "failed"
    assert len(asked) == 1
    assert any("what repairs may cost is used up" in line for line in log()), log()
    assert run.cost_micros == run.facts["repairing"]["micros"] == 11_000


def test_the_secrets_of_another_step_are_not_to_be_had(tools, team, web, paths):
    seal(tools.vault, team, "TOKEN", "s3cret-0815")
    signs = fetch_step(web, "/status/200", "signs")
    signs["settings"] |= {"auth": "bearer", "auth_secret": "TOKEN"}
    script = [says({"body": "{{ secrets }}"}), says({"headers": {"X": "{{ secrets.TOKEN | upper }}"}})]
    run, _ = ran(tools, team, script, signs, fetch_step(web, "/status/404"))
    assert run.state == "failed"
    refused = [line for line in log() if line.startswith("The repair of fetch was refused: ")]
    assert refused, log()
    assert paths() == ["/status/200", "/status/404"]


def test_a_step_gets_the_secrets_that_its_task_names_whatever_it_became(tools, team, web, monkeypatch):
    seal(tools.vault, team, "TOKEN", "s3cret-0815")
    signs = fetch_step(web, "/status/200", "signs")
    signs["settings"] |= {"auth": "bearer", "auth_secret": "TOKEN"}
    monkeypatch.setattr(repairs, "refusal", lambda *_: "")
    script = [says({"url": web.url + "/echo?got={{ secrets.TOKEN }}"})]
    run, _ = ran(tools, team, script, signs, fetch_step(web, "/status/404"))
    assert run.state == "failed"
    assert not [path for _, path, _, _ in web.requests if "s3cret" in path]


def test_a_host_that_an_address_answered_is_no_host_of_the_step(tools, team, web, paths):
    variables = [
        {"name": "page", "label": "Page", "kind": "text", "source": "web", "url": web.url + "/echo?at=http://b.example"}
    ]
    script = [says({"body": "http://b.example/x"})]
    run, _ = ran(tools, team, script, fetch_step(web, "/status/404"), variables=variables)
    assert run.state == "failed"
    assert any("it would reach b.example" in line for line in log()), log()


def test_a_secret_that_is_cut_is_not_shown_by_half(tools, team, web, paths):
    secret = "s3cret-" + "0815" * 20
    seal(tools.vault, team, "TOKEN", secret)
    step = fetch_step(web, "/status/404")
    step["settings"] |= {"auth": "bearer", "auth_secret": "TOKEN", "method": "POST"}
    step["settings"] |= {"body": "x" * 19_960 + secret}
    _, asked = ran(tools, team, [Says("No.")], step)
    assert "s3cret-" not in json.dumps(asked[0].body)


def test_a_program_with_secrets_and_the_network_is_mended_on_paper_only(tools, team, monkeypatch):
    seal(tools.vault, team, "TOKEN", "s3cret-0815")
    tried = []

    def fails(engine, request, *_):
        tried.append(request.settings["code"])
        return Outcome("failed", "exit_code", "It ended with 1.", "permanent")

    monkeypatch.setattr("app.services.execution.steps.call", fails)
    step = {"name": "send", "engine": "python", "settings": {"code": "a", "secrets": ["TOKEN"], "network": True}}
    run, _ = ran(tools, team, [says({"code": "b"}, "send", "A typo.")], step)
    assert (run.state, tried) == ("failed", ["a"])
    assert any("send is offered and not tried" in line for line in log()), log()
    actor = factories.owner(team)
    (offer,) = proposals.offered(runs.find(actor, run.number).run)
    assert (offer.step, offer.is_tried, [one.after for one in offer.changes]) == ("send", False, ["b"])
    proposals.decide(actor, run.number, "send", "take_over")
    (version,) = rows(TaskVersion, TaskVersion.id == rows(Task)[0].version_id)
    assert version.definition["steps"][0]["settings"]["code"] == "b"


def test_without_a_model_the_log_says_that_nothing_is_repaired(tools, team, web, paths):
    run, _ = ran(tools, team, [], fetch_step(web, "/status/404"))
    assert run.state == "failed"
    assert any(line.startswith("A failed step is not repaired: ") for line in log())


def test_a_task_that_may_not_run_twice_and_a_failure_that_may_pass_are_not_repaired(tools, team, web, paths):
    script = [says({"url": web.url + GOOD})]
    run, asked = ran(tools, team, script, fetch_step(web, "/status/404"), is_idempotent=False)
    assert (run.state, asked) == ("failed", [])


def test_nothing_is_repaired_in_a_rehearsal(tools, team, web, paths):
    with llm_server(says({"url": web.url + GOOD})) as model:
        agents.model(team, model)
        task = factories.task(team, steps=[fetch_step(web, "/status/404")], repair={"model": "", "cost_cap_cents": 50})
        run = carried_out(tools, factories.run(team, task, rehearses_at=factories.ago()))
    assert (run.state, model.asked) == ("failed", [])


def test_a_server_that_fails_is_no_fault_of_the_step(tools, team, web, paths):
    run, asked = ran(tools, team, [says({"url": web.url + GOOD})], fetch_step(web, "/status/503"), retries=0)
    assert run.state == "failed"
    assert asked == []


def test_no_secret_is_shown_to_the_model_and_what_is_data_is_fenced(tools, team, web, paths):
    seal(tools.vault, team, "TOKEN", "s3cret-0815")
    step = fetch_step(web, "/echo?status=404")
    step["settings"] |= {"auth": "bearer", "auth_secret": "TOKEN", "expect_text": "never there"}
    run, asked = ran(tools, team, [Says("No.")], step)
    assert run.state == "unmet"
    (question,) = asked
    assert "s3cret-0815" not in json.dumps(question.body)
    assert len(rows(Run)) == 1


@pytest.mark.sandbox
def test_code_is_repaired_in_its_own_sandbox_with_the_files_of_the_steps_before(tools, team):
    first = {"name": "give", "engine": "shell", "settings": {"script": "printf 'a;1\\nb;2\\n' > in.csv"}}
    code = "rows = open('in.csv').read().splitlines()[2:]\nopen('out.csv', 'w').write('\\n'.join(['name', *rows]))\n"
    second = {"name": "count", "engine": "python", "settings": {"code": code, "artifacts": ["out.csv"]}}
    contract = [{"kind": "rows", "of": "file:out.csv", "min": 2}]
    script = [says({"code": code.replace("[2:]", "")}, "count", "It skipped all lines.")]
    with sandboxes.started():
        if not sandbox.can_run():
            pytest.skip("no sandbox here")
        run, asked = ran(tools, team, script, first, second, contract=contract)
    assert run.state == "succeeded", (run.sentence, log())
    assert [(row.name, row.size_bytes) for row in rows(Artifact)] == [("out.csv", 12)]
    assert "has 0 rows" in asked[0].text
    assert [row.name for row in rows(Step)].count("give") == 1


# --- taken over


@pytest.fixture
def repaired(tools, team, web):
    """A run that was repaired, somebody who may edit its task, and the step before and after."""
    before, after = web.url + "/status/404", web.url + GOOD
    run, _ = ran(
        tools, team, [says({"url": after})], fetch_step(web, "/status/404"), fetch_step(web, "/status/200", "next")
    )
    return run, factories.owner(team), before, after


def url_of(slug="probe"):
    (task,) = rows(Task, Task.slug == slug)
    (version,) = rows(TaskVersion, TaskVersion.id == task.version_id)
    return version.number, version.definition["steps"][0]["settings"]["url"]


def test_a_repair_is_taken_over_as_a_new_version_once(repaired):
    run, actor, before, after = repaired
    detail = runs.find(actor, run.number)
    (offer,) = proposals.offered(detail.run)
    assert (offer.state, offer.version) == ("offered", 2)
    assert [(one.label, one.before, one.after) for one in offer.changes] == [("fetch: Address", before, after)]
    proposals.decide(actor, run.number, "fetch", "take_over")
    assert url_of() == (2, after)
    assert rows(Run)[0].facts["repairs"][0]["state"] == "taken"
    assert "repair_taken_over" in [row.action for row in rows(Audit)]
    with pytest.raises(Conflict, match="taken over already"):
        proposals.decide(actor, run.number, "fetch", "dismiss")


def test_a_dismissed_repair_changes_nothing(repaired):
    run, actor, before, _ = repaired
    proposals.decide(actor, run.number, "fetch", "dismiss")
    assert url_of() == (1, before)
    with pytest.raises(Conflict, match="dismissed already"):
        proposals.decide(actor, run.number, "fetch", "take_over")


def test_a_step_that_was_changed_since_is_not_overwritten(repaired):
    run, actor, _, _ = repaired
    seen = tasks.find(actor, "probe")
    content = tasks.definition(seen)
    steps = [
        {**content["steps"][0], "settings": {"url": "http://127.0.0.1:9/mine", "method": "GET"}},
        content["steps"][1],
    ]
    tasks.change_to(actor, seen, content | {"steps": steps})
    with pytest.raises(Conflict, match="was changed since"):
        proposals.decide(actor, run.number, "fetch", "take_over")
    assert url_of() == (2, "http://127.0.0.1:9/mine")


def test_nobody_else_finds_the_repair(repaired):
    run, actor_of_team, _, _ = repaired
    stranger = factories.owner(factories.team("other"))
    for actor, step in ((stranger, "fetch"), (actor_of_team, "next")):
        with pytest.raises(NotFound):
            proposals.decide(actor, run.number, step, "take_over")
