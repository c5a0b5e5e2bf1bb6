"""The agent engine with a scripted model over the real protocols: work, cost, cap, resumption, and every bad end."""

import pytest

from app.engines.agent import engine
from app.engines.base import ArtifactMade, CheckpointReached, Limits
from app.infra import fetch
from app.settings import Settings
from tests import agents
from tests.agents import KEY, PROVIDERS, checkpoint, choice, cost, lines, request, turns, work
from tests.llm_server import Fault, Says, llm_server
from tests.servers import closed_port

READ = Says("Let me read it.\n", (("read_file", {"path": "notes.txt"}),), (1000, 100))
DONE = Says("The notes are about tea.\nThey are short.\n", tokens=(2000, 40))


@pytest.fixture(autouse=True)
def _loopback_is_allowed(tmp_path):
    fetch.configure(Settings(data_dir=tmp_path, allow_hosts=("127.0.0.1", "localhost")))
    yield
    fetch.configure(Settings(data_dir=tmp_path))


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "given.txt"
    path.write_text("Tea at five.\n")
    return {"notes.txt": path}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_it_reads_a_file_and_answers(provider, tmp_path, notes):
    with llm_server(READ, DONE) as server:
        ran = work(request(tmp_path, choice(server, provider), files=notes))
        assert server.asked[1].results == ("Tea at five.\n",)
        assert KEY in str(server.asked[0].headers)
        assert {asked.is_stream for asked in server.asked} == {True}
    assert ran.outcome.state == "succeeded"
    assert ran.outcome.sentence.endswith(": 2 turns, 1 tool call, $0.0037.")
    assert ran.artifacts["answer.md"].decode() == "The notes are about tea.\nThey are short."
    assert ran.outcome.facts["answer"].startswith("The notes are about tea.")
    assert turns(ran) == {
        "Turn 1": {"tokens_in": 1000, "tokens_out": 100, "cost_micros": 1500},
        "Turn 2": {"tokens_in": 2000, "tokens_out": 40, "cost_micros": 2200},
    }
    assert cost(ran) == 3700
    told = lines(ran)
    assert [told.index(line) for line in ("Let me read it.", "→ read_file notes.txt", "← Tea at five.")] == [0, 1, 2]
    assert told[-2:] == ["The notes are about tea.", "They are short."]


def test_it_is_told_the_task_and_that_nobody_answers(tmp_path, notes):
    with llm_server(DONE) as server:
        settings = {"instructions": "Write like Ada.", "tools": []}
        work(request(tmp_path, choice(server), settings, files=notes, planned_at="2026-11-23T09:00:00+00:00"))
        (asked,) = server.asked
    for words in ("Write like Ada.", "Nobody watches", "notes.txt", "2026-11-23T09:00:00", "Summarise notes.txt."):
        assert words in asked.text
    assert asked.tools == ()


def test_its_text_is_told_line_by_line_while_it_comes(tmp_path):
    with llm_server(Says("First line.\nSecond line.\n", pause_seconds=0.2)) as server:
        ran = agents.Ran(tmp_path)
        asked = request(tmp_path, choice(server), {"tools": []})
        thread = agents.begin(asked, ran)
        ran.wait_for("First line.")
        assert ran.outcome is None
        thread.join(10)
    assert ran.outcome.state == "succeeded"


# --- money


def test_without_a_price_it_says_so_once_and_counts_nothing(tmp_path, notes):
    with llm_server(READ, DONE) as server:
        model = choice(server, price_in_micros=None, price_out_micros=None)
        ran = work(request(tmp_path, model, {"cost_cap_cents": 0}, files=notes))
    assert ran.outcome.sentence.endswith(": 2 turns, 1 tool call, no price known.")
    assert sum("No price is known for scripted" in line for line in lines(ran)) == 1
    assert (cost(ran), ran.outcome.facts["has_price"]) == (0, False)
    assert "cost_micros" not in turns(ran)["Turn 1"]


def test_the_table_knows_what_known_models_cost(tmp_path):
    with llm_server(Says("Fine.", tokens=(1_000_000, 1_000_000))) as server:
        model = choice(server, "openai", price_in_micros=None, price_out_micros=None)
        model = agents.replace(model, model="gpt-4o-mini")
        assert cost(work(request(tmp_path, model, {"tools": []}))) == 750_000


