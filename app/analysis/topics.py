"""Words of content that a later run may change: what it is about, and which key, label or user it has."""

import re
from collections.abc import Iterator

from app.analysis.forms import Literal
from app.analysis.sentences import plain, word_set

_JOINS = word_set("de du des au aux del")
"""Words that join the parts of a French or Spanish subject."""

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
_NO_LETTER = re.compile(r"[^\W_]*[\d_.-]")
_ENDING = 2
"""Letters of what is no word yet."""

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
        (r"(?:guidelines|papers|literature|research|studies|advice|trends?|data|infos?) (?:on|about)", 0.5, "topic"),
        (r"en mati[èe]re de|en materia de|de nouveau sur|nouveautés sur|novedades (?:sobre|en)", 0.5, "topic"),
        (r"neues (?:zu|über|zum|zur)|thema (?:diesmal|nächstes mal)|market (?:overview )?(?:of|for)", 0.5, "topic"),
        (
            r"next one|this time|topic is|topic:|thema:|thema ist|diesmal|le thème est|thème :|el tema es|tema:",
            0.58,
            "topic",
        ),
    )
)
_NAMED = re.compile(
    r"\b(?:label(?:led|ed)?|tag(?:ged)?|branch|user|username|column|table|view|schema|folder|queue|bucket|dataset"
    r"|playlist|topic|channel|kanal|canal|profile|profil|perfil|spalte"
    r"|tabelle|ordner|benutzer|zweig|colonne|dossier|utilisateur|branche|columna|tabla|carpeta|usuario|rama|etiqueta)"
    r"\s(?:is\s|called\s|named\s)?(?P<value>[^\W\d_]\w*(?:[-_.]\w+)+)",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"\b(?:user(?:name)?|login|account|identifiant|utilisateur|benutzer(?:name)?|konto|usuario)(?:\sis|\sist|\sest"
    r"|\ses)?"
    r"\s?[:=]?\s(?P<value>[a-z][\w.-]{2,30})(?=[\s,;/]{1,3}(?:(?:and|und|et|y|the|das|le|la)\s){0,2}"
    r"(?:pass|pw\b|mot de passe|mdp|contraseña|clave|kennwort))",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(
    r"\b(?:in|into|from|to|auf|ins|aus dem|vom|en|du|vers l[e']|de l'|al|del)\s?(?P<value>english|german|french|spanish"
    r"|italian|portuguese|dutch|polish|turkish|arabic|russian|ukrainian|chinese|japanese|korean|swedish|danish|norwegian"
    r"|finnish|greek|czech|romanian|hungarian|hebrew|hindi|catalan|welsh|latin|englische?n?|deutsche?n?|französische?n?"
    r"|spanische?n?|italienische?n?|portugiesische?n?|niederländische?n?|polnische?n?|türkische?n?|arabische?n?"
    r"|russische?n?|ukrainische?n?|plattdeutsch|anglais|allemand|français|espagnol|italien|portugais|néerlandais"
    r"|polonais|turc|arabe|russe|chinois|japonais|inglés|alemán|francés|español|italiano|portugués|catalán|euskera"
    r"|árabe|ruso|chino|japonés)\b",
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
    for match in (*_NAMED.finditer(text), *_LOGIN.finditer(text)):
        yield Literal(match.start("value"), match.end("value"), match["value"], "text", 0.65)
    for match in _BUT_NOT.finditer(text):
        yield from _cut(match, "value" if match["value"] else "de", 0.6, "")
    for match in _EQUALS.finditer(text):
        yield from _cut(match, "value", 0.5 if _NO_LETTER.search(match["value"]) else 0.35, "")
    for pattern, confidence in ((_NEVER, 0.5), (_LANGUAGE, 0.45), (_TONE, 0.35)):
        for match in pattern.finditer(text):
            yield Literal(match.start("value"), match.end("value"), match["value"], "text", confidence)
    for pattern, confidence in ((_VERSUS, 0.6), (_LEFT_OUT, 0.3), (_COMPOUND, 0.35), (_ONLY, 0.5)):
        for match in pattern.finditer(text):
            yield from _cut(match, "value", confidence, "")


def _cut(match: re.Match[str], group: str, confidence: float, key: str) -> Iterator[Literal]:
    """Yield the phrase up to its first word that says nothing of content."""
    kept: list[str] = []
    start = match.start(group)
    article = _ARTICLE.match(match[group])
    start += article.end() if article else 0
    found = match[group][start - match.start(group) :].split()
    for number, word in enumerate(found):
        is_join = kept and plain(word) in _JOINS and number + 1 < len(found) and plain(found[number + 1]) not in _STOP
        if plain(word) in _STOP and not is_join:
            break
        kept.append(word)
    value = " ".join(kept)
    if len(value) > _ENDING:
        yield Literal(start, start + len(value), value, "text", confidence, key)
