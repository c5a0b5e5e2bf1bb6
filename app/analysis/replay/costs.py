"""Three ways to do again what a thread did, side by side: replay, hybrid and agent, with what each costs and takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.analysis.base import Analysis
from app.analysis.replay.plan import Replay
from app.domain.thread import Thread

Kind = Literal["replay", "hybrid", "agent"]
Price = Callable[[int, int], int | None]
"""Returns what tokens in and out cost in millionths of a US dollar; None where no price is known."""

_LETTERS = 4
_STEP_SECONDS, _TURN_SECONDS = 3, 12
_NO_MODEL = "There is no model in Settings, Models."
_REPAIR_SHARE = 0.1


@dataclass(frozen=True)
class Way:
    """One way. `cost_micros` in millionths of a US dollar, None: no price is known. `basis` says where that is from."""

    kind: Kind
    steps: int
    needs: tuple[str, ...]
    cost_micros: int | None
    seconds: int
    basis: str
    is_possible: bool
    why_not: str = ""


def compare(thread: Thread, made: Replay, analysis: Analysis, price: Price | None) -> tuple[Way, Way, Way]:
    """Return replay, hybrid and agent. `price` is that of the team's model; None: there is no model."""
    turns, tokens_in, tokens_out = _used(thread)
    cost = price(tokens_in, tokens_out) if price else None
    model = () if price else ("a model",)
    basis = f"From the thread: a model is asked {_counted(turns, 'time')}, about {tokens_in + tokens_out:,} tokens." + (
        "" if cost is not None or not price else " No price is known for the model."
    )
    seconds = max(1, len(made.steps) * _STEP_SECONDS)
    needs = _needs(made)
    repair = int(cost * _REPAIR_SHARE) if cost is not None else None
    why_not = _why_not(made)
    count = len(made.steps)
    once = "a repair in one run of ten, as dear as the thread"
    return (
        Way("replay", count, needs, 0, seconds, f"{_counted(count, 'step')} without a model.", not why_not, why_not),
        Way(
            "hybrid", count, (*needs, *model), repair, seconds, f"As replay; {once}. {basis}",
            bool(count and price and not made.undone),
            why_not if not count or made.undone else "" if price else _NO_MODEL,
        ),
        Way(
            "agent", turns, (*_tools(analysis), *model), cost, turns * _TURN_SECONDS, basis, bool(price),
            "" if price else _NO_MODEL,
        ),
    )  # fmt: skip


def _why_not(made: Replay) -> str:
    if not made.steps:
        return "Nothing in this thread was run that a step could do again."
    if made.undone:
        return f"It does not do: {', '.join(made.undone)}."
    return made.problems[0] if made.problems else ""


def _needs(made: Replay) -> tuple[str, ...]:
    return (
        *(f"the file {name}" for name in made.files), *(f"the secret {name}" for name in made.secrets),
        *(f"the variable {name}" for name in made.env), *(f"the package {name}" for name in made.packages),
    )  # fmt: skip


def _tools(analysis: Analysis) -> tuple[str, ...]:
    return tuple(
        f"the tool {finding.value['name']}" for finding in analysis.of("dependency") if finding.value["kind"] == "tool"
    )


def _used(thread: Thread) -> tuple[int, int, int]:
    """Return turns, tokens in and tokens out of doing it all once more: each turn reads all before it."""
    turns = read = said = sofar = 0
    sofar = len(thread.system_prompt)
    for message in thread.messages:
        size = len(message.text) + sum(len(one.text) for one in message.attachments)
        if message.role == "user":
            sofar += size
            continue
        for call in message.calls:
            turns, read = turns + 1, read + sofar
            own = len(str(dict(call.arguments)))
            said, sofar = said + own, sofar + own + len(call.output)
        if message.text.strip():
            turns, read, said, sofar = turns + 1, read + sofar, said + size, sofar + size
    return max(1, turns), read // _LETTERS, said // _LETTERS


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
