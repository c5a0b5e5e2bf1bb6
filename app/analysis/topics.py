"""Words of content that a later run may change: what it is about, what is left out, which key, tone or label it"
" has.
"""

import re
from collections.abc import Iterator

from app.analysis.literals import Literal
from app.analysis.sentences import plain, word_set

_WORD = r"[^\W\d_][\w'’-]*"
_PHRASE = rf"{_WORD}(?:\s{_WORD}){{0,3}}"
_STOP = word_set(
    "the a an this that these those it them him her they we you i me us and or but so if when because then please pls"
    " as at in on for of to from with by is are was were be will can should not no yes my our your their every each"
    " der die das den dem ein eine einen und oder aber wenn weil bitte mit von im in am auf ist sind für zu nicht"
    " le la les un une des et ou mais si de du au aux en dans sur avec pour par est sont pas ce cette qui que"
    " el los las un una y o pero si de del al en con para por es son no que se lo anything everything nothing"
    " something"
    " always never since out over up do does too also already today now there here what which who whatever all"
    " always any some more most much many like just only after before older than last next thing things stuff"
    " one ones"
    " immer alles auch noch schon hier da jour tout todo siempre thats its dont it's that's top have has had go"
    " goes get gets new old"
)
_CUES: tuple[tuple[re.Pattern[str], float, str], ...] = tuple(
    (re.compile(rf"\b(?:{cue})\s(?P<value>{_PHRASE})", re.IGNORECASE), confidence, key)
    for cue, confidence, key in (
        (
            r"(?:quiz|post|article|newsletter|report|paper|text|memo|essay|video|talk|digest|overview|new)s?\s(?:about|on)",
            0.6,
            "topic",
        ),
        (
            r"(?:artikel|beitrag|beiträge|bericht|newsletter|quiz|text|überblick|nachrichten)\s(?:über|zu|zum|zur)",
            0.6,
            "topic",
        ),
        (r"(?:articles?|rapport|résumé|quiz|texte|synthèse|veille|actualités)\s(?:sur|à propos de)", 0.6, "topic"),
        (r"(?:artículos?|informe|resumen|cuestionario|texto|boletín|noticias)\s(?:sobre|acerca de)", 0.6, "topic"),
        (
            r"next one|this time|topic is|topic:|thema:|thema ist|diesmal|le thème est|thème :|el tema es|tema:",
            0.58,
            "topic",
        ),
    )
)
_NAMED = re.compile(
    r"\b(?:label(?:led|ed)?|tag(?:ged)?|branch|user|username|column|table|view|schema|folder|queue|bucket|dataset"
    r"|playlist|spalte"
    r"|tabelle|ordner|benutzer|zweig|colonne|dossier|utilisateur|branche|columna|tabla|carpeta|usuario|rama|etiqueta)"
    r"\s(?:is\s|called\s|named\s)?(?P<value>[^\W\d_]\w*(?:[-_.]\w+)+)",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"(?:the|le|la|les|l'|el|los|las|der|die|das|den|dem)\s", re.IGNORECASE)
_BUT_NOT = re.compile(
    rf"\buse\s(?P<value>{_WORD}(?:\s{_WORD})?),?\snot\b|\b(?:nimm|verwende)\s(?P<de>{_WORD}),?\s(?:nicht|statt)\b",
    re.IGNORECASE,
)
_LEFT_OUT = re.compile(
    rf"\b(?:skip|exclude|ignore|leave out|without|drop|omit|überspringe?|ohne|ignoriere|lass|sans|exclus?"
    rf"|ignore[rz]?|excluye|ignora|omite)\s(?:all\s|any\s|the\s|alle\s|les\s|los\s"
    rf"|las\s)?(?P<value>{_WORD}(?:\s{_WORD})?)",
    re.IGNORECASE,
)
_NEVER = re.compile(
    rf"\b(?P<value>(?:sin|sans|ohne|without)\s{_WORD}(?:\s(?:de|of|d')\s?{_WORD})?)(?=\s(?:nunca|never|jamais|nie"
    rf"|por)|[.,!?]|$)",
    re.IGNORECASE,
)
_EQUALS = re.compile(rf"\b{_WORD}\s?=\s?(?P<value>{_WORD})(?![\w=(])")
_VERSUS = re.compile(r"\b(?:vs\.?|versus|against|relative to)\s(?P<value>[A-Z][\w-]+)")
_TONE = re.compile(
    r"\b(?P<value>cheeky|formal|informal|friendly|casual|playful|witty|humorous|professional|neutral|sober|funny"
    r"|polite"
    r"|locker|förmlich|freundlich|sachlich|humorvoll|seriös|formell|per (?:Du|Sie)|amical|formel|sérieux"
    r"|vouvoiement|tutoiement"
    r"|cercano|desenfadado|amable|serio|de (?:tú|usted))\b",
    re.IGNORECASE,
)
_COMPOUND = re.compile(
    r"(?<![\w-])(?P<value>(?:early|late|mid|full|part|long|short|high|low|first|second|third|entry|open"
    r"|non)-[a-z]{3,15})(?![\w-])"
)
_ONLY = re.compile(
    rf"\bonly\s(?:for\s|the\s|about\s|care for\s)*(?P<value>{_WORD}\s{_WORD})(?=[,.!?]|\s(?:matters?|please|pls"
    rf"|and)\b|$)",
    re.IGNORECASE,
)


def topics(text: str) -> Iterator[Literal]:
    """Yield the words of content in a sentence, the surest cues first."""
    for pattern, confidence, key in _CUES:
        for match in pattern.finditer(text):
            yield from _cut(match, "value", confidence, key)
    for match in _NAMED.finditer(text):
        yield Literal(match.start("value"), match.end("value"), match["value"], "text", 0.65)
    for match in _BUT_NOT.finditer(text):
        yield from _cut(match, "value" if match["value"] else "de", 0.6, "")
    for match in _EQUALS.finditer(text):
        yield from _cut(match, "value", 0.58, "")
    for match in _NEVER.finditer(text):
        yield Literal(match.start("value"), match.end("value"), match["value"], "text", 0.5)
    for match in _TONE.finditer(text):
        yield Literal(match.start("value"), match.end("value"), match["value"], "text", 0.52)
    for pattern, confidence in ((_VERSUS, 0.6), (_LEFT_OUT, 0.5), (_COMPOUND, 0.5), (_ONLY, 0.5)):
        for match in pattern.finditer(text):
            yield from _cut(match, "value", confidence, "")


def _cut(match: re.Match[str], group: str, confidence: float, key: str) -> Iterator[Literal]:
    """Yield the phrase up to its first word that says nothing of content."""
    kept: list[str] = []
    start = match.start(group)
    article = _ARTICLE.match(match[group])
    start += article.end() if article else 0
    for word in match[group][start - match.start(group) :].split():
        if plain(word) in _STOP or not word:
            break
        kept.append(word)
    value = " ".join(kept)
    if len(value) > 2:  # noqa: PLR2004 shorter ones are endings
        yield Literal(start, start + len(value), value, "text", confidence, key)
