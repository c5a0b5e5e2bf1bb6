"""What of the person's sentences still holds: values as they were set right, without excuses and words of when."""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from app.analysis import cues
from app.analysis.base import Finding
from app.analysis.forms import Literal
from app.analysis.heard import heard
from app.analysis.literals import literals
from app.analysis.secrets import in_text
from app.analysis.sentences import COMMON_WORDS, Sentence, language, plain, word_set, words
from app.analysis.timewords import Island, islands

_A_WISH = 1.5
"""The strength from which words of time say when it should run."""

_MOST_SET = 60
"""Sentences that set something right; more are not read."""

_GONE, _SET = "\0", "\1"
"""What stands in place of words that are left out, and around a value that an earlier sentence has taken over."""

_EXCUSE = re.compile(
    r"(?:^|(?<=[,;:(–—…]))\s*(?:(?:so |very |oh |ah |ach |ay )?(?:sorry|my (?:mistake|bad)|scratch that|hang on"
    r"|(?:no,? )?wait|i(?:['’]ve| have)? changed my mind|on second thoughts?|oops|apologies|pardon|excuse me"
    r"|entschuldig\w+|verzeihung|tut mir leid|mein fehler|(?:nein,? )?warte"
    r"|ich hab\w? (?:es )?mir(?: das| es)? anders überlegt"
    r"|désolée?|excuse[sz]?(?:-moi)?|j['’]ai changé d['’]avis|je me suis trompée?|(?:non,? )?attends|finalement"
    r"|perd[oó]n(?:a|e)?|disculpa|lo siento|he cambiado de (?:idea|opini[oó]n)|cambi[eé] de (?:idea|opini[oó]n)"
    r"|me equivoqu[eé]|(?:no,? )?espera))\s*(?:[,;:.!–—…]+|$|(?=(?:but|aber|mais|pero)\b))",
    re.IGNORECASE,
)
_PARTED = re.compile(
    r"(\s*[,;:–—]\s+|\s+(?:and|und|et|y|but|aber|mais|pero|sondern|sino)\s+|\s*(?<=\s)[-–—](?=\s)\s*)", re.IGNORECASE
)
_ENDS = re.compile(
    r"^(?:[\s,;:–—-]+|(?:and|und|et|y|but|aber|mais|pero|sondern|sino)\s+)+"
    r"|(?:[\s,;:–—-]+|\s(?:and|und|et|y|but|aber|mais|pero|sondern|sino))+$",
    re.IGNORECASE,
)
_STRONG = re.compile(
    r"\b(?:instead|no|not|sorry|wait|rather|actually|correction|i mean|scratch|doch|nein|nicht|statt\w*|lieber|besser"
    r"|sondern|entschuldig\w*|korrektur|plut[oô]t|non|pas|pardon|d[ée]sol\w+|au lieu|finalement|mejor|perd[oó]n|sino"
    r"|en (?:lugar|vez))\b",
    re.IGNORECASE,
)
"""Words that set right what was said just before."""

_MORE = re.compile(
    r"\b(?:also|too|as well|additionally|auch|zusätzlich|aussi|également|también|además)\b", re.IGNORECASE
)
_SETS = word_set("set nimm setz setze stell stelle mets prends pon ponlo raise lower increase reduce erhohe senke")
_ADDRESSES = frozenset({"email", "file", "url"})
_MEASURED = frozenset({"number", "money"})
_OF = word_set("of about from since until for von vom fur seit bis de del du des para pour desde depuis")
_EVERY = word_set("every each all jeden jede jedes jeder alle chaque tous toutes cada todos todas")
_DIGITS = re.compile(r"\d[\d.,'’]*\d|\d")
_LEFT_OVER = re.compile(rf"\b(?:the|on|at|by|le|la|à|el|los|las|a|am|um|jeden|den)\s+(?={_GONE})", re.IGNORECASE)
"""Small words before a time that is left out."""

_STATED = re.compile(
    rf"\b(?:is|are|was|ist|sind|war|est|sont|es|son|meets?|opens?|closes?|sits?|trifft|tagt|öffnet|schließt|siège|ouvre|ferme"
    rf"|abre|cierra|llega|kommt|comes?|runs?|läuft)\s*{_GONE}",
    re.IGNORECASE,
)
"""What only tells when something else is, once its time is left out: the meeting is every Monday."""

