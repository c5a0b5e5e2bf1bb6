"""Contracts on real runs: a run that worked to its end is held against what must be true, and says what was found."""

import json
import threading
import time

import pytest

from app.engines.base import Cancellation
from app.models.runs import Alert, LogChunk, Step
from app.models.tasks import Task
from tests import agents, factories
from tests.factories import rows
from tests.llm_server import Says, llm_server
from tests.services.test_checkpoints import seal
from tests.services.test_steps import ask, carried_out, code, script, server, team, tools

__all__ = ["ask", "code", "server", "team", "tools"]  # fixtures

pytestmark = pytest.mark.alike

JSON = "/json?body=%7B%22id%22%3A+7%2C+%22items%22%3A+%5B%22a%22%5D%7D"


def check(kind, **more):
    return {"kind": kind, **more}


@pytest.fixture
def end(tools, team, server):
    """Run a task of one request with this contract to its end."""

    def ended(*contract, path=JSON, name="probe", **settings):
        task = factories.task(team, name, settings={"url": server.url + path, **settings}, contract=contract)
        return carried_out(tools, factories.run(team, task))

    return ended


@pytest.fixture
def printed(tools, team, code):
    """Run a script with this contract to its end."""

    def ended(text, *contract, name="probe", **more):
        task = factories.task(team, name, "shell", {"script": text}, contract=contract, **more)
        return carried_out(tools, factories.run(team, task))

    return ended


def states(run):
    return [one["state"] for one in run.checks]


def evidence(run):
    return [one["evidence"] for one in run.checks]


# --- how a run ends


def test_a_run_whose_contract_is_met_succeeded_and_keeps_what_was_found(end):
    run = end(check("pattern", of="answer", pattern="(?i)items"), check("rows", of="answer", min=1))
    assert (run.state, run.reason) == ("succeeded", "ok")
    assert states(run) == ["met", "met"]
    assert run.checks[0]["words"] == "The answer mentions items"
    assert evidence(run)[1] == "The answer has 1 row."
    assert ("Check", "succeeded", "2 of 2 met") in [(one.name, one.state, one.detail) for one in rows(Step)]


def test_a_required_check_that_is_not_met_makes_the_run_unmet_and_is_named_first(end):
    contract = (
        check("pattern", of="answer", pattern="id", is_absent=True, is_optional=True),
        check("pattern", of="answer", pattern="Total"),
        check("duration", below_seconds=60),
    )
    run = end(*contract)
    assert (run.state, run.reason) == ("unmet", "contract")
    assert run.sentence.startswith('Not done as agreed: “Total” is not in the answer, which begins “{"id": 7')
    assert run.sentence.endswith("1 more of its checks is not met.")
    assert states(run) == ["unmet", "unmet", "met"]
    (task,) = rows(Task)
    assert task.failures == 1  # it counts as a failure in a row
    (alert,) = rows(Alert)
    assert alert.sentence.startswith("probe did not do its work: Not done as agreed")


def test_an_optional_check_that_is_not_met_leaves_the_run_degraded(end):
    run = end(check("pattern", of="answer", pattern="Total", is_optional=True), check("answer"))
    assert (run.state, run.reason) == ("degraded", "contract")
    assert run.sentence.startswith("Done, but for what is optional: “Total” is not in the answer")
    assert rows(Task)[0].failures == 0


def test_what_cannot_be_known_is_never_said_to_have_worked(end):
    run = end(check("judge", question="Is it polite?", is_optional=False))
    assert (run.state, states(run)) == ("unmet", ["unknown"])
    assert run.sentence.startswith("Not done without doubt: No model could judge it. No model is set up")


def test_an_attempt_that_failed_is_not_checked(end):
    run = end(check("answer"), path="/status/404")
    assert (run.state, run.reason, run.checks) == ("failed", "http_status", [])
    assert "Check" not in [one.name for one in rows(Step)]


def test_a_contract_that_is_not_met_is_not_tried_again(tools, team, server):
    settings = {"url": server.url + JSON}
    task = factories.task(team, settings=settings, contract=[check("pattern", of="answer", pattern="x{9}")], retries=3)
    run = carried_out(tools, factories.run(team, task))
    assert (run.state, run.attempt) == ("unmet", 1)


