"""What the person's sentences say of time, and how much each sounds like a wish for when it should run."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

from app.analysis import cues
from app.analysis.sentences import Sentence, plain, words
from app.analysis.timewords import Island, islands
from app.domain.language.spoken import Spoken

_REFUSED = re.compile(
    r"[^.!?;]{0,40}[,;…–-]\s*(?:\w{1,6}\s){0,2}(?:no|nope|nah|nein|nee|no[eö]|non)(?=\s*[,.!;…]|\s*$)"
    r"|,?\s(?:is|was|would be|seems|ist|war|wäre|est|serait|c['’]est|es|sería|me parece)\s(?:\w{1,12}\s)?"
    r"(?:too|overkill|nonsense|silly|zu|quatsch|unsinn|übertrieben|trop|excessif|demasiado|mucho|excesivo)\b",
    re.IGNORECASE,
)
"""What follows words of time that are given up at once: every Monday, hm, no; hourly is too much."""

_POINTLESS = re.compile(
    r"[^,.;:!?]{0,25}\b(?:pointless|useless|senseless|unnecessary|not needed|a waste|no (?:use|sense|point)"
    r"|sinnlos|unnötig|überflüssig|nutzlos|nicht nötig|kein(?:en)? sinn|inutiles?|à rien|superflu\w?"
    r"|aucun sens|inútil(?:es)?"
    r"|no (?:sirven?|hace falta|tienen? sentido))\b"
    r"|\s(?:not|nicht|nie|never|lieber nicht|rather not)\s*(?:[,.;!]|$)",
    re.IGNORECASE,
)
"""What gives up the days before it: Saturdays are pointless."""

_NOTHING = frozenset({"no", "nothing", "kein", "keine", "keinen", "nichts", "rien", "aucun", "nada", "ningun"})
_OPEN = frozenset(
    {"open", "opened", "geoffnet", "offen", "ouvert", "ouverte", "ouverts", "abierto", "abierta", "abiertos"}
)
"""Words before opening hours."""

_ON = frozenset({"on", "am", "an", "le", "les", "el", "los"})
_NEW_CLAUSE = re.compile(r"[^,;:–]{0,40}[,;:–]\s*(?:[^\W\d]{1,20}\s){3}", re.IGNORECASE)
_FOLLOWS = re.compile(r"\b(?:so|but|donc|mais|aber|pero|así que)\b", re.IGNORECASE)
_CLAUSE_ENDS = re.compile(rf",|{_FOLLOWS.pattern}", re.IGNORECASE)
_QUOTED = re.compile(r"(?<!\w)(?:'[^'\n]{8,300}'|\"[^\"\n]{8,300}\"|[“„][^”“\n]{8,300}[”“]|«[^»\n]{8,300}»)(?!\w)")
_HOW_OFTEN = re.compile(
    r"\b(?:how (?:often|many times|frequently)|wie (?:oft|häufig)|(?:à|a) quelle fréquence|combien de fois"
    r"|tous les combien|cada cuánto|con qué frecuencia|cuántas veces)\b",
    re.IGNORECASE,
)

_TELLING = re.compile(
    r"\b(?:it['’]?s|it is|es ist|il est|son las|es la) (?:\S{1,8} )?\d[\d:.h]{0,5}\b[^,.;!?]{0,6}"
    r"\b(?:now|jetzt|maintenant|ahora)\b",
    re.IGNORECASE,
)
"""What time it is now."""

_MEANT = cues.THIS | cues.PERSON | cues.OTHERS | cues.WISH | cues.YES | cues.CORRECTION | cues.MADE
"""Words before a verb with which it tells of the run, or of what somebody wants."""

_ANCHOR = re.compile(
    r"\b(?:hours?|minutes?|days?|stunden?|minuten|tage?|heures?|jours?|horas?|minutos|d[ií]as?)\s(?:before|earlier|ahead"
    r"|after|later|vorher|davor|zuvor|vor|danach|avant|plus tôt|après|antes|después)\b",
    re.IGNORECASE,
)
"""What makes the time of something else the one to count from: an hour before."""

_ALL_DAY = re.compile(
    r"\W{1,3}(?:around the clock|round the clock|all day|day and night|24/7|rund um die uhr|tag und nacht"
    r"|jour et nuit|24 ?h ?(?:/|sur) ?24|día y noche|las 24 horas)\b",
    re.IGNORECASE,
)
"""What is said only of how often something runs."""

_AND_ONE = re.compile(
    r"[\s,]*(?:(?:and|und|et|y)\s)?(?:(?:another|one|eine[rsn]?|une?|un[ao]?|on|am|le|los|auch|also|dann|then)\s){0,3}",
    re.IGNORECASE,
)
"""What joins days that are said one by one."""

_AND = frozenset({"and", "und", "et", "y"})
OR = re.compile(r"\b(?:or|oder|ou|o)\b", re.IGNORECASE)
"""What stands between two things of which one is chosen."""

_TO = re.compile(r"[\s,]*(?:to|till|until|bis|à|jusqu['’]à|a|hasta|-|–)\s*", re.IGNORECASE)
_NAMES = [field.name for field in fields(Spoken)]
_COVERED = 0.4
_CORRECTED = 0.25
_SHORT = 5
_LONGEST = 1000


@dataclass(frozen=True)
class Heard:
    """One sentence's words of time: what they say, and how strongly they ask for it (about -5 to 8)."""

    sentence: Sentence
    island: Island
    strength: float
    has_action: bool
    is_correction: bool
    share: float
    """The share of the sentence that is words of time."""

    is_left_out: bool = False
    """Whether the days are those on which nothing runs: closed Mondays."""

    @property
    def said(self) -> Spoken:
        """What is said."""
        return self.island.said


