"""The audit is chained entry by entry as it is written, anchored outside the database, and walked from end to end."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import orm

from app.domain import sealing
from app.domain.sealing import Flaw, Sealed, Walk
from app.infra import anchors, database
from app.infra.database import db
from app.models.instance import Audit, Fact
from app.services import alerting
from app.services.unit import Work, batch

log = structlog.get_logger()

BATCH = 500
"""Entries sealed in one transaction."""

STEP = 5000
"""Entries looked at in one reading transaction."""

SEALED_WITHIN = timedelta(seconds=30)
"""An entry without a seal after so long is told of; usually it takes a second or two."""

HEAD = "audit_head"
_CHECKED = "audit_check"
_ALERT = "audit_broken"


class HeadMissing(Exception):
    """There are sealed entries, and nothing says where their chain ends: nothing is sealed until somebody looked."""


# --- sealing


def seal_new() -> int:
    """Seal entries that have none yet, in the order in which they were written; returns how many, at most BATCH.

    Raises HeadMissing. Several processes may call it: the transaction holds the table against other writers.
    """
    with database.read() as connection:
        if connection.execute(_NEW.limit(1), {"last": _last_id(connection)}).first() is None:
            return 0
    with batch() as work:
        _hold_back_writers(work.connection)
        last = _last_id(work.connection)
        number, before = _head_of(work.connection)
        sealed = []
        for row in work.connection.execute(_NEW.limit(BATCH), {"last": last}):
            number += 1
            before = sealing.seal(_sealed(row, number), before)
            sealed.append({"entry": row.id, "its_number": number, "its_seal": before})
        if sealed:
            work.connection.execute(_SEAL, sealed)
            _note(work, HEAD, {"number": number, "seal": before})
    return len(sealed)


def _sealed(row: Any, number: int) -> Sealed:
    return Sealed(row.id, number, row.team_id, row.person_id, row.action, row.object, row.data, row.at, None)


def _hold_back_writers(connection: sa.Connection) -> None:
    """Wait until all who write an entry have committed, so that no lower id is still to come.

    SQLite has one writer anyway. The wait is bounded: those who come later wait behind us.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL lock_timeout = '1s'"))
        connection.execute(sa.text("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"))


def _last_id(connection: sa.Connection) -> int:
    return connection.execute(_LAST).scalar() or 0


def _head_of(connection: sa.Connection) -> tuple[int, str]:
    head = connection.execute(sa.select(Fact.value).where(Fact.name == HEAD)).scalar()
    if head:
        return head["number"], head["seal"]
    if connection.execute(_LAST).scalar():
        raise HeadMissing
    return 0, sealing.START


def _note(work: Work, name: str, value: dict[str, Any]) -> None:
    noted = work.connection.execute(sa.update(Fact).where(Fact.name == name).values(value=value, at=work.now))
    if not noted.rowcount:
        work.connection.execute(sa.insert(Fact).values(name=name, value=value, at=work.now))


# --- anchors


def anchor(data_dir: Path) -> int:
    """Write down outside the database where the chain ends now; returns the number of the last entry, 0 for none."""
    with database.read() as connection:
        number, seal = _head_of(connection)
        at = database.now(connection)
    if number:
        anchors.append(data_dir, {"number": number, "seal": seal, "at": at.isoformat()})
        log.info("audit_anchored", number=number, seal=seal)
    return number


def after_restore(data_dir: Path) -> None:
    """Say in the file of anchors that the data is older now: what was anchored after it is no longer to be found."""
    with database.read() as connection:
        number, seal = _head_of(connection)
        at = database.now(connection)
    anchors.append(data_dir, {"number": number, "seal": seal, "at": at.isoformat(), "restored": True})


def _anchored(data_dir: Path) -> dict[int, str]:
    kept: dict[int, str] = {}
    for line in anchors.lines(data_dir):
        if line.get("restored"):
            kept = {number: seal for number, seal in kept.items() if number <= line["number"]}
        elif line["number"]:
            kept[line["number"]] = str(line.get("seal"))
    return kept


# --- walking


@dataclass(frozen=True)
class Verdict:
    """What was walked over: `checked` entries, `anchored` of them held against their anchor, and the first flaw."""

    checked: int
    anchored: int
    unsealed: int
    seconds: float
    flaw: Flaw | None


@dataclass(frozen=True)
class Checked:
    """When the chain was last walked, over how many entries, and what was wrong with it ("" for nothing)."""

    at: datetime
    checked: int
    flaw: str


def verify(data_dir: Path) -> Verdict:
    """Walk the whole chain, and note the result; one alert while it is broken. Memory does not grow with it."""
    started = time.monotonic()
    known = _anchored(data_dir)
    walk = Walk(known)
    with database.read() as connection:
        head = connection.execute(sa.select(Fact.value).where(Fact.name == HEAD)).scalar()
    flaw = _walk_over(walk, head["number"] if head else 0) or _flaw_of_end(walk, head, known)
    with database.read() as connection:
        unsealed = connection.execute(_UNSEALED).scalar_one()
        flaw = flaw or _flaw_of_rest(connection)
    verdict = Verdict(walk.number, walk.anchored, unsealed, time.monotonic() - started, flaw)
    _keep(verdict)
    return verdict


