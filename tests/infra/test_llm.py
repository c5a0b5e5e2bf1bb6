"""Models are reached like all else outside: only at checked addresses, and the heavy libraries load late."""

import asyncio
import subprocess
import sys

import pytest

from app.infra import llm, redis
from app.infra.llm import ModelError, Opening
from app.settings import ROOT
from tests.agents import KEY, PROVIDERS, choice, replace
from tests.llm_server import HELLO, Fault, Says, llm_server
from tests.servers import certificate, closed_port, silent_server, web_server


@pytest.fixture(autouse=True)
def _network(configure):
    configure("localhost")


def problem(model, **more):
    with pytest.raises(ModelError) as caught:
        llm.ask(model, "Are you there?", **more)
    return caught.value


@pytest.mark.parametrize("provider", PROVIDERS)
def test_one_question_is_answered_with_its_tokens_and_cost(provider):
    with llm_server(HELLO) as server:
        said = llm.ask(choice(server, provider), "Are you there?")
        assert server.asked[0].tools == ()
    assert said.text.startswith("Hello. I am a scripted model")
    assert (said.tokens_in, said.tokens_out, said.cost_micros, said.ended) == (12, 11, 67, "stop")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_key_that_the_provider_repeats_is_not_quoted_not_even_half_of_it(provider):
    for letters in (0, 190):
        with llm_server(
            Says("", faults=(Fault("status", status=500, message=f"{'x' * letters} {KEY} is no key"),))
        ) as server:
            error = str(problem(choice(server, provider)))
        assert "“" in error
        assert KEY[:6] not in error


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_name_that_leads_inside_is_refused_before_a_connection(provider, configure):
    configure(model_example=["127.0.0.1"])
    with llm_server(HELLO) as server:
        model = choice(server, provider)
        error = problem(replace(model, base_url=model.base_url.replace("127.0.0.1", "model.example")))
        assert server.asked == []
    assert error.reason == "inner_address"
    assert "CARILLON_ALLOW_HOSTS" in str(error)


def test_an_allowed_name_is_reached_at_the_address_that_was_checked(configure):
    configure("model.example", model_example=["127.0.0.1"])
    with llm_server(HELLO) as server:
        model = choice(server)
        said = llm.ask(replace(model, base_url=model.base_url.replace("127.0.0.1", "model.example")), "Hello?")
        assert server.asked[0].header("host") == f"model.example:{server.server_address[1]}"
    assert said.text


def test_the_next_address_is_tried_when_one_refuses(configure):
    configure("model.example", model_example=["127.0.0.2", "127.0.0.1"])
    with llm_server(HELLO) as server:
        model = choice(server)
        assert llm.ask(replace(model, base_url=model.base_url.replace("127.0.0.1", "model.example")), "Hello?").text


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_redirect_is_followed_with_the_key(provider):
    with web_server() as elsewhere, llm_server(Says("x", faults=(Fault("elsewhere", message=""),) * 3)) as server:
        server.script.turns[0] = Says("x", faults=(Fault("elsewhere", message=f"{elsewhere.url}/echo"),) * 3)
        problem(choice(server, provider))
        assert elsewhere.requests == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nothing_of_the_environment_leads_it_elsewhere(provider, monkeypatch):
    nowhere = f"http://127.0.0.1:{closed_port()}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, nowhere)
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.setenv(name, nowhere)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN", "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, "key-of-the-machine")
    with llm_server(HELLO) as server:
        assert llm.ask(choice(server, provider), "Hello?").text
        assert "key-of-the-machine" not in str(server.asked[0].headers)


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path, configure):
    configure("localhost", localhost=["127.0.0.1"])
    _, context = certificate(tmp_path)
    with web_server(tls=context) as server, llm_server(HELLO) as model:
        error = problem(replace(choice(model), base_url=f"https://localhost:{server.port}/v1"))
        assert server.requests == []
    assert (error.reason, error.error_class) == ("model_away", "transient")


def test_a_model_that_says_nothing_is_not_waited_for_for_ever():
    with silent_server() as (port, _), llm_server() as server:
        error = problem(replace(choice(server), base_url=f"http://127.0.0.1:{port}/v1"), timeout_seconds=0.3)
    assert (error.reason, error.error_class) == ("model_timeout", "transient")
    assert str(error) == "Scripted did not answer within 0.3 s."


