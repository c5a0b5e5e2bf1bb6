"""Models below the web: their default, their key, what stands in the way of deleting one, and what a worker asks."""

import pytest
import sqlalchemy as sa

from app.core.errors import Invalid, NotFound
from app.infra import fetch, queues
from app.infra.database import db
from app.models.teams import Model, Secret
from app.services import models, secrets
from app.services.models import Given, trials
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.llm_server import Fault, Says, llm_server
from tests.services.test_secrets import owner_of, value_of

KEY = "sk-quiet-bell-0001"


@pytest.fixture
def vault(app, settings):
    fetch.configure(settings)
    with app.app_context():
        yield app.extensions["vault"]


@pytest.fixture
def actor(vault):
    return owner_of(vault, "Northgate")


def local(name="", base_url="http://127.0.0.1:9/v1", **more):
    return Given(name, "compatible", "llama3.2", base_url, **more)


def add(actor, vault, *given):
    return [models.add(actor, vault, one).id for one in given]


def uses(actor, name, model):
    return factories.task(actor.team_id, name, "agent", {"prompt": "Do it.", "model": model})


def default_of(actor):
    return [line.row.name for line in models.lines(actor) if line.row.is_default]


def test_the_first_is_the_default_and_there_is_always_one(actor, vault):
    first, second, _ = add(actor, vault, local("one"), local("two"), local("three"))
    assert default_of(actor) == ["one"]
    models.set_default(actor, second)
    models.set_default(actor, second)
    assert default_of(actor) == ["two"]
    assert list(models.names(actor)) == ["two", "one", "three"]
    models.delete(actor, second)
    assert default_of(actor) == ["one"]
    models.delete(actor, first)
    assert default_of(actor) == ["three"]


def test_a_pasted_key_becomes_a_secret_of_its_own_and_overwrites_none(actor, vault):
    secrets.put(actor, vault, "OPENAI_API_KEY", "somebody else's")
    add(actor, vault, Given("a", "openai", "gpt-4.1-mini", key=KEY), local("8 bit/llama", key=KEY))
    assert [row.secret for row in rows(Model)] == ["OPENAI_API_KEY_2", "MODEL_8_BIT_LLAMA_API_KEY"]
    assert value_of(vault, actor, "OPENAI_API_KEY") == "somebody else's"
    assert value_of(vault, actor, "OPENAI_API_KEY_2") == KEY
    assert all(KEY.encode() not in row.sealed for row in rows(Secret))


def test_one_that_tasks_use_is_not_deleted_and_they_are_named(actor, vault):
    first, second = add(actor, vault, local("one"), local("two"))
    uses(actor, "digest", "two")
    with pytest.raises(Invalid, match=r"^The task digest uses two\. Give it another model first\.$"):
        models.delete(actor, second)
    models.delete(actor, first)
    uses(actor, "watch", "")
    with pytest.raises(Invalid, match=r"^The tasks digest and watch use two\. Give them another model first\.$"):
        models.delete(actor, second)


def test_a_name_that_tasks_use_is_kept(actor, vault):
    (model,) = add(actor, vault, local("one"))
    uses(actor, "digest", "one")
    with pytest.raises(Invalid) as refused:
        models.change(actor, vault, model, local("another"))
    assert list(refused.value.fields) == ["name"]
    models.change(actor, vault, model, local("one", price_in="0", price_out="0"))
    assert models.find(actor, model).price.in_micros == 0


def test_the_price_list_knows_the_usual_ones(actor, vault):
    add(
        actor, vault, Given("", "openai", "gpt-4.1-mini", key=KEY), Given("", "anthropic", "claude-3-5-haiku-latest", key=KEY),
        Given("", "google", "gemini-2.0-flash", key=KEY), local(),
    )  # fmt: skip
    priced = {line.row.provider: line.price for line in models.lines(actor)}
    assert priced["openai"].in_micros == 400_000
    assert priced["anthropic"].out_micros > priced["anthropic"].in_micros > 0
    assert priced["google"].in_micros > 0
    assert priced["compatible"] is None


def test_another_teams_model_is_not_there(actor, vault):
    stranger = owner_of(vault, "Elsewhere")
    (theirs,) = add(stranger, vault, local())
    for call in (models.find, models.set_default, models.delete, models.ask):
        with pytest.raises(NotFound):
            call(actor, theirs)
    with pytest.raises(NotFound):
        models.change(actor, vault, theirs, local())
    assert models.lines(actor) == []


# --- trials


def work(vault):
    """Do what a worker does with the newest call."""
    (job,) = queues.waiting(queues.UPKEEP)
    fetched = queues.SafeJob.fetch(job, connection=queues.redis.client())
    queues.redis.client().flushall()
    db.session.rollback()  # what was read before is of before
    trials.answer(vault, *fetched.args)


def tried(actor, vault, turn, **more):
    with llm_server(turn) as server:
        (model,) = add(actor, vault, local(base_url=server.base_url("compatible"), **more))
        models.ask(actor, model)
        assert models.find(actor, model).trial.state == "asked"
        work(vault)
        return models.find(actor, model).trial, server.asked


def test_the_answer_is_what_the_model_said_and_the_key_went_along(actor, vault):
    trial, (asked,) = tried(actor, vault, Says("17 + 25\nis 42.", tokens=(14, 8)), key=KEY)
    assert (trial.state, trial.sentence, trial.tokens) == ("ok", "17 + 25 is 42.", 22)
    assert trial.seconds > 0
    assert asked.header("authorization") == f"Bearer {KEY}"


def test_an_error_is_told_and_never_the_key(actor, vault):
    refusal = Fault(status=401, message=f"Incorrect API key provided: {KEY}")
    trial, _ = tried(actor, vault, Says("never", faults=(refusal,) * 9), key=KEY)
    assert trial.state == "failed"
    assert "key" in trial.sentence
    assert KEY not in trial.sentence


def test_a_secret_that_is_gone_is_said(actor, vault):
    (model,) = add(actor, vault, local(key=KEY))
    secrets.delete(actor, secrets.lines(actor)[0].id)
    models.ask(actor, model)
    work(vault)
    assert models.find(actor, model).trial.sentence == "The secret LLAMA3_2_API_KEY is not there. Set it again."


def test_what_was_changed_meanwhile_is_not_judged_by_the_old_answer(actor, vault):
    (model,) = add(actor, vault, local())
    models.ask(actor, model)
    models.change(actor, vault, model, local(price_in="1", price_out="1"))
    work(vault)
    assert models.find(actor, model).trial.state == "none"


def test_without_a_worker_it_says_so_after_a_while(actor, vault):
    (model,) = add(actor, vault, local())
    with batch() as work_:
        asked = {"asked_at": (work_.now - trials.PATIENCE * 2).isoformat()}
        work_.connection.execute(sa.update(Model).values(test=asked))
    trial = models.find(actor, model).trial
    assert trial.state == "failed"
    assert "No worker answered" in trial.sentence
