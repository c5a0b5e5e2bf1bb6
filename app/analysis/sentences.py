"""The sentences of a thread, with their places, and the language they are in."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from app.analysis.base import Evidence
from app.analysis.masking import masked
from app.analysis.secrets import in_text
from app.domain.thread import Message, Thread

LONGEST_MESSAGE = 20_000
"""Characters of a message that are read; what follows is pasted material."""

LONGEST = 1_000
"""Characters of a sentence that are read."""

MOST = 600
"""Sentences of a thread that are read: of more, the first third and the last two."""

_EXCERPT = 200
_FENCED = re.compile(r"```[^`]{0,20000}(?:```|$)")
_UPLOADED = re.compile(r"\[(?:uploaded|attached)[^\]\n]{0,300}\]|\(attached:[^)\n]{0,300}\)", re.IGNORECASE)
_END = re.compile(r"[.!?…;]+(?=[\s\"'»”)]|$)|\n+|[\U0001F300-\U0001FAFF]")
_ABBREVIATED = re.compile(
    r"(?:^|[\s(.])(?:[a-z]|mr|mrs|ms|dr|prof|st|no|nr|vs|approx|ca|usw|etc|ext|tel|fig|art|vol|bzw|ggf|inkl|incl|max|min|sr|sra|mme"
    r"|jan|feb"
    r"|mar|apr|jun|jul|aug|sep|sept|oct|okt|nov|dec|dez|\d{1,2}|[ap]\.m)$",
    re.IGNORECASE,
)
_AT_A_TIME = re.compile(r"\b(?:at|by|until|till|around|past|um|gegen|las|vers|à) \d{1,2}$", re.IGNORECASE)
"""A number before a full stop that is a time of the day: no ordinal."""

_COMMON = {
    "en": "the and you is are it this that for with please of to we my can be not from what have i if at our"
    " only so every each its was they make send run",
    "de": "der die das und ist nicht ich wir mit fur bitte den dem ein eine zu auf im von es sie auch jeden bis"
    " mir das jede jedes alle um uhr soll immer lieber am man wird ab doch heute morgen mach"
    " nur uber bei aus nach vom zum zur wenn oder hat sind noch",
    "fr": "le la les et est pas je nous avec pour des du un une dans sur vous que merci aux ce tous toutes"
    " chaque au moi ca il elle faut plutot a peux tu ou qui matin demain jours heures",
    "es": "el la los las y es no yo con para del un una en que por favor se lo al me todos todas cada mi a de"
    " mejor dia quiero esto manana horas hora",
}
COMMON_WORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
"""The commonest words of each language, plain."""

_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Sentence:
    """A sentence where it stands: the number of its message in `Thread.messages` and its place in that text."""

    message: int
    start: int
    text: str

    @property
    def evidence(self) -> Evidence:
        """The sentence as evidence, its secrets masked."""
        known = [value for value, _, _ in in_text(self.text, True)]
        return Evidence(self.message, masked(self.text, known)[:_EXCERPT])


@lru_cache(maxsize=8192)
def plain(word: str) -> str:
    """Return a word in lower case without its accents."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(letter)
    )


def word_set(text: str) -> frozenset[str]:
    """Return the words of a list, plain."""
    return frozenset(plain(word) for word in text.split())


def words(text: str) -> list[str]:
    """Return the words of a text, plain."""
    return [plain(word) for word in _WORD.findall(text)]


def readable(message: Message) -> str:
    """Return the text with code and marks of uploads blanked out, every place kept."""
    text = message.text[:LONGEST_MESSAGE]
    for pattern in (_FENCED, _UPLOADED):
        text = pattern.sub(lambda match: " " * len(match[0]), text)
    return text


def split(text: str) -> Iterator[tuple[int, str]]:
    """Yield each sentence of a text with its place."""
    start = 0
    for match in _END.finditer(text):
        is_dot = match[0] == "."
        if (
            is_dot
            and _ABBREVIATED.search(text[max(0, match.start() - 8) : match.start()])
            and not _AT_A_TIME.search(text[max(0, match.start() - 12) : match.start()])
            and text[match.end() :].strip()
        ):
            continue
        yield from _trimmed(text, start, match.end())
        start = match.end()
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    piece = text[start:end]
    kept = piece.strip(" \t\r\n")
    if any(letter.isalnum() for letter in kept):
        yield start + piece.index(kept), kept


def sentences(thread: Thread, role: str = "user") -> list[Sentence]:
    """Return what one side said, sentence by sentence."""
    found: list[Sentence] = []
    for number, message in enumerate(thread.messages):
        if message.role == role and message.text.strip():
            found += [Sentence(number, start, text[:LONGEST]) for start, text in split(readable(message))]
    return found if len(found) <= MOST else [*found[: MOST // 3], *found[-MOST * 2 // 3 :]]


def language(text: str, otherwise: str = "en") -> str:
    """Return which of en, de, fr, es a text is in, by its commonest words; `otherwise` where they don't tell."""
    found = words(text[:4000])
    counts = {name: sum(word in common for word in found) for name, common in COMMON_WORDS.items()}
    best = max(counts, key=lambda name: (counts[name], name == otherwise))
    return best if counts[best] > counts.get(otherwise, 0) else otherwise


def language_of(thread: Thread) -> str:
    """Return the language that the person writes in."""
    return language(" ".join(message.text[:1000] for message in thread.asked[:12]))
