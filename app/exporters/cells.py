"""The values of tables as other programs read them: plain ones, and for people the units beside the headings."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from app.domain import money
from app.domain.analytics.answers import Answer, Column, Kind, Named

_UNITS: dict[Kind, str] = {"seconds": "s", "minutes": "min", "hours": "h", "money": "USD"}


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: a task is its name, a day is written as 2026-11-27."""
    if isinstance(value, Named):
        return value.name
    return value.isoformat() if isinstance(value, date | datetime) else value


def headings(columns: Sequence[Column]) -> list[str]:
    """Return the labels of columns, with the unit of what is measured."""
    return [f"{one.label}, {_UNITS[one.kind]}" if one.kind in _UNITS else one.label for one in columns]


def shown(column: Column, value: Any) -> Any:
    """Return a value in the unit of its heading: money in dollars."""
    if value is not None and column.kind == "money":
        return round(value / money.MICROS, 6)
    return plain(value)


def told(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON holds it: each row by the names of its columns."""
    return {
        "question": answer.question, "heading": answer.heading, "sentence": answer.sentence, "note": answer.note,
        "columns": [{"name": one.name, "label": one.label, "kind": one.kind} for one in answer.columns],
        "rows": [
            {column.name: plain(value) for column, value in zip(answer.columns, row, strict=True)}
            for row in answer.rows
        ],
    }  # fmt: skip
