"""Tasks of several steps: in order, by condition, handed on by name, stored one by one and never run twice."""

import threading
import time
from datetime import timedelta

import pytest

from app.domain.outputs import LARGEST_BYTES
from app.engines.base import Cancellation
from app.infra import fetch, sandbox
from app.infra.storage import Storage
from app.infra.writer import Writer
from app.models.runs import Artifact, Checkpoint, LogChunk, Run, Step
from app.services.execution import claims, outcomes, steps
from app.services.execution.perform import Tools, perform
from app.services.unit import batch
from tests import agents, factories, sandboxes
from tests.factories import rows
from tests.llm_server import Fault, llm_server
from tests.servers import web_server
from tests.services.test_checkpoints import again, seal

JSON = "/json?body=%7B%22id%22%3A+7%2C+%22items%22%3A+%5B%22a%22%5D%7D"


@pytest.fixture
def tools(app, settings, tmp_path):
    with app.app_context():
        fetch.configure(settings)
        writer = Writer(batch)
        yield Tools(writer, app.extensions["vault"], Storage(tmp_path / "files"), tmp_path / "work", lambda _: None)
        writer.close()


@pytest.fixture
def team(tools):
    return factories.team()


@pytest.fixture(scope="module")
def server():
    with web_server() as running:
        yield running


@pytest.fixture
def asked(server):
    """Which paths were asked, in order."""
    server.requests.clear()
    return lambda: [path for _, path, _, _ in server.requests]


@pytest.fixture(scope="module")
def code():
    with sandboxes.started():
        if not sandbox.can_run():
            pytest.skip("no sandbox here")
        yield


@pytest.fixture
def ask(server):
    """Make a step that asks the server for a path."""

    def make(name, path="/status/200", method="GET", **more):
        settings = {"url": server.url + path, "method": method, **more.pop("settings", {})}
        return {"name": name, "engine": "http", "settings": settings, **more}

    return make


def script(name, text, **more):
    settings = {"script": text, **more.pop("settings", {})}
    return {"name": name, "engine": "shell", "settings": settings, **more}


def program(name, text, **more):
    return {"name": name, "engine": "python", "settings": {"code": text}, **more}


def carried_out(tools, run_id, attempt=1, cancellation=None):
    with batch() as work:
        (held,) = claims.claim(work, [(run_id, attempt)], "one", timedelta(seconds=10))
    perform(held, tools, cancellation or Cancellation())
    return the_run(run_id)


def the_run(run_id):
    return rows(Run, Run.id == run_id)[0]


def run_of(tools, team, *steps, **more):
    cancellation = more.pop("cancellation", None)
    return carried_out(tools, factories.run(team, factories.task(team, steps=steps, **more)), cancellation=cancellation)


def shown():
    return [(step.name, step.state) for step in rows(Step)]


def results():
    return {row.after: row.state["step_result"] for row in rows(Checkpoint)}


def log():
    return [line[2] for chunk in rows(LogChunk) for line in chunk.lines]


# --- in order, and handed on


def test_steps_run_in_order_and_each_is_one_line(tools, team, ask, asked):
    run = run_of(tools, team, ask("first", "/status/200"), ask("second", "/status/204"), ask("third", "/status/201"))
    assert (run.state, run.reason) == ("succeeded", "ok")
    assert run.sentence.startswith("All 3 steps worked in ")
    assert asked() == ["/status/200", "/status/204", "/status/201"]
    assert shown() == [("first", "succeeded"), ("second", "succeeded"), ("third", "succeeded")]
    assert [row.after for row in rows(Checkpoint)] == ["first", "second", "third"]
    assert "── second ──" in log()


def test_outputs_are_put_in_place_of_placeholders(tools, team, ask, asked):
    path = "/echo?status={{ steps.fetch.status }}&id={{steps.fetch.outputs.json.id}}"
    second = ask("send", path, "POST", settings={"body": "{{ steps.fetch.json.items[0] }} of {{ steps.fetch.json }}"})
    run = run_of(tools, team, ask("fetch", JSON), second)
    assert run.state == "succeeded", run.sentence
    assert asked()[1] == "/echo?status=200&id=7"
    assert results()["send"]["outputs"]["json"]["body"] == 'a of {"id": 7, "items": ["a"]}'