def test_at_its_cap_it_ends_with_its_work_kept_and_goes_on_when_the_cap_is_raised(tmp_path):
    with llm_server(*agents.writes(5)) as server:
        settings = {"tools": ["write_file"], "cost_cap_cents": 50}
        ran = work(request(tmp_path, choice(server), settings))
        outcome = ran.outcome
        assert (outcome.state, outcome.reason, outcome.error_class) == ("failed", "cost_cap", "permanent")
        assert outcome.sentence == (
            "Stopped at its cost cap: $0.45 of $0.50 spent after 3 turns, and the next turn could pass it. The work so far is kept."
        )
        again = request(
            tmp_path, choice(server), settings, number=2, checkpoint=checkpoint(ran, tmp_path / "kept"),
            cost_cap_micros=1_500_000, spent_micros=cost(ran),
        )  # fmt: skip
        second = work(again)
        assert server.turns_asked() == {0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1}
    assert second.outcome.state == "succeeded"
    assert second.outcome.sentence.endswith(": 6 turns, 5 tool calls, $0.75.")
    assert list(turns(second)) == ["Turn 4", "Turn 5", "Turn 6"]
    assert "Goes on after turn 3; $0.45 spent so far." in lines(second)
    assert sorted(second.artifacts) == ["answer.md", *(f"part-{n}.txt" for n in range(1, 6))]


def test_it_never_asks_for_more_than_is_left(tmp_path):
    with llm_server(Says("Short.", tokens=(10, 10))) as server:
        work(request(tmp_path, choice(server), {"tools": [], "cost_cap_cents": 1}))
        body = server.asked[0].body
        assert 500 < body.get("max_completion_tokens", body.get("max_tokens")) < 2000


def test_what_not_even_the_question_fits_is_not_asked(tmp_path):
    with llm_server(DONE) as server:
        ran = work(request(tmp_path, choice(server), {"prompt": "x" * 100_000, "cost_cap_cents": 1}))
        assert server.asked == []
    assert ran.outcome.sentence.startswith("Its cost cap of $0.01 is too low for a single turn.")


# --- answers that are none


