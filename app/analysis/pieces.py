"""Pieces of what is said about time: words with what each can be, and what they are beside each other."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.analysis.sentences import plain

_ONCE = frozenset({"once", "one time", "einmal", "une fois", "una vez"})
SPANISH_ARTICLES = frozenset({"los", "el"})
_HOURS = 12  # as a clock face has them
_DAYS = frozenset({"day", "days"})
_TOLD = frozenset({"oclock", "at", "between", "and", "to", "hyphen", "from", "comma", "half_to", "past", "before"})
"""Kinds of words after which a bare number can be a time."""


_HOURLY = re.compile(r"[\s-]hourly\b", re.IGNORECASE)
_PART_HOURLY = {"half": "every 30 minutes", "quarter": "every 15 minutes"}
_BUT = re.compile(r"but(?=\s(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:the )?weekends?)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Piece:
    """A word or figure of a sentence as the engine is given it, with its place and its kinds."""

    text: str
    start: int
    end: int
    kinds: frozenset[str]
    is_counting: bool = False
    """A bare number that is followed by a word of no time: it counts something."""


def counted(found: list[Piece]) -> Iterator[Piece]:
    """Yield the pieces as they are meant beside each other: numbers that count something else are marked, and so on."""
    for number in range(len(found)):
        yield _meant(found, number)


def _meant(found: list[Piece], number: int) -> Piece:
    """Return a piece as its neighbours make it: “once a” is “every”, “half seven” is half past.

    A neighbour that is used up by this is emptied.
    """
    none, piece = Piece("", -1, -1, frozenset()), found[number]
    before = found[number - 1] if number else none
    after = found[number + 1] if number + 1 < len(found) else none
    is_next = after is not none and after.start - piece.end <= 1
    new: dict[str, Any] = {}
    if "number" in piece.kinds and "hm" not in piece.kinds and is_next:
        is_adjective = "rhythm" in after.kinds and "part" not in after.kinds and "at" not in before.kinds
        if is_adjective or (not after.kinds and not before.kinds & _TOLD):  # 7 daily, 7 copies
            new = {"is_counting": True, "kinds": frozenset()}
            found[number + 1] = replace(after, kinds=frozenset())
        elif after.kinds & {"unit", "times"} and "time_word" not in after.kinds:
            new = {"is_counting": True}
    elif piece.text == "this" and "day" in after.kinds and "to" in _kinds_at(found, number + 2):
        new = {"kinds": frozenset()}  # get this Monday to Friday
    elif piece.text == "de" and "part" in before.kinds and after.text == "semaine":
        new = {"text": "en"}  # chaque matin de semaine
    elif piece.text == "second" and "every" in before.kinds and "day" in after.kinds:
        new = {"text": "2nd", "kinds": frozenset({"ordinal"})}
    elif piece.text == "half" and _is_hour(after) and not _kinds_at(found, number + 2) & {"unit", "times"}:
        new = {"text": "half past"}
    elif piece.text == "menos" and _kinds_at(found, number + (2 if after.text in SPANISH_ARTICLES else 1)) & _DAYS:
        new = {"text": "excepto", "kinds": frozenset({"except"})}  # menos los domingos
    elif "count" in piece.kinds and "a" in after.kinds and piece.text in _ONCE:
        new = {"text": "every"}
        found[number + 1] = replace(after, text="")
    return replace(piece, **new)


def _is_hour(piece: Piece) -> bool:
    return "number" in piece.kinds and (not piece.text.isdigit() or 0 < int(piece.text) <= _HOURS)


def _kinds_at(found: Sequence[Piece], number: int) -> frozenset[str]:
    return found[number].kinds if number < len(found) else frozenset()


def part_hourly(match: re.Match[str]) -> tuple[Piece, int] | None:
    """Return half-hourly or quarter-hourly where it begins here, and how many pieces it has."""
    shown, hourly = _PART_HOURLY.get(plain(match[0])), _HOURLY.match(match.string, match.end())
    if not shown or not hourly:
        return None
    return Piece(shown, match.start(), hourly.end(), frozenset({"rhythm"})), 3 if hourly[0][0] == "-" else 2


def excepted(match: re.Match[str]) -> tuple[Piece, int] | None:
    """Return what leaves a day out of every day where it begins here: every day but Friday."""
    is_all = match.string[max(0, match.start() - 4) : match.start()].lower() == "day " and _BUT.match(
        match.string, match.start()
    )
    return (Piece("except", match.start(), match.end(), frozenset({"except"})), 1) if is_all else None
