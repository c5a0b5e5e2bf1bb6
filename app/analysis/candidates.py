"""What in the person's words may be a value, with the signs for and against it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from app.analysis import cues, units
from app.analysis.base import Analysis, Evidence
from app.analysis.forms import Literal
from app.analysis.literals import literals
from app.analysis.names import names
from app.analysis.phrases import headed, phrases, searched, topical
from app.analysis.sentences import Sentence, language, language_of, plain, sentences, words
from app.analysis.timewords import Island, islands
from app.analysis.topics import topics
from app.analysis.weighing import Talk, of_form
from app.domain.thread import Thread

_READ = 2_000
"""Values of a thread that are weighed."""

_PERCENT = re.compile(r"%|percent|pct|prozent|pour ?cent|por ?ciento")
_SURE = frozenset({"email", "url", "file", "money"})
"""Kinds whose form alone tells that they are values."""

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
class Candidate:
    """A literal that may be a value, where it stands last, with its signs from everywhere."""

    literal: Literal
    sentence: Sentence
    signs: frozenset[str]


@dataclass(frozen=True)
class _Around:
    """What the whole thread says of each of its sentences."""

    language: str
    lower: frozenset[str]
    """Words that the thread also writes small."""

    scheduled: frozenset[Evidence] | None
    """The sentences that say when it runs; None where nobody has looked."""

    talk: Talk
    query: frozenset[str]
    """What the agent searched for."""


def candidates(thread: Thread, sofar: Analysis) -> list[Candidate]:
    """Return what may be a value, each once; what the person set right in the same breath is left out."""
    heard = sofar.of("schedule")
    around = _Around(
        language_of(thread),
        frozenset(word for message in thread.visible for word in _small(message.text[:4000])),
        frozenset(evidence for finding in heard for evidence in finding.evidence) if heard else None,
        Talk(thread),
        searched(thread),
    )
    found = islice((one for sentence in sentences(thread) for one in _in_sentence(sentence, around)), _READ)
    return _merged(_uncorrected([*_attached(thread, sofar), *found], thread))


def _attached(thread: Thread, sofar: Analysis) -> Iterator[Candidate]:
    """Yield the attached files that the person's own text marks as such."""
    for finding in sofar.of("attachment"):
        number, name = finding.evidence[0].message, str(finding.value)
        at = thread.messages[number].text.find(name)
        if at >= 0:
            yield Candidate(
                Literal(0, len(name), name, "file", 0.7), Sentence(number, at, name), frozenset({"attached"})
            )


def _small(text: str) -> Iterator[str]:
    """Yield the words that are written without a capital."""
    return (plain(word) for word in re.findall(r"(?<![\w@#/.-])[a-zà-ÿ][\w'-]*", text))


def _in_sentence(sentence: Sentence, around: _Around) -> Iterator[Candidate]:
    text = sentence.text
    if _thanks(text):
        return
    own = language(text, around.language)
    taken = bytearray(len(text))
    times = islands(text, own)
    is_when = around.scheduled is None or (bool(times) and sentence.evidence in around.scheduled)
    loose = (*topics(text), *phrases(text), *topical(text, around.query))
    ordered = (
        *literals(text),
        *headed(text),
        *names(text, own, around.lower),
        *sorted(loose, key=lambda one: -one.confidence),
    )
    for one in (*ordered, *_bare(text)):
        if any(taken[one.start : one.end]):
            continue
        taken[one.start : one.end] = b"\1" * (one.end - one.start)
        if not _is_out(one, text, times if is_when or one.kind not in _DATED else _recurring(times, one.kind)):
            shown = (*of_form(one, text), *_beside(one, text), *around.talk.signs(one, sentence))
            yield Candidate(one, sentence, frozenset((*shown, "timed") if times else shown))


def _thanks(text: str) -> bool:
    """Whether somebody only thanks."""
    spoken = words(text)
    return not cues.THANKS.isdisjoint(spoken[:1]) and cues.REQUEST.isdisjoint(spoken)


def _bare(text: str) -> Iterator[Literal]:
    """Yield numbers that stand for themselves: an answer, and one that sets another right."""
    if _PLAIN_ANSWER.fullmatch(text.strip(" .")):
        yield Literal(0, len(text), text.strip(" ."), "number", 0.61)
    for match in _BARE.finditer(text):
        start, end = match.span("first" if match["first"] else "then")
        yield Literal(start, end, text[start:end], "number", 0.62)