@pytest.mark.parametrize(
    ("says", "state", "reason"),
    [
        (Says("  \n"), "unmet", "empty_answer"),
        (Says("I will read the notes first, and then I will write a summary.\n"), "unmet", "only_a_plan"),
        (Says("The tea is ", ended="length"), "unmet", "answer_cut"),
        (Says("No.", ended="refused"), "failed", "model_refused"),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_an_answer_that_is_none_is_no_success(provider, says, state, reason, tmp_path):
    with llm_server(says) as server:
        ran = work(request(tmp_path, choice(server, provider)))
    assert (ran.outcome.state, ran.outcome.reason) == (state, reason)
    assert ran.outcome.sentence in lines(ran, "error")


def test_who_has_worked_may_end_with_an_outlook(tmp_path, notes):
    with llm_server(READ, Says("I will read them again tomorrow.")) as server:
        assert work(request(tmp_path, choice(server), files=notes)).outcome.state == "succeeded"


def test_it_stops_after_the_turns_it_may_take(tmp_path, notes):
    with llm_server(READ) as server:
        ran = work(request(tmp_path, choice(server), {"max_turns": 3}, files=notes))
        assert len(server.asked) == 3
    assert (ran.outcome.state, ran.outcome.reason, ran.outcome.error_class) == ("failed", "max_turns", "permanent")
    assert len(ran.of(CheckpointReached)) == 3


# --- what goes wrong at the provider


FAULTS = {
    "key": (Fault(status=401, message="Bad key."), "model_key", "permanent"),
    "forbidden": (Fault(status=403), "model_key", "permanent"),
    "unknown": (Fault(status=404), "no_such_model", "permanent"),
    "often": (Fault(status=429, retry_after="7"), "rate_limited", "rate_limited"),
    "broken": (Fault(status=500), "model_busy", "transient"),
    "busy": (Fault(status=503), "model_busy", "transient"),
    "long": (Fault("context"), "context_too_long", "permanent"),
    "odd": (Fault(status=400), "model_refused", "permanent"),
    "cut": (Fault("cut"), "model_away", "transient"),
    "short": (Fault("short"), "model_away", "transient"),
    "nonsense": (Fault("nonsense"), "model_nonsense", "transient"),
    "malformed": (Fault("malformed"), "model_nonsense", "transient"),
    "empty": (Fault("empty"), "model_nonsense", "transient"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_error_has_its_class_and_its_sentence_and_is_not_asked_again(provider, fault, tmp_path):
    happens, reason, error_class = FAULTS[fault]
    with llm_server(Says("x", faults=(happens,))) as server:
        ran = work(request(tmp_path, choice(server, provider)))
        assert len(server.asked) == 1
    outcome = ran.outcome
    assert (outcome.state, outcome.reason, outcome.error_class) == ("failed", reason, error_class)
    assert outcome.retry_after_seconds == (7.0 if fault == "often" else None)
    assert outcome.sentence.endswith(".")
    assert outcome.sentence in lines(ran, "error")
    assert KEY not in outcome.sentence
    assert "Scripted" in outcome.sentence or "scripted" in outcome.sentence


def test_what_was_done_before_an_error_is_kept(tmp_path, notes):
    with llm_server(READ, Says("Done.", faults=(Fault("cut"),))) as server:
        first = work(request(tmp_path, choice(server), files=notes))
        assert (first.outcome.reason, first.outcome.error_class) == ("model_away", "transient")
        kept = checkpoint(first, tmp_path / "kept")
        second = work(request(tmp_path, choice(server), number=2, checkpoint=kept))
        assert server.turns_asked() == {0: 1, 1: 2}
    assert second.outcome.state == "succeeded"
    assert list(turns(second)) == ["Turn 2"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_conversation_of_any_provider_goes_on_from_its_checkpoint(provider, tmp_path, notes):
    with llm_server(READ, READ, DONE) as server:
        first = work(request(tmp_path, choice(server, provider), {"max_turns": 1}, files=notes))
        kept = checkpoint(first, tmp_path / "kept")
        second = work(request(tmp_path, choice(server, provider), number=2, checkpoint=kept))
        assert server.turns_asked() == {0: 1, 1: 1, 2: 1}
        assert server.asked[-1].results == ("Tea at five.\n",) * 2
    assert second.outcome.state == "succeeded"


def test_a_conversation_goes_on_with_another_provider(tmp_path, notes):
    with llm_server(READ, READ, DONE) as server:
        first = work(request(tmp_path, choice(server, "openai"), {"max_turns": 1}, files=notes))
        kept = checkpoint(first, tmp_path / "kept")
        second = work(request(tmp_path, choice(server, "anthropic"), number=2, checkpoint=kept))
        assert [asked.protocol for asked in server.asked] == ["openai", "anthropic", "anthropic"]
    assert second.outcome.state == "succeeded"


def test_an_unfinished_answer_is_gone_on_with(tmp_path):
    plan = Says("I will read the notes.\n")
    with llm_server(plan, READ, DONE) as server:
        first = work(request(tmp_path, choice(server)))
        kept = checkpoint(first, tmp_path / "kept")
        work(request(tmp_path, choice(server), number=2, checkpoint=kept))
        assert "Go on with the task" in server.asked[1].text


def test_a_refused_connection_may_pass(tmp_path):
    with llm_server(DONE) as server:
        model = agents.replace(choice(server), base_url=f"http://127.0.0.1:{closed_port()}/v1")
    outcome = work(request(tmp_path, model)).outcome
    assert (outcome.state, outcome.reason, outcome.error_class) == ("failed", "model_away", "transient")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_inner_address_is_refused_and_the_setting_named(provider, tmp_path):
    fetch.configure(Settings(data_dir=tmp_path))
    with llm_server(DONE) as server:
        outcome = work(request(tmp_path, choice(server, provider))).outcome
        assert server.asked == []
    assert (outcome.state, outcome.reason) == ("blocked", "inner_address")
    assert "CARILLON_ALLOW_HOSTS" in outcome.sentence


def test_without_a_model_it_says_where_to_add_one(tmp_path):
    outcome = work(request(tmp_path, None)).outcome
    assert (outcome.state, outcome.reason) == ("blocked", "no_model")
    assert "Settings, Models" in outcome.sentence


def test_its_time_is_limited(tmp_path, notes):
    with llm_server(READ, Says("x", think_seconds=20)) as server:
        limits = Limits(timeout_seconds=1.5)
        ran = work(request(tmp_path, choice(server), files=notes, limits=limits))
    assert (ran.outcome.state, ran.outcome.reason, ran.outcome.error_class) == ("timed_out", "timeout", "transient")
    assert len(ran.of(CheckpointReached)) == 1


def test_its_own_answer_file_is_kept_as_it_wrote_it(tmp_path):
    write = Says("", (("write_file", {"path": "answer.md", "text": "# Mine"}),))
    with llm_server(write, DONE) as server:
        ran = work(request(tmp_path, choice(server), {"tools": ["write_file"]}))
    assert ran.artifacts == {"answer.md": b"# Mine"}
    assert len(ran.of(ArtifactMade)) == 1


def test_settings_that_make_no_sense_are_refused():
    fields = engine.settings_schema.model_fields
    assert {"prompt", "model", "tools", "max_turns", "cost_cap_cents"} <= set(fields)
    for wrong in ({"prompt": "  "}, {"prompt": "x", "tools": ["rm"]}, {"prompt": "x", "allowed_hosts": ["a b"]}):
        with pytest.raises(ValueError):
            engine.settings_schema.model_validate(wrong)
