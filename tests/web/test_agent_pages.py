"""Agents on the page: the form of the editor, what a run cost against its cap, its answer, and the way on."""

import re

import pytest
import sqlalchemy as sa

from app.models.runs import Attempt, Checkpoint, Run, Step
from app.services.unit import batch
from tests import factories
from tests.factories import rows
from tests.web.conftest import put_in
from tests.web.test_models import LOCAL, add

SETTINGS = {"prompt": "Summarise notes.txt.", "model": "", "tools": ["read_file"], "cost_cap_cents": 50}


# --- the editor


def form(visit, slug, start="agent"):
    return visit.get(f"/t/{slug}/tasks/new?start={start}").text


FIELDS = {
    "engine": "agent", "name": "Digest", "prompt": "Summarise notes.txt.", "model": "", "tools": ["read_file", "write_file"],
    "cost_cap_cents": "0,25", "max_turns": "9", "temperature": "0.2", "instructions": "Be brief.",
    "allowed_hosts": "example.com\n*.example.org",
}  # fmt: skip


def definition():
    return next(row.definition for row in reversed(rows(factories.TaskVersion)))


def test_without_a_model_the_form_says_how_to_add_one_or_whom_to_ask(ada, ben, northgate):
    assert "There is no model yet" in form(ada, northgate)
    assert f"/t/{northgate}/settings/models/new" in form(ada, northgate)
    assert "Ask an admin or owner of Northgate" in form(ben, northgate)


def test_today_leads_to_the_model_first_and_then_to_the_form(ada, ben, northgate):
    assert "Add a model first" in ada.get(f"/t/{northgate}/today").text
    assert "Ask an admin or owner of Northgate" in ben.get(f"/t/{northgate}/today").text
    add(ada, northgate, **LOCAL)
    page = ada.get(f"/t/{northgate}/today").text
    assert "tasks/new?start=agent" in page
    assert "Agent · llama3.2" in page


def test_the_card_opens_a_form_that_is_filled_in_and_valid(app, ada, northgate):
    add(ada, northgate, **LOCAL)
    page = form(ada, northgate)
    assert "There is no model yet" not in page
    assert "Team&#39;s default (llama3.2)" in page
    prompt = re.search(r'name="prompt"[^>]*>\s*([^<]+)</textarea>', page)[1]
    sent = {"engine": "agent", "name": "Ask", "prompt": prompt}
    assert ada.post(f"/t/{northgate}/tasks/new", sent).status_code == 303
    with app.app_context():
        stored = definition()
    assert stored["limits"]["timeout_seconds"] == 900
    assert stored["settings"]["cost_cap_cents"] == 100
    assert stored["settings"]["tools"] == []


def test_all_that_is_typed_is_stored_and_shown_again(app, ada, northgate):
    assert ada.post(f"/t/{northgate}/tasks/new", FIELDS).status_code == 303
    with app.app_context():
        stored = definition()["settings"]
    expected = {"tools": ["read_file", "write_file"], "cost_cap_cents": 25, "max_turns": 9, "temperature": 0.2}
    expected |= {"instructions": "Be brief.", "allowed_hosts": ["example.com", "*.example.org"], "model": ""}
    assert {name: stored[name] for name in expected} == expected
    page = ada.get(f"/t/{northgate}/tasks/digest/edit").text
    assert 'name="cost_cap_cents" type="text" value="0.25"' in page
    assert 'value="read_file" checked' in page
    assert 'value="shell" checked' not in page
    shown = ada.get(f"/t/{northgate}/tasks/digest").text
    assert "read file, write file" in shown
    assert "$0.25" in shown


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("prompt", " ", "Write what the agent is to do."),
        ("cost_cap_cents", "much", "Write an amount in dollars, like 1.00."),
        ("cost_cap_cents", "20000", "At most $10,000.00."),
        ("max_turns", "0", "At least 1."),
        ("temperature", "hot", "Write a number."),
        ("allowed_hosts", "https://example.com/", "is no host"),
    ],
)
def test_what_needs_another_look_is_said_and_what_was_typed_stays(ada, northgate, field, text, sentence):
    answer = ada.post(f"/t/{northgate}/tasks/new", FIELDS | {field: text})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Be brief." in answer.text
    assert 'value="write_file" checked' in answer.text
    if text.strip():
        assert text in answer.text


# --- a run


@pytest.fixture
def team(app, ada, northgate):
    return ada.actor(app, northgate).team_id


def agent_run(app, team, turns=((4900, 50, 495_000),), answer="", **values):
    """A run of an agent with so many turns: tokens in and out, and cost."""
    with app.app_context():
        task = next((row.id for row in rows(factories.Task)), None) or factories.task(team, "ask", "agent", SETTINGS)
        state = {"state": "failed", "reason": "cost_cap", "sentence": "Stopped at its cost cap. The work is kept."}
        times = {"started_at": factories.ago(seconds=9), "ended_at": factories.ago(seconds=1)}
        costs = [cost for *_, cost in turns if cost is not None]
        facts = {"answer": answer} if answer else {}
        paid = {"cost_micros": sum(costs) if costs else None, "facts": facts}
        run = factories.run(team, task, **(state | times | paid | values))
        with batch() as work:
            given = {"run_id": run, "number": 1, "token": 1, "state": "failed", "worker": "north-1", "isolation": {}}
            attempt = work.connection.execute(
                sa.insert(Attempt).values(given | {"started_at": work.now}).returning(Attempt.id)
            ).scalar_one()
            for number, (tokens_in, tokens_out, cost) in enumerate(turns, 1):
                facts = {"tokens_in": tokens_in, "tokens_out": tokens_out} | ({"cost_micros": cost} if cost else {})
                step = {"attempt_id": attempt, "position": number, "name": f"Turn {number}", "state": "succeeded"}
                step |= {"detail": "1 tool call", "facts": facts, "started_at": work.now, "ended_at": work.now}
                work.connection.execute(sa.insert(Step).values(step))
                kept = {"team_id": team, "run_id": run, "number": number, "token": 1, "after": f"Turn {number}"}
                work.connection.execute(sa.insert(Checkpoint).values(kept | {"state": {}, "files": {}, "at": work.now}))
        return run


