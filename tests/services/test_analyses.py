"""Analysing threads below the web: stage by stage, carried on after an end, with what people decided kept."""

import json
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.analysis.replay.secrets_in import renamed
from app.core.errors import Conflict, Invalid, NotFound
from app.domain.access import Actor
from app.domain.thread import Attachment, Message, Thread, ToolCall
from app.infra import fetch, redis
from app.infra.storage import Storage
from app.models.instance import Audit
from app.models.teams import Team
from app.models.threads import Finding
from app.models.threads import Thread as Row
from app.services import secrets
from app.services.threads import analyses, calling, needs, review, states
from app.services.threads.content import Box, packed
from app.services.unit import batch
from tests import agents, factories
from tests.factories import ago
from tests.llm_server import Fault, Says, llm_server

KEY = "ghp_Zt9Qm2Lx8Vb4Nc7Wd1Rf6Ty3Hg5Jk0Pa1b2C"
ASKED = (
    "Every Monday at 9 Berlin time, write a report of net revenue by region from sales_2026.csv and flag each region "
    "that is down more than 8%."
)
CODE = 'import pandas as pd\ndf = pd.read_csv("sales_2026.csv")\nprint("regions: 4")'
THREAD = Thread(
    "markdown",
    (
        Message("user", ASKED, attachments=(Attachment("sales_2026.csv", "text/csv", 12, "region,net\nNorth,4\n"),)),
        Message("assistant", "I will read it.", calls=(ToolCall("python", {"code": CODE}, "regions: 4"),)),
        Message("user", f"For the upload my token is {KEY}, thanks."),
    ),
    key="t1",
    title="Net revenue",
)


@pytest.fixture
def vault(app, team):
    with batch() as work:
        key = app.extensions["vault"].new_data_key(team)
        work.connection.execute(sa.update(Team).where(Team.id == team).values(data_key=key))
    return app.extensions["vault"]


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "files")


@pytest.fixture
def keep(actor, storage, vault):
    """Keep a thread as an import does; returns its id."""

    def keep(thread=THREAD):
        one = packed(thread)
        body, size = Box.of(storage, vault, actor.team_id).keep(one)
        with batch() as work:
            values = one.shown | {
                "team_id": actor.team_id, "format": one.format, "key": one.key, "digest": one.digest, "body": body,
                "body_bytes": size, "sorted_at": work.now, "created_at": work.now, "changed_at": work.now,
                "analysis_state": "", "analysis_stage": "", "analysis_problems": [], "analysis_model": "",
            }  # fmt: skip
            return work.connection.execute(sa.insert(Row).values(values).returning(Row.id)).scalar_one()

    return keep


@pytest.fixture
def analysed(actor, storage, vault, keep):
    """Keep a thread and analyse it, as a worker does; returns its id."""

    def analysed(thread=THREAD):
        thread_id = keep(thread)
        analyses.start(actor, [thread_id])
        analyses.carry_out(storage, vault, thread_id)
        return thread_id

    return analysed


def of(thread_id):
    return factories.rows(Row, Row.id == thread_id)[0]


def found(thread_id, kind):
    rows = sorted(factories.rows(Finding, Finding.thread_id == thread_id), key=lambda one: one.position)
    return [one for one in rows if one.kind == kind]


@pytest.mark.alike
def test_an_analysis_says_its_stage_and_keeps_findings_with_evidence(actor, storage, vault, keep, monkeypatch):
    thread_id = keep()
    seen = []
    real = analyses.pipeline._stage
    monkeypatch.setattr(
        analyses.pipeline, "_stage", lambda name: seen.append(of(thread_id).analysis_stage) or real(name)
    )
    analyses.start(actor, [thread_id])
    assert of(thread_id).analysis_state == "waiting"
    analyses.carry_out(storage, vault, thread_id)
    row = of(thread_id)
    assert (row.analysis_state, row.analysis_problems, row.analysed_at is not None) == ("done", [], True)
    assert seen == list(analyses.pipeline.STAGES)
    assert found(thread_id, "schedule")[0].value["cron"] == "0 9 * * 1"
    [file] = [one for one in found(thread_id, "dependency") if one.value["kind"] == "file"]
    assert (file.value["name"], file.evidence[0]["message"]) == ("sales_2026.csv", 1)


