"""Names in free text: persons, places and organisations by their capitals and the words around them."""

import re
from collections.abc import Iterator
from functools import lru_cache

from app.analysis import cues, units
from app.analysis.literals import Literal
from app.analysis.purposes import meanings
from app.analysis.sentences import plain, word_set, words
from app.domain.language.vocabulary import LEXICONS
from app.domain.language.vocabulary.places import places

_CAPITAL = r"[A-ZÄÖÜÉÈÁÓÚÑÇŁŚŠŽ][a-zà-ÿ\u0100-\u017f'’](?:[\w'’-]*[a-zà-ÿ\u0100-\u017f])?"
_NAME = re.compile(
    rf"(?<![\w/.@#-]){_CAPITAL}(?:\s(?:de|del|la|van|von|der|den|da|di|du|des|O')?\s?{_CAPITAL}){{0,3}}(?![\w@/])"
)
_TITLED = re.compile(rf"\b(?P<title>{units.TITLES})\.?\s{_CAPITAL}(?:\s{_CAPITAL})?")
_PLACE_BEFORE = word_set(
    "in at near from around round to through across towards nach aus bei um in a de en dans vers depuis hacia desde sur"
)
_PLACE_ONLY = word_set("in near around round nach dans en")
_PLACE_WORDS = re.compile(
    r"^(?:Lake|Mount|Port|Fort|Saint|St|San|Santa|Los|Las|El|New|North|South|East|West|Bad|Lac|Mont|Monte|Río|Rio)\s"
    r"|(?:\s(?:Street|Road|Avenue|Square|Park|Valley|Island|Islands|Bay|Beach|Harbou?r|District|County|Bridge|Hill"
    r"|Airport|Station))$|(?:straße|strasse|platz|allee|berg|burg|dorf|hausen|heim|stadt)$"
)
_CALLED = re.compile(
    rf"\b(?i:called|named|company|brand|client|customer|firm|shop|store|school|club|verein|firma|laden|kunde|marke"
    rf"|heißt"
    rf"|namens|appelée?|nommée?|entreprise|société|marque|llamad[ao]|empresa|marca|tienda|cliente)\s(?:is\s|ist\s"
    rf"|est\s|es\s)?(?P<name>{_CAPITAL}(?:\s{_CAPITAL}){{0,2}})"
)
_COMPANY = re.compile(
    rf"\b{_CAPITAL}(?:\s{_CAPITAL}){{0,3}}\s(?:GmbH|AG|KG|Inc|Ltd|LLC|SARL|SAS|SA|SL|BV|Corp|plc|e\.V)\b\.?"
)
_PERSON_AFTER = word_set(
    "is has can cant will wants want needs need only does did looks look asks approves signs works reads gets"
    " said says"
    " must should hat kann will braucht muss soll macht ist schaut prüft a peut veut doit est tiene puede quiere"
    " debe es"
)
_PERSON_BEFORE = word_set(
    "for from by with to ask tell cc buddy sign signed contact name named colleague boss manager partner so and"
    " für von"
    " mention include thank congratulate invite erwahne nenne mentionne menciona mit an und frag frau"
    " herr kollegin kollege chefin chef pour par avec demande para por con jefe jefa"
)
_NO_NAMES = word_set(
    "i i'm i'll i'd i've hello hi hey hola bonjour hallo moin servus guten good thanks thank merci gracias danke dear"
    " liebe lieber please bitte yes no ok okay monday english german french spanish deutsch englisch excel word"
    " python"
    " google slack notion github gitlab stripe jira outlook gmail whatsapp teams linkedin twitter instagram facebook"
    " youtube postgres postgresql mysql docker linux windows mac internet christmas easter weihnachten ostern"
    " send show"
    " sir madam chatgpt claude arxiv api sharepoint dropbox salesforce hubspot shopify wordpress amazon bitte note"
    " we she he they it there this that these those also but so if when then point step section question part"
    " everyone"
    " everything nobody somebody what who which where how both all some many most each every one two three next"
    " last first"
    " second third maybe perhaps great nice use add keep ignore sort include exclude call ask tell take use"
    " leave change"
    " wir sie er es das dies alle jeder wenn dann punkt frage vielleicht nous vous il elle tout tous chaque si"
    " alors ella"
    " ellos todo todos cada cuando entonces quizas only after before while since until during"
    " european europe europa africa asia america the markdown powerpoint latex plan can you could"
)
_TIME_KINDS = ("day", "days", "month", "part", "later", "rhythm", "unit")