def heard(sentence: Sentence, language: str) -> Iterator[Heard]:
    """Yield what a sentence says of time, islands that go together as one."""
    for island in joined(unrefused(islands(sentence.text, language), sentence.text), sentence.text):
        yield _weighed(sentence, island)


def join(one: Spoken, other: Spoken) -> Spoken | None:
    """Return both together; None when they say different things of the same."""
    said = one
    if (_is_short(one) and other.times) or (_is_short(other) and one.times):
        return None  # one is how often something happens, the other when
    if (one.window and other.times) or (other.window and one.times):
        return None
    for name in _NAMES:
        new, old = getattr(other, name), getattr(one, name)
        if new is None:
            continue
        if name == "rhythm" and old == (1, "week") and other.days:
            continue
        if name == "nth" and said.days and said.days == {new.of}:
            said = replace(said, days=None, is_repeated=None)  # Thursday before, so the last Thursday
        if old is not None and old != new and name != "is_repeated" and not (name == "days" and old > new):
            return None
        if name == "days" and old is not None:
            continue
        said = replace(said, **{name: new})
    if one.rhythm == (1, "week") and other.days and not one.days:
        said = replace(said, rhythm=other.rhythm, is_repeated=True)
    return said


def _is_closed(island: Island, text: str) -> bool:
    """Whether the days are those on which nothing is done: closed Mondays, montags zu."""
    before = words(text[max(0, island.start - 40) : island.start])[-3:]
    after = words(text[island.end : island.end + 40])[:2]
    return bool(island.said.days and cues.CLOSED.intersection([*before, *after]))


def _opened(island: Island, text: str) -> Island:
    """Return hours beside closed days as what they are: 10 to 18, closed Mondays."""
    said = island.said
    if not said.window or not _is_closed(island, text):
        return island
    return replace(island, said=replace(said, days=None, is_repeated=None, not_days=said.days))


def _together(one: Spoken, other: Spoken, between: str) -> Spoken | None:
    if (
        one.rhythm == (1, "day")
        and other == Spoken(days=other.days, is_repeated=True)
        and cues.ALSO & set(words(between))
    ):
        return one  # every day, also at weekends
    return _window(one, other, between) or join(_with_days(one, other, between), other)


def _with_days(one: Spoken, other: Spoken, between: str) -> Spoken:
    """Return what was said with the days of another as well: one on Mondays and one on Thursdays."""
    if not (one.days and other.days and one.is_repeated and other.is_repeated and _AND_ONE.fullmatch(between)):
        return one
    return replace(one, days=one.days | other.days)


