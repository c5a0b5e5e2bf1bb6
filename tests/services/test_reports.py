"""Reports: a run makes the file of the days before it, and each of its readers gets it by one letter, once."""

import csv
import io
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from app.channels.kinds import Means
from app.core.clock import utc_now
from app.domain.access import Actor
from app.domain.alert_rules import EVENTS
from app.engines.base import Cancellation, Outcome
from app.exporters import parquet
from app.infra import mailer
from app.infra.storage import Storage
from app.infra.writer import Writer
from app.models.people import Person
from app.models.runs import Alert, Artifact, Delivery, LogChunk, Run
from app.models.tasks import Task
from app.models.teams import Membership
from app.models.telling import Mute
from app.services import alerts, deliveries, rules, telling
from app.services import runs as all_runs
from app.services.deliveries import Sender, enclosing
from app.services.execution import claims, outcomes
from app.services.execution.perform import Tools, perform
from app.services.insights import reports
from app.services.rules.wanted import Wanted
from app.services.unit import batch
from jobs import runs
from tests import factories
from tests import telling as told
from tests.factories import ago, rows
from tests.mailboxes import mail_server
from tests.past import ended, keep

HOME = "https://carillon.example"
ADA, BEN, EVE = "ada@x.example", "ben@x.example", "eve@x.example"


@pytest.fixture
def house(app, team, tmp_path):
    """A team with a past, whose task Ada owns; a worker's tools, a mail server, and what sends by it."""
    with app.app_context(), mail_server() as box:
        writer = Writer(batch)
        people = {name: told.person(team, name) for name in ("ada", "ben")}
        shop = rows(Task, Task.id == factories.task(team, "shop", label="Shop"))[0]
        past = [ended(team, shop, "failed" if n < 3 else "succeeded", ago(days=2, minutes=n)) for n in range(24)]
        keep(team, [one | {"reason": "dns" if one["state"] == "failed" else "ok"} for one in past])
        storage = Storage(tmp_path / "files")
        tools = Tools(
            writer, app.extensions["vault"], storage, tmp_path / "work", lambda _: None, partial(runs.report, app)
        )
        sender = Sender({}, Means(HOME, mailer.read(box.url)), storage=storage)
        yield SimpleNamespace(team=team, people=people, tools=tools, box=box, sender=sender)
        writer.close()


def made(house, *, timezone="Europe/Berlin", **settings):
    """A task that makes reports, which Ada owns."""
    usual = {"questions": ["failures"], "days": 7, "format": "csv", "mail_to": [ADA, BEN]}
    task = factories.task(
        house.team,
        "weekly",
        "report",
        usual | settings,
        label="Weekly report",
        timezone=timezone,
        retries=0,
        grace_seconds=30 * 86_400,
    )
    told.owned(task, house.people["ada"])
    return task


def carried_out(house, task, **values):
    following = max(row.id for row in rows(Run)) + 1  # the past was stored with ids of its own
    run = factories.run(house.team, task, id=following, number=following, **values)
    with batch() as work:
        [held] = claims.claim(work, [(run, 1)], "one", timedelta(seconds=10))
    perform(held, house.tools, Cancellation())
    return rows(Run, Run.id == run)[0]


def send(house):
    """Send all that is due; returns whom each letter went to."""
    telling.route(telling.Outside(has_mail=True))
    for one in deliveries.waiting():
        while house.sender.send_next(one.channel):
            pass
    return sorted(address for mail in house.box.mails for address in mail.to)


def test_a_run_makes_the_file_and_each_reader_gets_it_once(house):
    run = carried_out(house, made(house))
    assert (run.state, run.reason) == ("succeeded", "ok")
    assert run.sentence.endswith("3 of 24 runs failed, all of them because a name was not found.")
    [file] = rows(Artifact)
    assert (file.name, file.media_type) == ("report.csv", "text/csv")
    assert send(house) == [ADA, BEN] == send(house)
    mail = house.box.mails[0].mail
    assert "3 of 24 runs failed" in mail["subject"]
    [attached] = mail.iter_attachments()
    assert attached.get_filename() == "report.csv"
    table = list(csv.reader(io.StringIO(attached.get_content())))
    assert table[0][:3] == ["Cause", "Runs", "Tasks"]
    assert table[1][:3] == ["A name was not found", "3", "Shop"]
    ada = Actor(house.people["ada"], house.team, "editor")
    shown = alerts.letters(ada, all_runs.find(ada, run.number).run)
    assert [(one.way, one.state) for one in shown] == [("E-mail to Ada", "sent"), ("E-mail to Ben", "sent")]
    text = mail.get_body("plain").get_content()
    assert f"{HOME}/t/northgate/insights?from={run.facts['from']}&to={run.facts['to']}" in text
    assert "Ada set it up in the task “Weekly report”" in text
    assert "Stop e-mail about this" not in text


def test_it_is_of_the_days_before_the_one_it_was_planned_for_in_the_zone_of_its_task(house):
    task = made(house, timezone="Asia/Tokyo", days=30, mail_to=[])
    at = utc_now().replace(hour=22, minute=0, second=0, microsecond=0) - timedelta(days=10)
    day = at.date() + timedelta(days=1)  # it is the next morning there
    run = carried_out(house, task, planned_at=at, trigger="backfill")
    assert run.facts["to"] == (day - timedelta(days=1)).isoformat()
    assert run.facts["from"] == (day - timedelta(days=30)).isoformat()


