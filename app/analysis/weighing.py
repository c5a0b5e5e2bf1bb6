"""How likely a later run would change a value: the weighed signs of its form, of its sentence and of the answers to it.

The weights were fitted on labelled threads (tests/analysis/fitting_values.py).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from math import exp
from pathlib import Path

from app.analysis import cues, units
from app.analysis.forms import Literal
from app.analysis.sentences import Sentence, plain, word_set, words
from app.domain.thread import Thread

_WEIGHTS = Path(__file__).with_name("variables.json")
_READ, _MESSAGE, _CALL, _CALLS = 40_000, 3_000, 1_500, 40
_ANSWER = 60
"""Characters from which the agent's words show what was taken up."""

_LOOSE = 0.4
"""The confidence under which a form tells so little that only the answers can make it a value."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_LENGTHS = word_set(
    "word words character characters char chars sign signs sentence sentences line lines page pages paragraph"
    " paragraphs bullet bullets slide slides wörter wort zeichen satz sätze zeile zeilen seite seiten absatz absätze"
    " mot mots caractère caractères signe signes phrase phrases ligne lignes paragraphe paragraphes palabra palabras"
    " carácter caracteres frase frases línea líneas página páginas párrafo párrafos"
)
_TIMES = word_set(
    "second seconds minute minutes min mins hour hours h hr hrs day days week weeks month months year years"
    " night nights"
    " sekunde sekunden minuten stunde stunden tag tage tagen woche wochen monat monate monaten jahr jahre jahren"
    " seconde secondes heure heures jour jours semaine semaines mois an ans année années segundo segundos minuto"
    " minutos hora horas día días semana semanas mes meses año años"
)
_TELLING = word_set(
    "i we he she they there it thanks you ich wir er sie es danke je nous il elle on merci yo hay gracias"
    " our my the in unser unsere mein notre nuestro der die das le la les el los las"
)
"""Words that begin what is told rather than asked."""


@lru_cache(maxsize=1)
def _weights() -> dict[str, float]:
    """Return the weight of each sign; the one without a sign is what is likely beforehand."""
    read: dict[str, float] = json.loads(_WEIGHTS.read_text(encoding="utf-8"))
    return read


def weighed(signs: Iterable[str], weights: Mapping[str, float] | None = None) -> float:
    """Return how likely something that shows these signs is a value, between 0 and 1."""
    weights = weights or _weights()
    return 1 / (1 + exp(-weights[""] - sum(weights.get(sign, 0.0) for sign in signs)))


def of_form(one: Literal, text: str) -> Iterator[str]:
    """Yield the signs of a literal and its sentence; rules of a kind that are trusted alike share a weight."""
    spoken, own = words(text), words(one.value)
    yield f"{one.kind} {one.confidence:.2f}"
    if not cues.REQUEST.isdisjoint(spoken):
        yield "request"
    if not cues.PAST.isdisjoint(spoken):
        yield "past"
    if not _TELLING.isdisjoint(spoken[:1]):
        yield "telling"
    if one.kind in {"number", "money"}:
        yield "figure" if _NUMBER.search(one.value) else "number in words"
        yield f"unit {_unit(own[-1]) if own else 'none'}"


def _unit(word: str) -> str:
    if word in _LENGTHS:
        return "length"
    if word in _TIMES:
        return "time"
    return "measure" if word in units.UNITS else "other"


class Talk:
    """What both sides of a thread said and called, to see what became of a value."""

    def __init__(self, thread: Thread) -> None:
        """Read both sides once."""
        told: list[str] = []
        size = 0
        self._starts: dict[int, int] = {}
        for number, message in enumerate(thread.messages):
            self._starts[number] = size
            if message.role == "assistant" and size < _READ:
                told.append(plain(message.text[:_MESSAGE]))
                size += len(told[-1]) + 1
        self._told = "\n".join(told)
        calls = (str(dict(call.arguments))[:_CALL] for _, call in zip(range(_CALLS), thread.calls, strict=False))
        self._called = plain("\n".join(calls))
        asked = [number for number, message in enumerate(thread.messages) if message.role == "user"]
        self._said = "\n".join(plain(thread.messages[number].text[:_MESSAGE]) for number in asked)[:_READ]
        self._first, self._last = (asked[0], asked[-1]) if asked else (0, 0)

    def signs(self, one: Literal, sentence: Sentence) -> Iterator[str]:
        """Yield whether the agent took a value up, where it was said, and whether it was said again."""
        value, start = plain(one.value), self._starts[sentence.message]
        number = _NUMBER.search(value)
        is_told = self._told.find(value, start) >= 0
        if len(self._told) - start >= _ANSWER or one.confidence < _LOOSE:
            yield f"{one.kind} {'told' if is_told else 'untold'}"
            if number and not is_told:
                yield f"{one.kind} number {'told' if _has(self._told, number[0], start) else 'untold'}"
        if value in self._called:
            yield f"{one.kind} called"
        elif number and _has(self._called, number[0], 0):
            yield f"{one.kind} number called"
        if self._told.find(value, 0, start) >= 0:
            yield "from agent"
        if self._said.count(value) > 1:
            yield "again"
        yield "first" if sentence.message == self._first else "last" if sentence.message == self._last else "middle"


def _has(text: str, number: str, start: int) -> bool:
    """Whether a number stands in a text, from a place on and not within a longer one."""
    alone = re.compile(rf"(?<!\d){re.escape(number)}(?!\d)")
    return alone.search(text, start) is not None