def _window(one: Spoken, other: Spoken, between: str) -> Spoken | None:
    """Return two times with “to” between them as hours that enclose: 6 in the morning to 10 at night."""
    if not one.times or other != Spoken(times=other.times) or not _TO.fullmatch(between):
        return None
    return replace(one, times=None, window=(one.times[0], other.times[0])) if other.times else None


def _is_short(said: Spoken) -> bool:
    return bool(said.rhythm and said.rhythm[1] in {"second", "minute", "hour"})


def joined(found: Sequence[Island], text: str, farthest: int = _LONGEST) -> Iterator[Island]:
    """Yield the islands of a sentence, as one those that go together: no clause and few letters between them."""
    current: Island | None = None
    for island in (_opened(island, text) for island in found):
        between = text[current.end : island.start] if current else ""
        is_near = len(between) <= farthest and not _NEW_CLAUSE.match(between) and not _is_closed(island, text)
        is_near = is_near and not (island.recurs and OR.search(between))
        said = _together(current.said, island.said, between) if current and is_near else None
        if current and said:
            current = Island(current.start, island.end, said, f"{current.text} … {island.text}")
            continue
        if current:
            yield current
        current = island
    if current:
        yield current


def unrefused(found: Sequence[Island], text: str) -> list[Island]:
    """Leave out what the words before it refuse or make a limit: not Mondays, at most twice a day."""
    kept = []
    quoted = [match for match in _QUOTED.finditer(text) if found and len(words(match[0])) > _SHORT]
    for island in found:
        if any(match.start() < island.start < match.end() for match in quoted):
            continue
        is_limit = bool(cues.LIMIT.intersection(words(text[max(0, island.start - 40) : island.start])[-2:]))
        is_told = bool(_TELLING.search(text[max(0, island.start - 20) : island.end + 10]))
        if is_told or (is_limit and not island.has_time) or _REFUSED.match(text[island.end :]):
            continue
        is_pointless = bool(island.said.days and _POINTLESS.match(text[island.end :]))
        if not is_pointless and not _is_refused(island, text):
            kept.append(island)
        elif (
            (len(found) == 1 or is_pointless)
            and island.said.days
            and replace(island.said, part=None) == Spoken(days=island.said.days, is_repeated=island.said.is_repeated)
        ):
            kept.append(replace(island, said=Spoken(not_days=island.said.days)))  # not at weekends
    return kept


def _is_refused(island: Island, text: str) -> bool:
    """Whether the word before it refuses it."""
    before = words(text[max(0, island.start - 40) : island.start])
    is_new = text[: island.start].rstrip().endswith(",")
    is_none = bool(_ON.intersection(before[-1:]) and _NOTHING.intersection(before[-3:]))  # no run on Saturdays
    return ((bool(cues.NOT.intersection(before[-1:])) or is_none) and not is_new) or before[-2:-1] == ["not"]


def wonders(text: str) -> bool:
    """Whether somebody asks how often something happens."""
    return bool(_HOW_OFTEN.search(text))


def _clause(text: str, island: Island) -> list[str]:
    """Return the words of the clause around an island: between commas, up to what follows from it."""
    end = _CLAUSE_ENDS.search(text, island.end)
    return [*_before(text, island), *words(text[island.end : end.start() if end else len(text)])]


def _before(text: str, island: Island) -> list[str]:
    start = max(text.rfind(mark, 0, island.start) for mark in ",;:(")
    return words(text[start + 1 : island.start])


def _asks(spoken: Sequence[str]) -> bool:
    """Whether words ask for something: what I do myself is no request, what I want is."""
    return any(
        word in cues.REQUEST and (word in cues.WISH or not cues.PERSON.intersection(_subject(spoken, number)))
        for number, word in enumerate(spoken)
    )


def _subject(spoken: Sequence[str], number: int) -> Sequence[str]:
    """Return the words before a verb that can be who does it: I'll show, we always send."""
    start = number - 2 if number > 1 and spoken[number - 1] in cues.AUXILIARY else number - 1
    return spoken[max(0, start) : number]


def _happens(before: Sequence[str]) -> bool:
    """Whether a clause tells what something else does: the compressor runs at, la flota llega cada."""
    verb = next((number for number, word in enumerate(before) if number and word in cues.HAPPENS), 0)
    return bool(verb) and not _MEANT.intersection(before[:verb])