@pytest.mark.alike
def test_who_left_gets_nothing_and_without_its_owner_it_is_blocked(house):
    task = made(house, mail_to=[ADA, EVE])
    assert carried_out(house, task).state == "succeeded"
    assert "eve@x.example is not in the team any more" in str([row.lines for row in rows(LogChunk)])
    assert send(house) == [ADA]
    with batch() as work:
        work.connection.execute(sa.delete(Membership).where(Membership.person_id == house.people["ada"]))
    run = carried_out(house, task)
    assert (run.state, run.reason) == ("blocked", "no_owner")
    assert "Copy the task" in run.sentence
    assert send(house) == [ADA]


@pytest.mark.alike
def test_rehearsals_and_backfills_send_nothing_nor_does_who_muted_the_task_get_it(house):
    task = made(house)
    run = carried_out(house, task, rehearses_at=utc_now() + timedelta(days=3))
    assert run.facts["effects"][0]["words"] == f"E-mail with report.csv to {ADA} and {BEN}"
    assert run.facts["to"] < utc_now().date().isoformat()
    told.add(Mute, person_id=house.people["ben"], task_id=task, until=None, created_at=utc_now())
    assert send(house) == []
    assert carried_out(house, task).state == "succeeded"
    assert send(house) == [ADA]


@pytest.mark.alike
def test_a_report_goes_alone_and_is_no_alert_to_anybody(house):
    task = made(house, mail_to=[ADA])
    carried_out(house, task)
    told.begin(house.team, task, "not_started:7")
    assert send(house) == [ADA, ADA]
    assert sorted(len(list(kept.mail.iter_attachments())) for kept in house.box.mails) == [0, 1]
    actor = factories.owner(house.team)
    assert [one.kind for one in alerts.listing(actor).alerts] == ["not_started"]
    assert rules.preview(actor, Wanted("All", EVENTS.keys() - {"recovered"}, [f"person:{actor.person_id}"])).messages[
        0
    ].sentences == ("not_started:7 began.",)
    assert {row.kind for row in rows(Alert, Alert.ended_at.is_(None))} == {"not_started"}


@pytest.mark.alike
def test_reports_are_taken_one_by_one_after_what_is_short(house):
    task = made(house, mail_to=[ADA])
    for number in range(2):
        carried_out(house, task, planned_at=ago(minutes=number))
    for number in range(2):
        told.begin(house.team, task, f"not_started:{number}")
    telling.route(telling.Outside(has_mail=True))
    [channel] = [one.channel for one in deliveries.waiting()]
    taken = []
    while due := deliveries.take(channel):
        taken.append(len(due.rows))
    assert taken == [2, 1, 1]


@pytest.mark.alike
def test_a_report_without_what_writes_its_form_is_blocked(house, monkeypatch):
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)
    run = carried_out(house, made(house, format="parquet", mail_to=[]))
    assert (run.state, run.reason) == ("blocked", "settings")
    assert "Parquet files need DuckDB" in run.sentence


@pytest.mark.alike
def test_a_letter_that_fails_is_tried_again_and_the_run_stays_as_it_is(house):
    run = carried_out(house, made(house, mail_to=[ADA]))
    house.box.answer = "451 4.3.0 Not now"
    assert send(house) == []
    [row] = rows(Delivery)
    assert (row.state, row.tries) == ("waiting", 1)
    house.box.answer = "554 5.7.1 Never"
    with batch() as work:
        work.connection.execute(sa.update(Delivery).values(next_try_at=work.now))
    send(house)
    assert {row.state for row in rows(Delivery, Delivery.alert_id == row.alert_id)} == {"failed"}  # and no other way
    assert rows(Run, Run.id == run.id)[0].state == "succeeded"


@pytest.mark.alike
def test_a_file_that_is_too_large_or_gone_is_only_linked(house, monkeypatch):
    monkeypatch.setattr(enclosing, "LARGEST_BYTES", 10)
    run = carried_out(house, made(house, mail_to=[ADA]))
    send(house)
    mail = house.box.mails[0].mail
    assert list(mail.iter_attachments()) == []
    assert f"Its file is at {HOME}/t/northgate/runs/{run.number}" in mail.get_body("plain").get_content()


@pytest.mark.alike
def test_all_questions_come_as_one_document_and_what_fails_is_left_out(house, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no")

    monkeypatch.setattr("app.services.insights.costs.answer", broken)
    run = carried_out(house, made(house, questions=[], format="pdf", mail_to=[]))
    assert run.state == "succeeded"
    [file] = rows(Artifact)
    assert (file.name, file.media_type) == ("report.pdf", "application/pdf")
    assert "“Where does the money go?” could not be worked out" in str([row.lines for row in rows(LogChunk)])


@pytest.mark.alike
def test_what_ends_badly_sends_nothing(house):
    task = made(house)
    run = factories.run(house.team, task, number=100)
    with batch() as work:
        [held] = claims.claim(work, [(run, 1)], "one", timedelta(seconds=10))
    with batch() as work:
        outcomes.finish(work, held, Outcome("failed", "no_space", "The disk is full.", "permanent"), (), ())
    assert [row.kind for row in rows(Alert)] == ["failing"]


@pytest.mark.alike
def test_who_is_there_no_more_is_said(house):
    task = made(house)
    with batch() as work:
        work.connection.execute(sa.update(Task).where(Task.id == task).values(owner_id=None))
        work.connection.execute(sa.delete(Person).where(Person.id == house.people["ada"]))
    found = reports.order(factories.run(house.team, task, number=100), utc_now())
    assert isinstance(found, Outcome)
    assert found.sentence.startswith("Who made it is not in the team any more")
