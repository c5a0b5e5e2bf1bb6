"""What the agent says of time to a message of the person: it repeats, completes or offers; it decides nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from app.analysis import cues
from app.analysis.heard import OR, Heard, joined, unrefused, wonders
from app.analysis.sentences import Sentence, split, words
from app.analysis.timewords import Island, islands
from app.domain.language.spoken import Day, Spoken
from app.domain.language.vocabulary import LEXICONS
from app.domain.thread import Thread

_READ, _MESSAGES = 1500, 12
_QUESTION = re.compile(r"\?\s*$")
_FIGURE = re.compile(r"(?<![\d.,])\d{1,2}(?!\d)")
_NOON = 12
_NEAR = 8
"""Letters between words of time that go together."""

_MOSTLY = 0.5
"""The share of a sentence from which it says little else than when."""

_EVERY_DAY = frozenset(range(7))
_LIKELY = 3.0
"""What the person's words and the agent's must come to together, for a time to be one to run at."""


@dataclass(frozen=True)
class Said:
    """What a sentence of a reply says of time, and how much it sounds like a confirmation (0 to 4)."""

    island: Island
    strength: float
    is_offer: bool
    """Whether it is asked or offered rather than told."""

    sentence: str = ""


def reply(thread: Thread, message: int) -> str:
    """Return what the agent said to a message, up to the next one of the person."""
    texts = []
    for later in thread.messages[message + 1 : message + _MESSAGES]:
        if later.role == "user":
            break
        texts.append(later.text[:_READ])
    return "\n".join(texts)


def stands(thread: Thread, message: int, sentence: str) -> Sentence | None:
    """Return a sentence of the reply to a message where it stands."""
    for number, later in enumerate(thread.messages[message + 1 : message + _MESSAGES], start=message + 1):
        if later.role == "user":
            break
        if (at := later.text.find(sentence)) >= 0:
            return Sentence(number, at, sentence)
    return None


def asks(thread: Thread, message: int) -> bool:
    """Whether the agent asked something before a message."""
    before = thread.messages[message - 1] if message else None
    return bool(before and before.role == "assistant" and _QUESTION.search(before.text[-_READ:]))


def offered(thread: Thread, message: int, language: str) -> tuple[Said, ...]:
    """Return what the reply to a message says of time, in its order."""
    return _said(reply(thread, message), language)


@lru_cache(maxsize=64)
def _said(text: str, language: str) -> tuple[Said, ...]:
    found: list[Said] = []
    sentences = [sentence for _, sentence in split(text)]
    for number, sentence in enumerate(sentences):
        here = list(joined(unrefused(islands(sentence, language), sentence), sentence, _NEAR))
        spoken = words(sentence)
        told = sum(len(words(island.text)) for island in here)
        strength = 2.0 * (told >= _MOSTLY * max(1, len(spoken)))
        strength += 1.0 * bool((cues.ACTION | cues.REQUEST | cues.PROMISE) & set(spoken)) + 1.0 * (number == 0)
        is_question = any(_QUESTION.search(one) for one in sentences[number : number + 2])
        is_offer = is_question or bool(cues.OFFER & set(spoken))
        found += [Said(island, strength, is_offer, sentence) for island in here]
    return tuple(found)


def echo(
    thread: Thread, message: int, told: Sequence[Heard], language: str, known: Spoken | None = None
) -> Said | None:
    """Return what the agent understood of a message that names when to run: what shares most with its words.

    `known` is what was asked for before it, where that is known.

    None where the agent repeats nothing of it, or neither sounds like a wish and its confirmation.
    """
    best, most = None, 0
    text = thread.messages[message].text[:_READ]
    is_changing = bool((cues.CORRECTION | cues.WISH) & set(words(text)))
    last = words(list(split(text))[-1][1]) if text.strip() else []
    is_wondering = known is None and bool(cues.WONDERING.intersection(last[:1])) and "about" not in last[:2]
    is_open = bool(told) or _asked(thread, message, language)
    for one in (_again(one, known) for one in offered(thread, message, language)):
        said = one.island.said
        if not (one.island.recurs or one.island.is_once) or (one.island.is_once and not one.island.has_time):
            continue
        if (one.is_offer and OR.search(one.sentence)) or is_wondering:
            continue  # the person has yet to choose, or only asked about something
        alike = max((_alike(said, other.said) for other in told if other.strength + one.strength >= _LIKELY), default=0)
        alike = alike or (
            not wonders(text)
            and one.strength >= _LIKELY - is_changing
            and _figured(said, text, language, known if is_changing else None)
        )
        alike = alike or (one.strength >= _LIKELY and _changed(said, known, text, language))
        alike = alike or (one.strength >= _LIKELY and not one.is_offer and _pieced(said, told))
        is_settled = one.strength >= _LIKELY and not one.is_offer and one.island.recurs
        alike = alike or (is_settled and is_open and known is not None and bool(_alike(said, known)))
        if alike > most:
            best, most = one, alike
    return best


def _again(one: Said, known: Spoken | None) -> Said:
    """Return a day that is repeated as what it is where one of its kind recurs: Friday at 18:00, of each week."""
    said = one.island.said
    if known is None or not (one.island.is_once and one.island.has_time):
        return one
    if said.days and known.days and known.is_repeated:
        said = replace(said, is_repeated=True)
    elif said.nth and known.nth and said.nth.of == known.nth.of:
        said = replace(said, within=known.within or "month")
    return replace(one, island=replace(one.island, said=said))


def _asked(thread: Thread, message: int, language: str) -> bool:
    """Whether the agent asked about when before a message."""
    return asks(thread, message) and any(
        one.is_offer for one in _said(thread.messages[message - 1].text[-_READ:], language)
    )


def _alike(one: Spoken, other: Spoken) -> int:
    """Return how many things both say: the time of the day, the days, the rhythm, the day."""
    found = 2 * bool(one.times and other.times and _clocks(one) & _clocks(other))
    found += 2 * bool(one.window and one.window == other.window)
    found += 2 * bool(one.days and other.days and one.days == other.days)
    found += 2 * bool(one.nth and other.nth and set(one.nth.numbers) & set(other.nth.numbers))
    found += bool(one.rhythm and one.rhythm == other.rhythm)
    return found + bool(one.day and other.day and _days(one.day) & _days(other.day))


def _pieced(said: Spoken, told: Sequence[Heard]) -> bool:
    """Whether the days and the time of the day are both the person's, one here and the other there."""
    days = {number for number, one in enumerate(told) if said.days and one.said.days == said.days}
    times = {number for number, one in enumerate(told) if said.times and _clocks(one.said) == _clocks(said)}
    return bool(days and times) and not days & times


