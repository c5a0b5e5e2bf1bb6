"""What a run did in numbers: files, bytes, tokens, messages, what its steps counted; and whether that is unusual."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from app.domain import money

LEAST = 5
"""Of fewer runs nothing is called unusual."""

_FAR = 2.0
"""So many times beyond all that came before is far."""

_COUNTED = {
    "files": ("file", "files"),
    "sent": ("sent message", "sent messages"),
    "tool_calls": ("tool call", "tool calls"),
    "tokens": ("token", "tokens"),
}
_SAID = frozenset({"files", "sent", "cost"})
"""What the sentence of an engine leaves out; what the steps counted is said too."""

_NO_COUNT = frozenset({"status", "exit_code"})
_KB, _MB = 1000, 1_000_000
_MOST = 4
_LONGEST_NAME = 30


def of_run(facts: Mapping[str, Any], files: int, cost_micros: int | None) -> dict[str, float]:
    """Return the amounts of a run by name, from its facts, how many files it made, and its cost in micros."""
    counted = facts.get("counted")
    found: dict[str, Any] = dict(counted) if isinstance(counted, Mapping) else {}
    found["sent"] = facts.get("sent")
    found["files"] = files
    found["bytes"] = facts.get("bytes")
    found["tool_calls"] = facts.get("tool_calls")
    found["tokens"] = (facts.get("tokens_in") or 0) + (facts.get("tokens_out") or 0)
    found["cost"] = cost_micros
    return {name: value for name, value in found.items() if is_amount(value)}


def is_amount(value: Any) -> bool:
    """Whether a value is a number that can be compared."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def of_steps(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return as facts of a run what its steps did: the messages they sent, and what the last that counts counted."""
    counts = [found for result in results if (found := _counted(result.get("outputs") or {}))]
    sent = sum(result.get("sent", 0) for result in results)
    return {**({"counted": counts[-1]} if counts else {}), **({"sent": sent} if sent else {})}


def _counted(outputs: Mapping[str, Any]) -> dict[str, float]:
    """Return the first few numbers among the outputs of a step, by name; a status says what was answered, no number."""
    found = {name: value for name, value in outputs.items() if is_amount(value) and name not in _NO_COUNT}
    return {name: value for name, value in list(found.items())[:_MOST] if len(name) <= _LONGEST_NAME}


def said(name: str, value: float) -> str:
    """Say an amount in the sentence of a run that worked, "" for one that is not said, or is none."""
    is_of_step = name not in _COUNTED and name not in {"bytes", "cost"}
    return _words(name, value) if value and (name in _SAID or is_of_step) else ""


def unusual(name: str, value: float, before: Sequence[float]) -> str:
    """Say that an amount is far from all of those before, "" if it is not, or if they are too few."""
    if len(before) < LEAST or value in before:
        return ""
    usual = median(before)
    if all(one == int(one) for one in before):
        usual = round(usual)
    if value > max(before) * _FAR and value > 1:
        how = "more"
    elif value < min(before) / _FAR:
        how = "less"
    else:
        return ""
    instead = f"{_words(name, value)} instead of about {_words(name, usual)}"
    return f"Far {how} than usual: {instead}."


def _words(name: str, value: float) -> str:
    if name == "cost":
        return money.said(round(value))
    if name == "bytes":
        return size(value)
    one, many = _COUNTED.get(name, (name.replace("_", " "), name.replace("_", " ")))
    return f"{value:,.6g} {one if value == 1 else many}" if value < 1e6 else f"{value:,.0f} {many}"  # noqa: PLR2004 beyond six digits


def size(count: float) -> str:
    """Say a number of bytes: 512 bytes, 18 KB, 1.4 MB."""
    if count < _KB:
        return f"{count:.0f} bytes"
    return f"{count / _KB:.0f} KB" if count < _MB else f"{count / _MB:.1f} MB"
