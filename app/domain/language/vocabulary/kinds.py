"""What the words of a schedule can be, in every language.

A table maps (kind, value) to words; `_` stands for a space inside an entry, accents are left off, case does not count.

    every, other, filler, at, on, in, of, and, or, from, to, between, except, for, a     words that join
    number n, ordinal n (-1 the last, -2 the one before), count n (twice), times          how many
    unit name, span (n, unit), rhythm (n, unit), unsure_rhythm ((n, unit), (n, unit))     how long, how often
    day n, days n (Sunday 0; `days` are said of repetition), workday, set numbers, month n    days
    later n (days from today), this, next, after_next, ends, begins                       days seen from now
    clock (hour, minute), oclock is_sure, half am|pm, part of the day                     times
    fraction minutes, half_to, past, before, shift minutes, mark minute                   parts of an hour
    starting, until, from_now, now, time_word, whole_day, if_any, or_last                       limits and notes
"""

from collections.abc import Iterable
from typing import Any

Table = dict[tuple[str, Any], str]


def numbered(kind: str, words: Iterable[str], start: int = 0) -> Table:
    """Return entries of one kind with ascending values: one string of words for each."""
    return {(kind, value): entry for value, entry in enumerate(words, start)}
