"""Two runs side by side: what differs in one sentence, then everything in a table."""

# ruff: noqa: F401, F811 fixtures of another module

import io
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.infra.storage import Storage
from app.models.runs import Artifact, Run
from app.models.tasks import TaskVersion
from app.services.unit import batch
from tests import factories
from tests.web.test_runs import XSS, attempt, make, page, store_log, stored, team, viewer


@pytest.fixture
def pair(app, make):
    """A good run and a bad one after it; returns their numbers."""
    good_at, bad_at = factories.ago(hours=2), factories.ago(hours=1)
    good = make(
        "succeeded", planned_at=good_at, started_at=good_at, ended_at=good_at + timedelta(minutes=1), log=["one", "two"]
    )
    bad = make(
        "failed", planned_at=bad_at, started_at=bad_at, ended_at=bad_at + timedelta(minutes=4), log=["one", "tree"]
    )
    return good, bad


def second_version(app, number, **settings):
    run = stored(app, number)
    with app.app_context(), batch() as work:
        version = (
            work.connection.execute(sa.select(TaskVersion).where(TaskVersion.id == run.version_id)).mappings().one()
        )
        content = dict(version) | {"number": 2, "definition": version["definition"] | {"settings": settings}}
        del content["id"]
        new = work.connection.execute(sa.insert(TaskVersion).values(content).returning(TaskVersion.id)).scalar_one()
        work.connection.execute(sa.update(Run).where(Run.id == run.id).values(version_id=new))


def keep(app, number, name, digest):
    run = stored(app, number)
    row = {"team_id": run.team_id, "run_id": run.id, "name": name, "media_type": "text/csv", "size_bytes": 9}
    with app.app_context(), batch() as work:
        work.connection.execute(sa.insert(Artifact).values(row | {"digest": digest, "created_at": work.now}))


def rows(text):
    """The rows of the table: what is compared, and the texts of its cells."""
    cells = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>', text)
    return {what: (left, re.sub(r"</?b>", "", right), differs) for what, left, right, differs in cells}


def test_what_differs_stands_first_in_one_sentence(app, ada, pair, page):
    good, bad = pair
    second_version(app, bad, url="https://elsewhere.example/", method="GET")
    keep(app, good, "answer.md", "a" * 64)
    keep(app, bad, "answer.md", "b" * 64)
    text = ada.get(f"{page}/{bad}/compare/{good}").text
    sentence = "What differs: version 1 → 2, succeeded → failed, took 3 min longer, answer.md differs."
    assert sentence in text
    assert rows(text)["Took"] == ("1 min", "4 min", "took 3 min longer")
    assert rows(text)["Version"] == ("1", "2", "version 1 → 2")


def test_the_definitions_are_compared_in_words(app, ada, pair, page):
    good, bad = pair
    second_version(app, bad, url="https://elsewhere.example/", method="GET")
    text = ada.get(f"{page}/{bad}/compare/{good}").text
    assert "Version 1 → 2" in text
    assert "<ins>https://elsewhere.example/</ins>" in text


def test_steps_attempts_and_isolation_stand_in_the_table(app, ada, pair, page):
    good, bad = pair
    attempt(app, good, ("prepare", "succeeded", 1), ("run", "succeeded", 58), isolation={"level": 2})
    attempt(app, bad, ("prepare", "succeeded", 1), isolation={"level": 1})
    attempt(app, bad, ("run", "failed", 200), number=2, token=2, isolation={"level": 1})
    found = rows(ada.get(f"{page}/{bad}/compare/{good}").text)
    assert found["Attempts"] == ("1", "2", "2 attempts instead of 1")
    assert found["Isolation"] == ("level 2", "level 1", "isolation level 2 → level 1")
    assert found["run"] == ("57 s", "3 min 20 s", "took 2 min 23 s longer") or found["run"][0] == "58 s"


def test_cost_tokens_and_facts_stand_in_the_table(app, ada, pair, page):
    good, bad = pair
    facts = {good: {"status": 200, "tokens_in": 1200, "tokens_out": 30}, bad: {"status": 502, "tokens_in": 900}}
    with app.app_context(), batch() as work:
        for number, cost in ((good, 50_000), (bad, 80_000)):
            values = {"cost_micros": cost, "facts": facts[number]}
            work.connection.execute(sa.update(Run).where(Run.number == number).values(values))
    found = rows(ada.get(f"{page}/{bad}/compare/{good}").text)
    assert found["Cost"] == ("$0.05", "$0.08", "cost $0.03 more")
    assert found["Tokens"][:2] == ("1,200 in, 30 out", "900 in, 0 out")
    assert found["status"] == ("200", "502", "status 200 → 502")


def test_what_differs_stands_before_what_is_the_same(app, ada, pair, page):
    good, bad = pair
    text = ada.get(f"{page}/{bad}/compare/{good}").text
    first, _, rest = text.partition("What is the same</summary>")
    assert rows(first).keys() >= {"State", "Took"}
    assert "Version" not in rows(first)
    assert rows(rest)["Version"] == ("1", "1", "")


