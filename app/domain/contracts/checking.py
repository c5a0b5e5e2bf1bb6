"""Holding a contract against a finished run: each check is met, unmet or unknown, with what was found."""

import fnmatch
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.domain import agents, expectations, money
from app.domain.contracts import patterns, rows, schemas
from app.domain.contracts.finished import File, Finished, Result, State, Verdict
from app.domain.contracts.kinds import (
    ANSWER,
    AnswerCheck,
    Check,
    Contract,
    CostCheck,
    DeliveredCheck,
    DurationCheck,
    FileCheck,
    HttpCheck,
    JudgeCheck,
    PatternCheck,
    RowsCheck,
    SchemaCheck,
    ToolCheck,
)
from app.domain.contracts.words import bound_name, bound_of, counted, is_step, measured, row_words, sentence
from app.domain.wording import duration, listed

READ_BYTES = 8 * 1024 * 1024
"""So much of a text is searched, and so large may JSON be."""

_MOST_NAMED = 5
_LONGEST, _LONGEST_PROBLEM = 80, 200
_READ_TO_QUOTE = 4000
"""Far more than is quoted: a secret that this cuts in two is not among it."""

Found = tuple[State, str]


class _NotThere(Exception):
    """There is nothing to hold a check against; the message is one sentence."""


def check(contract: Contract, finished: Finished) -> Verdict:
    """Hold a contract against a finished run. Reads files, but never more than it says of each; raises nothing."""
    return Verdict([_result(one, finished) for one in contract])


def _result(one: Check, finished: Finished) -> Result:
    try:
        state, evidence = _FOUND[one.kind](one, finished)
    except _NotThere as missing:
        state, evidence = "unmet", str(missing)
    except (OSError, RecursionError, patterns.TooLong) as error:
        why = "it takes too long" if isinstance(error, patterns.TooLong) else "it can't be read"
        state, evidence = "unknown", f"{_cut(sentence(one))} could not be checked: {why}."
    return Result(sentence(one), state, evidence, one.is_optional)


def _is(holds: bool) -> State:
    return "met" if holds else "unmet"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


# --- files


def _matching(name: str, finished: Finished) -> list[File]:
    """Return the files that a name means. Raises _NotThere."""
    found = [one for one in finished.files if fnmatch.fnmatchcase(one.name, name)]
    if found:
        return found
    names = [one.name for one in finished.files]
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    kept = f"It keeps {listed([*names[:_MOST_NAMED], *more])}." if names else "It keeps no files."
    raise _NotThere(f"There is no file {name}. {kept}")


def _file(one: FileCheck, finished: Finished) -> Found:
    found = _matching(one.name, finished)
    for file in found:
        if file.size < one.min_bytes:
            least = "" if one.min_bytes == 1 else f"; expected at least {counted(one.min_bytes, 'byte')}"
            size = f"has {counted(file.size, 'byte')}" if file.size else "is empty"
            return "unmet", f"{file.name} {size}{least}."
        if one.is_new and not file.is_new:
            return "unmet", f"{file.name} is the same as before the run."
    said = [f"{file.name} has {counted(file.size, 'byte')}" for file in found[:_MOST_NAMED]]
    return "met", f"{listed(said)}{' and is new' if one.is_new else ''}."


# --- texts and values


def _texts(of: str, finished: Finished) -> Iterator[tuple[str, str, bool]]:
    """Yield the texts that are meant, each with its name and whether it was cut. Raises _NotThere."""
    if of.startswith("file:"):
        for file in _matching(of.removeprefix("file:"), finished):
            yield file.name, _read(file), file.size > READ_BYTES
    elif of == ANSWER:
        yield "The answer", _the_answer(finished), finished.is_cut
    else:
        value = _output(of, finished)
        yield of, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), False


def _read(file: File) -> str:
    with file.open() as content:
        return content.read(READ_BYTES).decode("utf-8-sig", "replace")


def _values(of: str, finished: Finished) -> Iterator[tuple[str, Any]]:
    """Yield the JSON that is meant, with its name. Raises _NotThere."""
    if of.startswith("steps."):
        yield of, _output(of, finished)
        return
    for name, text, is_cut in _texts(of, finished):
        if is_cut:
            raise OSError(f"{name} is too large")
        try:
            yield name, json.loads(text)
        except ValueError:
            raise _NotThere(f"{name} is not JSON.") from None