def _recurring(times: Iterable[Island], kind: str) -> list[Island]:
    """Return the words of time that say when even where nobody asks for a plan; a day with its number never does."""
    return [island for island in times if island.recurs and kind != "date"]


def _is_out(one: Literal, text: str, times: Iterable[Island]) -> bool:
    """Whether something is no value at all: it only says when, is a plain day or hour, or one of many of its kind."""
    if one.kind not in _SURE and _is_when(one, times):
        return True
    return bool(_ONE_DAY.fullmatch(one.value)) or (one.kind in {"text", "entity"} and _is_example(one, text))


def _is_example(one: Literal, text: str) -> bool:
    before = text[max(0, one.start - 24) : one.start]
    is_like = _EXAMPLE.search(before) or (_DIGIT.search(one.value) and _LIKE.search(before))
    return bool(is_like) and not _SHAPE.search(one.value)


def _beside(one: Literal, text: str) -> Iterator[str]:
    """Yield the signs of what stands around a literal in its clause."""
    if any(_UNNEEDED.search(part) for part in _clause(one, text)):
        yield f"{one.kind} unneeded"
    before = text[max(0, one.start - 24) : one.start]
    if _is_example(one, text):
        yield "example"
    if _REFUSED.search(before):
        yield "refused"
    if _is_refused(one, text):
        yield "too"
    if _BOUND.search(before) or _BOUNDED.match(one.value):
        yield f"{one.kind} bound"
    if before.endswith("(") or _ABOUT.search(before):
        yield f"{one.kind} about"


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


def _is_refused(one: Literal, text: str) -> bool:
    """Whether a number is called too large or too small, in the same clause."""
    return any(_TOO.search(part) for part in _clause(one, text))


def _clause(one: Literal, text: str) -> tuple[str, str]:
    """Return what stands just before and behind a literal, in the same clause."""
    before = _CLAUSE_END.split(text[max(0, one.start - _NEXT) : one.start])[-1]
    return before, _CLAUSE_END.split(text[one.end : one.end + _NEXT])[0]


def _is_when(one: Literal, times: Iterable[Island]) -> bool:
    """Whether a literal is a part of words that only say when."""
    return any(
        island.start <= one.start
        and one.end <= island.end
        and (island.recurs or island.has_time or (island.said.zones and _TIME.search(island.text)))
        for island in times
    )


def _uncorrected(found: list[Candidate], thread: Thread) -> list[Candidate]:
    """Leave out what the person sets right in the same breath: to Ann, no, wait, to Bob."""
    kept: list[Candidate] = []
    for one in found:
        place = one.sentence.start + one.literal.start
        for number in range(len(kept) - 1, max(-1, len(kept) - 4), -1):
            other = kept[number]
            end = other.sentence.start + other.literal.end
            is_near = other.sentence.message == one.sentence.message and place - end < _NEAR
            if not is_near or other.literal.kind != one.literal.kind or unit(other.literal) != unit(one.literal):
                continue
            if _CORRECTS.search(thread.messages[one.sentence.message].text[end:place]):
                kept.pop(number)
                break
        kept.append(one)
    return kept


def _merged(found: list[Candidate]) -> list[Candidate]:
    """Return each value once, where it stands last, with all its signs."""
    last: dict[str, Candidate] = {}
    counts: dict[str, str] = {}
    for one in found:
        name = plain(one.literal.value)
        if one.literal.kind == "number" and counts.setdefault(in_figures(name), name) != name:
            continue
        old = last.pop(name, None)
        best = one if old is None or one.literal.confidence >= old.literal.confidence else old
        last[name] = replace(best, signs=best.signs | one.signs | (old.signs if old else frozenset()))
    return list(last.values())


def unit(one: Literal) -> str:
    """Return what a number counts, empty for other kinds."""
    if one.kind != "number":
        return ""
    bare = plain(one.value)
    return "%" if _PERCENT.search(bare) else bare.split()[-1].rstrip("s.")


def in_figures(name: str) -> str:
    """Return a plain count with its number in figures: ten questions and 10 questions are the same."""
    number, space, noun = name.partition(" ")
    return f"{_FIGURE.get(number, number)}{space}{noun}"