def test_an_idempotency_key_names_run_and_step(tools, team, ask, server, asked):
    run = run_of(tools, team, ask("send", "/echo", "POST"))
    assert server.requests[0][2]["Idempotency-Key"] == f"carillon-{run.id}/send"


def test_a_name_without_a_value_is_a_failure_that_says_so(tools, team, ask, asked):
    run = run_of(tools, team, ask("fetch", JSON), ask("next", "/echo?x={{ steps.fetch.json.nothing.here }}"))
    assert (run.state, run.reason) == ("failed", "inputs")
    assert run.sentence == "next: The step fetch has no output json.nothing.here: it succeeded."
    assert asked() == [JSON]


def test_code_gets_a_file_and_hands_on_an_object(tools, team, ask, code):
    one = script("count", 'echo "{\\"total\\": 3}" > "$CARILLON_OUTPUT"; mkdir data; echo hello > data/note.txt')
    two = program(
        "double",
        "import carillon, pathlib\n"
        "n = carillon.inputs()['count']['total']\n"
        "carillon.output(total=2 * n, note=pathlib.Path('data/note.txt').read_text())\n"
        "carillon.output(more=[1])\n",
    )
    run = run_of(tools, team, one, two)
    assert run.state == "succeeded", (run.sentence, log())
    assert results()["double"]["outputs"] == {"total": 6, "note": "hello\n", "more": [1]}


@pytest.mark.alike
def test_variables_are_filled_in_and_the_source_never_is(tools, team, code):
    one = script("give", """echo '{"word": "$(id)"}' > "$CARILLON_OUTPUT" """)
    two = script("take", 'echo "$WORD {{ steps.give.word }}"', settings={"env": {"WORD": "{{ steps.give.word }}"}})
    run = run_of(tools, team, one, two)
    assert run.state == "succeeded"
    assert "$(id) {{ steps.give.word }}" in log()


@pytest.mark.alike
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[1, 2]", "no JSON object"),
        ("{broken", "is no JSON"),
        ('{"text": "' + "x" * LARGEST_BYTES + '"}', "at most 262,144"),
    ],
)
def test_an_output_that_is_no_object_or_too_large_is_a_failure(tools, team, code, content, says):
    text = f"import os\nopen(os.environ['CARILLON_OUTPUT'], 'w').write({content!r})\n"
    run = run_of(tools, team, program("give", text), script("never", "true"))
    assert (run.state, run.reason) == ("failed", "output")
    assert says in run.sentence


def test_secrets_are_not_in_stored_outputs(tools, team, code):
    seal(tools.vault, team, "TOKEN", "s3cret-0815")
    one = script(
        "leak", 'echo "{\\"a\\": [\\"Bearer $TOKEN\\"]}" > "$CARILLON_OUTPUT"', settings={"secrets": ["TOKEN"]}
    )
    run = run_of(tools, team, one, script("look", 'cat "$CARILLON_INPUTS"; env'))
    assert run.state == "succeeded"
    assert results()["leak"]["outputs"] == {"a": ["Bearer •••"]}
    assert not any("s3cret" in line for line in log())


@pytest.mark.alike
def test_files_pass_on_and_those_kept_are_kept_once(tools, team, code):
    one = script("make", "echo one > a.txt; echo old > gone.txt; mkdir -p artifacts; echo r > artifacts/report.txt")
    two = script("change", "test ! -e main.py; rm gone.txt; echo two >> a.txt; echo r2 > artifacts/report.txt")
    three = script("look", "cat a.txt; ls")
    run = run_of(tools, team, one, two, three)
    assert run.state == "succeeded", log()
    assert log()[-5:] == ["one", "two", "a.txt", "artifacts", "main.sh"]
    assert [artifact.name for artifact in rows(Artifact)] == ["report.txt"]


# --- conditions and optional steps