def _the_answer(finished: Finished) -> str:
    if finished.answer is None:
        raise _NotThere("There is no answer.")
    return finished.answer


def _output(of: str, finished: Finished) -> Any:
    _, name, path = of.split(".", 2)
    if name not in finished.outputs:
        raise _NotThere(f"The step {name} has no outputs.")
    try:
        return expectations.at(finished.outputs[name], path.removeprefix("outputs."))
    except LookupError:
        raise _NotThere(f"The step {name} has no output {path}.") from None


def _schema(one: SchemaCheck, finished: Finished) -> Found:
    names = []
    for name, document in _values(one.of, finished):
        problem, bound = schemas.misfit(one.json_schema, document), bound_of(one)
        if bound and (size := finished.hide(measured(one, document))):
            said = f"{bound_name(one)} {size}"
            return (_is(not problem), f"{said}; expected {bound}." if problem else f"{said}.")
        if problem:
            return "unmet", f"{name} does not fit its schema: {_cut(finished.hide(problem), _LONGEST_PROBLEM)}."
        names.append(name)
    return "met", f"{listed(names[:_MOST_NAMED])} {'fits' if len(names) == 1 else 'fit'} the schema."


def _pattern(one: PatternCheck, finished: Finished) -> Found:
    label = patterns.number_of(one.pattern)
    words = _cut(patterns.mentioned(one.pattern) or (label and f"{label}: a number") or one.pattern)
    said = []
    for name, text, is_cut in _texts(one.of, finished):
        found = patterns.found_in_lines(one.pattern, text)
        if found is None and is_cut:
            return "unknown", f"“{words}” is not in the beginning of {_in_sentence(name)}; the rest was not read."
        if one.is_absent and found is not None:
            return "unmet", f"{name} has “{_quoted(found, text, finished)}”, which it should not."
        absent = f"“{words}” is not in {_in_sentence(name)}"
        if found is None and not one.is_absent and one.pattern == patterns.ANYTHING:
            return "unmet", f"{name} is empty."
        if found is None and not one.is_absent:
            return "unmet", f"{absent}{_begins(text, finished)}."
        said.append(absent if found is None else f"{name} has “{_quoted(found, text, finished)}”")
    return "met", f"{listed(said[:_MOST_NAMED])}."


def _quoted(found: str, text: str, finished: Finished) -> str:
    """Return what was found as it may be shown: nothing of it where it is part of a secret."""
    hidden = finished.hide(found)
    return _cut(hidden) if hidden != found or found in finished.hide(text) else "•••"


def _in_sentence(name: str) -> str:
    return f"{name[:1].lower()}{name[1:]}" if name.startswith("The ") else name


def _begins(text: str, finished: Finished) -> str:
    plain = " ".join(finished.hide(text[:_READ_TO_QUOTE]).split())
    return f", which begins “{_cut(plain)}”" if plain else ", which is empty"


def _cut(text: str, most: int = _LONGEST) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def _rows(one: RowsCheck, finished: Finished) -> Found:
    said = []
    for name, count, is_all in _counts(one.of, finished):
        is_enough = count >= one.min and (one.max is None or count <= one.max)
        how_many = f"{name} has {counted(count, 'row')}"
        if not is_all:
            if one.max is None and is_enough:
                return "met", f"{name} has more than {counted(count, 'row')}."
            if one.max is None or count <= one.max:
                return "unknown", f"{name} is too large to count all its rows."
        if not is_enough:
            return "unmet", f"{how_many}; expected {row_words(one)}."
        said.append(how_many)
    return "met", f"{listed(said[:_MOST_NAMED])}."