@pytest.mark.alike
def test_no_secret_is_kept_with_the_findings(analysed):
    thread_id = analysed()
    [secret] = found(thread_id, "secret")
    assert secret.value["masked"] == f"…{KEY[-4:]}"
    everything = json.dumps([dict(one._mapping) for one in factories.rows(Finding)], default=str)
    assert KEY[:12] not in everything


def test_what_a_person_decided_stays_after_another_analysis(actor, storage, vault, analysed):
    thread_id = analysed()
    dropped, changed = found(thread_id, "variable")[:2]
    review.decide(actor, dropped.id, "drop", {})
    review.decide(actor, changed.id, "change", {"value": "Q4", "kind": "text"})
    analyses.start(actor, [thread_id])
    analyses.carry_out(storage, vault, thread_id)
    again = {one.id: one for one in found(thread_id, "variable")}
    assert again[dropped.id].state == "dropped"
    assert (again[changed.id].state, again[changed.id].changed) == ("changed", {"value": "Q4", "kind": "text"})
    assert len({one.position for one in factories.rows(Finding)}) == len(factories.rows(Finding))


def test_an_interrupted_analysis_is_taken_over_and_the_old_one_writes_nothing_more(actor, storage, vault, keep):
    thread_id = keep()
    analyses.start(actor, [thread_id])
    old = analyses._Analysis(storage, vault, analyses._claimed(thread_id))
    analyses.carry_out(storage, vault, thread_id)  # another worker leaves it alone while it is fresh
    assert of(thread_id).analysis_state == "running"
    with batch() as work:
        work.connection.execute(sa.update(Row).values(analysis_at=ago(minutes=5)))
    redis.client().flushdb()
    assert analyses.call_again() == 1
    analyses.carry_out(storage, vault, thread_id)
    assert of(thread_id).analysis_state == "done"
    with pytest.raises(analyses._Lost):
        old.end("failed", [])
    assert of(thread_id).analysis_state == "done"


@pytest.mark.alike
def test_an_analysis_of_which_one_stage_takes_long_is_left_to_its_worker(actor, storage, vault, keep, monkeypatch):
    monkeypatch.setattr(calling, "SILENCE", timedelta(seconds=0.3))
    monkeypatch.setattr(calling, "BEAT_SECONDS", 0.05)
    thread_id = keep()
    analyses.start(actor, [thread_id])
    redis.client().flushdb()
    called = []

    def takes_long(name):
        if name == "intent":
            time.sleep(0.5)
            called.append(analyses.call_again())
        return real(name)

    real = analyses.pipeline._stage
    monkeypatch.setattr(analyses.pipeline, "_stage", takes_long)
    analyses.carry_out(storage, vault, thread_id)
    assert called == [0]
    assert of(thread_id).analysis_state == "done"


@pytest.mark.alike
def test_a_thread_that_ends_its_worker_again_and_again_is_given_up(actor, storage, vault, keep):
    thread_id = keep()
    analyses.start(actor, [thread_id])
    for _ in range(analyses.MOST_TRIES):
        assert analyses._claimed(thread_id)
        with batch() as work:
            work.connection.execute(sa.update(Row).values(analysis_at=ago(minutes=5)))
    analyses.carry_out(storage, vault, thread_id)
    row = of(thread_id)
    assert row.analysis_state == "failed"
    assert "begun 4 times" in row.analysis_problems[0]["sentence"]


@pytest.mark.alike
def test_a_thread_whose_content_is_gone_says_so(actor, storage, vault, keep):
    thread_id = keep()
    storage.path(of(thread_id).body).unlink()
    analyses.start(actor, [thread_id])
    analyses.carry_out(storage, vault, thread_id)
    assert "Import the conversation again" in of(thread_id).analysis_problems[0]["sentence"]


