"""Holding the contract of a task against an attempt that worked to its end, before how it ended is stored."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import sqlalchemy as sa
import structlog
from pydantic import ValidationError

from app.domain import contracts, expressions
from app.domain.contracts import Check, Delivery, File, Finished, Result, Verdict
from app.domain.expressions import ExpressionError
from app.engines.base import Cancellation, Done, Level, LogWritten, Outcome, StepStarted, engines
from app.infra import database
from app.infra.fetch import Stopped
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.models.runs import IS_REAL, Artifact, Run
from app.services.execution import asking, provisions
from app.services.execution.claims import Definition
from app.services.execution.recorder import Recorder

log = structlog.get_logger()

STEP = "Check"
"""The part of an attempt in which its contract is checked."""

HELD_BACK = "Held back in a rehearsal, so it does not count."

_WORKED = ("succeeded", "degraded")
_LONGEST_ANSWER = 256 * 1024
_LONGEST_EVIDENCE = 300
_LONGEST_NAME, _MOST_KEPT = 200, 50


@dataclass(frozen=True)
class Ended:
    """An attempt that worked to its end: how, the rows of its files, and the results of its steps by name."""

    recorder: Recorder
    storage: Storage
    vault: Vault
    cancellation: Cancellation
    outcome: Outcome
    seconds: float
    artifacts: Sequence[Mapping[str, Any]] = ()
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)


def kept(recorder: Recorder, outcome: Outcome) -> dict[str, Any]:
    """Return what the result of a step keeps of what it has done; nothing where no contract asks for it."""
    assert recorder.held.definition
    if not recorder.held.definition.contract:
        return {}
    done = outcome.done
    answer = None if done.answer is None else done.answer[:_LONGEST_ANSWER]
    is_cut = done.is_cut or len(done.answer or "") > _LONGEST_ANSWER
    return {"done": asdict(replace(done, answer=answer, is_cut=is_cut))}


def keeping(engine: str, settings: Mapping[str, Any], task: Definition, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of an engine that keeps files, so that it keeps those which the contract names as well."""
    if engine not in engines or "artifacts" not in engines[engine].settings_schema.model_fields:
        return dict(settings)
    before, more = list(settings.get("artifacts") or ()), []
    with suppress(ExpressionError, ValidationError):
        more = [expressions.fill(name, context) for name in contracts.files_named(contracts.parse(task.contract))]
    named = [name for name in dict.fromkeys(more) if name not in before and len(name) <= _LONGEST_NAME]
    return {**settings, "artifacts": [*before, *named[: max(0, _MOST_KEPT - len(before))]]}


def hold(ended: Ended) -> tuple[Outcome, list[dict[str, Any]]]:
    """Return how the attempt ended once its contract was held against it, and what became of each check.

    What failed, was stopped or is unmet already is not checked. What can't be known counts like what is not met.
    """
    recorder, outcome = ended.recorder, ended.outcome
    assert recorder.held.definition
    stored = recorder.held.definition.contract
    if not stored or outcome.state not in _WORKED:
        return outcome, []
    recorder.emit(StepStarted(STEP))
    try:
        verdict = _verdict(ended, contracts.parse(stored))
    except Stopped:
        reason = ended.cancellation.reason
        return Outcome("cancelled", reason, "Stopped while its contract was checked.", facts=outcome.facts), []
    except Exception as error:
        log.exception("contract_not_checked", run=recorder.held.run_id)
        verdict = Verdict([Result("Its contract", "unknown", f"Its contract could not be checked: {error!r}.")])
    results = [_hidden(recorder, one) for one in verdict.results]
    met = sum(one.state == "met" for one in results)
    for one in results:
        level: Level = "info" if one.state == "met" else "warn" if one.is_optional else "error"
        recorder.emit(LogWritten(f"{one.state}: {one.evidence}", level))
    verdict = Verdict([one for one in results if one.evidence != HELD_BACK])
    recorder.end_step(STEP, verdict.state, f"{met} of {len(results)} met")
    return _ending(recorder, outcome, verdict), [asdict(one) for one in results]


def _ending(recorder: Recorder, outcome: Outcome, verdict: Verdict) -> Outcome:
    if verdict.state == "succeeded":
        return outcome
    if verdict.state == "degraded" and outcome.state == "degraded":
        return recorder.hide(replace(outcome, sentence=f"{outcome.sentence} {verdict.sentence}"))
    return recorder.hide(Outcome(verdict.state, "contract", verdict.sentence, facts=outcome.facts))


