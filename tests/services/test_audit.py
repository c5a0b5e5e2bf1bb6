"""The audit is sealed as it is written, and the walk names the first entry that is not what was sealed."""

import json
import threading

import pytest
import sqlalchemy as sa

from app.domain import sealing
from app.infra import anchors, database
from app.models.instance import Audit, Fact
from app.models.runs import Alert
from app.services.audit import chain
from app.services.unit import batch
from tests import factories
from tests.factories import rows


@pytest.fixture(autouse=True)
def inside(app):
    with app.app_context():
        yield


@pytest.fixture
def ada():
    return factories.owner(factories.team())


def write(actor, count):
    for number in range(count):
        with batch(actor) as work:
            work.audit("task_changed", f"Digest {number}", task=number, note="ä", share=0.1)


def seal_all():
    while chain.seal_new():
        pass


@pytest.fixture
def sealed(ada):
    """Ten entries of Ada's, sealed."""
    write(ada, 10)
    seal_all()


def sql(text, **values):
    with database.write() as connection:
        connection.execute(sa.text(text), values)


def flaw(tmp_path):
    found = chain.verify(tmp_path).flaw
    return (found.kind, found.number) if found else None


def test_entries_are_chained_in_order_without_gap(sealed, tmp_path):
    before, entries = sealing.START, rows(Audit)
    assert [entry.number for entry in entries] == list(range(1, 11))
    for entry in entries:
        content = [
            entry.number, entry.team_id, entry.person_id, entry.action, entry.object, entry.data, entry.at.isoformat(),
            before,
        ]  # fmt: skip
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        before = sealing.sha256(text.encode()).hexdigest()
        assert entry.seal == before
    verdict = chain.verify(tmp_path)
    assert (verdict.checked, verdict.unsealed, verdict.flaw) == (10, 0, None)
    assert chain.last_checked().checked == 10


def test_what_is_sealed_stays_and_what_is_new_is_added(sealed, ada, tmp_path):
    seals = [entry.seal for entry in rows(Audit)]
    write(ada, 3)
    assert chain.seal_new() == 3
    assert chain.seal_new() == 0
    assert [entry.seal for entry in rows(Audit)][:10] == seals
    assert flaw(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "kind", "number"),
    [
        ("UPDATE audit SET object = 'Nothing' WHERE number = 4", "edited", 4),
        ("UPDATE audit SET person_id = NULL WHERE number = 1", "edited", 1),
        ("UPDATE audit SET at = '2026-01-01 00:00:00' WHERE number = 10", "edited", 10),
        ("UPDATE audit SET seal = NULL WHERE number = 4", "edited", 4),
        ("DELETE FROM audit WHERE number = 4", "deleted", 4),
        ("DELETE FROM audit WHERE number = 1", "deleted", 1),
        ("DELETE FROM audit WHERE number = 10", "cut", 10),
        ("DELETE FROM audit WHERE number > 5", "cut", 6),
        ("DELETE FROM audit", "cut", 1),
        ("DELETE FROM facts WHERE name = 'audit_head'", "headless", 0),
    ],
)
def test_the_first_bad_entry_is_named(sealed, tmp_path, change, kind, number):
    sql(change)
    assert flaw(tmp_path) == (kind, number)


def test_reordered_entries_are_named(sealed, tmp_path):
    for now, then in ((4, 90), (5, 4), (90, 5)):
        sql("UPDATE audit SET number = :then WHERE number = :now", now=now, then=then)
    assert flaw(tmp_path) == ("reordered", 4)


def test_an_entry_put_between_is_named(sealed, tmp_path):
    sql("UPDATE audit SET id = id + 100, number = -number WHERE number >= 4")
    sql("UPDATE audit SET number = 1 - number WHERE number < 0")
    values = {"id": 50, "action": "x", "object": "x", "data": {}, "at": factories.EPOCH, "number": 4, "seal": "0" * 64}
    with database.write() as connection:
        connection.execute(sa.insert(Audit).values(values))
    assert flaw(tmp_path) == ("inserted", 4)


def test_an_entry_put_among_sealed_ones_without_a_seal_is_never_sealed(sealed, tmp_path):
    sql("UPDATE audit SET id = id + 100 WHERE number >= 4")
    values = {"id": 50, "action": "x", "object": "x", "data": {}, "at": factories.EPOCH}
    with database.write() as connection:
        connection.execute(sa.insert(Audit).values(values))
    assert chain.seal_new() == 0
    assert flaw(tmp_path) == ("inserted", 4)


