"""Days and periods in free text, in four languages: 15 January, 2026-10-14, last 7 days, Q3, before 1990."""

import re
from collections.abc import Iterator

from app.analysis.forms import Literal, Rule, by

_I = re.IGNORECASE
_SPAN = re.compile(
    r"\b(?:(?:between|zwischen|entre)\s\d{1,2}(?:[:.]\d\d)?\s?(?:[ap]m|h|uhr)?\s(?:and|und|et|y)"
    r"|(?:from|von|de|desde)\s\d{1,2}(?:[:.]\d\d)?\s?(?:[ap]m|h|uhr)?\s(?:to|bis|à|a|hasta))"
    r"\s\d{1,2}(?:[:.]\d\d)?\s?(?:[ap]m\b|h\b|uhr\b)?(?![\w%€$])",
    _I,
)
_MONTHS = (
    "jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?"
    "|sep(?:t(?:ember)?)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?|janvier|février|mars|avril|juin|juillet|août"
    "|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre"
    "|noviembre|diciembre"
)
_DAY = (
    "(?:(?:mon|tues?|wednes|thurs|fri|satur|sun)(?:day)?|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend"
    "|sonntag|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo)"
)
_SHORT_DATE = rf"\d{{1,2}}\.?\s(?:{_MONTHS})\b\.?(?:\s\d{{4}})?"
_BETWEEN_DATES = re.compile(
    rf"(?<![\w.-])(?:{_SHORT_DATE}|(?:{_MONTHS})\s\d{{1,2}})\s?(?:-|–|to|till|until|bis|au|al|hasta)\s?"
    rf"(?:el\s)?(?:{_SHORT_DATE}|(?:{_MONTHS})\s\d{{1,2}})(?!\w)",
    _I,
)
_PART_OF_MONTH = re.compile(
    rf"\b(?:(?:end|beginning|start|middle) of|early|late|mid|ende|anfang|mitte|fin|début|mi|finales de|principios de"
    rf"|mediados de)[\s-](?:{_MONTHS})\b(?:\s\d{{4}})?",
    _I,
)
_YEAR = re.compile(
    r"\b(?:before|after|(?:older|newer|earlier|later) than|vor|nach|älter als|neuer als|avant|après"
    r"|antes de|después de)\s(?:1[5-9]|20)\d\d(?![\w:/.-]*\d)",
    _I,
)
_DATE = re.compile(
    rf"(?<![\w.-])(?:{_DAY},?\s)?(?:\d{{4}}-\d\d-\d\d|\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.)?\s(?:of\s|de\s)?(?:{_MONTHS})\b\.?(?:,?\s(?:de\s)?\d{{4}})?"
    rf"|(?:\d{{1,2}}(?:st|nd|rd|th)(?:,\s|\s(?:and|or|to)\s|\s?[-–]\s?)){{1,3}}\d{{1,2}}(?:st|nd|rd|th)"
    rf"|(?:{_MONTHS})\s\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s\d{{4}})?)(?![\w])",
    _I,
)
_PERIOD = re.compile(
    r"\b(?:(?:last|past|previous|letzten?|vergangenen|vorigen|derniers|dernières|últimos|últimas)\s(?:\d{1,3}|two"
    r"|three|six|zwei|drei|sechs|deux|trois|dos|tres|seis)\s"
    r"(?:hours|days|weeks|months|years|stunden|tagen?|wochen|monaten?|jahren?|heures|jours|semaines|mois|ans"
    r"|horas|días|semanas|meses|años)"
    r"|(?:les|los|las)\s(?:\d{1,3})\s(?:derniers|dernières|últimos|últimas)\s[^\W\d]+"
    rf"|[QT][1-4](?:[\s/-]?\d{{4}})?|[HS][12]\s\d{{4}}|(?:FY|GJ)\s?\d{{2,4}}|(?:{_MONTHS})\s\d{{4}}"
    r"|(?:(?:school|fiscal|financial|academic)\syear|schuljahr|geschäftsjahr|année\sscolaire|exercice"
    r"|curso)\s\d{4}(?:[/-]\d{2,4})?"
    r"|(?<![\d/])20\d\d/\d{2,4}|(?:(?:KW|week|semaine|semana)\s\d{1,2})|(?:first|second|third|fourth)\squarter"
    r"|(?:erstes|zweites|drittes|viertes)\squartal|(?:primer|segundo|tercer|cuarto)\strimestre)(?![\w])",
    _I,
)

_FROM = re.compile(
    r"\b(?:à partir de|a partir de|as of|starting|ab|from)\s"
    r"(?:1[5-9]|20)\d\d(?![\w:/.-]*\d)",
    _I,
)
_CLOCK = re.compile(
    r"(?<![\w.,:/-])(?:\d{1,2}\s?h(?:\s?\d\d)?\s?[-–]\s?\d{1,2}\s?h(?:\d\d)?|(?:[01]?\d|2[0-3])[:.][0-5]\d(?:\s?[-–]\s?(?:[01]?\d|2[0-3])[:.][0-5]\d)?"
    r"(?:\s?[ap]m\b|\s?uhr\b)?|(?:[01]?\d|2[0-3])\s?h(?:\s?[0-5]\d)?\b|(?:[01]?\d|2[0-3])\suhr\b|1?\d\s?[ap]m\b)(?![\w/%€$]|[.,:-]\d)",
    _I,
)
_BARE_YEAR = re.compile(
    r"(?<!since )(?<!seit )(?<!depuis )(?<!desde )(?<![\w.,:/#-])(?:1[5-9]|20)\d\d(?![\w:/-]|[.,]\d)"
)
_MONTH = re.compile(
    rf"\b(?:in|im|for|für|of|de|en|from|vom|since|seit|until|bis|per|pour|para)\s({_MONTHS})\b(?!\s\d)", _I
)


def _months(text: str) -> Iterator[Literal]:
    for match in _MONTH.finditer(text):
        if match[1][0].isupper() or match[1].lower() not in {"may", "mar", "mars", "mai"}:
            yield Literal(match.start(1), match.end(1), match[1], "period", 0.33)


RULES: tuple[Rule, ...] = (
    by(_BETWEEN_DATES, "period", 0.7), by(_DATE, "date", 0.7), by(_PART_OF_MONTH, "date", 0.5), by(_YEAR, "date", 0.55),
    by(_FROM, "period", 0.54), by(_PERIOD, "period", 0.7),
)  # fmt: skip
"""In the order in which they may claim a place."""

LOOSE: tuple[Rule, ...] = (by(_CLOCK, "text", 0.31), by(_BARE_YEAR, "date", 0.3), _months)
"""What is a value only where the rest speaks for it: an hour, a year, a month."""

HOURS: Rule = by(_SPAN, "text", 0.5)
"""From one hour to another."""
