"""Literals in free text that have a form of their own: addresses, files, paths, money, numbers with units,"
" dates, marks.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.analysis import units
from app.analysis.sentences import plain


@dataclass(frozen=True)
class Literal:
    """A value where it stands in a text; `key` is what makes two of them the same thing with another value."""

    start: int
    end: int
    value: str
    kind: str
    confidence: float
    key: str = ""


Rule = Callable[[str], Iterator[Literal]]

_I = re.IGNORECASE
_NUMBER = r"\d{1,3}(?:[.,'’ ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?"
_URL = re.compile(r"\b[a-z][a-z0-9+]{1,15}://[^\s<>\"'`)\]}]{3,300}", _I)
_DSN = re.compile(r"\b[a-z][a-z0-9+]{2,15}://[^\s/@:]{1,80}:[^\s/@]{1,120}@([a-z0-9][a-z0-9.-]{2,120})", _I)
_EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}\b")
_HOST = re.compile(r"(?<![\w@/.-])(?:[a-z0-9][a-z0-9-]{0,62}\.){1,4}[a-z]{2,12}(?![\w@.-]*\w)", _I)
_FILE = re.compile(rf"(?<![\w/.@-])[\w-][\w.{{}}-]{{0,120}}\.(?:{units.FILE_ENDS})\b(?![\w/@-])", _I)
_GLOB = re.compile(r"(?<![\w*])[\w.-]{0,60}\*(?:\.[\w]{1,8}){1,3}\b")
_EXTENSION = re.compile(rf"(?<![\w/.*])\.(?:{units.FILE_ENDS})\b", _I)
_PATH = re.compile(r"(?<![\w:/.<])(?:~|[A-Za-z]:)?[/\\][\w.*{}-]+(?:[/\\][\w.*{}-]+)*/?(?![\w:])")
_REPOSITORY = re.compile(r"(?<![\w/.@:])[A-Za-z][\w.-]{1,60}/[A-Za-z][\w.-]{1,60}(?![\w/])")
_HANDLE = re.compile(r"(?<![\w/@#])[@#][A-Za-z][\w-]{2,60}")
_SNAKE = re.compile(r"(?<![\w/.@*-])[A-Za-z][A-Za-z0-9]{0,40}(?:_[A-Za-z0-9]{1,40}){1,6}(?![\w/.(@*-])")
_ENVIRONMENT = re.compile(r"[A-Z][A-Z0-9_]+")
_MONEY = re.compile(
    rf"(?<![\w.,])(?:(?:{units.CURRENCY})\s?(?:{_NUMBER})(?:\s?[kKmM]\b)?(?![\w])"
    rf"|(?:{_NUMBER})\s?(?:[kK]\s?)?(?:{units.CURRENCY})(?![\w]))",
    _I,
)
_PERCENT = re.compile(rf"(?<![\w.,])[-+±]?(?:{_NUMBER})\s?(?:%|percent\b|prozent\b|pour\s?cent\b|por\s?ciento\b)", _I)
_COUNTED = re.compile(
    rf"(?<![\w.,:/$€£-])(?P<number>(?:{_NUMBER})|\b(?:{units.NUMBER_WORDS})\b)"
    rf"(?:\s?(?:bis|to|-|–|à|a)\s?(?P<to>\d+|(?:{units.NUMBER_WORDS})\b))?"
    r"(?=(?P<gap>[ -]?)(?P<one>[^\W\d_][^\W\d_'-]*(?:-[^\W\d_]+)*)(?:\s(?P<two>[^\W\d_][^\W\d_]*))?)",
    _I,
)
_RANKED = re.compile(
    r"\b(?:top|best|erste[nr]?|besten|primeros|premiers)[\s-](?:\d{1,4}|ten|five|three|zehn|fünf)\b", _I
)
_BOUND = re.compile(
    rf"\b(?:{units.MORE}|minus|moins|menos)\s(?:{_NUMBER})k?(?![\w%€$:/]|[.,]\d"
    rf"|\s?(?:{units.CURRENCY})\b)(?=\s(?:at|on|in|um|am|a|and|or|then|und|oder|et|y|o)\b|[^\w\s]|\s?$)",
    _I,
)
_LABELLED = re.compile(
    rf"\b(?P<label>{units.LABELS})\s(?:(?:no|nr|n°|num)\.?\s|#)?(?P<mark>[A-Z]?\d[\w./-]{{0,14}}|[A-Z](?![\w'’])"
    rf"|[A-Z]{{1,4}}-?[A-Z0-9]{{1,6}}(?:-[A-Z0-9]{{1,6}})?)(?![\w-])",
)
_ACRONYM = re.compile(
    r"(?<![\w/.@#-])(?:[A-Z]{2,}[A-Z0-9]*(?:-[A-Z0-9]{1,6})*|[A-Z]{1,4}\d{1,5}[A-Z]?|[A-Z]\d[A-Z])(?![\w@-])"
)
_QUOTED = re.compile(r"[\"“„«‘]([^\"“”„«»\n‘’]{2,60})[\"”“»’]|(?<![\w])'([^'\n]{2,60})'(?!\w)")
_MONTHS = (
    "jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?"
    "|sep(?:t(?:ember)?)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?|janvier|février|mars|avril|juin|juillet|août"
    "|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre"
    "|noviembre|diciembre"
)
_DATE = re.compile(
    rf"(?<![\w.-])(?:\d{{4}}-\d\d-\d\d|\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.)?\s(?:of\s|de\s)?(?:{_MONTHS})\b\.?(?:,?\s(?:de\s)?\d{{4}})?"
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
_AREAS = frozenset({"zone", "area", "region", "district", "gebiet"})
_LABEL_KINDS = {
    "code": "text",
    "room": "text",
    "raum": "text",
    "zimmer": "text",
    "salle": "text",
    "aula": "text",
    "grade": "number",
}
_HALF = re.compile(
    r"\b(?:half an?|a half|a quarter of an?)\s(?:page|hour|day|year|line|dozen)s?\b"
    r"|\beine?\s?halbe[nr]?\s(?:seite|stunde|tag)\b"
    r"|\bhalbe[nr]?\s(?:seite|stunde|tag)\b|\bune?\sdemi-(?:page|heure|journée)\b|\bmedi[ao]\s(?:página|hora|día)\b",
    _I,
)
_IN_A_ROW = re.compile(
    rf"\b(?:(?:\d{{1,3}}|{units.NUMBER_WORDS})\s(?:times|mal|fois|veces)|twice|zweimal|dreimal)\s(?:in a row"
    rf"|hintereinander|in folge|de suite|seguidas)\b",
    _I,
)
_BLOCKED_HOST = re.compile(r"^(?:e\.g|i\.e|z\.b|u\.a|d\.h|a\.m|p\.m)$|\.(?:\d+)$", _I)
_PUBLIC = re.compile(r"^(?:api|export|www|data|query)[.-]", _I)


def _found(pattern: re.Pattern[str], kind: str, confidence: float) -> Rule:
    def rule(text: str) -> Iterator[Literal]:
        for match in pattern.finditer(text):
            shown = match[0].rstrip(".,;:!?)’'")
            yield Literal(match.start(), match.start() + len(shown), shown, kind, confidence)

    return rule


def _urls(text: str) -> Iterator[Literal]:
    for match in _DSN.finditer(text):
        yield Literal(match.start(), match.end(), match[1], "url", 0.8)
    for match in _URL.finditer(text):
        shown = match[0].rstrip(".,;:!?*_")
        yield Literal(match.start(), match.start() + len(shown), shown, "url", 0.95)


def _hosts(text: str) -> Iterator[Literal]:
    for match in _HOST.finditer(text):
        is_file = re.search(rf"\.(?:{units.FILE_ENDS})$", match[0], _I)
        before = plain(text[max(0, match.start() - 12) : match.start()])
        is_api = _PUBLIC.match(match[0]) or "api" in before
        if not is_file and not _BLOCKED_HOST.search(match[0]) and "." in match[0].strip("."):
            yield Literal(match.start(), match.end(), match[0], "url", 0.3 if is_api else 0.6)


def _files(text: str) -> Iterator[Literal]:
    for match in _FILE.finditer(text):
        is_pattern = re.search(r"YYYY|MM|\{|<", match[0]) is not None
        stem = re.sub(r"\d+", "#", match[0].lower())
        yield Literal(
            match.start(),
            match.end(),
            match[0],
            "text" if is_pattern else "file",
            0.9,
            f"file {stem}" if "#" in stem else "",
        )


def _paths(text: str) -> Iterator[Literal]:
    for match in _PATH.finditer(text):
        shown = match[0].rstrip(".")
        is_file = re.search(rf"\.(?:{units.FILE_ENDS})$", shown, _I) is not None
        if len(shown) > 2 and not re.fullmatch(r"/\w{1,6}", shown):  # noqa: PLR2004 and/or is no path
            yield Literal(match.start(), match.start() + len(shown), shown, "file" if is_file else "text", 0.8)


def _repositories(text: str) -> Iterator[Literal]:
    for match in _REPOSITORY.finditer(text):
        shown = match[0].rstrip(".")
        before = plain(text[max(0, match.start() - 14) : match.start()])
        is_branch = "branch" in before or "rama" in before or "branche" in before
        is_marked = bool(re.search(r"[-_\d.]", shown)) or bool(
            re.search(r"\b(?:repo|repository|github|gitlab|in|for|from)\s$", before)
        )
        if is_branch or (is_marked and not re.fullmatch(r"[A-Z][\w-]*/[A-Z][\w-]*", shown)):
            yield Literal(match.start(), match.start() + len(shown), shown, "text" if is_branch else "entity", 0.7)


def _marks(text: str) -> Iterator[Literal]:
    for match in _SNAKE.finditer(text):
        is_listed = re.search(r"\([^)]{0,80}$", text[: match.start()]) and re.match(r"\s*,", text[match.end() :])
        if not _ENVIRONMENT.fullmatch(match[0]) and not is_listed:
            yield Literal(match.start(), match.end(), match[0], "text", 0.6)


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
            if second not in units.NOT_COUNTED:
                first, end, is_unit = second, match.end("two"), second in units.UNITS
        elif not is_unit and not _is_plural(first, one):
            continue
        confidence = 0.75 if is_unit else 0.6
        key = f"count {first}" if not is_unit else ""
        yield Literal(match.start(), end, text[match.start() : end], "number", confidence, key)


def _is_plural(word: str, shown: str) -> bool:
    is_word = len(word) > 3  # noqa: PLR2004 shorter ones are articles
    return (
        (is_word and word.endswith("s") and not word.endswith("ss"))
        or (is_word and shown[:1].isupper())
        or word in {"people", "men", "women", "children", "mice", "feet"}
    )


def _labelled(text: str) -> Iterator[Literal]:
    """A kind of thing with the mark of one: room 2.14, grade 10, Klasse 7b."""
    for match in re.finditer(_LABELLED.pattern, text, _I):
        mark = match["mark"]
        if (
            not (mark[0].isdigit() or mark.isupper())
            or plain(mark) in {"a", "i"}
            or (mark.isalpha() and len(mark) > 1 and mark != mark.upper())
        ):
            continue
        label = plain(match["label"])
        start = match.start("mark") if label in _AREAS and mark.isalpha() | ("-" in mark) else match.start()
        kind = "place" if label in _AREAS else _LABEL_KINDS.get(label, "entity")
        yield Literal(start, match.end(), text[start : match.end()], kind, 0.65, f"label {label}")


def _acronyms(text: str) -> Iterator[Literal]:
    letters = [letter for letter in text if letter.isalpha()]
    if sum(letter.isupper() for letter in letters) > len(letters) / 2:
        return
    for match in _ACRONYM.finditer(text):
        bare = plain(match[0])
        if bare in units.COMMON_ACRONYMS or len(bare) < 2:  # noqa: PLR2004 one letter is no name
            continue
        has_digit = any(letter.isdigit() for letter in bare)
        yield Literal(match.start(), match.end(), match[0], "text", 0.6 if has_digit or "-" in bare else 0.52)


def _quoted(text: str) -> Iterator[Literal]:
    for match in _QUOTED.finditer(text):
        inner = match[1] or match[2]
        start = match.start() + match[0].index(inner)
        yield Literal(start, start + len(inner), inner, "text", 0.55)


RULES: tuple[Rule, ...] = (
    _urls, _found(_EMAIL, "email", 0.95), _files, _found(_GLOB, "text", 0.75), _paths, _hosts, _repositories,
    _found(_HANDLE, "text", 0.75), _marks, _found(_DATE, "date", 0.7), _found(_PERIOD, "period", 0.7),
    _found(_MONEY, "money", 0.8), _found(_PERCENT, "number", 0.8), _found(_RANKED, "number", 0.8),
    _found(_HALF, "text", 0.65),
    _found(_IN_A_ROW, "number", 0.7), _labelled, _counted,
    _found(_BOUND, "number", 0.65), _found(_EXTENSION, "text", 0.6), _acronyms, _quoted,
)  # fmt: skip
"""In the order in which they may claim a place."""


def literals(text: str) -> list[Literal]:
    """Return the literals of a text; where two overlap, the rule that comes first has it."""
    taken: list[Literal] = []
    for rule in RULES:
        for one in rule(text):
            if one.value and not any(one.start < other.end and other.start < one.end for other in taken):
                taken.append(one)
    return sorted(taken, key=lambda one: one.start)
