"""The files somebody attached: as the export lists them, or as the person's words name them."""

import re

from app.analysis import secrets
from app.analysis.base import Analysis, Finding
from app.analysis.masking import evidence
from app.domain.thread import Thread

FILE_NAME = r"[\w(][\w()@+&'’,~-]{0,80}(?:\.[\w()@+-]{1,40}){0,4}\.[A-Za-z][A-Za-z0-9]{1,7}"
_NAME = re.compile(rf"(?<![\w@/.*-])(?:[\w.~-]{{0,40}}/){{0,12}}(?P<name>{FILE_NAME})(?![\w@/])")
_UPLOADED = re.compile(
    r"/(?:workspace|mnt/data|mnt/user-data)/(?:uploads/)?(?P<name>[^\s\])'\"`/]{1,120}\.\w{1,8})(?![\w/])"
)
_MARKER = re.compile(
    r"[\[(](?:uploaded files?|attached(?: files?)?|attachments?|files?|angehängt|anhang|anhänge|datei(?:en)?"
    r"|adjuntos?|archivos? adjuntos?|pièces? jointes?|fichiers?)\s?:\s?([^\])\n]{1,400})[\])]"
    r"|^\W{0,4}([^\s()\[\]]{1,120}\.\w{1,8})\s{1,3}[\[(](?:attached|angehängt|adjunto|joint)[\])]",
    re.IGNORECASE | re.MULTILINE,
)
_CHIP = re.compile(
    rf"^[ \t]{{0,4}}(?P<name>{FILE_NAME})[ \t]{{0,4}}\n{{1,2}}[ \t]{{0,4}}(?:spreadsheet|document|presentation|pdf"
    rf"|image|file|text|archive"
    r"|tabellenkalkulation|tabelle|dokument|präsentation|bild|datei|feuille de calcul|présentation|fichier|hoja de"
    r" cálculo"
    r"|documento|presentación|imagen|archivo)[ \t]{0,4}$",
    re.IGNORECASE | re.MULTILINE,
)
"""A file as chat programs show it above a message: its name, and below what it is."""

_SAID = re.compile(
    r"\b(?:attach(?:ed|ing|ment|ments)?|enclosed|uploaded|uploading|see file|hängt an|häng\w? (?:ich )?an"
    r"|angehängt\w?|im anhang|anbei|beigefügt\w?|hochgeladen"
    r"|adjunt\w{1,4}|subid[oa]s?|en anexo|ci-joint\w{0,2}|en pièces? jointes?|(?:je|j') ?joins|téléversé\w{0,2})\b",
    re.IGNORECASE,
)
# these have no place of their own for files
_NO_LIST = {"markdown", "suna", "claude_code", "codex"}


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return each attached file in the order they came."""
    known = secrets.known(thread, sofar)
    listed = [
        Finding("attachment", attachment.name, 1.0, (evidence(number, message.text or attachment.name, 0, known),))
        for number, message in enumerate(thread.messages)
        if message.role == "user"
        for attachment in message.attachments
        if attachment.name
    ]
    return listed or _named(thread, known)


def _named(thread: Thread, known: tuple[str, ...]) -> list[Finding]:
    found: dict[str, Finding] = {}
    for number, message in enumerate(thread.messages):
        if message.role == "user":
            for name, at, confidence in marked(message.text, thread.format in _NO_LIST):
                found.setdefault(
                    name, Finding("attachment", name, confidence, (evidence(number, message.text, at, known),))
                )
    return list(found.values())


def marked(text: str, may_be_said: bool) -> list[tuple[str, int, float]]:
    """Return the files that a text marks as attached, with their place and how sure that is."""
    found = []
    for hit in _MARKER.finditer(text):
        names = hit[1] or hit[2]
        found += [
            (name.strip().rsplit("/", 1)[-1], hit.start(), 0.95)
            for name in names.split(",")
            if re.search(r"\.\w{1,8}\s*$", name)
        ]
    found += [(hit["name"], hit.start(), 0.9) for shape in (_UPLOADED, _CHIP) for hit in shape.finditer(text)]
    if may_be_said and not found:
        for line in re.finditer(r"[^\n.!?](?:[^\n!?.]|[.](?=\S)){0,400}", text):
            if _SAID.search(line[0]):
                found += [(hit["name"], line.start() + hit.start(), 0.7) for hit in _NAME.finditer(line[0])]
    return found
