"""Names in free text: persons, places and organisations by their capitals and the words around them."""

import re
from collections.abc import Iterator
from functools import lru_cache

from app.analysis import cues, organisations, units
from app.analysis.concepts import of_word
from app.analysis.forms import Literal
from app.analysis.given_names import GIVEN_NAMES
from app.analysis.sentences import COMMON_WORDS, plain, word_set, words
from app.domain.language.vocabulary import LEXICONS
from app.domain.language.vocabulary.places import places

_CAPITAL = r"[A-ZÄÖÜÉÈÁÓÚÑÇŁŚŠŽ][a-zà-ÿ\u0100-\u017f'’](?:[\w'’-]*[a-zà-ÿ\u0100-\u017f])?"
_NAME = re.compile(
    rf"(?<![\w/.@#-]){_CAPITAL}(?:\s(?:de|del|la|van|von|der|den|da|di|du|des|O'|&)?\s?{_CAPITAL}){{0,3}}"
    rf"(?:\s[IVX]{{1,4}})?(?![\w@/])"
)
_TITLED = re.compile(rf"\b(?P<title>{units.TITLES})\.?\s(?:(?:Dr|Prof)\.?\s)?{_CAPITAL}(?:\s{_CAPITAL})?")
_PLACE_BEFORE = word_set(
    "in at near from around round to through across towards nach aus bei um in a de en dans vers depuis hacia desde sur"
)
_PLACE_ONLY = word_set("in near around round nach dans en")
_PLACE_WORDS = re.compile(
    r"^(?:Lake|Mount|Port|Fort|Saint|St|San|Santa|Los|Las|El|New|North|South|East|West|Bad|Lac|Mont|Monte|Río|Rio)\s"
    r"|(?:\s(?:Street|Road|Avenue|Square|Park|Valley|Island|Islands|Bay|Beach|Harbou?r|District|County|Bridge|Hill"
    r"|Airport|Station|Hall|Room|Pier|Quay|Marina|Stadium))$"
    r"|^(?:Sala|Salle|Saal|Halle|Plaza|Playa|Isla|Île|Parque|Parc|Piazza)\s|(?:kirche|brücke|straße|strasse|platz"
    r"|allee|berg|burg|dorf|ingen|furt|bach|feld|haven|münde|kirchen|walde|rode|hagen|hausen|heim|stadt)$"
)
_CALLED = re.compile(
    rf"\b(?i:called|named|company|brand|client|customer|firm|shop|store|school|club|verein|firma|laden|kunde|marke"
    rf"|heißt"
    rf"|namens|appelée?|nommée?|entreprise|société|marque|llamad[ao]|empresa|marca|tienda|cliente)\s(?:is\s|ist\s"
    rf"|est\s|es\s|now\s|jetzt\s|maintenant\s|ahora\s)?(?P<name>{_CAPITAL}(?:\s{_CAPITAL}){{0,2}})"
)
_COMPANY = re.compile(
    rf"\b{_CAPITAL}(?:\s{_CAPITAL}){{0,3}}\s(?:GmbH|AG|KG|Inc|Ltd|LLC|SARL|SAS|SA|SL|BV|Corp|plc|e\.V)\b\.?"
)
_INSTITUTION = re.compile(
    rf"\b(?i:{organisations.NOUNS})\s(?:(?:de|du|des|del|de la|de los|la|le|les|el|los)\s)?{_CAPITAL}"
    rf"(?:\s(?:de\s|del\s|la\s|du\s|des\s|et\s|y\s)?{_CAPITAL}){{0,2}}"
)
_ARTICLED = re.compile(rf"(?<=[\w,:]\s)(?:The|El|La|Los|Las|Le|Les)\s{_CAPITAL}(?:\s{_CAPITAL}){{0,3}}(?![\w@/])")
"""A name that begins with an article of its own."""

