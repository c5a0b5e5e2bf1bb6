"""What the words of a schedule can be, in every language.

A table maps (kind, value) to words; `_` stands for a space inside an entry, accents are left off, case does not count.

    every, other, filler, at, on, in, of, and, or, from, to, between, except, for, only, a      words that join
    number n, ordinal n (-1 the last, -2 the one before), from_end, count n (twice), times       how many
    unit name, span (n, unit), rhythm (n, unit), unsure_rhythm unit, cycle                     how long, how often
    day n, days n (Sunday 0; `days` are said of repetition), every_other_day n                  days of the week
    workday, set numbers (several days by one word), month n, edge (ends|begins, unit), ends, begins
    later n (days from today), tonight, this, next, from_now, now, starting, until                 seen from now
    clock (hour, minute), oclock is_sure, half am|pm, part of the day                           times
    fraction minutes, half_to minutes, past, before, shift minutes, mark minute, hour_word       parts of an hour
    zone names, time_word, if_any, or_last, if_it_is                                            place, conditions
"""

from collections.abc import Iterable
from typing import Any

Table = dict[tuple[str, Any], str]


def numbered(kind: str, words: Iterable[str], start: int = 0) -> Table:
    """Return entries of one kind with ascending values: one string of words for each."""
    return {(kind, value): entry for value, entry in enumerate(words, start)}
