"""Settings > Models on the page: what is listed, what a form refuses, and who may."""

import re

import pytest

from app.infra import fetch, queues
from app.services.models import trials
from tests.llm_server import HELLO, llm_server
from tests.web.conftest import put_in

KEY = "sk-quiet-bell-0001"
LOCAL = {"provider": "compatible", "model": "llama3.2", "base_url": "http://127.0.0.1:9/v1"}
HOSTED = {"provider": "openai", "model": "gpt-4.1-mini", "key": KEY}


def add(visit, slug, **fields):
    return visit.post(f"/t/{slug}/settings/models", fields)


def listed(visit, slug):
    return visit.get(f"/t/{slug}/settings/models").text


def address(visit, slug, end):
    return re.search(rf"/t/\S+/settings/models/\d+/{end}", listed(visit, slug))[0]


def test_without_one_two_lines_say_how_to_come_by_one(ada, ben, northgate):
    page = listed(ada, northgate)
    assert "No model yet." in page
    assert "ollama pull" in page
    assert "Ask an admin or owner of Northgate" in listed(ben, northgate)


def test_a_model_is_listed_with_its_price_and_its_key_by_name(ada, northgate):
    assert add(ada, northgate, **HOSTED).status_code == 303
    page = listed(ada, northgate)
    assert "gpt-4.1-mini" in page
    assert "$0.40 in, $1.60 out for a million tokens, as in the price list" in page
    assert "OPENAI_API_KEY" in page
    assert "default" in page
    assert "Not tested yet." in page


def test_a_key_is_kept_as_a_secret_and_never_shown(ada, northgate):
    add(ada, northgate, **HOSTED)
    refused = add(ada, northgate, **HOSTED)
    assert refused.status_code == 422
    assert "There is a model called gpt-4.1-mini already." in refused.text
    for page in (refused.text, listed(ada, northgate), ada.get(f"/t/{northgate}/settings/secrets").text):
        assert KEY not in page
    assert "the model gpt-4.1-mini" in ada.get(f"/t/{northgate}/settings/secrets").text


def test_what_was_typed_stays_when_something_needs_another_look(ada, northgate):
    page = add(ada, northgate, provider="compatible", model="llama3.2", price_in="cheap").text
    assert "Write where it answers" in page
    assert "Write dollars for a million tokens" in page
    assert 'value="llama3.2"' in page
    assert 'value="cheap"' in page
    assert '<option value="compatible" selected>' in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({**LOCAL, "model": " "}, "Write the model"),
        ({**LOCAL, "provider": "oracle"}, "Choose one of the providers."),
        ({**LOCAL, "base_url": "ftp://x"}, "Type an address like https://"),
        ({**LOCAL, "base_url": "http://me:word@127.0.0.1/v1"}, "Keep user and password out of the address"),
        ({**LOCAL, "price_in": "0.1"}, "Give both prices, or none."),
        ({**LOCAL, "price_in": "-1", "price_out": "1"}, "Write dollars for a million tokens"),
        ({**LOCAL, "secret": "GONE"}, "The secret GONE is not there any more."),
        ({**LOCAL, "name": "a" * 61}, "A name has at most 60 letters."),
        ({**HOSTED, "key": ""}, "OpenAI asks for a key"),
        ({**HOSTED, "key": "two\nlines"}, "without line breaks"),
    ],
)
def test_each_field_says_what_it_takes(ada, northgate, fields, sentence):
    answer = add(ada, northgate, **fields)
    assert answer.status_code == 422
    assert sentence in answer.text


def test_prices_of_ones_own_are_said_and_without_one_that_is_said(ada, northgate):
    add(ada, northgate, **LOCAL)
    assert "No price known" in listed(ada, northgate)
    add(ada, northgate, **LOCAL, name="metered", price_in="0,10", price_out="$0.0042")
    assert "$0.10 in, $0.0042 out for a million tokens." in listed(ada, northgate)