def _is_that(before: Sequence[str]) -> bool:
    """Whether a clause tells what a thing does that does something: the job that runs every night."""
    return any(one == "that" and other in cues.HAPPENS for one, other in pairwise(before[1:]))


def _is_we(before: Sequence[str]) -> bool:
    """Whether a Spanish verb says that we do something: ensayamos los lunes."""
    return any(word.endswith(("amos", "emos", "imos")) and word not in cues.REQUEST | cues.WISH for word in before)


def _inner(text: str, island: Island) -> list[str]:
    """Return the words of the brackets around an island."""
    end = text.find(")", island.end)
    return words(text[text.rfind("(", 0, island.start) : end if end >= 0 else len(text)])


def _weighed(sentence: Sentence, island: Island) -> Heard:
    spoken = words(sentence.text)
    own = set(spoken) - set(words(island.text))
    said = island.said
    share = min(1.0, len(words(island.text)) / max(1, len(spoken)))
    strength = 2.0 * bool(said.times or said.window or said.delay)
    clause = _clause(sentence.text, island)
    before = _before(sentence.text, island)
    is_statement = bool(spoken and spoken[0] in cues.OWNED and len(words(sentence.text[: island.start])) > 1)
    is_statement = is_statement or (len(before) > 1 and before[0] in cues.OWNED)
    happens = _happens(before) and not _ANCHOR.search(sentence.text)
    is_statement = (is_statement or happens) and not _ANCHOR.search(sentence.text)
    is_told = bool((cues.SELF | cues.OTHERS) & set(before)) or _is_we(before)
    told = clause if is_statement or is_told else [word for word in spoken if word in own]
    is_asked = _asks(before if happens else told)
    strength += 2.0 * is_asked + 1.0 * (share >= _COVERED) + 0.5 * bool(cues.THIS & own)
    strength -= 2.0 * (island.recurs and not is_asked and said.nth is not None and not (said.within or said.rhythm))
    strength -= 4.0 * ((is_statement and not is_asked) or bool(_OPEN.intersection(before[-1:])))
    strength -= 4.0 * bool(cues.LONG_PAST & own) + 4.0 * (bool(cues.RELATIVE & set(before)) or _is_that(before))
    strength += 1.5 * bool(_ALL_DAY.search(sentence.text[island.end : island.end + 40]))
    strength -= 5.0 * bool(cues.IRRELEVANT.search(plain(sentence.text[island.end : island.end + 80])))
    strength -= 4.0 * bool(cues.PAST & set(before) and not _asks(before))
    is_within = sentence.text.count("(", 0, island.start) > sentence.text.count(")", 0, island.start)
    strength -= 3.0 * (is_within and len(spoken) > len(words(island.text)) and not _asks(_inner(sentence.text, island)))
    is_habit = not is_asked and is_told
    is_correction = bool(cues.CORRECTION & own) or bool(cues.NOT & own)
    follows = _FOLLOWS.search(sentence.text, island.end)
    is_refused = bool(cues.NOT.intersection(words(sentence.text[: follows.start() if follows else None])))
    is_meant = (is_refused or bool(cues.CORRECTION & own)) and share >= _CORRECTED
    strength -= (is_habit and not is_meant) * (1.0 if cues.THIS & set(before) else 3.0)
    strength += 1.0 * is_meant
    strength += 1.0 * (len(spoken) <= _SHORT and bool(cues.YES & own or share == 1.0 or is_meant))
    strength += 1.5 * bool(cues.ENOUGH & own and share >= _CORRECTED)
    is_question = sentence.text.rstrip().endswith("?") and bool(spoken) and spoken[0] in cues.WONDERING | _AND
    strength -= 3.0 * (is_question and not is_asked) + 5.0 * wonders(sentence.text)
    strength -= 5.0 * bool(before and before[0] in cues.EXPLAINING and sentence.text.rstrip().endswith("?"))
    is_aside = sentence.text[: island.start].rstrip().endswith("(") and not island.has_time
    strength -= 2.0 * is_aside
    is_left_out = _is_closed(island, sentence.text)
    return Heard(sentence, island, strength, bool(cues.ACTION & own), is_correction, share, is_left_out)