def test_an_entry_put_behind_the_end_is_named(sealed, tmp_path):
    sql("UPDATE facts SET value = value WHERE name = 'audit_head'")
    values = {"action": "x", "object": "x", "data": {}, "at": factories.EPOCH, "number": 11, "seal": "0" * 64}
    with database.write() as connection:
        connection.execute(sa.insert(Audit).values(values))
    assert flaw(tmp_path) == ("inserted", 11)


def test_after_the_end_was_cut_the_chain_goes_on_behind_the_gap(sealed, ada, tmp_path):
    sql("DELETE FROM audit WHERE number > 8")
    write(ada, 2)
    seal_all()
    assert [entry.number for entry in rows(Audit)] == [*range(1, 9), 11, 12]
    assert flaw(tmp_path) == ("deleted", 9)


def test_an_entry_that_nobody_seals_is_told_of(ada, tmp_path):
    write(ada, 1)
    assert flaw(tmp_path) is None
    sql("UPDATE audit SET at = '2026-01-01 00:00:00'")
    assert flaw(tmp_path) == ("unsealed", 0)


def test_nothing_is_sealed_while_the_head_is_missing(sealed, ada):
    sql("DELETE FROM facts WHERE name = 'audit_head'")
    write(ada, 1)
    with pytest.raises(chain.HeadMissing):
        chain.seal_new()


# --- anchors


def test_a_chain_that_was_rewritten_from_the_start_does_not_fit_its_anchors(sealed, ada, tmp_path):
    assert chain.anchor(tmp_path) == 10
    assert chain.verify(tmp_path).anchored == 1
    sql("UPDATE audit SET number = NULL, seal = NULL")
    sql("DELETE FROM facts WHERE name = 'audit_head'")
    sql("UPDATE audit SET object = 'Nothing' WHERE id = (SELECT min(id) FROM audit)")
    seal_all()
    assert flaw(tmp_path) == ("rewritten", 10)


def test_an_end_cut_off_together_with_the_head_is_seen_by_the_anchor(sealed, tmp_path):
    chain.anchor(tmp_path)
    sql("DELETE FROM audit WHERE number = 10")
    ninth = rows(Audit)[-1]
    with database.write() as connection:
        head = {"number": 9, "seal": ninth.seal}
        connection.execute(sa.update(Fact).where(Fact.name == chain.HEAD).values(value=head))
    assert flaw(tmp_path) == ("cut", 10)


@pytest.mark.alike
def test_anchors_are_private_and_a_line_cut_by_a_crash_is_passed_over(sealed, tmp_path):
    chain.anchor(tmp_path)
    path = tmp_path / anchors.NAME
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("a") as file:
        file.write('{"number": 11, "se')
    assert chain.verify(tmp_path).flaw is None
    assert [line["number"] for line in anchors.lines(tmp_path)] == [10]


@pytest.mark.alike
def test_a_restored_backup_is_no_cut(sealed, tmp_path):
    chain.anchor(tmp_path)
    ninth = rows(Audit)[-2]
    sql("DELETE FROM audit WHERE number = 10")
    with database.write() as connection:
        head = {"number": 9, "seal": ninth.seal}
        connection.execute(sa.update(Fact).where(Fact.name == chain.HEAD).values(value=head))
    chain.after_restore(tmp_path)
    assert flaw(tmp_path) is None


# --- alerts and speed


@pytest.mark.alike
def test_a_broken_chain_is_told_once_and_so_is_its_mending(sealed, tmp_path):
    sql("UPDATE audit SET object = 'Nothing' WHERE number = 4")
    chain.verify(tmp_path)
    chain.verify(tmp_path)
    assert [alert.ended_at for alert in rows(Alert)] == [None]
    assert "Entry 4" in rows(Alert)[0].sentence
    sql("UPDATE audit SET object = 'Digest 3' WHERE number = 4")
    chain.verify(tmp_path)
    assert rows(Alert)[0].ended_at


def test_fifty_writers_at_once_make_one_chain(ada, tmp_path, app):
    def writer():
        with app.app_context():
            write(ada, 4)

    writers = [threading.Thread(target=writer) for _ in range(50)]
    for thread in writers:
        thread.start()
    while any(thread.is_alive() for thread in writers):
        chain.seal_new()
    seal_all()
    assert [entry.number for entry in rows(Audit)] == list(range(1, 201))
    assert flaw(tmp_path) is None
