"""The literals in the person's words that a later run would change, each with its kind and a suggested expression."""

from collections.abc import Iterable, Iterator

from app.analysis import cues
from app.analysis.base import Analysis, Finding
from app.analysis.candidates import Candidate, candidates, in_figures, unit
from app.analysis.secrets import known
from app.analysis.sentences import plain, word_set, words
from app.analysis.suggestions import expression, keeps_names
from app.analysis.weighing import weighed
from app.domain.language.vocabulary.places import places
from app.domain.thread import Thread

ENOUGH = 0.4
"""How likely a value is at least that is told."""

_SUREST = 0.97
_MOST = 40
"""Values of a thread that are told."""

_SHORT_ANSWER = 4


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return a `variable` finding for each value; what the person later replaced is left out."""
    found = {one: weighed(one.signs) for one in candidates(thread, sofar)}
    secrets = known(thread, sofar) if found else ()
    zone = (sofar.value("schedule") or {}).get("timezone")
    return [
        _finding(one, found[one], thread) for one in final([one for one in found if found[one] >= ENOUGH])
        if not _is_secret(one.literal.value, secrets) and not _tells_zone(one, zone)
    ]  # fmt: skip


def _is_secret(value: str, secrets: Iterable[str]) -> bool:
    return any(value in secret or secret in value for secret in secrets)


def _tells_zone(one: Candidate, zone: str | None) -> bool:
    """Whether a place was only said as an answer to which time zone."""
    is_short = len(words(one.sentence.text)) <= _SHORT_ANSWER
    return bool(zone) and is_short and zone in places().get(plain(one.literal.value), ())


def final(likely: list[Candidate]) -> list[Candidate]:
    """Return the likely values without those that a later one replaced or says too."""
    newest = {key: one for one in likely for key in _keys(one)}
    current = [one for one in likely if not any(_replaces(one, newest[key]) for key in _keys(one))][:_MOST]
    return [one for one in current if not _is_within(one, current)]


def _keys(one: Candidate) -> Iterator[str]:
    """Yield what a value is one of: of the same, the last said holds; of a measure only where it sets right."""
    if one.literal.key:
        yield one.literal.key
    if one.literal.kind == "number":
        yield f"unit {unit(one.literal)}"


def _replaces(one: Candidate, later: Candidate) -> bool:
    """Whether a later value of the same thing stands in its place: said in another message, or set right."""
    if later.sentence.message <= one.sentence.message:
        return False
    if one.literal.key and one.literal.key == later.literal.key:
        first, second = (in_figures(plain(found.literal.value)).split()[0] for found in (one, later))
        return not (first == second and one.literal.kind == "number")
    spoken = words(later.sentence.text)
    return bool(set(spoken) & (cues.CORRECTION | _SETS) or set(spoken[:1]) & cues.YES)


_SETS = word_set("make set nimm setz setze mach stell mets prends pon ponlo")
"""Words with which a measure is set anew."""


def _is_within(one: Candidate, others: list[Candidate]) -> bool:
    """Whether another value says this one too: 30 days beside within 30 days."""
    value = plain(one.literal.value)
    return any(
        other is not one and other.literal.kind == one.literal.kind and value in plain(other.literal.value)
        and len(value) >= len(other.literal.value) * 0.4
        for other in others
    )  # fmt: skip


def _finding(one: Candidate, confidence: float, thread: Thread) -> Finding:
    literal = one.literal
    at = thread.messages[one.sentence.message].at or thread.last_at
    stays = literal.kind == "file" and keeps_names(thread)
    told = "" if stays else expression(literal.value, literal.kind, at.date() if at else None)
    value = {"value": literal.value, "kind": literal.kind, "expression": told}
    return Finding("variable", value, round(min(confidence, _SUREST), 2), (one.sentence.evidence,))
