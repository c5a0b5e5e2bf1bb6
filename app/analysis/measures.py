"""Measures in free text: numbers with what they count, money, shares, bounds and ranges, in four languages."""

import re
from collections.abc import Iterator
from dataclasses import replace

from app.analysis import cues, units
from app.analysis.forms import NUMBER, Literal, Rule, by
from app.analysis.sentences import COMMON_WORDS, plain

_I = re.IGNORECASE
_MONEY = re.compile(
    rf"(?<![\w.,])(?:(?:{units.CURRENCY})\s?(?:{NUMBER})(?:\s?[kKmM]\b)?(?![\w])"
    rf"|(?:{NUMBER})\s?(?:(?:k|million|mio\.?|thousand|tausend|mille|mil|millones|millions)\s?)?(?:de\s)?(?:{units.CURRENCY})(?![\w]))",
    _I,
)
_PERCENT = re.compile(rf"(?<![\w.,])[-+±]?(?:{NUMBER})\s?(?:%|percent\b|prozent\b|pour\s?cent\b|por\s?ciento\b)", _I)
_COUNTED = re.compile(
    rf"(?<![\w.,:/$€£-])(?P<number>(?:{NUMBER})|\b(?:{units.NUMBER_WORDS})\b)"
    rf"(?:\s?(?:bis|to|-|–|à|a)\s?(?P<to>\d+|(?:{units.NUMBER_WORDS})\b))?"
    r"(?=(?P<gap>[ -]?)(?P<one>[^\W\d_][^\W\d_'-]*(?:-[^\W\d_]+)*)(?:\s(?P<two>[^\W\d_][^\W\d_]*))?)",
    _I,
)
_THIRD = re.compile(r"\s([^\W\d_]{3,20})\s([^\W\d_]{3,20})")
_RANKED = re.compile(
    r"\b(?:top|best|erste[nr]?|besten|primeros|premiers)[\s-](?:\d{1,4}|ten|five|three|zehn|fünf)\b", _I
)
_BOUND = re.compile(
    rf"\b(?:{units.MORE}|ab|minus|moins|menos|kleiner|größer|(?:limit|threshold|floor|cap|ceiling|capacity|schwelle|grenze|seuil|plafond|umbral|tope)(?:\s(?:is|of|at|ist|von"
    rf"|bei|est|de|es))?)\s-?(?:{NUMBER})k?"
    rf"(?![\w%€$:/-]|[.,]\d|\s?(?:{units.CURRENCY})\b)",
    _I,
)
_BEFORE = re.compile(
    r"\b(?:over|under|above|below|within|more than|less than|fewer than|at least|max\.?|min\.?|mehr als|weniger als"
    r"|mindestens|höchstens|ab|über|unter|binnen|innerhalb von|plus de|moins de|au moins|au plus|sous|en dessous de"
    r"|más de|mas de|menos de|al menos|mínimo|minus)\s$",
    _I,
)
_AFTER = re.compile(r"\s(?:maximum|minimum|máximo|mínimo|or (?:more|less|fewer|longer)|oder (?:mehr|weniger))\b", _I)
_PER = re.compile(r"/[A-Za-z]{1,3}\d?\b")
_RANGE = re.compile(rf"(?<![\w.,:/-])[-−]?(?:{NUMBER})\s?(?:to|bis|à|a|-|–)\s?[-−]?(?:{NUMBER})(?![\w%€$:/.-]*\w)", _I)
_RATE = re.compile(
    rf"(?<![\w.,:/-])(?:{NUMBER})\s(?:per|pro|par|por)\s(?!(?:day|week|month|year|hour|minute|tag|woche|monat|jahr"
    r"|stunde|jour|semaine|mois|heure|an|día|semana|mes|hora|año|ciento|cent)\b)[^\W\d_]\w{0,20}",
    _I,
)
_BETWEEN = re.compile(
    rf"\b(?:between|zwischen|entre)\s(?:{NUMBER})\s(?:and|und|et|y)\s(?:{NUMBER})(?:\s?[^\W\d_][\w%]{{0,14}})?(?!\w)",
    _I,
)
_POWER = re.compile(r"(?<![\w.,])\d{1,5}(?:[.,]\d{1,2})?\s?(?:A|V|W|kW|kWh|MHz|GHz|Hz|dB)\b(?!['’])")
_FOR = re.compile(
    rf"(?<![\w.,:/-])(?:{NUMBER})\s(?:for|an?|per|each|otherwise|für|pro|je|pour|par|para|por|cada|sonst|sinon)\b(?:\s[^\W\d_]{{2,20}})?"
    r"",
    _I,
)
"""A number and what it holds for: 12 par coupole, 40 for juniors, 410 an hour."""