_EMPTY = frozenset().union(
    *COMMON_WORDS.values(), cues.CORRECTION, cues.NOT, cues.YES, cues.SELF, cues.THIS, cues.LIMIT, cues.WISH,
    word_set(
        "run runs start starts go out put prepare happen schedule time then again both also before after day autopilot"
        " need would like want let lets say automatic automatically automatisch automatiquement automaticamente s"
        " lauf laufe laufen lass starte starten mache ausfuhren also zwar davor danach tag zeit uhrzeit"
        " grenze schwelle wert"
        " lance lancer lancez tourne fais donc avant jour seuil valeur"
        " ejecuta ejecutalo ejecutar lanza lanzalo programa programalo entonces antes dia umbral valor"
        " kunftig zukunftig jetzt regularly regelmassig regulierement regularmente often oft souvent menudo mas ofter"
        " threshold value number amount zahl anzahl betrag nombre numero cantidad montant"
    ),
)  # fmt: skip
"""Words that say nothing more, once a time or a value beside them is left out."""


@dataclass
class _Value:
    """A value where it stands, and as it holds `now`; `told`: the words around the earlier ones that it sets right."""

    literal: Literal
    slot: str
    now: str
    told: frozenset[str] = frozenset()


def settled(spoken: Sequence[Sentence], wanted: Sequence[Sentence], tongue: str, when: Finding | None) -> list[str]:
    """Return the texts of the wanted sentences, the weightiest first, as they hold; empty where nothing of one is left.

    `spoken` is all that the person said, `tongue` their language, `when` the schedule that was found.
    """
    values = _values(spoken, wanted)
    texts: list[str] = []
    for one in wanted:
        text = _settled(one, values.get((one.message, one.start), []), tongue, when)
        is_said = text != one.text and not set(words(text)) - _EMPTY - {word for said in texts for word in words(said)}
        texts.append("" if is_said and not _DIGITS.search(text) else text)
    return texts


# --- values that were set right


def _values(spoken: Sequence[Sentence], wanted: Sequence[Sentence]) -> Mapping[tuple[int, int], list[_Value]]:
    setting = [one for one in spoken if one.message > spoken[0].message and _may_set(one.text)][-_MOST_SET:]
    looked_at = sorted({*wanted, *setting}, key=lambda one: (one.message, one.start))
    found: dict[tuple[int, int], list[_Value]] = {}
    before: list[tuple[Sentence, _Value]] = []
    for sentence in looked_at:
        own = [_Value(one, _slot(one), one.value) for one in sorted(literals(sentence.text), key=lambda one: one.start)]
        for value in own:
            _take(sentence, value, before)
            before.append((sentence, value))
        found[(sentence.message, sentence.start)] = own
    return found


def _may_set(text: str) -> bool:
    return bool((cues.CORRECTION | _SETS) & set(words(text))) or _STRONG.search(text) is not None


def _take(sentence: Sentence, value: _Value, before: Sequence[tuple[Sentence, _Value]]) -> None:
    """Let an earlier value hold as this one, where this one sets it right and it is clear which."""
    earlier = [(other, one) for other, one in before if one.slot == value.slot and _is_set(other, one, sentence, value)]
    known = {_core(one.now) for _, one in earlier}
    is_new = bool(value.slot) and len(known) == 1 and _core(value.now) not in known
    if not is_new or any(value.now in secret for secret, *_ in in_text(sentence.text, True)):
        return
    for _, one in earlier:
        one.now = _instead(one.now, value.now, value.literal.kind)
    value.told = frozenset(word for other, _ in earlier for word in words(other.text))


def _is_set(other: Sentence, one: _Value, sentence: Sentence, value: _Value) -> bool:
    """Whether a later value is said in place of an earlier one."""
    if _MORE.search(sentence.text):
        return False
    if other is sentence:
        return _STRONG.search(sentence.text[one.literal.end : value.literal.start]) is not None
    if other.message == sentence.message or value.literal.kind in _ADDRESSES:
        return _STRONG.search(sentence.text) is not None
    return _may_set(sentence.text)


