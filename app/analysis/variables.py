"""The literals in the person's words that a later run would change, each with its kind and a suggested expression."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.analysis import cues, units
from app.analysis.base import Analysis, Finding
from app.analysis.literals import Literal, literals
from app.analysis.names import names
from app.analysis.secrets import raw
from app.analysis.sentences import Sentence, language, language_of, plain, sentences, word_set, words
from app.analysis.timewords import Island, islands
from app.analysis.topics import topics
from app.domain.language.vocabulary.places import places
from app.domain.thread import Thread

_ENOUGH = 0.5
_GIVEN_UP = -1.0
"""The confidence of what the person says is not needed any more."""

_MOST = 40
_SURE = frozenset({"email", "url", "file", "money"})
"""Kinds whose form alone tells that they are values."""

_SHORT_ANSWER = 4

_DAYS = {"day": 1, "tag": 1, "jour": 1, "dia": 1, "week": 7, "woch": 7, "sema": 7}
_FIGURES = re.compile(r"\d{1,3}")
_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_REFUSED = re.compile(
    r"(?:\b(?:not|no|don't need|instead of|rather than|nicht|kein\w*|statt|pas|plutôt que|en lugar de|en vez de)\s)$",
    re.IGNORECASE,
)
_UNNEEDED = re.compile(
    r"\b(?:don'?t need|do not need|no longer need|drop|remove|brauchen? (?:wir )?(?:kein\w*|nicht)|pas besoin d"
    r"|ya no necesit|no necesit)",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b(?:time|zeit|hora|heure|utc|gmt)\b", re.IGNORECASE)
_BOUND = re.compile(rf"\b(?:{units.MORE}|with|mit|avec|con|exactly|genau)\s$", re.IGNORECASE)
_FIGURE = {
    word: str(number)
    for words_ in (
        "one two three four five six seven eight nine ten eleven twelve",
        "ein zwei drei vier funf sechs sieben acht neun zehn elf zwolf",
        "un deux trois quatre cinq six sept huit neuf dix onze douze",
        "un dos tres cuatro cinco seis siete ocho nueve diez once doce",
    )
    for number, word in enumerate(words_.split(), start=1)
}
_PLAIN_ANSWER = re.compile(r"\d{2,12}")


@dataclass(frozen=True)
class _Found:
    literal: Literal
    sentence: Sentence
    confidence: float


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return a `variable` finding for each value; what the person later replaced is left out."""
    spoken = language_of(thread)
    lower = frozenset(word for message in thread.visible for word in _small(message.text[:4000]))
    found = [one for sentence in sentences(thread) for one in _in_sentence(sentence, spoken, lower)]
    secrets = raw(thread) if found else ()
    zone = (sofar.value("schedule") or {}).get("timezone")
    kept = [
        one for one in _final(found)
        if one.confidence >= _ENOUGH and not _is_secret(one.literal.value, secrets) and not _tells_zone(one, zone)
    ]  # fmt: skip
    return [_finding(one) for one in kept[:_MOST]]


def _small(text: str) -> Iterator[str]:
    """Yield the words that are written without a capital."""
    return (plain(word) for word in re.findall(r"(?<![\w@#/.-])[a-zà-ÿ][\w'-]*", text))


def _is_secret(value: str, secrets: Iterable[str]) -> bool:
    return any(value in secret or secret in value for secret in secrets)


def _tells_zone(one: _Found, zone: str | None) -> bool:
    """Whether a place was only said as an answer to which time zone."""
    is_short = len(words(one.sentence.text)) <= _SHORT_ANSWER
    return bool(zone) and is_short and zone in places().get(plain(one.literal.value), ())


# --- one sentence


def _in_sentence(sentence: Sentence, spoken: str, lower: frozenset[str]) -> Iterator[_Found]:
    text = sentence.text
    own = language(text, spoken)
    taken: list[Literal] = []
    times = islands(text, own)
    for one in (*literals(text), *names(text, own, lower), *sorted(topics(text), key=lambda one: -one.confidence)):
        if any(one.start < other.end and other.start < one.end for other in taken):
            continue
        taken.append(one)
        confidence = _weighed(one, text, times)
        if confidence:
            yield _Found(one, sentence, confidence)
    if _PLAIN_ANSWER.fullmatch(text.strip(" .")):
        yield _Found(Literal(0, len(text), text.strip(" ."), "number", 0.6), sentence, 0.6)