# --- files and answers


def test_files_that_the_contract_names_are_kept_and_counted(printed):
    text = "printf 'a,b\\n1,2\\n3,4\\n' > report.csv; printf '[1, 2, 3]' > data.json; : > empty.txt; echo Total 4"
    run = printed(
        text,
        check("rows", of="file:report.csv", min=2, max=2),
        check("rows", of="file:*.json", min=3),
        check("schema", of="file:data.json", schema={"type": "array", "items": {"type": "integer"}}),
        check("file", name="empty.txt"),
        check("file", name="nothing.pdf"),
        check("pattern", of="answer", pattern="^Total \\d+$"),
        check("pattern", of="file:report.csv", pattern="^9", is_absent=True),
    )
    assert states(run) == ["met", "met", "met", "unmet", "unmet", "met", "met"], evidence(run)
    assert evidence(run)[0] == "report.csv has 2 rows."
    assert evidence(run)[3] == "empty.txt is empty."
    assert evidence(run)[4] == "There is no file nothing.pdf. It keeps data.json, empty.txt and report.csv."
    assert run.state == "unmet"


def test_a_file_that_is_as_it_was_in_the_run_before_is_not_new(tools, team, code):
    contract = [check("file", name="report.txt", is_new=True)]
    task = factories.task(team, "report", "shell", {"script": "echo same > report.txt"}, contract=contract)
    first, second = (carried_out(tools, factories.run(team, task)) for _ in range(2))
    assert (first.state, second.state) == ("succeeded", "unmet")
    assert evidence(second) == ["report.txt is the same as before the run."]


def test_secrets_are_hidden_in_the_evidence(tools, team, code):
    seal(tools.vault, team, "TOKEN", "s3cret-0815")
    contract = [
        check("pattern", of="file:leak.txt", pattern=pattern, is_absent=True) for pattern in ("Bearer .*", "s.cr")
    ]
    contract.append(check("schema", of="file:leak.json", schema={"type": "object"}))
    script = """echo "Bearer $TOKEN" > leak.txt; printf '"%195s"' "$TOKEN" > leak.json"""
    settings = {"script": script, "secrets": ["TOKEN"]}
    task = factories.task(team, "leak", "shell", settings, contract=contract)
    run = carried_out(tools, factories.run(team, task))
    assert evidence(run)[:2] == [f"leak.txt has “{shown}”, which it should not." for shown in ("Bearer •••", "•••")]
    assert states(run) == ["unmet"] * 3
    assert "s3c" not in run.sentence + json.dumps(run.checks) + json.dumps([chunk.lines for chunk in rows(LogChunk)])


# --- what was done


def test_pages_are_asked_and_inner_addresses_are_not(end, server):
    run = end(
        check("http", url=server.url + "/status/200"),
        check("http", url=server.url + "/status/404"),
        check("http", url=server.url + JSON, contains="items"),
        check("http", url="http://10.0.0.1/"),
    )
    assert states(run) == ["met", "unmet", "met", "unmet"]
    assert evidence(run)[1] == f"{server.url}/status/404 answered 404; expected 200."
    assert "inner" in evidence(run)[3]


def test_a_page_that_is_waited_for_does_not_outlast_a_stop(tools, team, server):
    settings = {"url": server.url + JSON}
    task = factories.task(team, settings=settings, contract=[check("http", url=server.url + "/delay/30")])
    run_id, cancellation = factories.run(team, task), Cancellation()
    timer = threading.Timer(0.6, lambda: cancellation.ask("person"))
    timer.start()
    run = carried_out(tools, run_id, cancellation=cancellation)
    assert (run.state, run.reason) == ("cancelled", "person")


def test_a_delivery_is_one_that_the_other_side_took(tools, team, ask):
    contract = [
        check("delivered", to="send"),
        check("delivered", to="127.0.0.1", min=2),
        check("delivered", to="x.org"),
    ]
    steps = [ask("fetch", JSON), ask("send", "/echo?status=202", "POST", settings={"expect_status": "200-299"})]
    run = carried_out(tools, factories.run(team, factories.task(team, steps=steps, contract=contract)))
    assert states(run) == ["met", "unmet", "unmet"]
    assert evidence(run)[1] == "Delivered to 127.0.0.1 once; expected at least twice."