def _slot(one: Literal) -> str:
    """Return what a value is one of: of its measure, of its kind; empty for what is not set right alone."""
    if one.key:
        return one.key
    if one.kind in _MEASURED:
        unit = [plain(word).rstrip("s.") for word in re.findall(r"[^\W\d_]+|[%€$£¥]", one.value)]
        return f"{one.kind} {' '.join(unit[-1:])}"
    return one.kind if one.kind in _ADDRESSES else ""


def _core(text: str) -> str:
    found = _DIGITS.findall(text)
    return str(found[0]) if len(found) == 1 and "@" not in text and "/" not in text else plain(text)


def _instead(old: str, new: str, kind: str) -> str:
    """Return a value with the number of another one: 10 best articles, 20 articles -> 20 best articles."""
    numbers = _DIGITS.findall(new)
    if kind in _MEASURED and len(numbers) == 1 and len(_DIGITS.findall(old)) == 1:
        return _DIGITS.sub(lambda _: numbers[0], old)
    return new


# --- one sentence as it holds


def _settled(sentence: Sentence, values: Sequence[_Value], tongue: str, when: Finding | None) -> str:
    text = sentence.text
    times = list(_times(sentence, tongue, when)) if when else []
    edits = [(start, end, _GONE) for start, end in times]
    for one in values:
        start, end = one.literal.start, one.literal.end
        if not any(first < end and start < last for first, last in times):
            edits.append((start, end, f"{_SET}{one.now}{_SET}" if one.told else one.now))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    text = _EXCUSE.sub(f" {_GONE}, ", _LEFT_OVER.sub("", text))
    if _GONE not in text and _SET not in text:
        return text
    parts = _PARTED.split(text)
    kept = [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    told = frozenset[str]().union(*(one.told for one in values))
    kept = [(joint, part) for joint, part in kept if not _is_empty(part, told)]
    left = "".join(part if not place else joint + part for place, (joint, part) in enumerate(kept))
    left = re.sub(r"\(\s*\)|\[\s*\]", "", left.replace(_GONE, "").replace(_SET, ""))
    left = _ENDS.sub("", re.sub(r"\s+([,.;:!?)])", r"\1", " ".join(left.split())))
    return left if set(words(left)) - _EMPTY or _DIGITS.search(left) else ""


def _is_empty(part: str, told: AbstractSet[str]) -> bool:
    """Whether a part of a sentence says nothing more without its words of when, and values that stand elsewhere."""
    if _STATED.search(part):
        return True
    left = re.sub(f"{_SET}[^{_SET}]*{_SET}|{_GONE}", " ", part)
    known = _EMPTY | _SETS | cues.ACTION | told if _SET in part else _EMPTY
    return not set(words(left)) - known and (left != part or not _DIGITS.search(left))


def _times(sentence: Sentence, tongue: str, when: Finding) -> Iterator[tuple[int, int]]:
    """Yield the places of the words that say when it should run, also of those that hold no more."""
    text, own = sentence.text, language(sentence.text, tongue)
    is_evidence = sentence.evidence in when.evidence
    is_planned = when.value["kind"] != "none"
    wished = [one.island for one in heard(sentence, own) if one.strength >= _A_WISH] if is_planned else []
    is_once = is_evidence and when.value["kind"] == "once"
    is_weekly = when.value["kind"] in {"cron", "rrule"}
    for island in islands(text, own):
        is_wished = any(one.start <= island.start and island.end <= one.end for one in wished)
        if not (is_wished or is_evidence) or _is_content(island, text, is_once, is_weekly):
            continue
        is_open = "(" in island.text and text[island.end : island.end + 1] == ")"
        yield island.start, island.end + is_open


def _is_content(island: Island, text: str, is_once: bool, is_weekly: bool) -> bool:
    """Whether words of time belong to what is to be done: the daily sales, the list of tomorrow, Saturday's game."""
    said, before = words(island.text) or [""], (words(text[max(0, island.start - 16) : island.start]) or [""])[-1]
    if island.has_time:
        return False
    if island.said.not_days:
        return before in _OF
    is_regular = island.recurs or (is_weekly and bool(island.said.days))
    is_plain = is_regular and (said[0] in _EVERY or (before not in cues.OWNED and said[0] not in cues.OWNED))
    is_of = before in _OF or re.match(r"['’]?s\b", text[island.end :]) is not None
    return is_of or not (is_plain or (is_once and island.is_once))