def _figured(said: Spoken, text: str, language: str, known: Spoken | None) -> bool:
    """Whether the person's message has the figures of the time and of the days of the month, or of a short rhythm.

    Where days of the month are named anew, the time may be the one that was `known` before.
    """
    figures = {int(figure) for figure in _FIGURE.findall(text)} | _numbers(text, language)
    if said.rhythm and said.rhythm[1] in {"minute", "hour"} and not said.times:
        return said.rhythm[0] in figures
    hours = {clock.hour for clock in said.times or ()}
    minutes = {clock.minute for clock in said.times or ()} - {0}
    days = set(said.nth.numbers) if said.nth and said.nth.of == "day" else set()
    is_told = all(hour in figures or hour % _NOON in figures for hour in hours) and minutes <= figures
    is_same = bool(days and known and _clocks(said) == _clocks(known))
    return bool(hours) and (is_told or is_same) and days <= figures


def _changed(said: Spoken, known: Spoken | None, text: str, language: str) -> bool:
    """Whether the days are those known before, but for the ones that the person's message names."""
    meant = [LEXICONS[language].get(word, {}) for word in words(text)]
    named = {found[kind] for found in meant for kind in ("day", "days") if kind in found}  # saturdays are out
    before = known and (known.days or (_EVERY_DAY if known.rhythm == (1, "day") else None))
    return bool(said.days and before and named and said.days != before and said.days ^ before <= named)


def _numbers(text: str, language: str) -> set[int]:
    """Return the numbers that words stand for: eight, first."""
    meant = [LEXICONS[language].get(word, {}) for word in words(text)]
    return {int(found[kind]) for found in meant for kind in ("number", "ordinal") if kind in found}


def _clocks(said: Spoken) -> set[tuple[int, int]]:
    return {(clock.hour % _NOON, clock.minute) for clock in said.times or ()}


def _days(day: Day) -> set[object]:
    named: set[object] = {(month, number) for _, month, number in day.dates}
    return named | ({day.later, day.weekday} - {None})