def test_an_answer_that_does_not_end_is_left(monkeypatch):
    llm.load()
    monkeypatch.setattr("app.infra.llm_client._MOST_EVENTS", 50)
    with llm_server(Says("word " * 1000)) as server:
        error = problem(choice(server))
    assert (error.reason, error.error_class) == ("model_nonsense", "transient")


def test_a_history_that_can_not_be_read_is_refused():
    with llm_server(HELLO) as server, pytest.raises(ModelError):
        llm.converse(choice(server), Opening(history=[{"kind": "nonsense"}]))


@pytest.mark.parametrize("base_url", ["", "ftp://x.example", "http://user:password@x.example/v1"])
def test_an_address_that_is_none_is_refused(base_url):
    with llm_server() as server:
        error = problem(replace(choice(server), base_url=base_url))
    assert (error.reason, error.error_class) == ("address", "permanent")


def test_prices_come_from_the_team_then_from_the_table_or_there_are_none():
    with llm_server() as server:
        model = replace(choice(server, "anthropic"), model="claude-sonnet-4-5")
        assert llm.price(model).in_micros == 1_000_000
        assert llm.price(replace(model, price_in_micros=None)).in_micros == 3_000_000
        assert llm.price(replace(choice(server), price_in_micros=None)) is None


def test_the_heavy_libraries_are_not_loaded_with_the_engines():
    ask = (
        "import sys; from app import plugins; plugins.register(); import app.infra.llm;"
        "print(sorted({'pydantic_ai', 'openai', 'anthropic', 'google.genai', 'genai_prices', 'httpx2'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["endless", "packed"])
def test_an_answer_without_an_end_takes_no_memory(kind):
    with llm_server(Says("", faults=(Fault(kind),) * 3)) as server:
        ask = f"""
import os
from app.infra import fetch, llm, sandbox_tree
from app.settings import Settings
from tests.agents import choice
from types import SimpleNamespace
fetch.configure(SimpleNamespace(allow_hosts=("127.0.0.1",)))
llm.load()
before = sandbox_tree.highest_bytes([os.getpid()])
server = SimpleNamespace(url={server.url!r}, base_url=lambda _: {server.base_url("compatible")!r})
try:
    llm.ask(choice(server), "Are you there?")
except llm.ModelError as error:
    print(error.error_class, (sandbox_tree.highest_bytes([os.getpid()]) - before) // 1024**2)
"""
        done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, cwd=ROOT, check=True)
    error_class, megabytes = done.stdout.split()
    assert error_class == "transient"
    assert int(megabytes) < 100


@pytest.mark.parametrize("tokens", [(10**30, 20), (20, -(10**6))])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_number_of_tokens_that_cannot_be_is_not_believed(provider, tokens):
    with llm_server(Says("Hello.", tokens=tokens)) as server:
        assert problem(choice(server, provider)).reason == "model_nonsense"


def test_a_turn_that_would_pass_the_rate_of_its_model_waits_and_says_so(settings):
    redis.attach(settings)
    waits: list = []

    async def twice(model):
        conversation = llm.converse(model, Opening(on_wait=waits.append))
        try:
            for seconds in (20, 0.3):
                conversation.ask("Are you there?")
                async with asyncio.timeout(seconds):
                    await conversation.turn(lambda _: None, 100)
        finally:
            await conversation.close()

    with llm_server(HELLO) as server:
        with pytest.raises(TimeoutError):
            asyncio.run(twice(choice(server, requests_per_minute=1)))
        assert len(server.asked) == 1
    assert [50 < wait <= 60 for wait in waits] == [True]


def test_hours_at_another_price_count_for_what_a_turn_costs():
    day = {"from": "00:00", "to": "00:00", "days": list(range(7)), "zone": "UTC", "factor": 0.5}
    with llm_server(HELLO) as server:
        model = choice(server, price_hours=[day])
        assert llm.price(model).in_micros == 500_000
        assert llm.ask(model, "Are you there?").cost_micros == 34
