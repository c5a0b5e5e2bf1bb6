"""How an agent's attempt ends: each end with its reason, its sentence, and what is kept."""

import time
from collections.abc import Mapping
from typing import Any, Literal

from app.domain import agents, money
from app.domain.wording import duration
from app.engines import code
from app.engines.agent_tools import Toolbox
from app.engines.agent_work import Work
from app.engines.base import ArtifactMade, Done, Emission, FilesLeft, LogWritten, Outcome
from app.infra import llm, workspace
from app.infra.llm import ModelError, Said

ANSWER = "answer.md"
"""The file that holds what the agent said last."""

_EXCERPT = 2000
_HANDED_ON = 40_000
"""Letters of the answer that the steps after it are given; all of it is in the file."""

_KEPT = "The work so far is kept."


def facts(work: Work) -> dict[str, Any]:
    """Return the small values of an attempt for the page; amounts count what earlier attempts did as well."""
    found: dict[str, Any] = {
        "model": work.model.name, "turns": work.turns, "tool_calls": work.calls, "tokens_in": work.tokens_in,
        "tokens_out": work.tokens_out, "spent_micros": work.spent_micros, "cap_micros": work.cap_micros,
        "has_price": work.has_price, "seconds": round(time.monotonic() - work.started, 3),
    }  # fmt: skip
    return found | ({"answer": work.answer[:_EXCERPT]} if work.answer else {})


def no_price(work: Work) -> str:
    """Say that nobody knows what the model costs."""
    return (
        f"No price is known for {work.model.model}, so what it costs is not counted, and no cap can stop it. "
        "Set a price in Settings, Models."
    )


def of_turn(said: Said) -> str:
    """Say in short what a turn was."""
    parts = [code.count(len(said.calls), "tool call")] if said.calls else ["answer"]
    return ", ".join(parts + ([money.said(said.cost_micros)] if said.cost_micros is not None else []))


def stopped(work: Work) -> Outcome:
    """End between two turns because somebody asked."""
    return Outcome("cancelled", work.cancellation.reason, "Stopped after a turn.", facts=facts(work))


def out_of_time(work: Work, seconds: float) -> Outcome:
    """End at the time limit."""
    sentence = f"Stopped at its time limit of {duration(seconds)}. {_KEPT}"
    return _told(work, "timed_out", "timeout", sentence, "transient")


def too_many_turns(work: Work) -> Outcome:
    """End at the limit of turns."""
    sentence = f"Stopped after {code.count(work.turns, 'turn')}, the most this task allows, without an answer. {_KEPT}"
    return _told(work, "failed", "max_turns", sentence, "permanent")


def at_cap(work: Work) -> Outcome:
    """End because the next turn could cost more than is left."""
    if work.budget_micros is not None and work.budget_micros < work.own_cap_micros:
        return _out_of_budget(work)
    if not work.turns:
        cap = money.said(work.cap_micros)
        sentence = f"Its cost cap of {cap} is too low for a single turn. Raise it in the task, then run again."
        return _told(work, "failed", "cost_cap", sentence, "permanent")
    spent = f"{money.said(work.spent_micros)} of {money.said(work.cap_micros)} spent"
    more = ", and the next turn could pass it" if work.spent_micros < work.cap_micros else ""
    sentence = f"Stopped at its cost cap: {spent} after {code.count(work.turns, 'turn')}{more}. {_KEPT}"
    return _told(work, "failed", "cost_cap", sentence, "permanent")


def _out_of_budget(work: Work) -> Outcome:
    left = money.said(work.cap_micros - work.request.spent_micros)
    done = f"after {code.count(work.turns, 'turn')}. {_KEPT}" if work.turns else "before its first turn."
    sentence = f"Stopped: its budget had {left} left for it, too little for the next turn, {done}"
    return _told(work, "failed", "budget", sentence, "permanent")


def failed(work: Work, error: ModelError) -> Outcome:
    """End because the model gave no usable answer."""
    state: Literal["blocked", "failed"] = "blocked" if error.reason == "inner_address" else "failed"
    work.emit(LogWritten(error.message, "error"))
    return Outcome(state, error.reason, error.message, error.error_class, error.retry_after_seconds, facts=facts(work))


def answered(work: Work, said: Said, used: Mapping[str, int], *, is_short_of_money: bool) -> Outcome:
    """Judge the last answer: one that is empty, cut, or only a plan is no success."""
    text = work.answer = said.text.strip()
    if said.ended == "refused":
        return _told(work, "failed", "model_refused", f"{work.model.name} declined to do this.", "permanent")
    if said.ended == "length" and is_short_of_money:
        return at_cap(work)
    if said.ended == "length":
        sentence = f"Its answer was cut off at {llm.MOST_TOKENS:,} tokens. {_KEPT}"
        return _told(work, "unmet", "answer_cut", sentence)
    if not text:
        return _told(work, "unmet", "empty_answer", "It ended without an answer.")
    if work.settings.tools and not work.calls and agents.is_only_a_plan(text):
        sentence = "It only said what it would do, and used none of its tools."
        return _told(work, "unmet", "only_a_plan", sentence)
    seconds = time.monotonic() - work.started
    cost = money.said(work.spent_micros) if work.has_price else "no price known"
    done = f"{code.count(work.turns, 'turn')}, {code.count(work.calls, 'tool call')}, {cost}"
    sentence = f"Worked in {duration(seconds)}: {done}."
    has_done = Done(text, tools=used, has_price=work.has_price)
    return Outcome("succeeded", "ok", sentence, facts=facts(work), outputs={"text": text[:_HANDED_ON]}, done=has_done)


def _told(
    work: Work,
    state: Literal["failed", "unmet", "timed_out"],
    reason: str,
    sentence: str,
    error_class: Literal["", "transient", "permanent"] = "",
) -> Outcome:
    work.emit(LogWritten(sentence, "error"))
    return Outcome(state, reason, sentence, error_class, facts=facts(work))


def collect(work: Work, toolbox: Toolbox) -> None:
    """Keep the files: what write_file wrote, what a script would keep, and the answer itself."""
    names: set[str] = set()

    def once(emission: Emission) -> None:
        if isinstance(emission, ArtifactMade):
            if emission.name in names:
                return
            names.add(emission.name)
        work.emit(emission)

    patterns = [*work.settings.artifacts, *(_literal(name) for name in toolbox.written)]
    settings = work.settings.model_copy(update={"artifacts": patterns})
    program = code.Program({}, ())
    attempt = code.Attempt(program, settings, work.request, once, work.cancellation, toolbox.until)
    code.collect(attempt, toolbox.room)
    if work.answer and ANSWER not in names:
        folder = work.request.workspace
        workspace.write(folder, ANSWER, work.answer.encode())
        work.emit(ArtifactMade(ANSWER, folder / ANSWER, "text/markdown"))
    if work.request.step:
        work.emit(FilesLeft(toolbox.room.host))


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
