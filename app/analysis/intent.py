"""What a thread is for: exactly one intent, from the words of the person, the tools and what was produced."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from app.analysis.base import Analysis, Finding
from app.analysis.purposes import STEMS, TOOLS, meanings
from app.analysis.sentences import Sentence, plain, sentences
from app.domain.thread import Thread

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_NO_WORDS = re.compile(r"\S{0,80}(?:://|@|/\w{1,80}/)\S*|\b[\w.-]+\.\w{2,5}\b")
_FENCE = re.compile(
    r"^```(?:bash|sh|python|py|js|javascript|typescript|ts|sql|go|rust|java|c|cpp|php|ruby|powershell)\b", re.MULTILINE
)
_TECHNICAL = re.compile(
    r"\b\w[\w-]*\.(?:py|js|ts|tsx|jsx|go|rs|java|rb|php|cpp|sql|sh|tf|vue)\b|(?<!\w)--[a-z][a-z-]+"
    r"|\b[A-Z]\w+(?:Error|Exception)\b|\w\(\)"
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,80}")
_TABLE = re.compile(r"\.(?:csv|tsv|xlsx?|ods|parquet)\b", re.IGNORECASE)
_CODE = re.compile(r"\.(?:py|sh|js|ts|sql|go|rs|java|rb|php|c|cpp)$", re.IGNORECASE)
_FIRST, _LAST, _OTHER = 2.0, 1.3, 0.8
_REPEATED, _REPLY, _MOST_REPLIES = 0.25, 600, 3
_MOST_OF_A_WORD = 2.5
"""A word said over and over counts no more than this."""

_DECIDING = 3
_GAP = 12.0
_ORDER = tuple(STEMS)


@dataclass(frozen=True)
class _Vote:
    intent: str
    weight: float
    word: str
    sentence: Sentence | None = None


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return one `intent` finding; its evidence is where the words stand that decided it."""
    votes = [*_said(thread), *_called(thread), *_brought(thread)]
    scores: Counter[str] = Counter(dict.fromkeys(_ORDER, 0.0))
    by_word: dict[tuple[str, str], float] = {}
    for vote in votes:
        key = (vote.intent, vote.word)
        weight = max(0.0, min(vote.weight, _MOST_OF_A_WORD * 3 - by_word.get(key, 0.0)))
        by_word[key] = by_word.get(key, 0.0) + vote.weight
        scores[vote.intent] += weight  # type: ignore[assignment]  # a weight is a fraction
    (best, most), (_, second) = scores.most_common(2)
    if not most:
        return [Finding("intent", "automation", 0.2)]
    confidence = round(min(0.95, 0.45 + 0.5 * min(1.0, (most - second) / _GAP)), 2)
    deciding = sorted((vote for vote in votes if vote.intent == best and vote.sentence), key=lambda vote: -vote.weight)
    evidence = {vote.sentence.evidence: None for vote in deciding[:_DECIDING] if vote.sentence}
    return [Finding("intent", best, confidence, tuple(evidence))]


def _said(thread: Thread) -> Iterator[_Vote]:
    """Yield what the person's words speak for: those of the first and the last request count most."""
    spoken = sentences(thread)
    numbers = sorted({sentence.message for sentence in spoken})
    for sentence in spoken:
        is_first = sentence.message == numbers[0]
        factor = _FIRST if is_first else _LAST if sentence.message == numbers[-1] else _OTHER
        for match in _WORD.finditer(_NO_WORDS.sub(" ", sentence.text[:1000])):
            word = plain(match[0])
            for intent, weight in meanings(word).items():
                yield _Vote(intent, weight * factor, word, sentence)
        if _TECHNICAL.search(sentence.text):
            yield _Vote("software_development", 3.0 * factor, "code", sentence)
        if _TABLE.search(sentence.text):
            yield _Vote("data_analysis", 2.0, "table", sentence)
        if _EMAIL.search(sentence.text):
            yield _Vote("communication", 1.5, "@", sentence)
    yield from _repeated(thread)
    for word in _WORD.findall(thread.title or ""):
        for intent, weight in meanings(plain(word)).items():
            yield _Vote(intent, weight * 1.5, plain(word))


def _repeated(thread: Thread) -> Iterator[_Vote]:
    """Yield what the first replies speak for: how the agent has understood it, which counts little."""
    replies = [message.text for message in thread.visible if message.role == "assistant"][:_MOST_REPLIES]
    for text in replies:
        for word in _WORD.findall(_NO_WORDS.sub(" ", text[:_REPLY])):
            for intent, weight in meanings(plain(word)).items():
                yield _Vote(intent, weight * _REPEATED, plain(word))


def _called(thread: Thread) -> Iterator[_Vote]:
    """Yield what the tools speak for, each name once."""
    for name in {call.name.lower() for call in thread.calls}:
        for intent, weights in TOOLS.items():
            best = max(
                (weight for weight, parts in weights.items() for part in parts.split() if part in name), default=0
            )
            if best:
                yield _Vote(intent, best * 1.5, name)


def _brought(thread: Thread) -> Iterator[_Vote]:
    """Yield what the files speak for that were given."""
    for message in thread.messages:
        for attachment in message.attachments:
            if _TABLE.search(attachment.name):
                yield _Vote("data_analysis", 2.0, "table")
            if _CODE.search(attachment.name):
                yield _Vote("software_development", 4.0, "code")
        if message.role == "assistant" and _FENCE.search(message.text):
            yield _Vote("software_development", 2.0, "code")
