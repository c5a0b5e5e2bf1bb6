"""How much the rest of a conversation bears a value out: whether the agent took it up, and where it was said."""

import re
from dataclasses import dataclass, field

from app.analysis.forms import Literal
from app.analysis.sentences import Sentence, plain
from app.domain.thread import Thread

_READ, _MESSAGE, _CALL = 40_000, 3_000, 1_500
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_HOUR = re.compile(r"\d{1,2} ?h$")
_SINCE = re.compile(r"(?:since|seit|depuis|desde) ")
_ANSWER = 60
"""Characters from which the agent's words show what was taken up."""

_UNSURE, _FAINT = 0.6, 0.5
_LESS = 0.3
"""What is left of the confidence of a value that nothing bears out."""


@dataclass
class Support:
    """The agent's words and calls of one thread, with where each message begins in them."""

    thread: Thread
    told: str = ""
    called: str = ""
    starts: dict[int, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    """Where a number stands last in what the agent said."""

    def __post_init__(self) -> None:
        """Read the agent's side once."""
        told: list[str] = []
        size = 0
        for number, message in enumerate(self.thread.messages):
            self.starts[number] = size
            if message.role == "assistant" and size < _READ:
                told.append(plain(message.text[:_MESSAGE]))
                size += len(told[-1]) + 1
        self.told = "\n".join(told)
        calls = (str(dict(call.arguments))[:_CALL] for _, call in zip(range(40), self.thread.calls, strict=False))
        self.called = plain("\n".join(calls))
        asked = [number for number, message in enumerate(self.thread.messages) if message.role == "user"]
        self.first, self.last = (asked[0], asked[-1]) if asked else (0, 0)

    def confidence(self, one: Literal, sentence: Sentence, confidence: float) -> float:
        """Return how likely a later run would change a value, seen from the whole conversation."""
        return _LESS if confidence > _LESS and self._is_doubtful(one, sentence, confidence) else confidence

    def _is_doubtful(self, one: Literal, sentence: Sentence, confidence: float) -> bool:
        value = plain(one.value)
        if len(self.told) < _ANSWER:
            return False  # nobody had the occasion to come back to it
        is_first, is_last = sentence.message == self.first, sentence.message == self.last
        if one.kind == "date" and _SINCE.match(value):
            return True
        if one.kind == "date":
            return (is_first or is_last) and not self._is_told(value, sentence.message)
        if one.kind == "number":
            return self._is_idle(value, sentence, confidence)
        is_faint = confidence <= _FAINT if one.kind == "person" else confidence < _FAINT or _NUMBER.search(value)
        return one.kind in {"person", "entity"} and bool(is_faint) and not self._is_told(value, sentence.message)

    def _is_idle(self, value: str, sentence: Sentence, confidence: float) -> bool:
        """Whether a number only tells how things are: 38 volunteers, in 2 hours."""
        is_idle = confidence <= _UNSURE and sentence.message == self.first
        if not is_idle and not _HOUR.match(value):
            return False
        number = _NUMBER.search(value)
        is_told = self._is_told(value, sentence.message) or bool(number and self._counts(number[0], sentence.message))
        return not is_told and not (number and self._is_called(number[0]))

    def _is_told(self, value: str, message: int) -> bool:
        """Whether the agent says it after a message."""
        return self.told.rfind(value) >= self.starts[message]

    def _counts(self, number: str, message: int) -> bool:
        if number not in self.places:
            found = [hit.start() for hit in _alone(number).finditer(self.told)]
            self.places[number] = found[-1] if found else -1
        return self.places[number] >= self.starts[message]

    def _is_called(self, number: str) -> bool:
        return number in self.called and bool(_alone(number).search(self.called))


def _alone(number: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\d){re.escape(number)}(?!\d)")
