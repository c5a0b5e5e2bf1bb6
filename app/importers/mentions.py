"""Files that a pasted text says are attached, in several languages."""

import re

from app.domain.thread import Attachment
from app.importers.values import file_name

LONGEST = 20_000  # of a message, where files are looked for
FILE = r"[\w][\w.()+-]{0,120}\.[A-Za-z][A-Za-z0-9]{0,4}\b"
NAMES = rf"[`\"']?(?P<names>{FILE}(?:\s*(?:,|;|&|\+|and|und|et|y)\s*{FILE}){{0,20}})[`\"']?"
SURE = (
    "attached|attaching|uploaded|enclosed|angehängt|angehaengt|im anhang|anbei|beigefügt|beigefuegt|hochgeladen|"
    "ci-jointe?s?|en pièce jointe|adjunt[oaé]s?|anexad[oa]s?|em anexo"
)
WORD = (
    f"{SURE}|attachments?|uploads?|files?|images?|documents?|anhang|anhänge|anlagen?|datei(?:en)?|bild(?:er)?|"
    "pièces? jointes?|fichiers?|archivos?|anexos?"
)
BEFORE = "is|are|the|a|my|file|files|here|die|der|das|ist|sind|hier|le|la|les|el|los|un|una|est|sont|está|están"
BEHIND = "is|are|ist|sind|est|sont|está|están|liegt|hängt|als|in|hab|habe|ich|i|have|i've|a été|j'ai|he|te"
FLAGS = re.IGNORECASE | re.MULTILINE
PATTERNS = tuple(
    re.compile(pattern, FLAGS)
    for pattern in (
        rf"[\[(]\s*(?:{WORD})(?:\s(?:{WORD}))?\s*[:：-]?\s*{NAMES}[^\[\]()\n]{{0,40}}[\])]",
        rf"{NAMES}\s*[\[(]\s*(?:{SURE})[^\[\]()\n]{{0,40}}[\])]",
        rf"^[\s>*_-]{{0,6}}(?:{WORD})(?:\s(?:{WORD}))?[*_]{{0,3}}\s*[:：]\s*[*_]{{0,3}}{NAMES}",
        rf"[\U0001F4CE\U0001F5BC\U0001F4C4\U0001F4C1\U0001F4CA\U0001F587]\ufe0f?\s*[*]{{0,3}}{NAMES}",
        rf"\b(?<!will )(?<!'ll )(?:{SURE})\s+(?:(?:{BEFORE})\s+){{0,3}}{NAMES}",
        rf"{NAMES}\s+(?:(?:{BEHIND})\s+){{0,2}}(?:{SURE})\b(?!\s+(?:to|by)\b)",
        rf"!\[[^\]\n]{{0,200}}\]\((?:[^()\s]{{0,200}}/)?{NAMES}\)",
    )
)
SPACED = re.compile(rf"[\[(]\s*(?:{WORD})(?:\s(?:{WORD}))?\s*[:：]\s*(?P<names>[^\[\]()\n]{{1,300}})[\])]", FLAGS)
ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")


def files_in(text: str) -> list[Attachment]:
    """Return the files that a text says are attached, each once, in their order."""
    text = text[:LONGEST]
    found: list[tuple[int, str]] = []
    for match in SPACED.finditer(text):  # between brackets a name may hold spaces
        names = [name.strip(" `\"'") for name in re.split(r"[,;]| and | und | et | y ", match["names"])]
        found += [
            (match.start("names") + place, file_name(name)) for place, name in enumerate(names) if ENDING.search(name)
        ]
    seen = {name for _, whole in found for name in (whole, whole.rsplit(" ", 1)[-1])}
    for pattern in PATTERNS:
        for match in pattern.finditer(text):
            parts = re.finditer(FILE, match["names"])
            named = [(match.start("names") + part.start(), file_name(part[0])) for part in parts]
            found += [(place, name) for place, name in named if name not in seen]
    return [Attachment(name) for name in dict.fromkeys(name for _, name in sorted(found))]
