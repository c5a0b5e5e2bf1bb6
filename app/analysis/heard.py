"""What the person's sentences say of time, and how much each sounds like a wish for when it should run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from app.analysis import cues
from app.analysis.sentences import Sentence, words
from app.analysis.timewords import Island, islands
from app.domain.language.spoken import Spoken

_NAMES = [field.name for field in fields(Spoken)]
_COVERED = 0.4
_CORRECTED = 0.25
_SHORT = 5


@dataclass(frozen=True)
class Heard:
    """One sentence's words of time: what they say, and how strongly they ask for it (about -5 to 8)."""

    sentence: Sentence
    island: Island
    strength: float
    has_action: bool
    is_correction: bool
    share: float
    """The share of the sentence that is words of time."""

    @property
    def said(self) -> Spoken:
        """What is said."""
        return self.island.said


def heard(sentence: Sentence, language: str) -> Iterator[Heard]:
    """Yield what a sentence says of time, islands that go together as one."""
    for island in _joined(_unrefused(islands(sentence.text, language), sentence.text)):
        yield _weighed(sentence, island)


def join(one: Spoken, other: Spoken) -> Spoken | None:
    """Return both together; None when they say different things of the same."""
    said = one
    for name in _NAMES:
        new, old = getattr(other, name), getattr(one, name)
        if new is None:
            continue
        if name == "rhythm" and old == (1, "week") and other.days:
            continue
        if old is not None and old != new and name != "is_repeated":
            return None
        said = replace(said, **{name: new})
    if one.rhythm == (1, "week") and other.days and not one.days:
        said = replace(said, rhythm=other.rhythm, is_repeated=True)
    return said


def _joined(found: Sequence[Island]) -> Iterator[Island]:
    current: Island | None = None
    for island in found:
        said = join(current.said, island.said) if current else None
        if current and said:
            current = Island(current.start, island.end, said, f"{current.text} … {island.text}")
            continue
        if current:
            yield current
        current = island
    if current:
        yield current


def _unrefused(found: Sequence[Island], text: str) -> list[Island]:
    """Leave out what the words before it refuse or make a limit: not Mondays, at most twice a day."""
    kept = []
    for island in found:
        before = words(text[max(0, island.start - 40) : island.start])
        is_refused = bool(cues.NOT.intersection(before[-1:])) or before[-2:-1] == ["not"]
        is_limit = bool(cues.LIMIT.intersection(before[-2:])) and not island.has_time
        if not is_refused and not is_limit:
            kept.append(island)
    return kept


def _clause(text: str, island: Island) -> list[str]:
    """Return the words between the commas around an island."""
    end = text.find(",", island.end)
    return [*_before(text, island), *words(text[island.end : end if end >= 0 else len(text)])]


def _before(text: str, island: Island) -> list[str]:
    start = max(text.rfind(mark, 0, island.start) for mark in ",;:(")
    return words(text[start + 1 : island.start])


def _asks(spoken: Sequence[str]) -> bool:
    """Whether words ask for something: what I do myself is no request, what I want is."""
    return any(
        word in cues.REQUEST and (word in cues.WISH or number == 0 or spoken[number - 1] not in cues.PERSON)
        for number, word in enumerate(spoken)
    )


def _weighed(sentence: Sentence, island: Island) -> Heard:
    spoken = words(sentence.text)
    own = set(spoken) - set(words(island.text))
    said = island.said
    share = min(1.0, len(words(island.text)) / max(1, len(spoken)))
    strength = 2.0 * bool(said.times or said.window)
    clause = _clause(sentence.text, island)
    is_statement = bool(spoken and spoken[0] in cues.OWNED and len(words(sentence.text[: island.start])) > 1)
    is_asked = _asks(clause if is_statement else [word for word in spoken if word in own])
    strength += 2.0 * is_asked + 1.0 * (share >= _COVERED) + 0.5 * bool(cues.THIS & own)
    strength -= 2.0 * bool(cues.PAST & own and not is_asked)
    strength -= 3.0 * bool(cues.WISHED & own and cues.BUT & own)
    strength -= 1.0 * bool(said.per and said.per > 1 and not said.times)
    strength -= 1.0 * bool(said.rhythm and said.rhythm[1] == "year")
    strength -= 4.0 * (is_statement and not is_asked)
    strength -= 4.0 * bool(cues.LONG_PAST & own) + 4.0 * bool(cues.RELATIVE & set(_before(sentence.text, island)))
    is_habit = not is_asked and bool(cues.SELF & set(_before(sentence.text, island)))
    strength -= is_habit * (1.0 if cues.THIS & set(_before(sentence.text, island)) else 3.0)
    is_correction = bool(cues.CORRECTION & own) or bool(cues.NOT & own)
    strength += 1.0 * (is_correction and share >= _CORRECTED)
    strength += 1.0 * (len(spoken) <= _SHORT and bool(cues.YES & own or share == 1.0))
    strength += 1.5 * bool(cues.ENOUGH & own and share >= _CORRECTED)
    is_question = sentence.text.rstrip().endswith("?") and bool(spoken) and spoken[0] in cues.WONDERING
    strength -= 3.0 * (is_question and not is_asked)
    is_aside = sentence.text[: island.start].rstrip().endswith("(") and not island.has_time
    strength -= 2.0 * is_aside
    return Heard(sentence, island, strength, bool(cues.ACTION & own), is_correction, share)
