"""The words of schedules, a table for each language: what they mean, whatever language a phrase mixes them from."""

from collections.abc import Mapping
from typing import Any

from app.domain.language.vocabulary import english, french, german, spanish
from app.domain.language.vocabulary.kinds import Table

Meanings = Mapping[str, Any]
"""What a word can mean: its kinds, each with its value."""

LONGEST = 6
"""Words of the longest entry."""


def _lexicon(table: Table) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for (kind, value), words in table.items():
        for word in words.split():
            found.setdefault(word.replace("_", " "), {})[kind] = value
    return found


LEXICONS: Mapping[str, Mapping[str, Meanings]] = {
    "en": _lexicon(english.TABLE),
    "de": _lexicon(german.TABLE),
    "fr": _lexicon(french.TABLE),
    "es": _lexicon(spanish.TABLE),
}