_HALF = re.compile(
    r"\b(?:half an?|a half|a quarter of an?)\s(?:page|hour|day|year|line|dozen|degree|point|percent|cent|metre"
    r"|meter|litre|liter|mile|inch)s?\b"
    r"|\beine?\s?halbe[nr]?\s(?:seite|stunde|tag)\b"
    r"|\bhalbe[nr]?\s(?:seite|stunde|tag)\b|\bune?\sdemi-(?:page|heure|journée)\b|\bmedi[ao]\s(?:página|hora|día)\b",
    _I,
)
_IN_A_ROW = re.compile(
    rf"\b(?:(?:\d{{1,3}}|{units.NUMBER_WORDS})\s[^\W\d_]{{3,20}}|twice|zweimal|dreimal)\s(?:in a row|running"
    r"|on the trot|hintereinander|nacheinander|in folge|de suite|d'affilée|consécutive?s|seguid[ao]s"
    r"|consecutiv[ao]s)\b",
    _I,
)
_BOUND_SHARE = 0.8
"""How long the words of a bound may be beside what they bound: of long ones the measure stands alone."""
_LONGEST_ARTICLE = 3
_NO_PARTS = cues.REQUEST | cues.ACTION | cues.HAPPENS | frozenset().union(*COMMON_WORDS.values())
MEASURES = frozenset({"number", "money"})


def _counted(text: str) -> Iterator[Literal]:
    """Numbers with what they count: 120 words, two pages, drei kurze Absätze."""
    for match in _COUNTED.finditer(text):
        one, two = match["one"], match["two"] or ""
        first, second = plain(one), plain(two)
        number = plain(match["number"])
        end = match.end("one")
        is_unit = first in units.UNITS
        if first in units.NOT_COUNTED or (number in units.ONES and not is_unit):
            continue
        if not match["gap"] and not is_unit:
            continue
        if (
            not is_unit
            and two
            and (second in units.UNITS or first in units.ADJECTIVES or _is_plural(second, two))
            and (first in units.ADJECTIVES or not _is_plural(first, one))
        ):
            if second in units.NOT_COUNTED:
                continue
            first, end, is_unit = second, match.end("two"), second in units.UNITS
        elif not is_unit and not _is_plural(first, one):
            last = _last_of_three(text, match)
            if not last:
                continue
            end, first = last.end(), plain(last[2])
        confidence = 0.75 if is_unit else 0.6
        key = f"count {first}" if not is_unit else ""
        yield Literal(match.start(), end, text[match.start() : end], "number", confidence, key)


def _last_of_three(text: str, counted: re.Match[str]) -> re.Match[str] | None:
    """Return the end of a count of three words: 14 hobby weather stations."""
    found = _THIRD.match(text, counted.end("one"))
    if not found or not _is_plural(plain(found[2]), found[2]):
        return None
    said = {plain(word) for word in (counted["one"], found[1], found[2])}
    return None if said & (units.NOT_COUNTED | _NO_PARTS) or re.fullmatch(units.NUMBER_WORDS, found[1], _I) else found


def _is_plural(word: str, shown: str) -> bool:
    is_word = len(word) > _LONGEST_ARTICLE
    return (
        (is_word and word.endswith("s") and not word.endswith("ss"))
        or (is_word and shown[:1].isupper())
        or word in {"people", "men", "women", "children", "mice", "feet"}
    )


def with_bound(one: Literal, text: str) -> Literal:
    """Return a measure with the words that make it a bound: over 8 minutes, 300 mots maximum; and what it is per."""
    before = _BEFORE.search(text[max(0, one.start - 24) : one.start])
    is_part = before and not one.value[:1].isalpha() and len(before[0]) <= _BOUND_SHARE * len(one.value)
    start = one.start - len(before[0]) if before and is_part else one.start
    per = _PER.match(text, one.end)
    end = per.end() if per else one.end
    after = _AFTER.match(text, end)
    end = after.end() if after else end
    return one if (start, end) == (one.start, one.end) else replace(one, start=start, end=end, value=text[start:end])


FIRM: tuple[Rule, ...] = (
    by(_MONEY, "money", 0.8), by(_PERCENT, "number", 0.8), by(_RANKED, "number", 0.8),
    by(_IN_A_ROW, "number", 0.7),
)  # fmt: skip
"""Rules for what is a measure by its form."""

COUNTED: tuple[Rule, ...] = (
    by(_BETWEEN, "number", 0.6),
    _counted,
    by(_POWER, "number", 0.6),
    by(_RANGE, "number", 0.6),
)
"""Rules for numbers with what they count."""

REPEATED: tuple[Rule, ...] = (by(_RATE, "number", 0.6), by(_HALF, "text", 0.65))

BOUNDS: tuple[Rule, ...] = (by(_BOUND, "number", 0.65), by(_FOR, "number", 0.32))
"""Rules for bare numbers behind the word of a bound."""
