"""Prices of models: the team's own, or those of a table that comes with the package. Loaded through `llm`."""

import math
from decimal import Decimal
from typing import Any

from genai_prices import Usage, calc_price

from app.core.clock import utc_now
from app.domain import price_hours
from app.domain.agents import ModelChoice, Price

_MILLION = 1_000_000
_ROUNDING = 1e-9


def of(model: ModelChoice) -> Price | None:
    """Return what the model's tokens cost at this hour, None if no price is known."""
    factor = price_hours.factor(model.price_hours, utc_now())
    if model.price_in_micros is not None and model.price_out_micros is not None:
        return Price(model.price_in_micros * factor, model.price_out_micros * factor)
    try:
        return Price(_micros(model, 1000, 0) * factor, _micros(model, 0, 1000) * factor)
    except LookupError:
        return None


def cost(model: ModelChoice, usage: Any) -> int | None:
    """Return what a turn cost in millionths of a US dollar, rounded up; None if no price is known.

    `usage` is the library's count of tokens: the table knows what those read from a cache cost.
    """
    factor = price_hours.factor(model.price_hours, utc_now())
    if model.price_in_micros is not None and model.price_out_micros is not None:
        own = Price(model.price_in_micros * factor, model.price_out_micros * factor)
        return own.of(usage.input_tokens, usage.output_tokens)
    try:
        return math.ceil(float(_dollars(model, usage)) * _MILLION * factor - _ROUNDING)
    except LookupError:
        return None


def _micros(model: ModelChoice, tokens_in: int, tokens_out: int) -> float:
    """Return the price of a million tokens, measured on a thousand: some models cost more in long conversations."""
    usage = Usage(input_tokens=tokens_in, output_tokens=tokens_out)
    return float(_dollars(model, usage) * _MILLION * 1000)


def _dollars(model: ModelChoice, usage: Any) -> Decimal:
    if model.provider == "compatible":
        return calc_price(usage, model.model, provider_api_url=model.base_url).total_price
    return calc_price(usage, model.model, provider_id=model.provider).total_price