def test_a_model_is_changed_and_another_made_default(ada, northgate):
    add(ada, northgate, **LOCAL)
    add(ada, northgate, **HOSTED)
    page = listed(ada, northgate)
    other = re.search(r"/t/\S+/settings/models/\d+(?=/default)", page)[0]
    assert ada.post(f"{other}/default").status_code == 303
    form = ada.get(other).text
    assert 'value="gpt-4.1-mini"' in form
    assert KEY not in form
    assert ada.post(other, {**HOSTED, "key": "", "secret": "OPENAI_API_KEY", "name": "mini"}).status_code == 303
    page = listed(ada, northgate)
    assert re.search(r">mini</a> <span class=\"tag\">default", page)


def test_a_deleted_one_is_gone_and_the_other_takes_over(ada, northgate):
    add(ada, northgate, **LOCAL)
    add(ada, northgate, **HOSTED)
    first = re.search(r"models/(\d+)\">llama3.2", listed(ada, northgate))[1]
    assert ada.post(f"/t/{northgate}/settings/models/{first}/deletion").status_code == 303
    page = listed(ada, northgate)
    assert "llama3.2</a>" not in page
    assert ">default<" in page


def test_only_admins_and_owners_set_models(app, ada, ben, cid, northgate):
    add(ada, northgate, **LOCAL)
    page = listed(ben, northgate)
    assert "llama3.2" in page
    assert "Add a model" not in page
    assert add(ben, northgate, **LOCAL).status_code == 403
    assert ben.post(address(ada, northgate, "test")).status_code == 403
    put_in(app, cid, northgate, "admin")
    assert add(cid, northgate, **LOCAL, name="second").status_code == 303


# --- the test button


@pytest.fixture(autouse=True)
def _reach(settings):
    fetch.configure(settings)


def waiting(app):
    """The one call that waits for a worker."""
    with app.app_context():
        (job,) = queues.waiting(queues.UPKEEP)
        fetched = queues.SafeJob.fetch(job, connection=queues.redis.client())
        assert fetched.func_name == queues.TEST_MODEL
        return fetched.args


def work(app):
    """Do what a worker does with that call."""
    model_id, asked_at = waiting(app)
    with app.app_context():
        trials.answer(app.extensions["vault"], model_id, asked_at)


def test_the_button_shows_the_real_answer(app, ada, northgate):
    with llm_server(HELLO) as server:
        add(ada, northgate, **{**LOCAL, "base_url": server.base_url("compatible")}, test="1")
        page = listed(ada, northgate)
        assert "Asking “What is 17 + 25?" in page
        assert 'hx-trigger="every 1s"' in page
        assert 'http-equiv="refresh"' in page
        work(app)
    row = ada.get(address(ada, northgate, "test").replace("/test", "/row"), headers={"HX-Request-Type": "partial"}).text
    assert "“Hello. I am a scripted model, and I am here.”" in row
    assert "23 tokens" in row
    assert "hx-get" not in row
    assert 'http-equiv="refresh"' not in listed(ada, northgate)


def test_the_button_shows_the_real_error(app, ada, northgate):
    add(ada, northgate, **LOCAL)
    ada.post(address(ada, northgate, "test"))
    work(app)
    page = listed(ada, northgate)
    assert "Does not answer" in page
    assert "127.0.0.1" in page


def test_hours_at_another_price_and_rates_are_kept_as_typed(ada, northgate):
    typed = {"price_hours": "mon-fri 22:00 - 06:00 Europe/Berlin 50 %", "requests_per_minute": "60"}
    add(ada, northgate, **LOCAL, **typed)
    form = ada.get(f"/t/{northgate}/settings/models/1").text
    assert "mon-fri 22:00-06:00 Europe/Berlin 0.5</textarea>" in form
    assert 'name="requests_per_minute" type="text" value="60"' in form
    wrong = add(ada, northgate, **{**LOCAL, "name": "other"}, price_hours="at night", tokens_per_minute="0").text
    assert "“at night” is not clear." in wrong
    assert "Write a whole number from 1 to 99,999,999" in wrong
