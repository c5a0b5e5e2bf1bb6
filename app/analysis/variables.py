"""The literals in the person's words that a later run would change, each with its kind and a suggested expression."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from app.analysis import cues, units
from app.analysis.base import Analysis, Evidence, Finding
from app.analysis.forms import Literal
from app.analysis.literals import literals
from app.analysis.names import names
from app.analysis.secrets import known
from app.analysis.sentences import Sentence, language, language_of, plain, sentences, word_set, words
from app.analysis.suggestions import expression
from app.analysis.support import Support
from app.analysis.timewords import Island, islands
from app.analysis.topics import topics
from app.domain.language.vocabulary.places import places
from app.domain.thread import Thread

_ENOUGH = 0.4
_GIVEN_UP = -1.0
"""The confidence of what the person says is not needed any more."""

_SUREST = 0.97
_MOST = 40
"""Values of a thread that are told."""

_READ = 2_000
"""Values of a thread that are weighed."""

_PERCENT = re.compile(r"%|percent|pct|prozent|pour ?cent|por ?ciento")
_SURE = frozenset({"email", "url", "file", "money"})
"""Kinds whose form alone tells that they are values."""

_SHORT_ANSWER = 4

_REFUSED = re.compile(
    r"(?:\b(?:not|no|don't need|instead of|rather than|nicht|kein\w*|statt|pas|plutôt que|en lugar de|en vez de)\s)$",
    re.IGNORECASE,
)
_UNNEEDED = re.compile(
    r"\b(?:don'?t need|do not need|no longer need|drop|remove|take out|enl[eè]ve\w{0,2}"
    r"|retire[rz]?|supprime[rz]?|quita\w?"
    r"|elimina\w?|entfern\w{1,2}|streich\w{0,2}|brauchen? (?:wir )?(?:kein\w*|nicht)|pas besoin d"
    r"|ya no necesit|no necesit)",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(
    r"(?:\b(?:such as|for (?:example|instance)|wie z\.?\s?b\.|z\.\s?b\.|zum beispiel|beispielsweise|par exemple"
    r"|p\. ?ex\.|por ejemplo|e\.g\.)|(?<!would)(?<!i'd)(?<!i) like)[\s:]{1,3}$",
    re.IGNORECASE,
)
_LIKE = re.compile(r"\b(?:wie|comme|como)\s$", re.IGNORECASE)
_SHAPE = re.compile(r"YYYY|AAAA|JJJJ|DD|NNN|[{<*]")
"""Signs of a form that names are to have, which is no example."""

_DIGIT = re.compile(r"\d")
_CORRECTS = re.compile(
    r"(?:\.{2,3}|[…—–.,;:!?(])\s{0,2}(?:(?:oh|ah|ach|hm+|uh|ay|y|und|and|et)\W{1,2})?(?:no|non|nein|nee|not? wait|wait"
    r"|hang on|warte|moment|stopp?|espera|attends|attendez|sorry|pardon|perdón|entschuldigung|scratch that|actually"
    r"|or rather|make (?:it|that)|i mean|ich meine|je veux dire|quiero decir|lieber|besser|better|mejor|plutôt"
    r"|correction|oops|ups)\b",
    re.IGNORECASE,
)
"""What stands between a value and the one that sets it right."""

_NEAR = 80
_NEXT = 30
_CLAUSE_END = re.compile(r"[,;:]|\b(?:and|und|et|y)\b", re.IGNORECASE)
_NAMED = frozenset({"place", "person", "entity"})
_DATED = frozenset({"date", "period", "text", "number"})
_TIME = re.compile(r"\b(?:time|zeit|hora|heure|utc|gmt)\b", re.IGNORECASE)
_BOUND = re.compile(rf"\b(?:{units.MORE}|exactly|genau)\s$", re.IGNORECASE)
_BOUNDED = re.compile(rf"(?:{units.MORE})\b", re.IGNORECASE)
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
_BARE = re.compile(
    r"^\W{0,3}(?:no|nein|non|sorry|and|und|et|y)?\W{0,3}(?P<first>\d{1,6}(?:[.,]\d{1,3})?)"
    r"(?=,? (?:actually|instead|rather|better|then|lieber|besser|stattdessen|plutôt|finalement|mejor|entonces)\b)"
    r"|\b(?:make (?:it|that)|sorry,?|i meant?|rather|changed,?|changed to|is now|set (?:it )?to|lieber|besser"
    r"|doch eher|plutôt|mejor|ponlo en|mets|mach) (?P<then>\d{1,6}(?:[.,]\d{1,3})?)(?=\s*(?:$|[.,;!?)]))",
    re.IGNORECASE,
)
"""A number alone that sets another right: 30 actually, make it 45."""

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
    heard = sofar.of("schedule")
    scheduled = frozenset(evidence for finding in heard for evidence in finding.evidence) if heard else None
    found = list(
        islice(
            (one for sentence in sentences(thread) for one in _in_sentence(sentence, spoken, lower, scheduled)), _READ
        )
    )
    support = Support(thread)
    found = [replace(one, confidence=support.confidence(one.literal, one.sentence, one.confidence)) for one in found]
    found = _uncorrected([*_attached(thread, sofar), *found], thread)
    secrets = known(thread, sofar) if found else ()
    zone = (sofar.value("schedule") or {}).get("timezone")
    return [
        _finding(one, thread) for one in _final(found)
        if not _is_secret(one.literal.value, secrets) and not _tells_zone(one, zone)
    ]  # fmt: skip


def _attached(thread: Thread, sofar: Analysis) -> Iterator[_Found]:
    """Yield the attached files that the person's own text marks as such."""
    for finding in sofar.of("attachment"):
        number, name = finding.evidence[0].message, str(finding.value)
        at = thread.messages[number].text.find(name)
        if at >= 0:
            yield _Found(Literal(0, len(name), name, "file", 0.7), Sentence(number, at, name), 0.7)


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


