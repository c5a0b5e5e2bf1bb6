"""Money as people type and read it: US dollars, kept as millionths (micros) in whole numbers."""

import math
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

MICROS = 1_000_000
"""Of these is one dollar."""

MICROS_PER_CENT = MICROS // 100

_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}(,[0-9]{3})+(?P<rest>\.[0-9]*)?")


def said(micros: float) -> str:
    """Say an amount with two digits that count, and cents at least: $0.0042, $0.034, $0.50, $1.12, $1,250.00."""
    dollars = micros / MICROS
    places = 2 if dollars == 0 or abs(dollars) >= 0.1 else 1 - math.floor(math.log10(abs(dollars)))  # noqa: PLR2004 ten cents
    text = f"{dollars:,.{places}f}"
    while text.endswith("0") and len(text.partition(".")[2]) > 2:  # noqa: PLR2004 cents are always said
        text = text[:-1]
    return f"${text}"


def read(text: str) -> int:
    """Return the micros of an amount in dollars as typed: `1`, `0.25`, `$1.50`, `1,50`, `1,250.00`. Raises ValueError.

    `1,250` is refused: to some it is a thousand times what it is to others.
    """
    plain = text.strip().removeprefix("$").strip()
    if grouped := _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "") if grouped["rest"] else ""
    elif "," in plain and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        amount = Decimal(plain)
    except InvalidOperation:
        raise ValueError(text) from None
    if not amount.is_finite() or abs(amount) > 10**9:
        raise ValueError(text)
    return int((amount * MICROS).to_integral_value(ROUND_HALF_UP))


def plain(micros: int) -> str:
    """Write an amount as somebody would type it: `1.00`, `0.25`, `0.0042`."""
    return said(micros).removeprefix("$").replace(",", "") if micros % MICROS_PER_CENT == 0 else _exact(micros)


def _exact(micros: int) -> str:
    return f"{Decimal(micros) / MICROS:f}".rstrip("0")
