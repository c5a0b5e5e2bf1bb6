"""Whether an agent may repair a failed step of a task: what was typed for it -> what is stored, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain import money
from app.domain.repairs import DEFAULT_CAP_CENTS, LARGEST_CAP_CENTS
from app.engines.base import SEVERAL

LONGEST_MODEL = 80
_WRONG_CAP = "Type an amount from 0.01 to 10,000.00."


def checked(repair: Mapping[str, Any], engine: str, wrong: dict[str, str]) -> dict[str, Any]:
    """Return what is stored, empty where nothing is repaired: only tasks of several steps are. A cost that can't be
    goes into `wrong` as `repair_cap`.
    """
    if not repair or engine != SEVERAL:
        return {}
    cents = repair.get("cost_cap_cents", DEFAULT_CAP_CENTS)
    if not isinstance(cents, int) or not 1 <= cents <= LARGEST_CAP_CENTS:
        wrong["repair_cap"] = _WRONG_CAP
        return {}
    return {"model": str(repair.get("model", ""))[:LONGEST_MODEL], "cost_cap_cents": cents}


def in_words(repair: Mapping[str, Any]) -> str:
    """Say it in a few words, empty where nothing is repaired."""
    if not repair:
        return ""
    cap = money.said(repair["cost_cap_cents"] * money.MICROS_PER_CENT)
    return f"a failed step, with {repair['model'] or 'the default model'}, up to {cap} a run"


def to_texts(repair: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the fields of a form that say it."""
    cents = repair.get("cost_cap_cents", DEFAULT_CAP_CENTS)
    texts = {"repair_model": [repair.get("model", "")], "repair_cap": [f"{cents / 100:.2f}"]}
    return texts | ({"repair": ["1"]} if repair else {})


def from_texts(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return what was typed; a cost that is no amount stays as it is, to be refused."""
    if not texts.get("repair"):
        return {}
    typed = (texts.get("repair_cap") or [""])[0].strip()
    try:
        cents: Any = money.read(typed) // money.MICROS_PER_CENT if typed else DEFAULT_CAP_CENTS
    except ValueError:
        cents = typed
    return {"model": (texts.get("repair_model") or [""])[0], "cost_cap_cents": cents}