def _weighed(one: Literal, text: str, times: Iterable[Island]) -> float:
    """Return how likely a later run would change this, from what stands around it."""
    if one.kind not in _SURE and _is_when(one, times):
        return 0.0
    if _UNNEEDED.search(text) and one.kind in {"place", "person", "entity"}:
        return _GIVEN_UP
    before = text[max(0, one.start - 24) : one.start]
    if _REFUSED.search(before) and one.kind not in {"file", "url", "email"} and one.kind != "number":
        return 0.0
    if one.kind != "number" or one.confidence < _ENOUGH:
        return one.confidence
    spoken = set(words(text))
    is_bound = bool(_BOUND.search(before))
    is_asked = is_bound or bool(spoken & (cues.REQUEST | cues.LIMIT | cues.NOT | _RULES))
    is_told = not is_asked and bool(spoken & cues.PAST or _TELLING & set(words(text)[:1]))
    return one.confidence - 0.3 * is_told


_TELLING = word_set(
    "i we he she they there it thanks thank you ich wir er sie es danke je nous il elle merci yo hay solo gracias"
    " our my the in unser unsere mein notre nuestro"
)
"""Words that begin what is told rather than asked."""

_RULES = word_set(
    "only always every each any rule keep drop ignore tolerance budget limit within below above over under older"
    " we nur immer jede regel behalte innerhalb unter uber seulement toujours chaque sous solo siempre cada top no"
)
"""Words of a rule that every run keeps to."""


def _is_when(one: Literal, times: Iterable[Island]) -> bool:
    """Whether a literal is a part of words that only say when."""
    return any(
        one.start < island.end
        and island.start < one.end
        and (island.recurs or island.has_time or (island.said.zones and _TIME.search(island.text)))
        for island in times
    )


# --- what stays at last


def _final(found: list[_Found]) -> list[_Found]:
    """Return each value once, where it stands last, without those that a later one replaced."""
    last: dict[str, _Found] = {}
    counts: dict[str, str] = {}
    for one in found:
        name = plain(one.literal.value)
        if one.literal.kind == "number" and counts.setdefault(_count(name), name) != name:
            continue
        old = last.pop(name, None)
        if one.confidence == _GIVEN_UP:
            continue
        last[name] = one if old is None or one.confidence >= old.confidence else old
    kept = list(last.values())
    replaced = {
        plain(one.literal.value)
        for number, one in enumerate(kept)
        for later in kept[number + 1 :]
        if one.literal.key and one.literal.key == later.literal.key and _replaces(one, later)
    }
    return [one for one in kept if plain(one.literal.value) not in replaced and not _is_within(one, kept)]


def _replaces(one: _Found, later: _Found) -> bool:
    """Whether a later value of the same thing stands in its place: said in another message, or set right."""
    first, second = (plain(found.literal.value).split()[0] for found in (one, later))
    is_same = _FIGURE.get(first, first) == _FIGURE.get(second, second) and one.literal.kind == "number"
    return later.sentence.message > one.sentence.message and not is_same


def _count(name: str) -> str:
    """Return a plain count with its number in figures: ten questions and 10 questions are the same."""
    number, _, noun = name.partition(" ")
    return f"{_FIGURE.get(number, number)} {noun}"


def _is_within(one: _Found, others: list[_Found]) -> bool:
    """Whether another value says this one too: 30 days beside within 30 days."""
    value = plain(one.literal.value)
    return any(
        other is not one and other.literal.kind == one.literal.kind and value in plain(other.literal.value)
        and len(value) >= len(other.literal.value) * 0.4
        for other in others
    )  # fmt: skip


# --- the finding


def _finding(one: _Found) -> Finding:
    literal = one.literal
    value = {"value": literal.value, "kind": literal.kind, "expression": expression(literal.value, literal.kind)}
    return Finding("variable", value, round(min(one.confidence, 0.97), 2), (one.sentence.evidence,))


def expression(value: str, kind: str) -> str:
    """Return what may stand for a value in a run: its date, a day before it; empty where the value itself stays."""
    if kind == "date":
        return "{{ run.date }}"
    if kind == "period":
        return _period(value)
    dated = _ISO.search(value)
    if kind == "file" and dated:
        return value.replace(dated[0], "{{ run.date }}")
    return ""


def _period(value: str) -> str:
    bare = plain(value)
    number = _FIGURES.search(bare)
    days = next((days for stem, days in _DAYS.items() if stem in bare), 0)
    if number and days:
        return f"{{{{ run.date | minus_days({int(number[0]) * days}) }}}}"
    return ""
