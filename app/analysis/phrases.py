"""Phrases that a later run may change: what is searched for, how a text is to sound, what stays in or out."""

import re
from collections.abc import Iterator
from itertools import islice

from app.analysis import cues
from app.analysis.forms import Literal
from app.analysis.sentences import COMMON_WORDS, plain, word_set
from app.domain.thread import Thread

_WORD = r"[^\W\d_][\w'’-]*"
_STYLE = re.compile(
    rf"\b(?P<value>(?!no\b|the\b|my\b|our\b|your\b|this\b|that\b|same\b){_WORD}\s(?:humou?r|spelling|tense|tone|style|sentences|wording|language|english|voice|person|area|width"
    rf"|notation|format|case|grammar|register))\b"
    rf"|\b(?P<back>(?:tono|estilo|humor|lenguaje|ton|style|langage|frases|phrases|chiste|chistes)\s{_WORD})\b",
    re.IGNORECASE,
)
_WITHOUT = re.compile(
    rf"\b(?P<value>(?:no|without|keine?n?|ohne|sans|sin|pas de|pas d['’]|aucune?|ningún|ninguna?"
    rf"|not a single)\s(?P<what>{_WORD}(?:\s{_WORD})?))",
    re.IGNORECASE,
)
_ONLY = re.compile(
    rf"\b(?:only|just|nur|ausschließlich|bloß|seulement|uniquement|juste|solo|sólo|solamente|únicamente)\s"
    rf"(?:(?:the|for|from|in|those|about|die|der|das|den|für|aus|les|le|la|des|pour|los|las|el|de|en|para)\s){{0,2}}(?P<value>{_WORD}(?:\s{_WORD}){{0,2}})",
    re.IGNORECASE,
)
_WORDING = re.compile(
    rf"\b(?:word|words|wort|wörter|mots?|palabras?|term|begriff|terme|término|hashtag|tag|called|named|labell?ed|benannt|genannt|nommée?s?|llamad[oa]s?|heißen|heißt)\s"
    rf"[\"'“„«]?\s?(?P<value>{_WORD})",
    re.IGNORECASE,
)
_HEADED = re.compile(
    r"\b(?:subject|title|headline|betreff|titel|überschrift|objet|titre|asunto|título|signature|signed|sign|unterschrift|signé|firma|caption|heading|footer|name|named|called|note)"
    r"(?:\s[^\W\d_]{1,10}){0,2}:\s{1,2}[\"'“„«]?(?P<value>[^\s.,;!?\n\"”»][^.,;!?\n\"”»]{1,50})",
    re.IGNORECASE,
)
_LISTED = re.compile(
    rf":\s(?P<value>{_WORD}(?:\s{_WORD}){{0,3}}(?:,\s{_WORD}(?:\s{_WORD}){{0,3}}){{1,6}})(?=\s*[.?!;\n]|$)",
    re.IGNORECASE,
)
_SERIES = re.compile(r"(?<![\w.])(?P<value>[A-ZÄÖÜÉÁ][a-zà-ÿ]{2,24}\s[A-Z])(?![\w'’])")
_COMMON = frozenset().union(*COMMON_WORDS.values())
_STOP = (
    _COMMON
    | cues.LIMIT
    | word_set(
        "one more other way problem need idea worries rush thanks longer matter doubt way clue any all every each"
        " some much many"
        " mas otro otra problema prisa gracias duda plus autre besoin probleme mehr andere ander eile problem sorge"
        " if when before after those these where how what who why then than today yesterday tomorrow now here there"
        " in at on by as of to from into an any aus bei nach hay es son esta estan are were has have wenn wo was wer"
    )
)
_JOINS = word_set("de du des of for del en la")
_QUERY = word_set(
    "query q search search_query text topic keyword keywords question term terms consulta busqueda suche suchbegriff"
    " anfrage recherche requete mots"
)
"""Names of arguments that say what is searched for."""

_CALLS, _LONGEST_QUERY = 40, 150
_LONGEST_RUN, _SHORTEST = 5, 3


def headed(text: str) -> Iterator[Literal]:
    """Yield what stands behind a heading: Subject: Evening of Lights."""
    for match in _HEADED.finditer(text):
        yield _of(match, "value", "text", 0.51)


def phrases(text: str) -> Iterator[Literal]:
    """Yield the phrases of a sentence that may be values."""
    for pattern, kind, confidence in ((_SERIES, "entity", 0.48), (_LISTED, "text", 0.27)):
        for match in pattern.finditer(text):
            yield _of(match, "value", kind, confidence)
    for match in _STYLE.finditer(text):
        group = "value" if match["value"] else "back"
        if plain(match[group].split()[0]) not in _STOP:
            yield _of(match, group, "text", 0.28)
    for match in _WORDING.finditer(text):
        if plain(match["value"]) not in _STOP:
            yield _of(match, "value", "text", 0.26)
    for match in _WITHOUT.finditer(text):
        yield from _content(match, 0.25)
    for match in _ONLY.finditer(text):
        yield from _content(match, 0.24)


def _of(match: re.Match[str], group: str, kind: str, confidence: float) -> Literal:
    value = match[group].rstrip(" -–'’")
    return Literal(match.start(group), match.start(group) + len(value), value, kind, confidence)


def _content(match: re.Match[str], confidence: float) -> Iterator[Literal]:
    """Yield a phrase up to its first common word."""
    has_head = "what" in match.re.groupindex
    found = match["what" if has_head else "value"].split()
    kept = []
    for word in found:
        if plain(word) in _STOP:
            break
        kept.append(word)
    if kept:
        start = match.start("value")
        end = match.start("what" if has_head else "value") + len(" ".join(kept))
        value = match.string[start:end]
        yield Literal(start, end, value, "text", confidence)


def searched(thread: Thread) -> frozenset[str]:
    """Return the words that the agent put into the queries of its calls, plain."""
    found: set[str] = set()
    for call in islice(thread.calls, _CALLS):
        for name, value in call.arguments.items():
            is_query = plain(name) in _QUERY and isinstance(value, str) and "\n" not in value and "/" not in value
            if is_query and len(value) <= _LONGEST_QUERY:
                found.update(plain(word) for word in re.findall(_WORD, value))
    return frozenset(found)


def topical(text: str, query: frozenset[str]) -> Iterator[Literal]:
    """Yield what a sentence and a search of the agent say both: the longest runs of such words."""
    run: list[re.Match[str]] = []
    for match in re.finditer(_WORD, text) if query else ():
        word = plain(match[0])
        is_next = bool(run) and text[run[-1].end() : match.start()] == " "
        if run and not (is_next and (word in query or word in _JOINS)):
            yield from _run(text, run)
            run = []
        if run or (word in query and word not in _COMMON):
            run.append(match)
    yield from _run(text, run)


def _run(text: str, run: list[re.Match[str]]) -> Iterator[Literal]:
    while run and plain(run[-1][0]) in _COMMON | _JOINS:
        run.pop()
    if run and len(run) <= _LONGEST_RUN and len(run[0][0]) > _SHORTEST:
        start, end = run[0].start(), run[-1].end()
        yield Literal(start, end, text[start:end], "text", 0.36 if len(run) > 1 else 0.23)
