"""A conversation as a page shows it: text alone, secrets masked, what was found marked, and only so much at once."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.analysis.unseen import visible
from app.domain.thread import Message, ToolCall
from app.services.threads.review import Review

SHOWN = 40
"""Messages on one page; of longer conversations those with evidence, and links to what lies between."""

_LONGEST, _LONGEST_OUTPUT, _LONGEST_LINE = 6000, 2000, 120
_MOST_CALLS, _MOST_WORDS = 24, 40
_LEAST_GAP = 6
MARKS = {
    "intent": "int", "objective": "int", "variable": "var", "dependency": "dep", "schedule": "when", "secret": "sec",
}  # fmt: skip
"""The class of the mark for each kind of finding."""


@dataclass(frozen=True)
class Note:
    """A finding on the page: its number there, the row, and where its first evidence stands."""

    number: int
    row: Any
    value: Mapping[str, Any]

    @property
    def messages(self) -> list[int]:
        """The numbers of the messages it stands in."""
        return list(dict.fromkeys(int(one["message"]) for one in self.row.evidence))


@dataclass(frozen=True)
class Piece:
    """A piece of a text: plain, or marked with the number of a finding."""

    text: str
    mark: str = ""
    number: int = 0


@dataclass(frozen=True)
class Call:
    """A tool call on the page; `orders` are texts in its result that give orders to a model."""

    name: str
    said: str
    result: str
    has_failed: bool
    output: str
    is_cut: bool
    orders: Sequence[str] = ()


@dataclass(frozen=True)
class Turn:
    """A message on the page, or what is left out before it (`skipped`, from number `first` on)."""

    number: int
    is_person: bool = False
    at: datetime | None = None
    pieces: Sequence[Piece] = ()
    more: int = 0
    files: Sequence[tuple[str, int | None]] = ()
    calls: Sequence[Call] = ()
    more_calls: int = 0
    orders: Sequence[str] = ()
    secrets: Sequence[Note] = ()
    skipped: int = 0
    first: int = 0


def turns(review: Review, notes: Sequence[Note], start: int | None) -> list[Turn]:
    """Return what is shown of a conversation: all of a short one, else from `start` on, else what holds evidence."""
    shown = _chosen(len(review.thread.messages), notes, start)
    found: list[Turn] = []
    before = 0
    for number in shown:
        if number > before:
            found.append(Turn(number, skipped=number - before, first=before))
        found.append(_turn(review, number, notes))
        before = number + 1
    if left := len(review.thread.messages) - before:
        found.append(Turn(before, skipped=left, first=before))
    return found


def _chosen(count: int, notes: Sequence[Note], start: int | None) -> list[int]:
    if count <= SHOWN:
        return list(range(count))
    if start is not None:
        first = max(0, min(start, count - 1))
        return list(range(first, min(count, first + SHOWN)))
    told = {number for note in notes for number in note.messages if number < count}
    return sorted({0, 1, *sorted(told)[: SHOWN - 3], count - 1})


def _turn(review: Review, number: int, notes: Sequence[Note]) -> Turn:
    message = review.thread.messages[number]
    own = [note for note in notes if number in note.messages]
    whole = message.text.strip()
    text = review.beginning(whole, _LONGEST)
    orders = [str(note.value.get("excerpt", "")) for note in own if note.row.kind == "injection"]
    calls = [_call(review, call, orders) for call in message.calls[:_MOST_CALLS]]
    placed = {order for call in calls for order in call.orders}
    return Turn(
        number, message.role == "user", message.at, marked(text, own), max(0, len(whole) - _LONGEST),
        _files(review, message), calls, max(0, len(message.calls) - _MOST_CALLS),
        [visible(order) for order in orders if visible(order) not in placed],
        [note for note in own if note.row.kind == "secret"],
    )  # fmt: skip


def _files(review: Review, message: Message) -> list[tuple[str, int | None]]:
    return [(visible(review.masked(one.name)), one.size) for one in message.attachments if one.name]


def _call(review: Review, call: ToolCall, orders: Sequence[str]) -> Call:
    given = " ".join(str(one) for one in call.arguments.values())
    said = " ".join(visible(review.beginning(given, _LONGEST_OUTPUT)).split())
    output = visible(review.beginning(call.output, _LONGEST_OUTPUT))
    whole = " ".join(call.output.split()) if orders else ""
    mine = [visible(one) for one in orders if _core(one) and _core(one) in whole]
    return Call(
        visible(call.name), _short(said), _short(" ".join(output.split()), 32), bool(call.has_failed), output,
        len(call.output) > _LONGEST_OUTPUT, mine,
    )  # fmt: skip


def _core(excerpt: str) -> str:
    """Return the middle of an excerpt, which stands in its text as it is."""
    return max(excerpt.strip("…").split("…"), key=len, default="")[10:50].strip()


def _short(text: str, longest: int = _LONGEST_LINE) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


# --- marks


@dataclass
class _Places:
    """The marked places of a text, none of which overlap."""

    taken: list[tuple[int, int, str, int]] = field(default_factory=list)

    def is_free(self, start: int, end: int) -> bool:
        return not any(start < last and first < end for first, last, *_ in self.taken)

    def add(self, start: int, end: int, mark: str, number: int) -> None:
        self.taken.append((start, end, mark, number))

    def free_part(self, start: int, end: int) -> tuple[int, int]:
        """Return the longest part of a place that nothing else marks."""
        edges = [start, *(edge for first, last, *_ in sorted(self.taken) for edge in (first, last)), end]
        gaps = [(first, last) for first, last in zip(edges[::2], edges[1::2], strict=True)]
        inside = [(max(start, first), min(end, last)) for first, last in gaps]
        return max(inside, key=lambda gap: gap[1] - gap[0])


def marked(text: str, notes: Sequence[Note]) -> list[Piece]:
    """Return a text in pieces, those marked that findings stand for: single words first, then the sentences around."""
    places = _Places()
    for note in notes:
        if literal := _literal(note):
            for hit in re.finditer(rf"(?<!\w){re.escape(literal)}(?!\w)", text):
                if places.is_free(*hit.span()):
                    places.add(*hit.span(), MARKS[note.row.kind], note.number)
                    break
    for note in notes:
        for sentence in _sentences(note):
            if around := sentence.search(text):
                start, end = _trimmed(text, *places.free_part(*around.span()))
                if end - start >= _LEAST_GAP:
                    places.add(start, end, MARKS[note.row.kind], note.number)
                    break
    return list(_pieces(text, sorted(places.taken)))


def _literal(note: Note) -> str:
    value = note.row.value
    match note.row.kind:
        case "variable":
            return str(value["value"])
        case "dependency":
            return str(value["name"])
        case "secret":
            return str(value["masked"])
    return ""


def _sentences(note: Note) -> Iterable[re.Pattern[str]]:
    if note.row.kind in {"intent", "objective", "schedule"}:
        for one in note.row.evidence:
            if words := one["excerpt"].strip("…").split()[:_MOST_WORDS]:
                yield re.compile(r"\s+".join(map(re.escape, words)))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return start, end


def _pieces(text: str, places: Sequence[tuple[int, int, str, int]]) -> Iterable[Piece]:
    at = 0
    for start, end, mark, number in places:
        if start > at:
            yield Piece(visible(text[at:start]))
        yield Piece(visible(text[start:end]), mark, number)
        at = end
    if at < len(text):
        yield Piece(visible(text[at:]))