def _hidden(recorder: Recorder, result: Result) -> Result:
    evidence = " ".join(recorder.redact(result.evidence).split())
    cut = evidence if len(evidence) <= _LONGEST_EVIDENCE else f"{evidence[: _LONGEST_EVIDENCE - 1]}…"
    return replace(result, words=recorder.redact(result.words), evidence=cut)


def _verdict(ended: Ended, contract: Sequence[Check]) -> Verdict:
    """Hold each check that can be filled with the values of this run. Raises Stopped."""
    filled: list[Check] = []
    unfilled: dict[int, Result] = {}
    for place, one in enumerate(contract):
        if one.kind == "delivered" and ended.recorder.held.rehearses_at:
            unfilled[place] = Result(contracts.sentence(one), "unknown", HELD_BACK)
            continue
        try:
            filled += contracts.filled([one], lambda text: expressions.fill(text, ended.context))
        except (ExpressionError, ValueError) as error:
            why = (
                error.sentence if isinstance(error, ExpressionError) else "with the values of this run it can't be used"
            )
            unfilled[place] = Result(contracts.sentence(one), "unknown", f"It can't be checked: {why}", one.is_optional)
    held = iter(contracts.check(filled, _finished(ended, filled)).results)
    return Verdict([unfilled.get(place) or next(held) for place in range(len(contract))])


# --- what is known of the run


def _finished(ended: Ended, contract: Sequence[Check]) -> Finished:
    done = _done(ended)
    before = _before(ended, contract)
    files = [_file(ended, one, before) for one in ended.artifacts]
    pages = asking.pages(contract, ended.cancellation)
    judged: dict[str, contracts.Judged] = {}
    has_price = done.has_price
    if questions := [one.question for one in contract if one.kind == "judge"]:
        model = provisions.judge(ended.recorder.held, ended.vault)
        judge = asking.Judge(model, ended.recorder, done.answer, files)
        judged = {question: judge.ask(question) for question in dict.fromkeys(questions)}
        has_price = has_price and judge.has_price
    held, recorder = ended.recorder.held, ended.recorder
    return Finished(
        answer=done.answer,
        is_cut=done.is_cut,
        files=files,
        outputs={name: result["outputs"] for name, result in ended.results.items() if result.get("outputs")},
        deliveries=done.deliveries,
        tools=done.tools,
        cost_micros=(held.cost_micros or 0) + (recorder.cost_micros or 0) if has_price else None,
        seconds=ended.seconds,
        pages=pages,
        judged=judged,
        hide=recorder.redact,
    )


def _done(ended: Ended) -> Done:
    """Return what the attempt has done; of several steps what all have, and the answer of the last that has one."""
    if not ended.results:
        return ended.outcome.done
    parts = list(_parts(ended.results))
    last = next((part for _, part in reversed(parts) if part["answer"] is not None), None)
    tools: dict[str, int] = {}
    for _, part in parts:
        for name, count in part["tools"].items():
            tools[name] = tools.get(name, 0) + count
    return Done(
        answer=last["answer"] if last else None,
        is_cut=bool(last and last["is_cut"]),
        tools=tools,
        deliveries=tuple(
            Delivery(one["host"], one["status"], step) for step, part in parts for one in part["deliveries"]
        ),
        has_price=all(part["has_price"] for _, part in parts),
    )


def _parts(results: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what each step has done, by name; a result that was kept without it has none."""
    yield from ((name, result["done"]) for name, result in results.items() if result.get("done"))


def _file(ended: Ended, row: Mapping[str, Any], before: Mapping[str, set[str]]) -> File:
    name, digest = row["name"], row["digest"]
    is_new = digest not in before.get(name, ())
    return File(name, row["size_bytes"], lambda: ended.storage.path(digest).open("rb"), is_new)


def _before(ended: Ended, contract: Sequence[Check]) -> dict[str, set[str]]:
    """Return the digests by name of the task's own files and those of its last run that worked, if that is asked."""
    if not any(one.kind == "file" and one.is_new for one in contract):
        return {}
    held = ended.recorder.held
    assert held.definition
    found = {name: {digest} for name, digest in provisions.files(held.definition, held.run_id).items()}
    last = (
        sa.select(sa.func.max(Run.id))
        .where(Run.task_id == held.definition.task_id, Run.id < held.run_id)
        .where(Run.state.in_(_WORKED), IS_REAL)
        .scalar_subquery()
    )
    with database.read() as connection:
        rows = connection.execute(sa.select(Artifact.name, Artifact.digest).where(Artifact.run_id == last)).all()
    for row in rows:
        found.setdefault(row.name, set()).add(row.digest)
    return found