def test_models_tools_and_packages_stand_in_the_table(app, ada, pair, page):
    good, bad = pair
    with app.app_context(), batch() as work:
        work.connection.execute(sa.update(Run).where(Run.number == good).values(facts={"model": "Sonnet"}))
        work.connection.execute(sa.update(Run).where(Run.number == bad).values(facts={"model": "Haiku"}))
    for number, requests in ((good, "2.31.0"), (bad, "2.34.2")):
        attempt(
            app, number, isolation={"level": 2, "python": "3.11.7", "packages": {"requests": requests, "idna": "3"}}
        )
    text = ada.get(f"{page}/{bad}/compare/{good}").text
    assert "What differs: model Sonnet → Haiku, requests 2.31.0 → 2.34.2, succeeded → failed" in text
    assert rows(text)["requests"] == ("2.31.0", "2.34.2", "requests 2.31.0 → 2.34.2")
    assert rows(text)["idna"] == ("3", "3", "")
    assert "Python 3.11.7 with idna 3, requests 2.34.2." in ada.get(f"{page}/{bad}?tab=details").text


def test_what_both_made_as_text_is_compared_line_by_line(app, ada, pair, page, settings):
    storage = Storage(settings.data_dir / "files")
    for number, content in zip(pair, (b"name,amount\na,1\n", b"name,amount\na,2\n"), strict=True):
        keep(app, number, "report.csv", storage.keep(io.BytesIO(content))[0])
    text = ada.get(f"{page}/{pair[1]}/compare/{pair[0]}").text
    made = text[text.index('id="made-1"') :]
    assert re.search(r'is-fail tone">- a,1\s*</span>.*is-ok tone">\+ a,2', made, re.DOTALL)


def test_answers_are_compared_line_by_line(app, ada, pair, page):
    with app.app_context(), batch() as work:
        for number, answer in zip(pair, ("All is well.", "Two hosts are down."), strict=True):
            work.connection.execute(sa.update(Run).where(Run.number == number).values(facts={"answer": answer}))
    text = ada.get(f"{page}/{pair[1]}/compare/{pair[0]}").text
    assert re.search(r"- All is well\.\s*</span>.*\+ Two hosts are down\.", text, re.DOTALL)


def test_the_logs_part_where_they_differ(ada, pair, page):
    good, bad = pair
    text = ada.get(f"{page}/{bad}/compare/{good}").text
    assert "The first line is the same." in text
    assert re.search(r'is-fail tone">- two\s*</span>.*is-ok tone">\+ tree', text, re.DOTALL)


def test_a_run_beside_itself_differs_in_nothing(ada, pair, page):
    text = ada.get(f"{page}/{pair[0]}/compare/{pair[0]}").text
    assert "Nothing differs but when they ran." in text
    assert "All 2 lines are the same" in text


def test_runs_of_different_tasks_say_so(ada, make, pair, page):
    other = make("succeeded", task="other", ended_at=factories.ago(seconds=1))
    text = ada.get(f"{page}/{other}/compare/{pair[0]}").text
    assert "They are runs of different tasks: probe and other." in text
    assert "What the tasks are" in text


def test_a_run_that_is_going_says_so(ada, make, pair, page):
    number = make("running")
    assert "One of them is not over yet." in ada.get(f"{page}/{number}/compare/{pair[0]}").text


def test_a_run_leads_to_the_last_good_one(ada, pair, page):
    good, bad = pair
    text = ada.get(f"{page}/{bad}").text
    assert f'href="{page}/{bad}/compare"' in text
    assert ada.get(f"{page}/{bad}/compare").location == f"{page}/{bad}/compare/{good}"
    assert f"Which run should stand beside #{good}?" in ada.get(f"{page}/{good}/compare").text


def test_two_numbers_can_be_typed(ada, pair, page):
    good, bad = pair
    assert "type their numbers" in ada.get(f"{page}/compare").text
    assert ada.get(f"{page}/compare?run={bad}&run={good}").location == f"{page}/{bad}/compare/{good}"


def test_another_teams_run_is_not_there(app, ada, viewer, pair, page):
    with app.app_context():
        foreign = factories.team("elsewhere")
        task = factories.task(foreign, "theirs")
        for _ in range(5):
            factories.run(foreign, task, "succeeded")
    assert ada.get(f"{page}/{pair[0]}/compare/5").status_code == 404
    assert ada.get(f"{page}/5/compare/{pair[0]}").status_code == 404
    assert ada.get(f"{page}/5/compare").status_code == 404
    assert viewer.get(f"{page}/{pair[1]}/compare/{pair[0]}").status_code == 200


def test_nothing_a_run_says_becomes_markup(app, ada, make, page):
    numbers = [make("failed", sentence=text, worker=text[:80], ended_at=factories.ago(seconds=1)) for text in XSS]
    for number, text in zip(numbers, XSS, strict=True):
        store_log(stored(app, number).id, [text])
    text = ada.get(f"{page}/{numbers[1]}/compare/{numbers[0]}").text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
