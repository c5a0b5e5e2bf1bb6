"""Checkpoints and cost: accepted under the token, gone on from by the next attempt or another run, pruned with the log."""

import os
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.domain.redaction import Redactor
from app.engines.base import Cancellation, CheckpointReached, CostIncurred, LogWritten, Outcome
from app.infra import fetch
from app.infra.storage import Storage
from app.infra.writer import Writer
from app.models.budgets import BudgetPeriod
from app.models.runs import Artifact, Checkpoint, LogChunk, Run, Step
from app.models.teams import Secret, Team
from app.services import retention, spending
from app.services.execution import checkpoints, claims, outcomes
from app.services.execution.checkpoints import CheckpointKeeper, TooManyFiles
from app.services.execution.outcomes import Stale
from app.services.execution.perform import Tools, flush, perform
from app.services.execution.recorder import Recorder
from app.services.unit import batch
from tests import agents, factories
from tests.factories import ago, rows
from tests.llm_server import Fault, Says, llm_server

KEY = "sk-of-this-team-0815"


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


def claim(run_id, attempt=1):
    with batch() as work:
        return claims.claim(work, [(run_id, attempt)], "one", timedelta(seconds=10))[0]


def carried_out(tools, run_id, attempt=1):
    perform(claim(run_id, attempt), tools, Cancellation())
    return the_run(run_id)


def the_run(run_id):
    return rows(Run, Run.id == run_id)[0]


def again(run_id):
    """The next attempt is due."""
    with batch() as work:
        values = {"state": "queued", "attempt": Run.attempt + 1, "queued_at": work.now, "not_before": None}
        work.connection.execute(sa.update(Run).where(Run.id == run_id).values(values))


def test_a_run_has_its_turns_as_steps_with_tokens_and_cost(tools, team):
    with llm_server(*agents.writes(2)) as server:
        agents.model(team, server)
        run = carried_out(tools, factories.run(team, agents.task(team)))
    assert (run.state, run.cost_micros) == ("succeeded", 300_150)
    assert run.facts["answer"] == "All parts are written."
    steps = [(step.name, step.state, step.facts) for step in rows(Step) if step.name.startswith("Turn")]
    turn = {"tokens_in": 100_000, "tokens_out": 10_000, "cost_micros": 150_000}
    last = {"tokens_in": 100, "tokens_out": 10, "cost_micros": 150}
    assert steps == [("Turn 1", "succeeded", turn), ("Turn 2", "succeeded", turn), ("Turn 3", "succeeded", last)]
    assert sorted(artifact.name for artifact in rows(Artifact)) == ["answer.md", "part-1.txt", "part-2.txt"]
    kept = rows(Checkpoint)
    assert [(one.number, one.after, sorted(one.files)) for one in kept] == [
        (1, "Turn 1", ["part-1.txt"]),
        (2, "Turn 2", ["part-1.txt", "part-2.txt"]),
        (3, "Turn 3", ["part-1.txt", "part-2.txt"]),
    ]
    assert [bool(one.state) for one in kept] == [False, True, True]


def test_the_next_attempt_goes_on_after_the_last_turn_and_what_it_cost_is_carried_on(tools, team):
    script = agents.writes(3)
    script[2] = agents.replace(script[2], faults=(Fault("cut"),))
    with llm_server(*script) as server:
        agents.model(team, server)
        run_id = factories.run(team, agents.task(team))
        run = carried_out(tools, run_id)
        assert (run.state, run.cost_micros) == ("waiting", 300_000)
        again(run_id)
        run = carried_out(tools, run_id, attempt=2)
        assert server.turns_asked() == {0: 1, 1: 1, 2: 2, 3: 1}
    assert (run.state, run.cost_micros) == ("succeeded", 450_150)
    assert sorted(artifact.name for artifact in rows(Artifact)) == [
        "answer.md", "part-1.txt", "part-2.txt", "part-3.txt",
    ]  # fmt: skip


