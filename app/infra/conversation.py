"""What a conversation with a language model is made of: offers, turns, calls of tools, and what can go wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from app.core.errors import CarillonError
from app.domain.agents import Price

MOST_TOKENS = 8192
"""No answer of a model is longer, in tokens."""

ErrorClass = Literal["", "transient", "permanent", "rate_limited"]


class ModelError(CarillonError):
    """The model gave no usable answer; the message says so to a person.

    `reason` is `model_key`, `no_such_model`, `rate_limited`, `quota`, `model_busy`, `model_away`, `model_timeout`,
    `model_nonsense`, `context_too_long`, `model_refused`, `inner_address` or `address`.
    """

    def __init__(
        self, reason: str, message: str, error_class: ErrorClass, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.error_class: ErrorClass = error_class
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class Offer:
    """A tool as the model is told of it; `schema` is the JSON schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A tool the model wants to use. `arguments` is None when what it wrote is no JSON object (`written`)."""

    id: str
    name: str
    arguments: Mapping[str, Any] | None
    written: str


@dataclass(frozen=True)
class Said:
    """What the model said in one turn. `ended` is `stop`, `calls`, `length` or `refused`.

    `cost_micros` is in millionths of a US dollar; None: no price is known.
    """

    text: str
    calls: Sequence[Call]
    ended: str
    tokens_in: int
    tokens_out: int
    cost_micros: int | None


@dataclass(frozen=True)
class Opening:
    """How a conversation begins: what the agent is told once and for all, the tools, and what was said before.

    `on_wait` hears after how many seconds a turn goes that would pass a rate of the model.
    """

    instructions: str = ""
    offers: Sequence[Offer] = ()
    temperature: float | None = None
    history: Sequence[Any] = field(default=())
    on_wait: Callable[[float], None] = field(default=lambda _: None)


class Conversation(Protocol):
    """A conversation with a model. It is used on one loop; close it at the end."""

    @property
    def price(self) -> Price | None:
        """What its tokens cost now; None if no price is known."""

    def ask(self, text: str) -> None:
        """Add what the person says."""

    def answer(self, results: Sequence[tuple[Call, str]]) -> None:
        """Add what the tools answered."""

    async def turn(self, on_text: Callable[[str], None], most_tokens: int = MOST_TOKENS) -> Said:
        """Let the model speak; `on_text` gets its text in pieces as it comes. Raises ModelError.

        What was said before stays as it is if it fails.
        """

    def history(self) -> list[Any]:
        """Return all that was said, as JSON values."""

    @property
    def letters(self) -> int:
        """How long all that is sent next time is."""

    async def close(self) -> None:
        """Close its connections."""
