"""Group commit: what comes together commits together, and only the bad one fails."""

import threading
from concurrent.futures import CancelledError
from contextlib import contextmanager

import pytest

from app.infra.writer import Writer


class Book:
    """A store whose transactions can be counted."""

    def __init__(self):
        self.kept, self.transactions, self.gate = [], 0, threading.Event()
        self.gate.set()

    @contextmanager
    def open(self):
        self.gate.wait()
        written = []
        yield written
        self.kept += written
        self.transactions += 1


@pytest.fixture
def book():
    return Book()


@pytest.fixture
def writer(book):
    writer = Writer(book.open)
    yield writer
    writer.close()


def put(number):
    def change(written):
        written.append(number)
        return number * 2

    return change


def refuse(_written):
    raise ValueError("no")


def test_a_change_is_committed_when_its_result_is_there(writer, book):
    assert writer.do(put(4)) == 8
    assert book.kept == [4]


def test_what_comes_meanwhile_is_one_transaction(writer, book):
    book.gate.clear()
    futures = [writer.submit(put(number)) for number in range(50)]
    book.gate.set()
    assert [future.result(5) for future in futures] == [number * 2 for number in range(50)]
    assert book.kept == list(range(50))
    assert book.transactions <= 2


def test_one_bad_change_fails_alone(writer, book):
    book.gate.clear()
    futures = [writer.submit(change) for change in (put(1), refuse, put(2))]
    book.gate.set()
    assert futures[0].result(5) == 2
    with pytest.raises(ValueError, match="no"):
        futures[1].result(5)
    assert futures[2].result(5) == 4
    assert book.kept == [1, 2]


def test_closing_commits_what_has_come(book):
    writer = Writer(book.open)
    future = writer.submit(put(1))
    writer.close()
    assert future.result(0) == 2


def test_what_comes_after_the_end_waits_for_nothing(book):
    writer = Writer(book.open)
    writer.close()
    with pytest.raises(CancelledError):
        writer.do(put(1))
    assert book.kept == []