@lru_cache(maxsize=8192)
def _is_common(word: str) -> bool:
    bare = plain(word).split("'")[0].split("’")[0]
    return bare in _NO_NAMES or any(
        kind in lexicon.get(bare, {}) for lexicon in LEXICONS.values() for kind in _TIME_KINDS
    )


def _is_verb(word: str) -> bool:
    """Whether a word at the beginning of a sentence tells what to do."""
    bare = plain(word)
    return bare in cues.REQUEST or bare in cues.ACTION or bool(meanings(bare))


def names(text: str, language: str, lower: frozenset[str]) -> Iterator[Literal]:
    """Yield the names in a sentence; `lower` are words that the thread also writes small, which are no names."""
    for match in _TITLED.finditer(text):
        if match["title"] not in {"M", "Don"} or language in {"fr", "es"}:
            yield Literal(match.start(), match.end(), match[0], "person", 0.7)
    for match in _COMPANY.finditer(text):
        yield Literal(match.start(), match.end(), match[0].rstrip("."), "entity", 0.6)
    for match in _CALLED.finditer(text):
        if match["name"][0].isupper() and not _is_common(match["name"].split()[0]):
            start = match.start("name")
            name = _capitals(match["name"])
            yield Literal(start, start + len(name), name, "entity", 0.65)
    for match in _NAME.finditer(text):
        yield from _plain_name(text, match, language, lower)


def _capitals(text: str) -> str:
    """Return the words from the left that begin with a capital."""
    kept = []
    for word in text.split():
        if not word[0].isupper():
            break
        kept.append(word)
    return " ".join(kept)


def _plain_name(text: str, match: re.Match[str], language: str, lower: frozenset[str]) -> Iterator[Literal]:
    name, start = match[0], match.start()
    parts = name.split()
    while parts and (
        _is_common(parts[0])
        or (start == 0 and _is_verb(parts[0]))
        or (start == 0 and len(parts) > 1 and plain(parts[0]) in lower)
    ):
        start += len(parts[0]) + 1
        parts = parts[1:]
    name = " ".join(parts)
    if not parts or any(plain(part) in lower or _is_common(part) for part in parts):
        return
    before = words(text[max(0, start - 25) : start])
    after = words(text[match.end() : match.end() + 20])
    is_first = not before or bool(re.search(r"[.:!?]\s*$", text[:start]))
    kind, confidence = _kind(name, parts, before[-1] if before else "", after[0] if after else "", language)
    if is_first and not (kind == "person" and len(parts) == 1 and confidence >= 0.55) and len(parts) < 2:  # noqa: PLR2004 a number of words
        return
    if kind:
        yield Literal(start, start + len(name), name, kind, confidence)


def _kind(name: str, parts: list[str], before: str, after: str, language: str) -> tuple[str, float]:
    """Return what a capitalised name is, and how sure that is; German writes every noun so."""
    is_german = language == "de"
    if plain(name) in places() or (_PLACE_WORDS.search(name) and (not is_german or before in _PLACE_ONLY)):
        return "place", 0.6
    if is_german and len(parts) == 1:
        return "", 0.0
    kinds = (
        (before in _PLACE_ONLY, "place", 0.58),
        (after in _PERSON_AFTER, "person", 0.56),
        (before == "a" and language == "es", "person", 0.5),
        (before in _PERSON_BEFORE, "person", 0.58 if len(parts) > 1 else 0.5),
        (len(parts) > 1, "entity" if is_german else "person", 0.4 if is_german else 0.5),
        (before in _PLACE_BEFORE, "place", 0.5),
    )
    return next(((kind, confidence) for is_it, kind, confidence in kinds if is_it), ("entity", 0.4))