def test_at_the_cap_another_run_goes_on_with_a_raised_one_and_counts_its_own_money(tools, team):
    with llm_server(*agents.writes(4)) as server:
        agents.model(team, server)
        task = agents.task(team, {"cost_cap_cents": 40})
        first = carried_out(tools, factories.run(team, task))
        assert (first.state, first.reason, first.cost_micros) == ("failed", "cost_cap", 300_000)
        second_id = factories.run(team, task, resumes_id=first.id, cost_cap_micros=500_000)
        second = carried_out(tools, second_id)
        assert (second.reason, second.cost_micros) == ("cost_cap", 150_000)
        assert "$0.45 of $0.50 spent after 3 turns" in second.sentence
        third = carried_out(tools, factories.run(team, task, resumes_id=second_id, cost_cap_micros=2_000_000))
        assert server.turns_asked() == {0: 1, 1: 1, 2: 1, 3: 1, 4: 1}
    assert (third.state, third.cost_micros) == ("succeeded", 150_150)
    assert "$0.60" in third.sentence


def test_a_run_of_another_team_is_not_gone_on_from(tools, team):
    with llm_server(*agents.writes(2)) as server:
        agents.model(team, server)
        theirs = carried_out(tools, factories.run(team, agents.task(team)))
        other = factories.team("southgate")
        agents.model(other, server)
        run = carried_out(tools, factories.run(other, agents.task(other), resumes_id=theirs.id))
        assert server.turns_asked() == {0: 2, 1: 2, 2: 2}
    assert run.state == "succeeded"


def test_nothing_is_kept_of_an_attempt_that_has_lost_its_run(tools, team, tmp_path):
    held = claim(factories.run(team, agents.task(team)))
    with batch() as work:
        work.connection.execute(sa.update(Run).values(token=Run.token + 1))
    keeper = CheckpointKeeper(held, tools.storage, tools.writer)
    (tmp_path / "room").mkdir()
    with pytest.raises(Stale):
        keeper.keep(CheckpointReached("Turn 1", {}, tmp_path / "room"), 1000)
    with pytest.raises(Stale), batch() as work:
        outcomes.record(work, held, [], [], {}, cost_micros=1000)
    assert rows(Checkpoint) == []
    assert the_run(held.run_id).cost_micros is None


def test_only_what_has_changed_is_read_again(tools, team, tmp_path, monkeypatch):
    keeper = CheckpointKeeper(claim(factories.run(team, agents.task(team))), tools.storage, tools.writer)
    room = tmp_path / "room"
    room.mkdir()
    for name in ("a", "b"):
        (room / name).write_text(name)
    read = []
    keep_file = tools.storage.keep_file
    noted = lambda path, *more: read.append(path.name) or keep_file(path, *more)  # noqa: E731
    monkeypatch.setattr(tools.storage, "keep_file", noted)
    keeper.keep(CheckpointReached("Turn 1", {}, room), None)
    (room / "b").write_text("B")
    (room / "link").symlink_to(tmp_path)
    keeper.keep(CheckpointReached("Turn 2", {}, room), None)
    assert read == ["a", "b", "b"]
    first, second = (one.files for one in rows(Checkpoint))
    assert (first["a"], sorted(second)) == (second["a"], ["a", "b"])
    assert first["b"] != second["b"]


@pytest.mark.alike
def test_a_workspace_that_holds_more_than_its_limit_is_not_kept(tools, team, tmp_path):
    keeper = CheckpointKeeper(claim(factories.run(team, agents.task(team))), tools.storage, tools.writer)
    for name in ("a", "b"):  # files with holes take no room where they are, and all of it where they are kept
        with (tmp_path / name).open("wb") as file:
            file.truncate(200 * 1024**2)
    with pytest.raises(TooManyFiles, match="more than 256 MiB"):
        keeper.keep(CheckpointReached("Turn 1", {}, tmp_path), None)
    assert rows(Checkpoint) == []


