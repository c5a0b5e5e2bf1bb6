"""Literals in free text with a form of their own: addresses, files, paths, money, measures, dates, marks."""

import re
from collections.abc import Iterator

from app.analysis import cues, days, measures, units
from app.analysis.forms import Literal, Rule, by
from app.analysis.sentences import COMMON_WORDS, plain, word_set, words

_I = re.IGNORECASE
_URL = re.compile(r"\b[a-z][a-z0-9+]{1,15}://[^\s<>\"'`)\]}]{3,300}", _I)
_DSN = re.compile(r"\b[a-z][a-z0-9+]{2,15}://[^\s/@:]{1,80}:[^\s/@]{1,120}@([a-z0-9][a-z0-9.-]{2,120})", _I)
_EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}\b")
_HOST = re.compile(rf"(?<![\w@/.-])(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,4}}(?:{units.TOP})(?![\w@.-]*\w)", _I)
_FILE = re.compile(rf"(?<![\w/.@-])[\w-][\w.{{}}-]{{0,120}}\.(?:{units.FILE_ENDS})\b(?![\w/@-])", _I)
_IN_WORDS = re.compile(r"[A-Z]{3,}(?:[_-][A-Z]{2,}){1,5}\.")
_GLOB = re.compile(r"(?<![\w*])[\w.-]{0,60}\*(?:\.[\w]{1,8}){1,3}\b")
_EXTENSION = re.compile(rf"(?<![\w/.*])\.(?:{units.FILE_ENDS})\b", _I)
_PATH = re.compile(r"(?<![\w:/.<])(?:~|[A-Za-z]:)?[/\\][\w.*{}<>-]+(?:[/\\][\w.*{}<>-]+)*/?(?![\w:])")
_FOLDER = re.compile(r"(?<![\w:/.<@])[a-z][\w.-]{2,40}/(?=[\s.,;:)]|$)")
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]{1,30}\b")
_IS_FILE = re.compile(rf"\.(?:{units.FILE_ENDS})$", _I)
_AND_OR = re.compile(r".{0,2}|/\w{1,6}")
_REPOSITORY = re.compile(r"(?<![\w/.@:])[A-Za-z][\w.-]{1,60}/[A-Za-z][\w.-]{1,60}(?![\w/])")
_HANDLE = re.compile(r"(?<![\w/@#])[@#][A-Za-z][\w-]{2,60}")
_SNAKE = re.compile(r"(?<![\w/.@*-])[A-Za-z][A-Za-z0-9]{0,40}(?:_[A-Za-z0-9]{1,40}){1,6}(?![\w/.(@*-])")
_ENVIRONMENT = re.compile(r"[A-Z][A-Z0-9_]+")
_CODE = re.compile(
    r"(?<![\w/.@#:-])(?=[\w-]{0,24}\d)[A-Za-z][A-Za-z0-9]{0,9}(?:-[A-Za-z0-9]{1,9}){1,4}(?![\w@/-]|\.\w)"
)
_EXTENSION_NUMBER = re.compile(
    r"\b(?:ext|extension|tel|phone|fon|telefon|durchwahl|poste|tél|teléfono)\b\.?:?\s?\+?\d[\d ()/-]{1,18}\d(?!\w)", _I
)
_PHONE = re.compile(r"(?<![\w.,:/+-])(?:\+\d{1,3}[ /-]?)?(?:\(?\d{2,5}\)?[ /-]){1,5}\d{2,8}(?![\w/]|[-.,:]\d)")
_NUMBERED = re.compile(
    r"(?<![\w/.@#-])[A-Z][\w'’-]{1,24}\s(?!(?:19|20)\d\d\b)\d{1,7}(?:[.-]\d{1,6}){0,3}(?![\w%€$:/.,]*\w)"
)
_IDENTIFIER = re.compile(
    r"(?<![\w.,:/+-])(?:(?:\+\d{1,3}|0\d{1,5})(?:[ /-]\d{2,7}){1,6}|\+?\d{2,4}(?:[ -]\d{2,4}){3,6}"
    r"|\d{3,6}(?:-\d{3,6}){1,4}|\d{1,3}(?:\.\d{1,4}){2,3}"
    r"|([A-Z])\1{1,5}(?:[-/.]([A-Z])\2{1,5}){1,2}|[A-Z]{2,3}\s?[>→]\s?[A-Z]{2,3})(?![\w/]|[-.,:]\w)"
)
_LABELLED = re.compile(
    rf"\b(?P<label>{units.LABELS})\s(?:(?:no|nr|n°|num)\.?\s|#)?(?P<mark>[A-Z]?\d[\w./-]{{0,14}}|[A-Z](?![\w'’])"
    rf"|[A-Z]{{1,4}}-?[A-Z0-9]{{1,6}}(?:-[A-Z0-9]{{1,6}})?)(?![\w-])",
)
_ACRONYM = re.compile(
    r"(?<![\w/.@#-])(?:[A-Z]{2,}[A-Z0-9]*(?:-[A-Z0-9]{1,6})*|[A-Z]{1,4}\d{1,5}[A-Z]?|[A-Z]\d[A-Z])(?![\w@-])"
)
_QUOTED = re.compile(r"[\"“„«‘]([^\"“”„«»\n‘’]{2,60})[\"”“»’]|(?<![\w])'([^'\n]{2,60})'(?!\w)")
_NOUN_MARK = re.compile(
    r"(?<![\w'’/.@#-])(?P<noun>[^\W\d_]{3,20})\s(?P<mark>\d{1,6}(?:\.\d{1,3}){0,2}(?:\s(?:and|or|und|oder|et|ou|y|o)\s\d{1,6})?|[A-Z])"
    r"(?=\s*(?:[.,;:!?)]|$)|\s[^\W\d_]+)(?![.,:]\d|\s?(?:%|€|am\b|pm\b|uhr\b|h\b))"
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
_SET_TO = re.compile(
    r"\b(?:(?:put|mark|write|label|tag|flag|status|only|protocol|standard|schreib\w?|markier\w?|nur|écris|marque|seulement"
    r"|escribe|marca|solo)(?:\s(?:it|them|with|as|als|comme|como))?"
    r"|(?:set|change|move|put|mark|setze?|stell\w?|mets|pon)\b[^.!?]{0,20}\s(?:to|as|auf|als|en|comme|como|à|a))\s$",
    _I,
)
"""Before a word in capitals that the person wants written: put CHECK, set it to LATE."""
_SHORTEST_ACRONYM = 3
_PHONE_DIGITS = 9
_BLOCKED_HOST = re.compile(r"^(?:e\.g|i\.e|z\.b|u\.a|d\.h|a\.m|p\.m)$|\.(?:\d+)$", _I)
_PUBLIC = re.compile(r"^(?:api|export|www|data|query)[.-]", _I)


def _phones(text: str) -> Iterator[Literal]:
    for match in _PHONE.finditer(text):
        if sum(letter.isdigit() for letter in match[0]) >= _PHONE_DIGITS:
            yield Literal(match.start(), match.end(), match[0], "text", 0.61)


def _urls(text: str) -> Iterator[Literal]:
    for match in _DSN.finditer(text):
        yield Literal(match.start(), match.end(), match[1], "url", 0.8)
    for match in _URL.finditer(text):
        shown = match[0].rstrip(".,;:!?*_")
        yield Literal(match.start(), match.start() + len(shown), shown, "url", 0.95)


def _hosts(text: str) -> Iterator[Literal]:
    for match in _HOST.finditer(text):
        is_file = _IS_FILE.search(match[0])
        before = plain(text[max(0, match.start() - 12) : match.start()])
        is_api = _PUBLIC.match(match[0]) or "api" in before
        if not is_file and not _BLOCKED_HOST.search(match[0]) and "." in match[0].strip("."):
            yield Literal(match.start(), match.end(), match[0], "url", 0.3 if is_api else 0.6)


def _files(text: str) -> Iterator[Literal]:
    for match in _FILE.finditer(text):
        is_pattern = re.search(r"YYYY|AAAA|JJJJ|MM|\{|<", match[0]) is not None or _IN_WORDS.match(match[0]) is not None
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
        is_file = _IS_FILE.search(shown) is not None
        if not _AND_OR.fullmatch(shown):
            yield Literal(match.start(), match.start() + len(shown), shown, "file" if is_file else "text", 0.8)


def _repositories(text: str) -> Iterator[Literal]:
    for match in _REPOSITORY.finditer(text):
        shown = match[0].rstrip(".")
        before = plain(text[max(0, match.start() - 14) : match.start()])
        is_branch = "branch" in before or "rama" in before or "branche" in before
        is_marked = bool(re.search(r"[-_\d.]", shown)) or bool(
            re.search(r"\b(?:repo|repository|github|gitlab|in|for|from)\s$", before)
        )
        is_file = _IS_FILE.search(shown) is not None
        if is_file:
            yield Literal(match.start(), match.start() + len(shown), shown, "file", 0.8)
        elif is_branch or (is_marked and not re.fullmatch(r"[A-Z][\w-]*/[A-Z][\w-]*", shown)):
            yield Literal(match.start(), match.start() + len(shown), shown, "text" if is_branch else "entity", 0.7)


def _marks(text: str) -> Iterator[Literal]:
    for match in _SNAKE.finditer(text):
        is_listed = re.search(r"\([^)]{0,80}$", text[: match.start()]) and re.match(r"\s*,", text[match.end() :])
        is_setting = re.match(r"\s?=", text[match.end() : match.end() + 2])
        if not _ENVIRONMENT.fullmatch(match[0]) and not is_listed and not is_setting:
            yield Literal(match.start(), match.end(), match[0], "text", 0.6)


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
        value = text[start : match.end()].rstrip("./-")
        yield Literal(start, start + len(value), value, kind, 0.65, f"label {label}")


def _numbered(text: str) -> Iterator[Literal]:
    """A noun and a number behind it: berth 12, bin 7, chairs 15 and 16."""
    for match in _NOUN_MARK.finditer(text):
        noun = plain(match["noun"])
        after = words(text[match.end() : match.end() + 24])[:1]
        is_count = bool(after) and (after[0] in units.UNITS or after[0] not in _COMMON)
        is_count = is_count and after[0].endswith((*units.COUNTABLE_END, "s")) and not match["noun"][0].isupper()
        if not (is_count or noun in _NO_NOUNS or noun.endswith("ed") or match["mark"] == "I"):
            yield Literal(match.start(), match.end(), match[0], "entity", 0.34)


def _acronyms(text: str) -> Iterator[Literal]:
    letters = [letter for letter in text if letter.isalpha()]
    if sum(letter.isupper() for letter in letters) > len(letters) / 2:
        return
    for match in _ACRONYM.finditer(text):
        bare = plain(match[0])
        if bare in units.COMMON_ACRONYMS or (bare.isalpha() and len(bare) < _SHORTEST_ACRONYM):
            continue
        is_mark = not bare.isalpha() or _SET_TO.search(text[max(0, match.start() - 24) : match.start()])
        yield Literal(match.start(), match.end(), match[0], "text", 0.6 if is_mark else 0.3)


_UNWANTED_AFTER = re.compile(
    r"(?:\s(?:and|or|und|oder|et|ou|y|o)\s[\"“'«][^\"”'»\n]{1,40}[\"”'»])?\s(?:no\b|non\b|nein\b|not\b|nicht\b"
    r"|(?:is|are|was|sounds?) (?:not|too|banned|out|wrong)|isn'?t|geht (?:nicht|gar)|ist (?:zu|nicht|verboten)|est"
    r" trop|no va)",
    _I,
)
_UNWANTED_BEFORE = re.compile(
    r"\b(?:no|not|never|without|drop|ignore|kein\w{0,2}|nie|ohne|pas de|sans|jamais|sin|nunca|nada de)\s"
    r"(?:(?:the |das |le |la |el )?(?:words?|wort|wörter|mots?|palabras?)\s)?$",
    _I,
)
"""Around words of the agent's draft that the person does not want."""


def _quoted(text: str) -> Iterator[Literal]:
    for match in _QUOTED.finditer(text):
        inner = (match[1] or match[2]).strip()
        start = match.start() + match[0].index(inner)
        before = text[max(0, match.start() - 30) : match.start()]
        is_unwanted = _UNWANTED_AFTER.match(text, match.end()) or _UNWANTED_BEFORE.search(before)
        yield Literal(start, start + len(inner), inner, "text", 0.29 if is_unwanted else 0.55)


_COMMON = frozenset().union(*COMMON_WORDS.values())
_NO_NOUNS = (
    _COMMON
    | units.NOT_COUNTED
    | units.UNITS
    | cues.REQUEST
    | cues.LIMIT
    | cues.COUNTING
    | cues.ACTION
    | cues.CORRECTION
    | cues.HAPPENS
    | word_set(
        "about around from until till before after over under above below within since these those than between"
        " into drop"
        " seit vor nach ab bis um gegen etwa circa ungefahr zwischen depuis avant apres vers entre environ desde hasta"
        " sobre unos around roughly exactly rund knapp fast almost nearly plus minus moins menos other last next first"
        " past half quarter every each any some all cap column row cell sheet page point item line spalte zeile"
        " zelle seite"
        " punkt colonne ligne columna fila celda pagina punto"
    )
)


RULES: tuple[Rule, ...] = (
    _urls, by(_EMAIL, "email", 0.95), _files, by(_GLOB, "text", 0.75), _paths, _hosts, _repositories,
    by(_HANDLE, "text", 0.75), _marks, *days.RULES, *measures.FIRM, _phones, by(_EXTENSION_NUMBER, "text", 0.6),
    by(_IDENTIFIER, "text", 0.6), *measures.REPEATED, _labelled, by(_CODE, "text", 0.5), days.HOURS, *measures.COUNTED,
    by(_NUMBERED, "entity", 0.5), *measures.BOUNDS, by(_EXTENSION, "text", 0.6), by(_FOLDER, "text", 0.52),
    by(_FLAG, "text", 0.53), _acronyms, _quoted,
    _numbered, *days.LOOSE,
)  # fmt: skip
"""In the order in which they may claim a place."""


def literals(text: str) -> list[Literal]:
    """Return the literals of a text; where two overlap, the rule that comes first has it."""
    found: list[Literal] = []
    taken = bytearray(len(text))
    for rule in RULES:
        for one in rule(text):
            if one.value and not any(taken[one.start : one.end]):
                taken[one.start : one.end] = b"\1" * (one.end - one.start)
                found.append(measures.with_bound(one, text) if one.kind in measures.MEASURES else one)
    return sorted(found, key=lambda one: one.start)
