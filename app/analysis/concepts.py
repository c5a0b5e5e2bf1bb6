"""What words stand for: the acts and things of `acts` and `things`."""

import re
from functools import lru_cache

from app.analysis.acts import ACTS
from app.analysis.sentences import plain, word_set, words
from app.analysis.things import THINGS

_ENDINGS = word_set("s es e en n er ern r em a as o os x ing ed d ly nen te")
_SHORTEST = 4
"""Letters of the shortest word that takes an ending."""

_LONGEST_PHRASE = 6
_COMPOUND = 4
"""Letters that stand at least before the tail of a compound."""

_WHOLE: dict[str, set[str]] = {}
_STEMS: dict[str, list[tuple[str, str]]] = {}
"""Stems by their first two letters."""

_TAILS: list[tuple[str, str]] = []
_PHRASES: dict[str, list[tuple[str, str]]] = {}
"""Phrases by their first word, what follows it with a space before."""


def _sort_in(entry: str, concept: str) -> None:
    if entry.startswith("-"):
        _TAILS.append((entry[1:], concept))
        return
    *first, last = re.split(r"[_'’/-]", entry.removesuffix("-"))
    if first:
        rest = f" {' '.join([*first[1:], last])}"
        _PHRASES.setdefault(first[0], []).append((rest if entry.endswith("-") else f"{rest} ", concept))
    elif entry.endswith("-"):
        _STEMS.setdefault(entry[:2], []).append((last, concept))
    else:
        _WHOLE.setdefault(entry, set()).add(concept)


for _concept, _entries in {**ACTS, **THINGS}.items():
    for _entry in plain(_entries).split():
        _sort_in(_entry, _concept)


@lru_cache(maxsize=8192)
def of_word(word: str) -> frozenset[str]:
    """Return what a plain word stands for."""
    found = set(_WHOLE.get(word, ()))
    for length in (1, 2, 3) if not found else ():
        if len(word) - length >= _SHORTEST and word[-length:] in _ENDINGS:
            found |= _WHOLE.get(word[:-length], set())
    found |= {concept for stem, concept in _STEMS.get(word[:2], ()) if word.startswith(stem)}
    found |= {concept for tail, concept in _TAILS if word.endswith(tail) and len(word) - len(tail) >= _COMPOUND}
    return frozenset(found)


@lru_cache(maxsize=2048)
def concepts(text: str) -> tuple[tuple[int, str, frozenset[str]], ...]:
    """Return the words and phrases of a text that stand for something: place, word, what it stands for."""
    told = words(text)
    found = []
    for number, word in enumerate(told):
        meant = of_word(word)
        if word in _PHRASES:
            after = f" {' '.join(told[number + 1 : number + _LONGEST_PHRASE])} "
            meant |= {concept for rest, concept in _PHRASES[word] if after.startswith(rest)}
        if meant:
            found.append((number, word, meant))
    return tuple(found)
