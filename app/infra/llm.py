"""Language models: one conversation with one model, whoever provides it.

The libraries for it are heavy (2.6 s and 60 MB), so they are loaded with the first conversation, in workers only:
all that needs them stands in `llm_client` and beside it.
"""

import asyncio
import functools
from importlib import import_module
from typing import Any

from app.domain.agents import ModelChoice, Price
from app.infra.conversation import MOST_TOKENS, Call, Conversation, ErrorClass, ModelError, Offer, Opening, Said

__all__ = [
    "MOST_TOKENS", "Call", "Conversation", "ErrorClass", "ModelError", "Offer", "Opening", "Said",
    "ask", "converse", "load", "price",
]  # fmt: skip


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