def test_outputs_and_the_last_answer_of_steps_are_checked(tools, team, ask, code):
    contract = [
        check("rows", of="steps.fetch.json.items", min=1),
        check("schema", of="steps.fetch.json", schema={"required": ["id"]}),
        check("pattern", of="answer", pattern="Sum {{ steps.fetch.json.id }}"),
        check("pattern", of="steps.fetch.json.nothing", pattern="x"),
    ]
    steps = [ask("fetch", JSON), script("say", "echo Sum 7")]
    run = carried_out(tools, factories.run(team, factories.task(team, steps=steps, contract=contract)))
    assert states(run) == ["met", "met", "met", "unmet"], evidence(run)
    assert evidence(run)[3] == "The step fetch has no output json.nothing."


def test_values_of_the_run_are_filled_in_and_count_letter_by_letter(end):
    run = end(check("pattern", of="answer", pattern="{{ run.task }}"), path="/json?body=%22pr%22")
    assert (run.state, run.checks[0]["words"]) == ("unmet", "The answer matches /probe/")
    run = end(check("pattern", of="answer", pattern="{{ nothing }}"), name="other")
    assert states(run) == ["unknown"]


# --- agents


@pytest.fixture
def agent(tools, team):
    """Run an agent that says and does this to its end."""

    def ended(says, *contract, judge=None, **settings):
        with llm_server(*says) as model, llm_server(judge or Says("x")) as other:
            agents.model(team, model, "Worker", is_default=not judge)
            if judge:
                agents.model(team, other, "Judge")
            task = agents.task(team, {"model": "Worker", **settings}, contract=contract)
            run = carried_out(tools, factories.run(team, task))
            return run, other.asked

    return ended


def test_a_tool_counts_only_when_it_did_what_it_was_asked(agent):
    says = [
        Says("", (("write_file", {"path": "a.txt", "text": "x"}), ("read_file", {"path": "no.txt"}))),
        Says("Done it."),
    ]
    run, _ = agent(says, check("tool", name="write_file"), check("tool", name="read_file"), check("file", name="a.txt"))
    assert states(run) == ["met", "unmet", "met"]
    assert evidence(run)[1] == "read_file was never used; expected at least once."


def test_cost_and_length_of_an_answer(agent):
    run, _ = agent([Says("Short.")], check("cost", below_cents=0.001), check("answer", min_length=100))
    assert states(run) == ["unmet", "unmet"]
    assert evidence(run) == [
        "It cost $0.0002; expected less than $0.00001.",
        "The answer has 6 letters; expected at least 100.",
    ]


def test_an_agent_that_answers_nothing_is_unmet_without_any_contract(agent):
    run, _ = agent([Says("")])
    assert (run.state, run.reason) == ("unmet", "empty_answer")


def test_a_model_judges_what_was_left_and_its_cost_counts(agent):
    says = [Says("", (("write_file", {"path": "poem.md", "text": "Roses are red."}),)), Says("I wrote it.")]
    judge = Says('Sure: {"answer": "no", "reason": "It has one line only."}', tokens=(1000, 100))
    run, asked = agent(says, check("judge", question="Has the poem four lines?"), judge=judge)
    assert (run.state, evidence(run)) == ("degraded", ["The model says no: It has one line only."])
    assert run.cost_micros == 2 * 200 + 1500
    assert "Roses are red." in asked[0].text
    assert "Has the poem four lines?" in asked[0].text


def test_a_judge_that_says_neither_yes_nor_no_is_no_judgement(agent):
    run, _ = agent([Says("It is done.")], check("judge", question="Is it?", is_optional=False), judge=Says("Maybe."))
    assert (run.state, states(run)) == ("unmet", ["unknown"])


def test_a_judge_who_answers_with_nothing_but_braces_is_read_in_no_time(agent):
    began = time.process_time()
    run, _ = agent([Says("It is done.")], check("judge", question="Is it?"), judge=Says("{" * 60_000))
    assert states(run) == ["unknown"]
    assert time.process_time() - began < 1
