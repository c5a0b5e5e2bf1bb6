"""Rules of agents: which model is asked, what a turn may cost, and when an answer is none."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Provider = Literal["openai", "anthropic", "google", "compatible"]

NO_MODEL = "No model is set up for agents. Add one in Settings, Models, then run again."

LETTERS_PER_TOKEN = 4
"""A rule of thumb of the providers; good enough to ask beforehand whether money is left."""

_LEAST_TOKENS = 64
"""An answer of fewer tokens is not worth its question."""


@dataclass(frozen=True)
class ModelChoice:
    """A language model to ask: where it is, what it is called there, and its key ("" for none).

    An empty `base_url` means the provider's own. The prices are the team's own, in millionths of a US dollar per
    million tokens; None: look in the price table. In some hours they are multiplied (`price_hours`). Rates are those of
    all workers together; None: as many as there are.
    """

    name: str
    provider: Provider
    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    price_in_micros: int | None = None
    price_out_micros: int | None = None
    price_hours: Sequence[Mapping[str, Any]] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True)
class Price:
    """What tokens cost, in millionths of a US dollar per million tokens."""

    in_micros: float
    out_micros: float

    def of(self, tokens_in: int, tokens_out: int) -> int:
        """Return what so many tokens cost in millionths of a US dollar, rounded up."""
        return math.ceil((tokens_in * self.in_micros + tokens_out * self.out_micros) / 1_000_000 - 1e-9)


def tokens_of(letters: int) -> int:
    """Guess how many tokens a text of so many letters has."""
    return math.ceil(letters / LETTERS_PER_TOKEN)


def affordable_tokens(price: Price | None, tokens_in: int, left_micros: int, most: int) -> int:
    """Return how long the next answer may be, in tokens up to `most`, so that a turn costs no more than is left.

    `tokens_in` is how much will be sent. 0: not even a short answer can be paid. Without a price there is nothing to
    count.
    """
    if price is None:
        return most
    left = left_micros - price.of(tokens_in, 0)
    if price.out_micros > 0:
        most = min(most, int(left * 1_000_000 / price.out_micros))
    return most if left >= 0 and most >= _LEAST_TOKENS else 0


def storable(text: str) -> str:
    """Return the text without NUL and halves of letters, which no database and no protocol takes; halves are joined."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# --- an answer that only says what will be done

_I = r"(?:i|we)(?:\s+(?:will|shall|am\s+going\s+to|are\s+going\s+to|plan\s+to|intend\s+to)|[’']ll|[’']m\s+going\s+to)"
_YES = r"sure|okay|ok|certainly|of\s+course|great|alright|got\s+it|yes|understood|thanks|thank\s+you"
_PROMISE = re.compile(
    rf"^\W*(?:(?:{_YES})\b[^\w\n]*)?"
    rf"(?:(?:first|then|next|now|after\s+that|finally|to\s+(?:do|start|begin)[\w\s]*|here[’']s\s+(?:my|the)\s+plan)\b[^\w\n]*)?"
    rf"(?:{_I}\b|let\s+me\b|my\s+plan\b|the\s+plan\s+is\b|here[’']s\s+(?:my|the)\s+plan\b|here\s+is\s+(?:my|the)\s+plan\b)",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    rf"^\W*(?:(?:{_YES})\W*$|let\s+me\s+know\b|(?:i|we)(?:[’']ll|\s+will)\s+(?:be\s+(?:happy|glad)|let\s+you\s+know|keep\s+you)\b"
    r"|(?:please\s+)?(?:wait|hold\s+on|stand\s+by|one\s+moment|give\s+me\s+a\s+(?:moment|minute))\b"
    r"|(?:shall|should)\s+i\b|would\s+you\s+like\b|do\s+you\s+want\b|ready\s+to\b)",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_WORK_WORDS = r"analy[sz]e|build|calculate|check|collect|compare|compile|count|create|download|draft|examine|fetch|find"
_WORK_WORDS += r"|gather|generate|get|identify|inspect|list|look|make|open|prepare|read|retrieve|review|run|save|scan"
_WORK_WORDS += r"|search|send|start|summari[sz]e|use|verify|visit|write"
_STEP = re.compile(rf"^\W*(?:step\s+\d+\W+)?(?:{_WORK_WORDS})\b", re.IGNORECASE)
_LONGEST_PLAN = 1500
"""Whoever writes more than this has answered something."""


def is_only_a_plan(text: str) -> bool:
    """Whether an answer does nothing but announce: every sentence of it is a promise, a step to come or a courtesy.

    Only for an agent that could have used tools and used none. In doubt it is an answer: one sentence that states
    something is enough.
    """
    sentences = _sentences(text)
    if not sentences or len(text) > _LONGEST_PLAN:
        return False
    has_promise = False
    for sentence, is_item in sentences:
        if _COURTESY.match(sentence):
            continue
        if _PROMISE.match(sentence):
            has_promise = True
        elif not (is_item and has_promise and _STEP.match(sentence)):
            return False
    return has_promise


def _sentences(text: str) -> list[tuple[str, bool]]:
    """Return the sentences, each with whether it is an item of a list."""
    found = []
    for line in text.splitlines():
        is_item = bool(_ITEM.match(line))
        plain = _ITEM.sub("", line).strip().strip("*_#` ")
        parts = re.split(r"(?<=[.!?…])\s+|(?<=:)\s+(?=\d)", plain)
        found += [(part, is_item) for part in parts if re.search(r"\w", part)]
    return found


def kind_of_call(name: str, arguments: Mapping[str, Any]) -> str:
    """Say what a call of a tool is, without what differs from run to run: `http_get url=example.com/days/#`.

    Of addresses host and path count, numbers in them left out; of other arguments their names.
    """
    said = [f"{key}={_place(value)}" if _is_address(value) else key for key, value in sorted(arguments.items())]
    return " ".join((name, *said))


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _place(url: str) -> str:
    return re.sub(r"\d+", "#", re.split(r"[?#]", url.partition("://")[2], maxsplit=1)[0])
