"""Hooks: who knows an address and can prove it starts a task, once for each thing told, and nobody learns more."""

import json
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from app.core.errors import Conflict, Invalid, NotFound
from app.domain import webhooks as rules
from app.domain.access import Actor
from app.infra.database import db
from app.models.instance import Audit
from app.models.runs import Run
from app.models.tasks import Task
from app.models.teams import Secret, Team
from app.models.webhooks import Hook, HookCall
from app.services import hooks, runs, secrets
from app.services.hooks import Wanted, calls, trying
from app.services.hooks.calls import Call
from app.services.unit import batch
from tests import factories
from tests.factories import rows

JSON = {"content-type": "application/json"}
VARIABLES = [
    {"name": "title", "value": ""}, {"name": "number", "kind": "number", "value": "1"},
    {"name": "note", "value": "none", "is_required": False},
]  # fmt: skip
MAPPING = {"title": "issue.title", "number": "issue.number"}
PAYLOAD = {"action": "opened", "issue": {"title": "It hurts", "number": 7}}


@pytest.fixture
def vault(app, team):
    vault = app.extensions["vault"]
    with batch() as work:
        work.connection.execute(sa.update(Team).values(data_key=vault.new_data_key(team)))
    return vault


@pytest.fixture
def task(team):
    return factories.task(team, "triage", variables=VARIABLES, overlap="allow")


@pytest.fixture
def made(actor, vault, task):
    """Make a hook; returns what is shown once."""

    def make(**wanted):
        given = {"name": "Issues", "mapping": MAPPING} | wanted
        return hooks.create(actor, vault, "triage", Wanted(**given))

    return make


@pytest.fixture
def call(vault):
    """Call an address with JSON; returns the answer."""

    def call(hook, payload=PAYLOAD, **headers):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        given = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = calls.receive(Call(hook.path.rpartition("/")[2], given, body), vault)
        db.session.rollback()  # what is read next has seen it
        return answer

    return call


def verdicts():
    return [row.verdict for row in rows(HookCall)]


# --- a call becomes a run


def test_a_call_starts_the_task_with_its_values(made, call, task):
    hook = made()
    answer = call(hook)
    assert (answer.status, answer.word, answer.run) == (202, "accepted", 1)
    [run] = rows(Run)
    assert (run.state, run.trigger, run.typed) == ("queued", "webhook", {"title": "It hurts", "number": 7})
    assert run.key.startswith(f"event:{hook.id}-")
    assert run.hook_id == hook.id
    [kept] = rows(HookCall)
    assert (kept.verdict, kept.run_id, json.loads(kept.payload)) == ("accepted", run.id, PAYLOAD)


def test_the_same_call_is_one_run(made, call):
    hook = made()
    answers = [call(hook), call(hook), call(hook, PAYLOAD | {"more": 1})]
    assert [answer.run for answer in answers] == [1, 1, 2]
    named = [call(hook, idempotency_key="a"), call(hook, {"issue": {"title": "Other"}}, idempotency_key="a")]
    assert [answer.run for answer in named] == [3, 3]
    assert verdicts() == ["accepted", "repeated", "accepted", "accepted", "repeated"]
    with batch() as work:
        work.connection.execute(sa.update(HookCall).values(at=work.now - timedelta(minutes=11)))
    assert call(hook).run == 4  # the same body, but much later
    assert call(hook, idempotency_key="a").run == 3  # the same name for ever


def test_many_at_once_with_one_name_are_one_run(made, vault):
    token = made().path.rpartition("/")[2]
    body = json.dumps(PAYLOAD).encode()
    threads = [
        threading.Thread(target=calls.receive, args=(Call(token, JSON | {"idempotency-key": "k"}, body), vault))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(Run)) == 1
    assert sorted(verdicts()) == ["accepted", *["repeated"] * 5]


@pytest.mark.alike
def test_a_filter_lets_some_through(made, call):
    hook = made(condition='payload.action == "opened" and event == "issues"')
    assert call(hook).word == "filtered"
    assert call(hook, x_github_event="issues").word == "accepted"
    assert verdicts() == ["filtered", "accepted"]