def test_a_lost_run_that_must_not_run_twice_goes_on_if_there_is_a_checkpoint(tools, team):
    with_one, without = (
        claim(factories.run(team, agents.task(team, name=name, is_idempotent=False))) for name in ("a", "b")
    )
    with batch() as work:
        checkpoints._store(work, with_one, {"after": "Turn 1", "state": {}, "files": {}}, None)
    with batch() as work:
        assert outcomes.lose(work, with_one.run_id, 1) == "queued"
        assert outcomes.lose(work, without.run_id, 1) == "waiting"


def test_checkpoints_go_with_the_log_and_their_files_with_them_unless_others_name_them(tools, team, tmp_path):
    task = agents.task(team)
    room = tmp_path / "room"
    room.mkdir()
    digests = {}
    for age, content in ((100, {"a": "shared", "b": "alone"}), (1, {"a": "shared"})):
        held = claim(factories.run(team, task))
        for path in room.iterdir():
            path.unlink()
        for name, text in content.items():
            (room / name).write_text(text)
        CheckpointKeeper(held, tools.storage, tools.writer).keep(CheckpointReached("Turn 1", {}, room), None)
        with batch() as work:
            outcomes.finish(work, held, Outcome("succeeded", "ok", "Fine."), [], [])
            work.connection.execute(sa.update(Run).where(Run.id == held.run_id).values(ended_at=ago(days=age)))
        digests |= rows(Checkpoint)[-1].files if age == 1 else {"b": rows(Checkpoint)[-1].files["b"]}
    for digest in digests.values():
        os.utime(tools.storage.path(digest), (0, 0))
    assert retention.prune(tools.storage)["checkpoints"] == 1
    assert len(rows(Checkpoint)) == 1
    assert tools.storage.path(digests["a"]).read_text() == "shared"
    assert not (tools.storage.folder / digests["b"][:2] / digests["b"]).exists()


def test_a_workspace_with_too_many_files_is_said_not_to_be_kept(tools, team, monkeypatch):
    monkeypatch.setattr(checkpoints, "MOST_FILES", 1)
    with llm_server(*agents.writes(2)) as server:
        agents.model(team, server)
        assert carried_out(tools, factories.run(team, agents.task(team))).state == "succeeded"
    told = [line for chunk in rows(LogChunk) for line in chunk.lines if line[1] == "warn"]
    assert {line[2] for line in told} == {"The workspace has more than 1 files, so it is not kept."}


def test_letters_that_no_database_takes_do_not_end_a_run(tools, team):
    odd = "a\0b \ud800 c"
    with llm_server(Says(odd, (("write_file", {"path": "x.txt", "text": odd}),) * 2), Says(odd)) as server:
        agents.model(team, server)
        run = carried_out(tools, factories.run(team, agents.task(team)))
    assert (run.state, run.facts["answer"]) == ("succeeded", "ab \ufffd c")
    assert len(rows(Checkpoint)) == 2


# --- the model of the team


def test_without_a_model_a_run_is_blocked_and_says_where_to_add_one(tools, team):
    run = carried_out(tools, factories.run(team, agents.task(team)))
    assert (run.state, run.reason) == ("blocked", "no_model")
    assert run.sentence == "No model is set up for agents. Add one in Settings, Models, then run again."


def test_a_model_is_found_by_name_in_the_own_team_only(tools, team):
    other = factories.team("southgate")
    with llm_server(Says("Hello.")) as server:
        agents.model(other, server, "Theirs")
        agents.model(team, server, "Ours")
        agents.model(team, server, "Small", is_default=False)
        ran = carried_out(tools, factories.run(team, agents.task(team, {"model": "Small"})))
        default = carried_out(tools, factories.run(team, agents.task(team, name="other")))
        gone = carried_out(tools, factories.run(team, agents.task(team, {"model": "Theirs"}, name="third")))
    assert [ran.facts["model"], default.facts["model"]] == ["Small", "Ours"]
    assert (gone.state, gone.reason) == ("blocked", "no_model")
    assert gone.sentence.startswith("The model Theirs is not there any more.")