def show(visit, slug, number=1):
    return visit.get(f"/t/{slug}/runs/{number}").text


def test_turns_have_their_tokens_and_the_meter_its_amount(app, ada, northgate, team):
    agent_run(app, team, turns=((1000, 20, 4200), (2000, 30, 30_000)))
    page = show(ada, northgate)
    assert "1,020 tokens" in page
    assert "saved, can resume here" in page
    assert 'aria-label="$0.034 of the cap of $0.50"' in page
    assert "3,050 tokens in 2 turns." in page


@pytest.mark.parametrize(
    ("cost", "reason", "tone", "words"),
    [(100_000, "exit", "bronze", ""), (400_000, "exit", "warn", "near its cap"), (495_000, "cost_cap", "fail", "the next turn could pass its cap"), (500_000, "cost_cap", "fail", "cap reached")],
)  # fmt: skip
def test_the_meter_warns_from_four_fifths_on(app, ada, northgate, team, cost, reason, tone, words):
    agent_run(app, team, turns=((10, 10, cost),), reason=reason)
    page = show(ada, northgate)
    assert f'<meter class="is-{tone}"' in page
    assert words in page


def test_without_a_price_that_is_said_and_no_amount_is_made_up(app, ada, northgate, team):
    agent_run(app, team, turns=((1000, 20, None),), reason="exit", facts={"model": "llama3.2"})
    page = show(ada, northgate)
    assert "No price known for llama3.2." in page
    assert "<meter" not in page
    assert "no price known" in page


def test_the_answer_stands_first_as_text(app, ada, northgate, team):
    agent_run(app, team, state="succeeded", reason="ok", answer="<b>Seven</b> bells\nring.")
    page = show(ada, northgate)
    assert "&lt;b&gt;Seven&lt;/b&gt; bells\nring." in page
    assert page.index("Seven") < page.index("Turn 1")


def test_the_cap_is_raised_and_it_goes_on_in_a_new_run(app, ada, northgate, team):
    agent_run(app, team)
    page = show(ada, northgate)
    assert "Raise by $0.50 and resume" in page
    for _ in range(2):
        answer = ada.post(f"/t/{northgate}/runs/1/resumption", {"raise": "0.5"})
        assert answer.location.endswith("/runs/2")
    old, new = show(ada, northgate), show(ada, northgate, 2)
    assert 'Went on in <a href="/t/northgate/runs/2">#2</a>' in old
    assert "and resume" not in old
    assert 'Goes on from <a href="/t/northgate/runs/1">#1</a>' in new
    assert "of $1.00" in new
    with app.app_context():
        assert [row.cost_cap_micros for row in rows(Run)] == [None, 1_000_000]


@pytest.mark.parametrize(
    ("text", "sentence"), [("much", "Write an amount in dollars"), ("", "Raise its cap"), ("-1", "Raise its cap")]
)
def test_an_amount_that_is_none_is_refused_beside_its_field(app, ada, northgate, team, text, sentence):
    agent_run(app, team)
    answer = ada.post(f"/t/{northgate}/runs/1/resumption", {"raise": text})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'name="raise" value="{text}"' in answer.text


def test_a_runner_sees_who_may_raise_it(app, cid, northgate, team):
    agent_run(app, team)
    put_in(app, cid, northgate, "runner")
    assert "Editors raise its cap" in show(cid, northgate)
    assert cid.post(f"/t/{northgate}/runs/1/resumption", {"raise": "1"}).status_code == 403


def test_another_failure_goes_on_without_a_raise_and_a_viewer_only_sees(app, ada, cid, northgate, team):
    agent_run(app, team, reason="model_away")
    put_in(app, cid, northgate, "viewer")
    assert "Resume from its checkpoint" in show(ada, northgate)
    assert "let it go on" in show(cid, northgate)
    assert cid.post(f"/t/{northgate}/runs/1/resumption").status_code == 403
    assert ada.post(f"/t/{northgate}/runs/1/resumption").location.endswith("/runs/2")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("model_key", "Give the model a key that works"),
        ("rate_limited", "Run it again later."),
        ("context_too_long", "Let it read less at once"),
        ("only_a_plan", "Say in the task what the result must be"),
        ("empty_answer", "Say in the task what the answer must be"),
        ("cost_cap", "Raise its cap and let it go on"),
    ],
)
def test_each_end_says_what_to_do(app, ada, northgate, team, reason, words):
    agent_run(app, team, reason=reason)
    assert words in show(ada, northgate)


def test_today_says_what_a_run_has_cost_so_far(app, ada, northgate, team):
    agent_run(app, team, state="running", reason="", ended_at=None, turns=((10, 10, 34_000),))
    assert '<span class="cost">$0.034</span>' in ada.get(f"/t/{northgate}/today").text
