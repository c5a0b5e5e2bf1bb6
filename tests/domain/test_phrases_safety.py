"""Whatever is typed: no word is passed over, every choice is understood, and a sentence means what it was made from."""

import time
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain import triggers
from app.domain.language.vocabulary import LEXICONS
from app.domain.phrases import LONGEST, read
from tests.domain import test_phrases_english, test_phrases_french, test_phrases_german, test_phrases_spanish
from tests.domain.spoken_words import NOW, ZONE, rows

TABLES = (test_phrases_english, test_phrases_german, test_phrases_french, test_phrases_spanish)
UNDERSTOOD = [text for module in TABLES for text, _ in rows(module.UNDERSTOOD)]
RULES = frozenset({"0 9 * * 1-5", "@weekly", "90m", "2026-12-01T09:00"})
PHRASES = sorted(set(UNDERSTOOD) - RULES)
FIGURES = (
    "9", "9:00", "17:30", "5", "pm", "9am", "1st", "15.", "31st", "3rd", ",", "-", "20", "2", "8", "18", "24.12.", "3/4",
    "2026-12-24", "Europe/Paris", "lisbon", "EST", ":15", "1er", "2026",
)  # fmt: skip

words = st.sampled_from(sorted({word for lexicon in LEXICONS.values() for word in lexicon}))
figures = st.sampled_from(FIGURES)
salads = st.lists(words | figures, max_size=9).map(" ".join)
pieces = st.sampled_from(PHRASES).flatmap(
    lambda text: st.integers(0, len(text.split())).map(lambda end: " ".join(text.split()[:end]))
)
halves = st.builds("{} {} {}".format, pieces, words | figures, pieces)


@settings(max_examples=400)
@given(salads | halves)
@example("2nd or the last day")
def test_every_answer_can_be_acted_on(text):
    reading = read(text, NOW, ZONE)
    assert reading.sentence
    if reading.state == "understood":
        assert triggers.next_fire(reading.trigger, NOW)
    for choice in reading.choices:
        assert read(choice.text, NOW, ZONE).state == "understood", choice


@settings(max_examples=300)
@given(salads | halves, st.sampled_from(("blah", "unless", "soon", "%", "monthlyish", "x")), st.integers(0, 20))
def test_a_word_that_nobody_knows_is_never_passed_over(text, word, place):
    typed = text.split()
    typed.insert(place, word)
    assert read(" ".join(typed), NOW, ZONE).state == "unknown"


@pytest.mark.parametrize("text", PHRASES)
def test_a_phrase_with_an_unknown_word_is_not_understood(text):
    typed = text.split()
    for place in {0, len(typed) // 2, len(typed)}:
        more = [*typed[:place], "blah", *typed[place:]]
        assert read(" ".join(more), NOW, ZONE).state == "unknown"


@pytest.mark.parametrize("text", PHRASES)
def test_its_sentence_is_read_as_the_same_rule(text):
    reading = read(text, NOW, ZONE)
    again = read(reading.sentence, NOW, ZONE)
    assert again.state == "understood"
    assert _planned(again.trigger) == _planned(reading.trigger)


def _planned(trigger):
    found = islice(triggers.fires_between(trigger, NOW, NOW + timedelta(days=9000)), 12)
    return trigger.timezone, [fire.at for fire in found]


@pytest.mark.parametrize("text", PHRASES)
def test_capitals_and_accents_do_not_count(text):
    assert read(text.upper(), NOW, ZONE) == read(text, NOW, ZONE)
    for accent, letter in zip("áéíóúñàèêûôçëîäöü", "aeiounaeeuoceiaou", strict=True):
        text = text.replace(accent, letter)
    assert read(text, NOW, ZONE).state == "understood"


@pytest.mark.parametrize("text", PHRASES)
@pytest.mark.parametrize("now", [datetime(2027, 3, 28, 0, 59, tzinfo=UTC), datetime(2028, 2, 29, 22, tzinfo=UTC)])
def test_it_never_plans_what_is_past(text, now):
    reading = read(text, now, ZONE)
    if reading.state == "understood":
        assert triggers.next_fire(reading.trigger, now).at > now


@pytest.mark.parametrize(
    "text",
    [
        "every " * 60, "1 " * 150, "at 9 and " * 33, "on the " * 43, "9:" * 150, "a" * 300, "1st and " * 37, "-" * 300,
        "every 1 hour " * 23, "mon to " * 42, "(" * 300, "1/" * 150, "2.." * 100, ", " * 150, "a/" * 150, "the " * 75,
    ],
)  # fmt: skip
def test_a_long_text_is_answered_at_once(text):
    read(text[:LONGEST], NOW, ZONE)
    began = time.perf_counter()
    assert read(text[:LONGEST], NOW, ZONE).state == "unknown"
    assert time.perf_counter() - began < 0.1