@pytest.mark.alike
def test_another_team_finds_nothing(actor, keep, analysed, storage, vault):
    thread_id = analysed()
    stranger = Actor(actor.person_id, factories.team("elsewhere"), "owner")
    finding = found(thread_id, "intent")[0]
    for ask in (
        lambda: analyses.start(stranger, [thread_id]),
        lambda: review.look(stranger, storage.folder, vault, thread_id),
        lambda: review.decide(stranger, finding.id, "drop", {}),
        lambda: review.secret_of(stranger, storage.folder, vault, found(thread_id, "secret")[0].id),
        lambda: needs.ask(stranger, thread_id),
    ):
        with pytest.raises(NotFound):
            ask()


# --- the proposed task


@pytest.mark.alike
def test_the_proposal_is_what_people_left_of_the_findings(actor, storage, vault, analysed):
    thread_id = analysed()
    seen = review.look(actor, storage.folder, vault, thread_id)
    definition = seen.proposal.definition("replay", "Net revenue", seen.objective)
    assert [one["engine"] for one in definition["steps"]] == ["python"]
    assert seen.proposal.files() == {"sales_2026.csv": "region,net\nNorth,4\n"}
    [name] = [one["name"] for one in definition["variables"] if one["kind"] == "file"]
    review.decide(
        actor, next(one.id for one in found(thread_id, "variable") if one.value["kind"] == "file"), "drop", {}
    )
    again = review.look(actor, storage.folder, vault, thread_id).proposal.definition("replay", "Net revenue", "")
    assert name not in [one["name"] for one in again["variables"]]


@pytest.mark.alike
def test_permissions_can_only_be_narrowed_by_what_was_found(actor, storage, vault, analysed):
    seen = review.look(actor, storage.folder, vault, analysed())
    agent = seen.proposal.definition("agent", "Net revenue", seen.objective)
    assert "http_get" not in agent["settings"]["tools"]
    assert agent["settings"]["allowed_hosts"] == []
    assert agent["settings"]["network"] is False


@pytest.mark.alike
def test_a_secret_moves_to_the_vault_under_the_name_that_was_asked_for(actor, storage, vault, analysed):
    thread_id = analysed()
    [secret] = found(thread_id, "secret")
    assert review.secret_of(actor, storage.folder, vault, secret.id) == KEY
    review.moved(actor, secret.id, "GITHUB_TOKEN")
    assert found(thread_id, "secret")[0].changed == {"secret": "GITHUB_TOKEN"}
    intent = found(thread_id, "intent")[0]
    with pytest.raises(Conflict):
        review.secret_of(actor, storage.folder, vault, intent.id)
    assert KEY not in json.dumps([one.data for one in factories.rows(Audit)])


@pytest.mark.alike
def test_steps_take_the_name_that_a_secret_was_given_in_the_vault(actor, storage, vault, analysed):
    asks = {"url": "https://api.shop.example/orders", "headers": {"Authorization": f"Bearer {KEY}"}}
    calls = (ToolCall("http_get", asks, '{"orders": [1]}'),)
    said = (Message("user", f"Fetch my orders each day. The key is {KEY}"), Message("assistant", "Done.", calls=calls))
    thread_id = analysed(Thread("markdown", said, key="t2", title="Orders"))
    [secret] = found(thread_id, "secret")
    wanted = review.look(actor, storage.folder, vault, thread_id).proposal.made.secrets
    assert wanted
    secrets.put(actor, vault, "SHOP_KEY_OF_ADA", review.secret_of(actor, storage.folder, vault, secret.id))
    review.moved(actor, secret.id, "SHOP_KEY_OF_ADA")
    seen = review.look(actor, storage.folder, vault, thread_id)
    assert seen.proposal.made.secrets == ("SHOP_KEY_OF_ADA",)
    steps = {step["engine"]: step["settings"] for step in seen.proposal.definition("replay", "Orders", "x")["steps"]}
    assert steps["http"]["auth_secret"] == "SHOP_KEY_OF_ADA"
    code = renamed({"code": "x", "secrets": ["TOKEN", "OTHER"], "env": {}}, {"TOKEN": "SHOP_KEY_OF_ADA"})
    assert code == {"code": "x", "secrets": ["OTHER"], "env": {"TOKEN": "{{ secrets.SHOP_KEY_OF_ADA }}"}}
    assert {one.state for one in states.needs(seen) if one.kind == "env"} == {"present"}


