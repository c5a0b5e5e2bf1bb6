"""Alerts as they begin and end, in the transaction that finds the reason. A helper of services, like unit."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.models.runs import Alert
from app.services.unit import Work

_LONGEST = 500


def begin(
    work: Work, key: str, kind: str, sentence: str, team_id: int | None, *, task_id: int | None = None,
    run_id: int | None = None,
) -> bool:  # fmt: skip
    """Open the alert `key` unless it is open already; whether it is new. It is told after the commit, once."""
    values = {
        "key": key[:120], "kind": kind, "sentence": sentence[:_LONGEST], "team_id": team_id, "task_id": task_id,
        "run_id": run_id, "at": work.now, "ended_at": None, "recovery": "",
    }  # fmt: skip
    new = work.connection.execute(_OPEN[work.connection.dialect.name], values).first()
    if new and team_id is not None:
        work.tell("alert_began", team_id, run_id, alert=new.id, alert_kind=kind)
    return new is not None


def end(work: Work, key: str, recovery: str) -> bool:
    """Close the alert `key` if it is open, with the sentence that tells so; whether it was open."""
    row = work.connection.execute(
        sa.update(Alert)
        .where(Alert.key == key[:120], Alert.ended_at.is_(None))
        .values(ended_at=work.now, recovery=recovery[:_LONGEST], is_new=True)
        .returning(Alert.id, Alert.team_id, Alert.run_id, Alert.kind)
    ).first()
    if row and row.team_id is not None:
        work.tell("alert_ended", row.team_id, None, alert=row.id, alert_kind=row.kind)
    return row is not None


def once(
    work: Work, key: str, kind: str, sentence: str, team_id: int | None, *, task_id: int | None = None
) -> None:  # fmt: skip
    """Tell something that is over already: there is no message of its end."""
    if begin(work, key, kind, sentence, team_id, task_id=task_id):
        end(work, key, "")


def end_of_task(work: Work, task_id: int, recovery: str) -> None:
    """Close every open alert of a task, with the sentence that tells so."""
    keys = sa.select(Alert.key).where(Alert.task_id == task_id, Alert.ended_at.is_(None))
    for key in work.connection.execute(keys).scalars().all():
        end(work, key, recovery)


_OPEN: dict[str, Any] = {
    dialect: insert_into(Alert)
    .on_conflict_do_nothing(index_elements=["key"], index_where=Alert.ended_at.is_(None))
    .returning(Alert.id)
    for dialect, insert_into in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
