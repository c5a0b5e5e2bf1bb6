"""Language models: one conversation with one model, whoever provides it.

The libraries for it are heavy (2.6 s and 60 MB), so they are loaded with the first conversation, in workers only:
all that needs them stands in `llm_client` and beside it.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, Protocol

from app.core.errors import CarillonError
from app.domain.agents import ModelChoice, Price

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
    """How a conversation begins: what the agent is told once and for all, the tools, and what was said before."""

    instructions: str = ""
    offers: Sequence[Offer] = ()
    temperature: float | None = None
    history: Sequence[Any] = field(default=())


class Conversation(Protocol):
    """A conversation with a model. It is used on one loop; close it at the end."""

    price: Price | None

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


def converse(model: ModelChoice, opening: Opening) -> Conversation:
    """Begin or go on with a conversation. Raises ModelError for a history or an address that can't be used."""
    conversation: Conversation = _client().Conversation(model, opening)
    return conversation


def price(model: ModelChoice) -> Price | None:
    """Return what the model's tokens cost: the team's own price, or that of the table; None if none is known."""
    found: Price | None = _prices().of(model)
    return found


def ask(model: ModelChoice, question: str, timeout_seconds: float = 60.0, most_tokens: int = 1024) -> Said:
    """Ask one question without tools and wait for the answer, as a test of the model. Raises ModelError."""

    async def once() -> Said:
        conversation = converse(model, Opening())
        try:
            conversation.ask(question)
            async with asyncio.timeout(timeout_seconds):
                return await conversation.turn(lambda _: None, most_tokens)
        except TimeoutError:
            sentence = f"{model.name} did not answer within {timeout_seconds:g} s."
            raise ModelError("model_timeout", sentence, "transient") from None
        finally:
            await conversation.close()

    return asyncio.run(once())


def load() -> None:
    """Load the libraries now, so that the first conversation need not."""
    _client()


@functools.cache
def _client() -> Any:
    return import_module("app.infra.llm_client")


@functools.cache
def _prices() -> Any:
    return import_module("app.infra.llm_prices")