def test_a_condition_decides_and_a_skipped_step_says_why(tools, team, ask, asked):
    run = run_of(
        tools, team, ask("fetch", JSON),
        ask("bad", "/status/204", condition="steps.fetch.status >= 400"),
        ask("good", "/status/201", condition='steps.bad.state == "skipped" and run.attempt == 1'),
    )  # fmt: skip
    assert run.state == "succeeded"
    assert asked() == [JSON, "/status/201"]
    assert shown()[1] == ("bad", "skipped")
    assert rows(Step)[1].detail == "Skipped: it runs only if steps.fetch.status >= 400."
    assert run.sentence.startswith("2 steps worked")
    assert run.sentence.endswith("bad skipped.")


@pytest.mark.alike
def test_a_condition_that_can_not_be_decided_is_a_failure(tools, team, ask):
    run = run_of(tools, team, ask("fetch", JSON), ask("next", condition='steps.fetch.status > "a"'))
    assert (run.state, run.reason) == ("failed", "condition")


def test_without_an_optional_step_the_run_is_degraded(tools, team, ask, asked):
    run = run_of(tools, team, ask("fetch"), ask("chart", "/status/404", is_optional=True), ask("send", "/status/202"))
    assert (run.state, run.reason) == ("degraded", "optional_step")
    assert run.sentence.startswith("Finished without chart. 127.0.0.1")
    assert asked() == ["/status/200", "/status/404", "/status/202"]
    assert shown() == [("fetch", "succeeded"), ("chart", "failed"), ("send", "succeeded")]
    assert run.facts["steps"] == {"fetch": "succeeded", "chart": "failed", "send": "succeeded"}


# --- tries, time, stops


def test_a_step_is_tried_again_by_itself(tools, team, ask, asked):
    run = run_of(tools, team, ask("fetch"), ask("flaky", "/flaky/503", retries=2, retry_delay_seconds=0))
    assert run.state == "succeeded"
    assert asked() == ["/status/200", "/flaky/503", "/flaky/503"]
    assert shown() == [("fetch", "succeeded"), ("flaky", "failed"), ("flaky", "succeeded")]


@pytest.mark.alike
def test_what_will_not_pass_is_not_tried_again(tools, team, ask, asked):
    run_of(tools, team, ask("gone", "/status/404", retries=3, retry_delay_seconds=0))
    assert asked() == ["/status/404"]


@pytest.mark.alike
def test_a_step_has_its_own_time_limit_and_the_task_one_for_all(tools, team, code):
    run = run_of(tools, team, script("slow", "sleep 20", timeout_seconds=0.3), retries=0)
    assert (run.state, run.sentence) == ("timed_out", "slow: Stopped at its time limit of 0.3 s.")
    run = run_of(tools, team, script("slow", "sleep 20"), name="all", timeout_seconds=0.4, retries=0)
    assert (run.state, run.sentence) == ("timed_out", "slow: The task reached its time limit of 0.4 s.")


@pytest.mark.alike
def test_a_request_to_stop_after_a_step_keeps_what_was_done(tools, team, ask, asked, server):
    cancellation = Cancellation()
    steps = [ask("first", "/delay/0.3"), ask("second")]
    run_id = factories.run(team, factories.task(team, steps=steps))
    working = threading.Thread(target=carried_out, args=(tools, run_id, 1, cancellation))
    working.start()
    while not server.requests:
        time.sleep(0.01)
    cancellation.ask("person", "after_step")
    working.join(10)
    run = the_run(run_id)
    assert (run.state, run.reason) == ("cancelled", "person")
    assert asked() == ["/delay/0.3"]
    assert list(results()) == ["first"]


@pytest.mark.alike
def test_a_request_to_stop_ends_the_wait_between_two_tries(tools, team, ask):
    cancellation = Cancellation()
    steps = [ask("flaky", "/status/503", retries=3, retry_delay_seconds=15)]
    run_id = factories.run(team, factories.task(team, steps=steps))
    working = threading.Thread(target=carried_out, args=(tools, run_id, 1, cancellation))
    working.start()
    time.sleep(0.3)
    began = time.monotonic()
    cancellation.ask("person")
    working.join(10)
    assert time.monotonic() - began < 2
    assert the_run(run_id).state == "cancelled"


# --- never run twice