def _in_sentence(
    sentence: Sentence, spoken: str, lower: frozenset[str], scheduled: frozenset[Evidence] | None
) -> Iterator[_Found]:
    text = sentence.text
    own = language(text, spoken)
    taken = bytearray(len(text))
    times = islands(text, own)
    is_when = scheduled is None or (bool(times) and sentence.evidence in scheduled)
    for one in (*literals(text), *names(text, own, lower), *sorted(topics(text), key=lambda one: -one.confidence)):
        if any(taken[one.start : one.end]):
            continue
        taken[one.start : one.end] = b"\1" * (one.end - one.start)
        confidence = _weighed(one, text, times if is_when or one.kind not in _DATED else _recurring(times, one.kind))
        if confidence:
            yield _Found(one, sentence, confidence)
    if _PLAIN_ANSWER.fullmatch(text.strip(" .")):
        yield _Found(Literal(0, len(text), text.strip(" ."), "number", 0.6), sentence, 0.6)
    for match in _BARE.finditer(text) if not times else ():
        start, end = match.span("first" if match["first"] else "then")
        if not any(taken[start:end]):
            yield _Found(Literal(start, end, text[start:end], "number", 0.6), sentence, 0.6)


def _recurring(times: Iterable[Island], kind: str) -> list[Island]:
    """Return the words of time that say when even where nobody asks for a plan; a day with its number never does."""
    return [island for island in times if island.recurs and kind != "date"]


def _weighed(one: Literal, text: str, times: Iterable[Island]) -> float:
    """Return how likely a later run would change this, from what stands around it."""
    if one.kind not in _SURE and _is_when(one, times):
        return 0.0
    if one.kind in _NAMED and any(_UNNEEDED.search(part) for part in _beside(one, text)):
        return _GIVEN_UP
    before = text[max(0, one.start - 24) : one.start]
    is_like = _EXAMPLE.search(before) or (_DIGIT.search(one.value) and _LIKE.search(before))
    is_example = is_like is not None and not _SHAPE.search(one.value)
    is_refused = _REFUSED.search(before) and one.kind not in {"file", "url", "email", "number"}
    if is_refused or (is_example and one.kind in {"text", "entity"}):
        return 0.0
    return _of_number(one, text) if one.kind == "number" and one.confidence >= _ENOUGH else one.confidence


def _of_number(one: Literal, text: str) -> float:
    """Return how likely a later run would change a number: less where it is only told, or refused."""
    if _ONE_DAY.fullmatch(one.value) or _is_refused(one, text):
        return 0.0
    spoken = words(text)
    before = text[max(0, one.start - 24) : one.start]
    is_bound = bool(_BOUND.search(before) or _BOUNDED.match(one.value))
    is_asked = is_bound or not (cues.REQUEST | cues.LIMIT | cues.NOT | _RULES).isdisjoint(spoken)
    is_past = not cues.PAST.isdisjoint(spoken) or not _TELLING.isdisjoint(spoken[:1])
    is_aside = before.endswith("(") or _ABOUT.search(before) is not None
    is_told = (is_past or is_aside) and not is_asked
    return one.confidence - _TOLD * is_told


_TOO = re.compile(
    r"\b(?:too (?:much|many|long|short|few|little|often)|overkill|zu (?:viele?|lang|kurz|wenig|oft)|trop (?:de|long"
    r"|court|peu)?"
    r"|demasiad[oa]s?|me parece mucho)\b",
    re.IGNORECASE,
)
"""Words that refuse a number."""