_STREET = re.compile(rf"\b(?i:{organisations.STREET})\s?{_CAPITAL}(?:\s{_CAPITAL}){{0,2}}(?:\s\d{{1,4}})?")
_SELF = re.compile(
    r"\b(?:i'?m|i am|my name is|this is|ich bin|ich heiße|mein name ist|je suis|je m'appelle|c'est|soy|me llamo"
    r"|mi nombre es)\s(?:the\s|die\s|der\s|la\s|el\s)?$",
    re.IGNORECASE,
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
_SIGNED = word_set(
    "sign signed signature cc contact buddy colleague boss manager partner kollegin kollege chefin chef unterschrift"
    " signe signee signature collegue firma firmado jefe jefa"
)
"""Words before the whole name of a person."""

_NO_NAMES = word_set(
    "i i'm i'll i'd i've hello hi hey hola bonjour hallo moin servus guten good thanks thank merci gracias danke dear"
    " young old little poor commit branch tests"
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
    " italian portuguese dutch polish turkish arabic russian ukrainian chinese japanese korean swedish danish norwegian"
    " finnish greek czech romanian hungarian hebrew hindi catalan welsh latin"
    " soy yo somos estoy bin suis"
    " telegram signal discord mastodon matrix threema messenger skype webex"
    " unity unreal blender photoshop figma zoom trello asana airtable zapier android iphone ipad chrome firefox safari"
    " java javascript typescript rust ruby kotlin swift django flask react angular node kubernetes terraform ansible"
    " jenkins grafana kafka redis mongodb sqlite oracle snowflake bigquery tableau authorization bearer internet web"
    " aber ohne mit fur nur mais avec sans pero con sin my our your mein unser dein mon notre mi nuestro"
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
    return bare in cues.REQUEST or bare in cues.ACTION or bool(of_word(bare))


def names(text: str, language: str, lower: frozenset[str]) -> Iterator[Literal]:
    """Yield the names in a sentence; `lower` are words that the thread also writes small, which are no names."""
    yield from _titled(text, language)
    for match in _ARTICLED.finditer(text):
        if language in {"en", "fr", "es"} and not _is_common(match[0].split()[1]):
            yield Literal(match.start(), match.end(), match[0], "entity", 0.49)
    for match in _COMPANY.finditer(text):
        yield Literal(match.start(), match.end(), match[0].rstrip("."), "entity", 0.6)
    for pattern, kind in ((_STREET, "place"), (_INSTITUTION, "entity")):
        for match in pattern.finditer(text):
            yield Literal(match.start(), match.end(), match[0], kind, 0.58)
    for match in _CALLED.finditer(text):
        if match["name"][0].isupper() and not _is_common(match["name"].split()[0]):
            start = match.start("name")
            name = _capitals(match["name"])
            yield Literal(start, start + len(name), name, "entity", 0.65)
    for match in _NAME.finditer(text):
        yield from _plain_name(text, match, language, lower)


def _titled(text: str, language: str) -> Iterator[Literal]:
    """Yield persons with their titles; a small title before a whole name is left out: doctora Inés Pardo."""
    for match in _TITLED.finditer(text):
        if match["title"] not in {"M", "Me", "Don"} or language in {"fr", "es"}:
            name = match[0][len(match["title"]) :].lstrip(". ")
            start = match.end() - len(name) if match["title"][0].islower() and " " in name else match.start()
            yield Literal(start, match.end(), text[start : match.end()], "person", 0.7)


def _capitals(text: str) -> str:
    """Return the words from the left that begin with a capital."""
    kept = []
    for word in text.split():
        if not word[0].isupper():
            break
        kept.append(word)
    return " ".join(kept)


def _plain_name(text: str, match: re.Match[str], language: str, lower: frozenset[str]) -> Iterator[Literal]:
    start = match.start()
    parts = match[0].split()
    if language == "de" and any(part in _GERMAN_ARTICLES for part in parts):
        return  # two nouns: the end of the list
    while parts and _is_no_part(parts, start, lower, language):
        start += len(parts[0]) + 1
        parts = parts[1:]
    if parts and parts[-1].endswith(("'s", "’s")) and len(parts) == 1:
        return  # whose something is
    if language == "de" and len(parts) > 1 and plain(parts[0]) in _ROLES:
        start += len(parts[0]) + 1
        parts = parts[1:]
    name = " ".join(parts)
    is_firm = "&" in parts
    if not parts or (
        not is_firm and any(plain(part) in lower or _is_common(part) for part in parts if part not in _PARTICLES)
    ):
        return
    before, after = words(text[max(0, start - 25) : start]), words(text[match.end() : match.end() + 20])
    is_first = not before or bool(re.search(r"[.!?]\s*$", text[max(0, start - 4) : start]))
    is_given = plain(parts[0]) in GIVEN_NAMES
    if _SELF.search(text[max(0, start - 24) : start]) and (is_given or len(parts) == 1):
        return  # the person's own name
    kind, confidence = _kind(name, parts, before[-1] if before else "", after[0] if after else "", language)
    if is_first and len(parts) == 1 and not is_given:
        return
    if kind:
        yield Literal(start, start + len(name), name, kind, confidence)


_GERMAN_ARTICLES = frozenset({"der", "den", "des", "du", "la"})
_ROLES = word_set(
    "kunde kunden kundin firma kollege kollegin wort worter kurs team verein chef chefin fahrer lieferant"
    " mandant patient"
    " abteilung schuler spieler trainer nachbar familie stichwort marke produkt modell typ"
)
"""German nouns before a name that are no part of it."""

_PARTICLES = frozenset({"de", "del", "la", "van", "von", "der", "den", "da", "di", "du", "des", "O'", "&"})


def _is_no_part(parts: list[str], start: int, lower: frozenset[str], language: str) -> bool:
    """Whether the first of some words with capitals is none of the name: it begins the sentence, or is common."""
    first = plain(parts[0])
    if _is_common(parts[0]) or first in COMMON_WORDS.get(language, ()):
        return True
    if start:
        return False
    is_word = language == "de" and first not in GIVEN_NAMES and not first.endswith(organisations.GERMAN_ENDS)
    return _is_verb(parts[0]) or (len(parts) > 1 and (is_word or first in lower))


def _kind(name: str, parts: list[str], before: str, after: str, language: str) -> tuple[str, float]:
    """Return what a capitalised name is, and how sure that is; German writes every noun so."""
    is_german, is_long = language == "de", len(parts) > 1
    is_given, is_place = plain(parts[0]) in GIVEN_NAMES, plain(name) in places()
    ends = plain(parts[-1])
    kinds = (
        (is_place and not (is_given and before not in _PLACE_ONLY), "place", 0.6),
        (is_long and ends in organisations.ENDS, "entity", 0.58),
        (is_given, "person", 0.58 if is_long else 0.5),
        (bool(_PLACE_WORDS.search(name)) and (not is_german or before in _PLACE_ONLY), "place", 0.6),
        (is_german and is_long and parts[0].lower().endswith(organisations.GERMAN_ENDS), "entity", 0.58),
        (is_german and not is_long, "", 0.0),
        ("&" in parts, "entity", 0.6),
        (before in _PLACE_ONLY and not is_long, "place", 0.58),
        (is_long and (name.endswith("s") or "’" in name or "'" in name), "entity", 0.5),
        (after in _PERSON_AFTER and not is_long, "person", 0.5),
        (before == "a" and language == "es" and not is_long, "person", 0.5),
        (before in (_SIGNED if is_long else _PERSON_BEFORE), "person", 0.5),
        (is_long, "entity", 0.5),
        (before in _PLACE_BEFORE, "place", 0.5),
    )
    return next(((kind, confidence) for is_it, kind, confidence in kinds if is_it), ("entity", 0.42))