def test_a_failed_attempt_goes_on_where_it_stopped(tools, team, ask, asked):
    run_id = factories.run(team, factories.task(team, steps=[ask("first"), ask("flaky", "/flaky/503"), ask("last")]))
    assert carried_out(tools, run_id).state == "waiting"
    again(run_id)
    run = carried_out(tools, run_id, 2)
    assert (run.state, run.attempt) == ("succeeded", 2)
    assert asked() == ["/status/200", "/flaky/503", "/flaky/503", "/status/200"]
    assert "Kept from before: first." in log()


class Died(BaseException):
    """The worker is gone in the middle."""


def test_a_lost_attempt_repeats_only_the_step_in_flight(tools, team, ask, asked, monkeypatch):
    run_id = factories.run(team, factories.task(team, steps=[ask("first"), ask("second", "/status/201")]))
    with batch() as work:
        (held,) = claims.claim(work, [(run_id, 1)], "one", timedelta(seconds=10))
    carry_out = steps.call

    def dies(name, request, *others):
        outcome = carry_out(name, request, *others)
        if request.step == "second":
            raise Died
        return outcome

    with monkeypatch.context() as patch:
        patch.setattr(steps, "call", dies)
        with pytest.raises(Died):
            perform(held, tools, Cancellation())
    with batch() as work:
        assert outcomes.lose(work, run_id, held.token) == "queued"
    assert carried_out(tools, run_id, 2).state == "succeeded"
    assert asked() == ["/status/200", "/status/201", "/status/201"]


def test_another_run_goes_on_from_the_last_step_or_a_chosen_one(tools, team, ask, asked):
    task = factories.task(team, steps=[ask("a"), ask("b", "/status/201"), ask("c", "/status/404")])
    first = carried_out(tools, factories.run(team, task))
    assert first.state == "failed"
    assert carried_out(tools, factories.run(team, task, resumes_id=first.id)).state == "failed"
    assert asked() == ["/status/200", "/status/201", "/status/404", "/status/404"]
    chosen = factories.run(team, task, resumes_id=first.id, resumes_after="a")
    assert carried_out(tools, chosen).state == "failed"
    assert asked()[4:] == ["/status/201", "/status/404"]
    # It goes on in turn from all that it and the first one kept.
    assert carried_out(tools, factories.run(team, task, resumes_id=chosen)).state == "failed"
    assert asked()[6:] == ["/status/404"]


def test_what_a_run_kept_is_in_the_run_that_goes_on_from_it(tools, team, ask, code):
    one = script("make", "mkdir artifacts; echo r > artifacts/report.txt; echo x > x.txt; exit 0")
    two = script("look", "cat x.txt; test -e now")
    task = factories.task(team, steps=[one, two], retries=0)
    first = carried_out(tools, factories.run(team, task))
    assert first.state == "failed"
    second = carried_out(tools, factories.run(team, task, resumes_id=first.id))
    assert second.state == "failed"
    kept = rows(Artifact, Artifact.run_id == second.id)
    assert [artifact.name for artifact in kept] == ["report.txt"]


# --- agents within


def test_an_agent_within_goes_on_after_its_last_turn(tools, team, ask, asked):
    script = agents.writes(2)
    script[1] = agents.replace(script[1], faults=(Fault(status=503),))
    with llm_server(*script) as llm:
        agents.model(team, llm)
        write = {
            "name": "write",
            "engine": "agent",
            "settings": {"prompt": "Write the parts.", "tools": ["write_file"]},
        }
        told = ask("tell", "/echo", "POST", settings={"body": "{{ steps.write.text }}"})
        run_id = factories.run(team, factories.task(team, steps=[ask("fetch"), write, told]))
        assert carried_out(tools, run_id).state == "waiting"
        assert [row.after for row in rows(Checkpoint)] == ["fetch", "write · Turn 1"]
        again(run_id)
        run = carried_out(tools, run_id, 2)
    assert run.state == "succeeded", (run.sentence, log())
    assert run.cost_micros == 300_150
    assert [row.after for row in rows(Checkpoint)] == ["fetch", "write", "tell"]
    assert results()["write"]["cost_micros"] == 150_150
    assert results()["tell"]["outputs"]["json"]["body"] == "All parts are written."
    assert ("write · Turn 2", "succeeded") in shown()
    assert sorted(row.name for row in rows(Artifact)) == ["answer.md", "part-1.txt", "part-2.txt"]