def test_its_key_is_unsealed_for_the_model_and_hidden_everywhere_else(tools, team):
    said = Says("ok", faults=(Fault(status=401, message=f"Incorrect API key provided: {KEY}"),))
    with llm_server(said) as server:
        seal(tools.vault, team, "MODEL_KEY", KEY)
        agents.model(team, server, secret="MODEL_KEY")
        run = carried_out(tools, factories.run(team, agents.task(team)))
        assert server.asked[0].header("authorization") == f"Bearer {KEY}"
    assert (run.state, run.reason) == ("failed", "model_key")
    assert KEY not in run.sentence
    assert "•••" in run.sentence
    assert KEY not in str([chunk.lines for chunk in rows(LogChunk)])


def test_a_model_whose_secret_is_gone_blocks_and_names_it(tools, team):
    with llm_server(Says("Hello.")) as server:
        agents.model(team, server, secret="LOST_KEY")
        run = carried_out(tools, factories.run(team, agents.task(team)))
    assert (run.state, run.reason) == ("blocked", "no_secret")
    assert "LOST_KEY" in run.sentence


def seal(vault, team_id, name, value):
    with batch() as work:
        key = vault.new_data_key(team_id)
        work.connection.execute(sa.update(Team).where(Team.id == team_id).values(data_key=key))
        sealed = vault.seal(key, value.encode(), Secret.aad_of(team_id, name, 1))
        times = {"created_at": work.now, "changed_at": work.now}
        row = {"team_id": team_id, "name": name, "sealed": sealed, "version": 1} | times
        work.connection.execute(sa.insert(Secret).values(row))


def test_what_an_attempt_has_cost_is_shown_while_it_works(tools, team):
    held = claim(factories.run(team, agents.task(team)))
    recorder = Recorder(held, Redactor(()), lambda _: None)
    recorder.emit(LogWritten("one"))
    recorder.emit(CostIncurred(700))
    recorder.emit(CostIncurred(300))
    assert flush([recorder], tools.writer)
    assert the_run(held.run_id).cost_micros == 1000


def test_an_agent_stops_between_turns_where_its_budget_has_no_more_for_it(tools, team):
    with llm_server(*agents.writes(4)) as server:
        agents.model(team, server)
        task = agents.task(team)
        before = ago(days=70)
        factories.run(team, task, "succeeded", planned_at=before, started_at=before, ended_at=before, cost_micros=1000)
        with batch() as work:
            spending.put(work, team, None, "month", 400_000, "UTC")
        run = carried_out(tools, factories.run(team, task))
    assert (run.state, run.reason, run.cost_micros, run.reserved_micros) == ("failed", "budget", 300_000, None)
    assert run.sentence == (
        "Stopped: its budget had $0.40 left for it, too little for the next turn, after 2 turns. The work so far is kept."
    )
    [pot] = rows(BudgetPeriod)
    assert (pot.spent_micros, pot.reserved_micros) == (300_000, 0)


def test_the_agents_of_several_steps_share_what_the_budget_has(tools, team):
    with llm_server(*agents.writes(1), *agents.writes(4)) as server:
        agents.model(team, server)
        given = {"prompt": "Write the parts.", "tools": ["write_file", "read_file"]}
        steps = [{"name": name, "engine": "agent", "settings": given, "condition": "", "is_optional": False,
                  "timeout_seconds": 20, "retries": 0, "retry_delay_seconds": 1} for name in ("one", "two")]  # fmt: skip
        task = factories.task(team, "both", steps=steps)
        before = ago(days=70)
        factories.run(team, task, "succeeded", planned_at=before, started_at=before, ended_at=before, cost_micros=1000)
        with batch() as work:
            spending.put(work, team, task, "day", 400_000, "UTC")
        run = carried_out(tools, factories.run(team, task))
    assert (run.state, run.reason) == ("failed", "budget")
    assert 150_000 < run.cost_micros <= 400_000
    assert rows(BudgetPeriod)[0].spent_micros == run.cost_micros