def _walk_over(walk: Walk, until: int) -> Flaw | None:
    for entry, following in pairwise(_entries(until)):
        if entry and (flaw := walk.step(entry, following)):
            return flaw
    return None


def _entries(until: int) -> Iterator[Sealed | None]:
    """Yield the sealed entries by number up to `until`, then None."""
    after = -1
    while True:
        with database.read() as connection:
            entries = [Sealed(*row) for row in connection.execute(_SEALED, {"after": after, "until": until})]
        if not entries:
            break
        yield from entries
        after = entries[-1].number
    yield None


def _flaw_of_end(walk: Walk, head: dict[str, Any] | None, known: dict[int, str]) -> Flaw | None:
    next_number = walk.number + 1
    if head is None:
        with database.read() as connection:
            if not connection.execute(_LAST).scalar() and not known:
                return None
        return Flaw("headless", 0, "Nothing says where the chain ends: its head was deleted.")
    if walk.number < head["number"] or (walk.number and walk.seal != head["seal"]):
        sentence = (
            f"Entry {next_number} and all after it are missing: the end was cut off; it went to {head['number']}."
        )
        return Flaw("cut", next_number, sentence)
    if (latest := max(known, default=0)) > walk.number:
        sentence = f"Entry {next_number} and all after it are missing: the end was cut off; {latest} was anchored."
        return Flaw("cut", next_number, sentence)
    return None


def _flaw_of_rest(connection: sa.Connection) -> Flaw | None:
    """Look at what is not part of the chain: entries put in later, and those that nobody sealed."""
    if beyond := connection.execute(_BEYOND).scalar():
        return Flaw("inserted", beyond, f"Entry {beyond} was inserted behind the end of the chain.")
    if put := connection.execute(_BETWEEN).first():
        sentence = f"An entry (id {put.id}, {put.action}) was inserted among sealed ones, before entry {put.before}."
        return Flaw("inserted", put.before, sentence)
    if late := connection.execute(_WAITING, {"before": database.now(connection) - SEALED_WITHIN}).first():
        sentence = f"An entry of {late.at:%Y-%m-%d %H:%M} UTC (id {late.id}) has no seal yet. Is a clock running?"
        return Flaw("unsealed", 0, sentence)
    return None


def _keep(verdict: Verdict) -> None:
    sentence = verdict.flaw.sentence if verdict.flaw else ""
    with batch() as work:
        _note(work, _CHECKED, {"checked": verdict.checked, "flaw": sentence})
        if verdict.flaw:
            alerting.begin(work, _ALERT, _ALERT, f"The audit is not what was sealed. {sentence}", None)
        else:
            alerting.end(work, _ALERT, "The chain of the audit is whole again.")


def last_checked() -> Checked | None:
    """Return when the chain was last walked, None if it never was."""
    fact = db.session.get(Fact, _CHECKED)
    return Checked(fact.at, fact.value["checked"], fact.value["flaw"]) if fact else None


# --- built once

_SEALED_COLUMNS = (
    Audit.id, Audit.number, Audit.team_id, Audit.person_id, Audit.action, Audit.object, Audit.data, Audit.at,
    Audit.seal,
)  # fmt: skip
_SEALED = (
    sa.select(*_SEALED_COLUMNS)
    .where(Audit.number > sa.bindparam("after"), Audit.number <= sa.bindparam("until"))
    .order_by(Audit.number)
    .limit(STEP)
)
_LAST = sa.select(Audit.id).where(Audit.number.is_not(None)).order_by(Audit.number.desc()).limit(1)
_NEW = (
    sa.select(Audit.id, Audit.team_id, Audit.person_id, Audit.action, Audit.object, Audit.data, Audit.at)
    .where(Audit.id > sa.bindparam("last"), Audit.number.is_(None))
    .order_by(Audit.id)
)
_SEAL = (
    sa.update(Audit.__table__)  # type: ignore[arg-type]  # the table itself: one statement, many rows
    .where(Audit.__table__.c.id == sa.bindparam("entry"))
    .values(number=sa.bindparam("its_number"), seal=sa.bindparam("its_seal"))
)
_UNSEALED = sa.select(sa.func.count()).where(Audit.number.is_(None))
_WAITING = (
    sa.select(Audit.id, Audit.at)
    .where(Audit.number.is_(None), Audit.at < sa.bindparam("before"))
    .order_by(Audit.id)
    .limit(1)
)
_HEAD_NUMBER = sa.select(Fact.value["number"].as_integer()).where(Fact.name == HEAD).scalar_subquery()
_BEYOND = sa.select(Audit.number).where(Audit.number > _HEAD_NUMBER).order_by(Audit.number).limit(1)
_later = orm.aliased(Audit)
_BETWEEN = (
    sa.select(
        Audit.id,
        Audit.action,
        sa.select(sa.func.min(_later.number)).where(_later.id > Audit.id).scalar_subquery().label("before"),
    )
    .where(Audit.number.is_(None), Audit.id < _LAST.scalar_subquery())
    .order_by(Audit.id)
    .limit(1)
)