def _counts(of: str, finished: Finished) -> Iterator[tuple[str, int, bool]]:
    """Yield for all that is meant its name, its rows, and whether these are all. Raises _NotThere."""
    try:
        if of.startswith("file:"):
            for file in _matching(of.removeprefix("file:"), finished):
                name = file.name
                yield name, *_counted(file)
        elif of == ANSWER:
            name = "The answer"
            count, is_all = rows.of_text(_the_answer(finished))
            yield name, count, is_all and not finished.is_cut
        else:
            name = of
            yield name, *rows.of_value(_output(of, finished))
    except rows.Unreadable as error:
        raise _NotThere(f"{name} {error}.") from None


def _counted(file: File) -> rows.Count:
    with file.open() as content:
        return rows.of_file(file.name, content)


# --- what was done


def _http(one: HttpCheck, finished: Finished) -> Found:
    page = finished.pages.get(one.url)
    if page is None:
        return "unknown", f"{one.url} was not asked."
    if page.problem:
        return "unmet", page.problem
    if page.status != one.status:
        return "unmet", f"{one.url} answered {page.status}; expected {one.status}."
    if one.contains and one.contains not in page.text:
        return "unmet", f"{one.url} answered {page.status}, but “{_cut(one.contains)}” is not in it."
    return "met", f"{one.url} answered {page.status}{f' with “{_cut(one.contains)}”' if one.contains else ''}."


def _tool(one: ToolCheck, finished: Finished) -> Found:
    times = finished.tools.get(one.name, 0)
    expected = "" if times >= one.min else f"; expected at least {_times(one.min)}"
    used = f"used {_times(times)}" if times else "never used"
    return _is(times >= one.min), f"{one.name} was {used}{expected}."


def _delivered(one: DeliveredCheck, finished: Finished) -> Found:
    to = one.to.lower()
    tried = [it for it in finished.deliveries if not to or to in {it.host, it.host.partition(":")[0], it.step}]
    taken = sum(200 <= it.status < 300 for it in tried)  # noqa: PLR2004 these mean that it was taken
    where = f" by the step {one.to}" if is_step(one.to) else f" to {one.to}" if one.to else ""
    if taken < one.min and len(tried) > taken:
        refused = next(it.status for it in reversed(tried) if not 200 <= it.status < 300)  # noqa: PLR2004 as above
        return "unmet", f"Not delivered{where}: it answered {refused}."
    expected = f"; expected at least {_times(one.min)}" if taken < one.min else ""
    said = f"Delivered{where} {_times(taken)}" if taken else f"Nothing was delivered{where}"
    return _is(taken >= one.min), f"{said}{expected}."


def _cost(one: CostCheck, finished: Finished) -> Found:
    below = one.below_cents * money.MICROS_PER_CENT
    if finished.cost_micros is None:
        return "unknown", "What it cost is not known: its model has no price."
    said = f"It cost {money.said(finished.cost_micros)}" if finished.cost_micros else "It cost nothing"
    return _is(finished.cost_micros < below), f"{said}; expected less than {money.said(below)}."


def _duration(one: DurationCheck, finished: Finished) -> Found:
    said = f"It took {duration(finished.seconds)}; expected less than {duration(one.below_seconds)}."
    return _is(finished.seconds < one.below_seconds), said


def _answer(one: AnswerCheck, finished: Finished) -> Found:
    text = _the_answer(finished).strip()
    if not text:
        return "unmet", "The answer is empty."
    if not finished.tools and agents.is_only_a_plan(text):
        return "unmet", f"The answer only says what will be done{_begins(text, finished)}."
    said = f"The answer has {counted(len(text), 'letter')}"
    is_met = len(text) >= one.min_length
    return _is(is_met), f"{said}." if is_met else f"{said}; expected at least {one.min_length:,}."


def _judge(one: JudgeCheck, finished: Finished) -> Found:
    judged = finished.judged.get(one.question)
    if judged is None or judged.is_yes is None:
        return "unknown", judged.reason if judged else "No model was asked."
    return _is(judged.is_yes), f"The model says {'yes' if judged.is_yes else 'no'}: {judged.reason}"


_FOUND: Mapping[str, Callable[[Any, Finished], Found]] = {
    "file": _file, "schema": _schema, "pattern": _pattern, "rows": _rows, "http": _http, "tool": _tool,
    "delivered": _delivered, "cost": _cost, "duration": _duration, "answer": _answer, "judge": _judge,
}  # fmt: skip
