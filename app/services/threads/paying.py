"""What a model that reads threads costs: reserved in the team's budgets before it is asked, charged by each answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.analysis.deepening import Ask, Said
from app.core.errors import CarillonError
from app.domain import budgets
from app.models.budgets import ModelReading
from app.services import spending
from app.services.unit import Work, batch

_LASTS = timedelta(minutes=15)
"""After so long whoever had reserved something is gone: each question has two minutes."""


class OutOfBudget(CarillonError):
    """Too little is left in a budget or plan of the team."""


@contextmanager
def reserved(team_id: int, thread_id: int, title: str, most_micros: int, ask: Ask) -> Iterator[Ask]:
    """Reserve what it costs at most to let a model read a thread; yield how it is asked then. Raises OutOfBudget."""
    reading_id = _reserve(team_id, thread_id, title, most_micros)

    def charged(question: str) -> Said:
        said = ask(question)
        if said.cost_micros:
            _charge(reading_id, said.cost_micros)
        return said

    try:
        yield charged
    finally:
        with batch() as work:
            _free(work, ModelReading.id == reading_id)


def free_left_over() -> None:
    """Free what was reserved by workers that are gone."""
    with batch() as work:
        _free(work, ModelReading.at < work.now - _LASTS)


def _reserve(team_id: int, thread_id: int, title: str, most_micros: int) -> int:
    with batch() as work:
        spending.pass_singly(work)
        rows = spending.concern(spending.of_teams(work.connection, [team_id]), team_id, None)
        refused = budgets.reading(spending.pots(work.connection, rows, work.now, work), most_micros)
        if refused is None:
            spending.move(work, rows, work.now, reserved=most_micros)
            values = {"team_id": team_id, "thread_id": thread_id, "at": work.now, "reserved_micros": most_micros}
            added = sa.insert(ModelReading).values(values | {"cost_micros": 0}).returning(ModelReading.id)
            reading_id: int = work.connection.execute(added).scalar_one()
            return reading_id
        pot, sentence = refused
        row = next(one for one in rows if one.id == pot.id)
        spending.tell_out(work, row, pot, f"No model read “{title}”. {sentence}")
    raise OutOfBudget(sentence)


def _charge(reading_id: int, cost_micros: int) -> None:
    with batch() as work:
        query = sa.select(ModelReading.team_id, ModelReading.at, ModelReading.reserved_micros)
        row = work.connection.execute(query.where(ModelReading.id == reading_id).with_for_update()).one()
        freed = min(cost_micros, row.reserved_micros or 0)
        values: dict[str, Any] = {"cost_micros": ModelReading.cost_micros + cost_micros}
        values |= {"reserved_micros": ModelReading.reserved_micros - freed} if freed else {}
        work.connection.execute(sa.update(ModelReading).where(ModelReading.id == reading_id).values(values))
        rows = spending.concern(spending.of_teams(work.connection, [row.team_id]), row.team_id, None)
        spending.move(work, rows, row.at, spent=cost_micros, reserved=-freed)


def _free(work: Work, which: sa.ColumnElement[bool]) -> None:
    """Free what these readings had reserved and did not spend."""
    query = sa.select(ModelReading.id, ModelReading.team_id, ModelReading.at, ModelReading.reserved_micros)
    is_held = ModelReading.reserved_micros.is_not(None)
    for one in work.connection.execute(query.where(which, is_held).with_for_update()).all():
        over = sa.update(ModelReading).where(ModelReading.id == one.id).values(reserved_micros=None)
        work.connection.execute(over)
        rows = spending.concern(spending.of_teams(work.connection, [one.team_id]), one.team_id, None)
        spending.move(work, rows, one.at, reserved=-one.reserved_micros)