_ABOUT = re.compile(
    r"(?:~|\b(?:(?:which|each|one|all) of (?:the|our|these)|about|around|roughly|approx\.?|circa|ca\.|etwa|ungefähr"
    r"|rund|environ|unos|unas))\s?$",
    re.IGNORECASE,
)
_ONE_DAY = re.compile(
    r"(?:one|an?|eine?[mnrs]?|une?|1) (?:day|hour|week|month|year|minute|tag|stunde|woche|monat|jahr|jour|heure"
    r"|semaine|mois"
    r"|an|día|hora|semana|mes|año)",
    re.IGNORECASE,
)
_TOLD = 0.36
"""How much less likely a number is a value that is only told."""


def _is_refused(one: Literal, text: str) -> bool:
    """Whether a number is called too large or too small, in the same clause."""
    return any(_TOO.search(part) for part in _beside(one, text))


def _beside(one: Literal, text: str) -> tuple[str, str]:
    """Return what stands just before and behind a literal, in the same clause."""
    before = _CLAUSE_END.split(text[max(0, one.start - _NEXT) : one.start])[-1]
    return before, _CLAUSE_END.split(text[one.end : one.end + _NEXT])[0]


_TELLING = word_set(
    "i we he she they there it thanks you ich wir er sie es danke je nous il elle merci yo hay solo gracias"
    " our my the in unser unsere mein notre nuestro"
)
"""Words that begin what is told rather than asked."""


_RULES = word_set(
    "only always every each any rule keep drop ignore tolerance budget limit within below above over under older"
    " nur immer jede regel behalte innerhalb unter uber seulement toujours chaque sous solo siempre cada top no"
)
"""Words of a rule that every run keeps to."""


def _is_when(one: Literal, times: Iterable[Island]) -> bool:
    """Whether a literal is a part of words that only say when."""
    return any(
        island.start <= one.start
        and one.end <= island.end
        and (island.recurs or island.has_time or (island.said.zones and _TIME.search(island.text)))
        for island in times
    )


# --- what stays at last


def _uncorrected(found: list[_Found], thread: Thread) -> list[_Found]:
    """Leave out what the person sets right in the same breath: to Ann, no, wait, to Bob."""
    kept: list[_Found] = []
    for one in found:
        place = one.sentence.start + one.literal.start
        for number in range(len(kept) - 1, max(-1, len(kept) - 4), -1):
            other = kept[number]
            end = other.sentence.start + other.literal.end
            is_near = other.sentence.message == one.sentence.message and place - end < _NEAR
            if not is_near or other.literal.kind != one.literal.kind or _unit(other.literal) != _unit(one.literal):
                continue
            if _CORRECTS.search(thread.messages[one.sentence.message].text[end:place]):
                kept[number] = replace(other, confidence=0.0)
        kept.append(one)
    return kept


def _unit(one: Literal) -> str:
    """Return what a number counts, empty for other kinds."""
    if one.kind != "number":
        return ""
    bare = plain(one.value)
    return "%" if _PERCENT.search(bare) else bare.split()[-1].rstrip("s.")


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
    kept = [one for one in last.values() if one.confidence >= _ENOUGH]
    newest = {key: one for one in kept for key in _keys(one)}
    current = [one for one in kept if not any(_replaces(one, newest[key]) for key in _keys(one))]
    return [one for one in current[:_MOST] if not _is_within(one, current[:_MOST])]


def _keys(one: _Found) -> Iterator[str]:
    """Yield what a value is one of: of the same, the last said holds; of a measure only where it sets right."""
    if one.literal.key:
        yield one.literal.key
    if one.literal.kind == "number":
        yield f"unit {_unit(one.literal)}"


def _replaces(one: _Found, later: _Found) -> bool:
    """Whether a later value of the same thing stands in its place: said in another message, or set right."""
    if later.sentence.message <= one.sentence.message:
        return False
    if one.literal.key and one.literal.key == later.literal.key:
        first, second = (plain(found.literal.value).split()[0] for found in (one, later))
        return not (_FIGURE.get(first, first) == _FIGURE.get(second, second) and one.literal.kind == "number")
    spoken = words(later.sentence.text)
    return bool(set(spoken) & (cues.CORRECTION | _SETS) or set(spoken[:1]) & cues.YES)


_SETS = word_set("make set nimm setz setze mach stell mets prends pon ponlo")
"""Words with which a measure is set anew."""


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


def _finding(one: _Found, thread: Thread) -> Finding:
    literal = one.literal
    at = thread.messages[one.sentence.message].at or thread.last_at
    told = expression(literal.value, literal.kind, at.date() if at else None)
    value = {"value": literal.value, "kind": literal.kind, "expression": told}
    return Finding("variable", value, round(min(one.confidence, _SUREST), 2), (one.sentence.evidence,))