@pytest.mark.alike
@pytest.mark.parametrize(
    ("payload", "status", "part"),
    [
        (b"{", 400, "no JSON"), (b"x" * 300_000, 400, "256 KiB"), ({"issue": {"title": "x", "number": "many"}}, 422, "number"),
        ({"issue": {"title": "x" * 20_000}}, 422, "16 KiB"),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_refused_and_said(made, call, payload, status, part):
    answer = call(made(), payload)
    assert (answer.status, answer.word) == (status, "refused")
    assert part in answer.sentence
    assert rows(Run) == []
    assert part in rows(HookCall)[0].sentence


@pytest.mark.alike
def test_what_the_payload_lacks_counts_as_the_task_has_it(made, call):
    answer = call(made(), {"issue": {"title": "x"}})
    assert (answer.word, answer.sentence) == ("accepted", "The payload has no issue.number.")
    assert rows(Run)[0].typed == {"title": "x"}


@pytest.mark.alike
def test_the_rules_of_the_task_hold(team, made, call, task):
    factories.task(team, "one-at-a-time", variables=VARIABLES, overlap="skip")
    with batch() as work:
        work.connection.execute(sa.update(Task).where(Task.slug == "triage").values(slug="other"))
        work.connection.execute(sa.update(Task).where(Task.slug == "one-at-a-time").values(slug="triage"))
    hook = made()
    call(hook, {"issue": {"title": "a"}})
    call(hook, {"issue": {"title": "b"}})
    assert [run.state for run in rows(Run)] == ["queued", "skipped"]
    with batch() as work:
        work.connection.execute(sa.update(Task).values(paused_at=work.now))
    answer = call(hook, {"issue": {"title": "c"}})
    assert (answer.status, answer.sentence) == (409, "The task is paused.")


@pytest.mark.alike
def test_too_many_calls_have_to_wait(made, call):
    hook = made(calls_a_minute=3)
    answers = [call(hook, {"issue": {"title": str(number)}}) for number in range(6)]
    assert [answer.status for answer in answers] == [202] * 3 + [429] * 3
    assert 0 < answers[3].retry_seconds <= 60
    assert verdicts() == ["accepted"] * 3 + ["refused"]  # one line says so
    assert [row.times for row in rows(HookCall)] == [1, 1, 1, 3]
    with batch() as work:
        work.connection.execute(sa.update(HookCall).values(at=work.now - timedelta(minutes=1)))
    assert call(hook, {"issue": {"title": "later"}}).status == 202


# --- who may


@pytest.mark.alike
def test_strangers_learn_nothing(actor, made, call, vault):
    hook = made()
    assert calls.receive(Call("no-such-token", JSON, b"{}"), vault) is None
    hooks.turn(actor, "triage", hook.id, on=False)
    assert call(hook) is None
    hooks.turn(actor, "triage", hook.id, on=True)
    with batch() as work:
        work.connection.execute(sa.update(Task).values(deleted_at=work.now))
    assert call(hook) is None
    assert hook.path.rpartition("/")[2] not in json.dumps([dict(row._mapping) for row in rows(Hook)], default=str)


@pytest.mark.alike
def test_a_signature_is_asked_for_and_both_secrets_hold_for_a_day(actor, made, call, vault):
    hook = made(scheme="standard")

    def signed(secret):
        body = json.dumps(PAYLOAD).encode()
        headers = rules.headers([secret], "msg_1", int(datetime.now(UTC).timestamp()), body)
        return {name.replace("-", "_").lower(): value for name, value in headers.items() if name.startswith("webhook")}

    assert call(hook).status == 401
    assert call(hook, **signed(hook.secret)).run == 1
    after = hooks.rotate(actor, vault, "triage", hook.id)
    assert after.secret not in {"", hook.secret}
    assert after.path != hook.path
    for path, secret in ((hook, hook.secret), (hook, after.secret), (after, after.secret), (after, hook.secret)):
        assert call(path, **signed(secret)).run == 1
    with batch() as work:
        work.connection.execute(sa.update(Hook).values(before_until=work.now))
    hooks.tend()
    assert call(hook, **signed(after.secret)) is None
    assert call(after, **signed(hook.secret)).status == 401
    assert call(after, **signed(after.secret)).run == 1


@pytest.mark.alike
def test_a_secret_of_the_sender_is_typed_and_replaced(actor, made, call, vault):
    hook = made(scheme="token", header="X-Key", secret="first-secret")
    assert hook.secret == ""
    assert call(hook, x_key="first-secret").status == 202
    hooks.change(actor, vault, "triage", hook.id, Wanted("Issues", "token", "X-Key", "second-secret"))
    assert [call(hook, {"n": n}, x_key=key).status for n, key in enumerate(("first-secret", "second-secret", "x"))] == [
        202, 202, 401,
    ]  # fmt: skip


@pytest.mark.alike
def test_slack_asks_whether_the_address_is_right_and_must_sign_that_too(made, call):
    hook = made(scheme="slack", secret="slack-signing-secret")
    assert call(hook, {"type": "url_verification", "challenge": "abc"}).status == 401


@pytest.mark.alike
def test_another_team_finds_nothing(actor, vault, made):
    hook = made()
    stranger = Actor(actor.person_id, factories.team("southgate"), "owner")
    for act in (
        lambda: hooks.find(stranger, "triage", hook.id), lambda: hooks.delete(stranger, "triage", hook.id),
        lambda: hooks.rotate(stranger, vault, "triage", hook.id), lambda: hooks.last_calls(stranger, "triage", hook.id),
        lambda: calls.replay(stranger, "triage", hook.id, 1), lambda: trying.try_out(stranger, "triage", "{}", "", "", {}),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            act()


@pytest.mark.alike
def test_secrets_of_the_team_are_not_kept_with_a_payload(actor, made, call, vault):
    secrets.put(actor, vault, "API_KEY", "a-secret-of-northgate")
    call(made(), {"issue": {"title": "It says a-secret-of-northgate"}})
    assert "a-secret" not in rows(HookCall)[0].payload
    assert rows(Secret)


@pytest.mark.alike
def test_a_stranger_with_the_address_fills_no_table_and_opens_no_secret_but_one(actor, made, call, vault, monkeypatch):
    secrets.put(actor, vault, "API_KEY", "a-secret-of-northgate")
    hook = made(scheme="token", secret="right-secret")
    opened = []
    monkeypatch.setattr(vault, "unseal", lambda *given: opened.append(given[2]) or type(vault).unseal(vault, *given))
    assert [call(hook, x_hook_token="wrong").status for _ in range(7)] == [401] * 7
    assert opened == [Hook.aad_of(actor.team_id, hook.id)] * 7
    assert [call(hook, b"x" * 300_000).status for _ in range(3)] == [400] * 3
    assert call(SimpleNamespace(path="/hooks/unknown")) is None
    assert len(opened) == 7  # nothing of what is too large, or comes to another address
    assert [(row.verdict, row.times, row.payload) for row in rows(HookCall)] == [("refused", 7, ""), ("refused", 3, "")]
    with batch() as work:
        work.connection.execute(sa.update(HookCall).values(at=work.now - timedelta(minutes=16)))
    call(hook, x_hook_token="wrong")
    assert [row.times for row in rows(HookCall)] == [7, 3, 1]
    assert call(hook, x_hook_token="right-secret").status == 202  # who has the secret is not held back


@pytest.mark.alike
def test_a_hook_that_has_had_its_calls_opens_nothing(made, call, vault, monkeypatch):
    hook = made(scheme="token", secret="right-secret", calls_a_minute=1)
    call(hook, x_hook_token="right-secret")
    monkeypatch.setattr(vault, "unseal", lambda *_: pytest.fail("a secret was opened"))
    assert call(hook, x_hook_token="right-secret").status == 429


# --- replay, trying, log


@pytest.mark.alike
def test_a_call_counts_once_more(actor, made, call):
    hook = made(condition='payload.action == "closed"')
    call(hook)
    [kept] = rows(HookCall)
    with pytest.raises(Conflict, match="filter"):
        calls.replay(actor, "triage", hook.id, kept.id)
    with batch() as work:
        work.connection.execute(sa.update(Hook).values(condition=""))
    assert calls.replay(actor, "triage", hook.id, kept.id) == 1
    assert calls.replay(actor, "triage", hook.id, kept.id) == 2
    with batch() as work:
        work.connection.execute(sa.update(HookCall).values(is_cut=True))
    with pytest.raises(Conflict, match="not kept whole"):
        calls.replay(actor, "triage", hook.id, kept.id)
    assert "hook_replayed" in [row.action for row in rows(Audit)]


@pytest.mark.alike
def test_a_payload_is_tried_without_starting_anything(actor, task):
    def tried(payload, condition="", **mapping):
        return trying.try_out(actor, "triage", payload, "issues", condition, mapping)

    shown = tried(json.dumps(PAYLOAD), 'event == "issues"', title="issue.title", number="issue.number", note="issue.x")
    assert (shown.starts, shown.values) == (True, {"title": "It hurts", "number": 7})
    assert shown.wrong == {"map-note": "The payload has no issue.x."}
    assert not tried(json.dumps(PAYLOAD), 'event == "push"').starts
    assert set(tried("{", "payload.x ==", absent="a", title="a b]").wrong) == {
        "payload", "condition", "map-absent", "map-title",
    }  # fmt: skip
    assert tried('{"a": "x"}', number="a").wrong["map-number"].startswith("Type a number")
    assert rows(Run) == []


@pytest.mark.alike
def test_what_can_not_be_used_is_refused_by_field(actor, vault, task):
    wanted = Wanted(
        "", "github", secret="x", condition="x ==", mapping={"absent": "a"}, tools=["shell"], calls_a_minute=0
    )
    with pytest.raises(Invalid) as refused:
        hooks.create(actor, vault, "triage", wanted)
    assert set(refused.value.fields) == {"name", "secret", "condition", "map-absent", "tools", "calls_a_minute"}


@pytest.mark.alike
def test_a_value_that_would_choose_the_host_is_refused(team, actor, vault):
    factories.task(team, "callback", settings={"url": "https://{{ host }}/x"}, variables=[
        {"name": "host"}, {"name": "site", "value": "x"},
    ])  # fmt: skip
    with pytest.raises(Invalid, match="must not choose the host"):
        hooks.create(actor, vault, "callback", Wanted("Back", mapping={"host": "a"}))
    hooks.create(actor, vault, "callback", Wanted("Back", mapping={"site": "a"}))


@pytest.mark.alike
def test_a_job_that_runs_elsewhere_has_no_hook(team, actor, vault):
    factories.task(team, "backup", "ping")
    with pytest.raises(Conflict):
        hooks.create(actor, vault, "backup", Wanted("Back"))


@pytest.mark.alike
def test_old_calls_go_and_payloads_before(actor, made, call, monkeypatch):
    monkeypatch.setattr(calls, "_KEPT_PAYLOADS", 2)
    monkeypatch.setattr(calls, "_EVERY", 1)
    monkeypatch.setattr(hooks, "MOST_KEPT", 4)
    hook = made()
    for number in range(6):
        call(hook, {"issue": {"title": str(number)}})
    assert [bool(row.payload) for row in rows(HookCall)] == [False] * 4 + [True] * 2
    assert hooks.tend() == 2
    with batch() as work:
        work.connection.execute(sa.update(HookCall).values(at=work.now - timedelta(days=31)))
    assert hooks.tend() == 4


@pytest.mark.alike
def test_a_run_of_a_hook_run_again_is_still_from_outside(actor, made, call):
    hook = made()
    call(hook)
    runs.again(actor, 1)
    assert [(run.trigger, run.hook_id) for run in rows(Run)] == [("webhook", hook.id), ("person", hook.id)]
