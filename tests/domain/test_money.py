"""Money as it is said and typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.domain import money


@pytest.mark.parametrize(
    ("micros", "words"),
    [
        (0, "$0.00"), (1, "$0.000001"), (4200, "$0.0042"), (34_000, "$0.034"), (50_000, "$0.05"),
        (410_000, "$0.41"), (1_120_000, "$1.12"), (1_250_000_000, "$1,250.00"),
    ],
)  # fmt: skip
def test_two_digits_that_count_and_cents_at_least(micros, words):
    assert money.said(micros) == words


@pytest.mark.parametrize(
    ("text", "micros"), [("1", 1_000_000), ("$1.50", 1_500_000), ("1,50", 1_500_000), ("0,075", 75_000), ("$1,250.00", 1_250_000_000), (" 0.0042 ", 4200), ("-1", -1_000_000)]
)  # fmt: skip
def test_dollars_are_read_as_people_type_them(text, micros):
    assert money.read(text) == micros


@pytest.mark.parametrize("text", ["", "much", "1.250,50", "1,250", "1,250,000", "1e400", "NaN", "infinity", "$"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        money.read(text)


@given(some.integers(0, 10**12))
def test_what_is_written_is_read_as_it_was(micros):
    assert money.read(money.plain(micros)) == micros