@pytest.mark.alike
def test_a_change_that_can_not_be_used_is_refused_with_a_sentence(actor, analysed):
    thread_id = analysed()
    variable = found(thread_id, "variable")[0]
    with pytest.raises(Invalid) as refusal:
        review.decide(actor, variable.id, "change", {"value": "{{ nobody.knows }}", "kind": "text"})
    assert "value" in refusal.value.fields
    with pytest.raises(Invalid):
        review.decide(actor, found(thread_id, "schedule")[0].id, "change", {"value": "x"})


# --- what it needs


def test_hosts_are_looked_at_by_a_worker_and_what_was_seen_is_kept(actor, settings, analysed):
    fetch.configure(settings)
    with llm_server() as server:
        host = server.url.removeprefix("http://")
        thread_id = analysed()
        with batch() as work:
            for position, name in enumerate([host, "127.0.0.1:9"], 900):
                row = {
                    "team_id": actor.team_id, "thread_id": thread_id, "kind": "dependency", "confidence": 1.0,
                    "source": "rules", "state": "found", "position": position, "value": {"kind": "api", "name": name},
                    "evidence": [{"message": 0, "excerpt": f"http://{name}/"}],
                }  # fmt: skip
                work.connection.execute(sa.insert(Finding).values(row))
        needs.ask(actor, thread_id)
        assert found(thread_id, "dependency")[-1].seen["state"] == "asked"
        needs.check(thread_id)
    assert [one.seen["state"] for one in found(thread_id, "dependency")[-2:]] == ["present", "unreachable"]


# --- deepened by a model


def answers(asked):
    """What the scripted model says to each of the two questions."""
    if '"variables"' in asked.text.replace("\\", ""):
        return json.dumps({"variables": [{"value": "by region", "kind": "text"}, {"value": "Mars", "kind": "place"}]})
    purpose = {
        "intent": "planning", "objective": "Report the net revenue by region.",
        "schedule": {"kind": "cron", "cron": "0 9 * * 1", "timezone": None},
        "network": True, "code_execution": True, "approval": False,
    }  # fmt: skip
    return f"```json\n{json.dumps(purpose)}\n```"


@pytest.mark.alike
def test_a_model_deepens_it_without_a_secret_and_its_cost_is_kept(actor, settings, storage, vault, keep):
    fetch.configure(settings)
    thread_id = keep()
    with llm_server(Says(answers, tokens=(1000, 100))) as server:
        agents.model(actor.team_id, server)
        analyses.start(actor, [thread_id], deepens=True)
        analyses.carry_out(storage, vault, thread_id)
        sent = [one.text for one in server.asked]
    assert len(sent) == 2
    assert not any(KEY[:12] in one for one in sent)
    row = of(thread_id)
    assert (row.analysis_state, row.analysis_problems) == ("done", [])
    assert (row.analysis_model, row.analysis_cost_micros) == ("Scripted", 2 * (1000 + 500))
    said = {one.kind: one for one in factories.rows(Finding, Finding.source == "model")}
    assert said["intent"].value == {"value": "planning"}
    assert said["variable"].value["value"] == "by region"  # Mars was never said
    review.decide(actor, said["intent"].id, "accept", {})
    assert review.look(actor, storage.folder, vault, thread_id).one("intent").value == {"value": "planning"}


@pytest.mark.alike
def test_a_model_that_fails_leaves_the_rules_and_says_why(actor, settings, storage, vault, keep):
    fetch.configure(settings)
    thread_id = keep()
    with llm_server(Says(faults=(Fault(status=401, message="No such key."),) * 3)) as server:
        agents.model(actor.team_id, server)
        analyses.start(actor, [thread_id], deepens=True)
        analyses.carry_out(storage, vault, thread_id)
    row = of(thread_id)
    assert row.analysis_state == "done"
    assert row.analysis_problems[0]["stage"] == "model"
    assert row.analysis_problems[0]["sentence"].endswith("What the rules found stands.")
    assert found(thread_id, "schedule")
