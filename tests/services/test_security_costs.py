"""What one member does does not hold up everybody else, and what goes wrong tells no values to the log."""

import time
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app.infra import database
from app.services.tasks import builder, versions

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def definition(code):
    return {
        "engine": "python", "name": "n", "schedules": [], "files": [], "min_isolation": 1,
        "settings": {"code": code}, "limits": {}, "policy": {},
    }  # fmt: skip


def lines(step, count=40_000):
    return "\n".join(str(number * step % 211) for number in range(count))


def test_two_large_programs_are_not_compared_line_by_line():
    began = time.perf_counter()
    (change,) = versions.compare(definition(lines(3)), definition(lines(7)))
    assert time.perf_counter() - began < 1
    assert change.diff == ["40,000 lines before, 40,000 after: too many to compare."]
    assert len(change.before) <= 501


def test_a_difference_is_shown_up_to_some_lines():
    (change,) = versions.compare(definition(""), definition(lines(1, 1000)))
    assert len(change.diff) == 401
    assert change.diff[-1] == "… 601 more"


def test_a_sentence_of_many_words_is_read_from_its_end():
    name, when = builder.split(f"{'1 ' * 100}every day at 9:00", NOW, "UTC")
    assert when == "every day at 9:00"
    assert name == "1 " * 99 + "1"


def test_an_error_of_the_database_does_not_tell_what_was_written(app):
    with app.app_context(), pytest.raises(sa.exc.DBAPIError) as caught, database.write() as connection:
        connection.execute(sa.text("INSERT INTO nowhere VALUES (:value)"), {"value": "of-the-bell"})
    assert "of-the-bell" not in str(caught.value)
