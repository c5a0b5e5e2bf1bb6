"""Two texts side by side, logs or what was made: where they part, without the times and colours in them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_STAMP = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_COMPARED = 300  # lines after the first difference, of each log
_SHOWN = 60
_CONTEXT = 2


@dataclass(frozen=True)
class Parting:
    """Where two logs part: how many lines are the same first, and what follows, each with `-`, `+` or a space."""

    same: int
    lines: Sequence[tuple[str, str]]


def parting(left: Sequence[str], right: Sequence[str]) -> Parting:
    """Compare the lines of two logs without their times and colours. No lines: as far as they go, they are the same."""
    before, after = [_plain(line) for line in left], [_plain(line) for line in right]
    same = next((at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    if same is None:
        same = min(len(before), len(after))
    if same == len(before) == len(after):
        return Parting(same, ())
    # Only so many lines: to compare whole logs can take a minute.
    before, after = before[same : same + _COMPARED], after[same : same + _COMPARED]
    lead = [(" ", _shown(line)) for line in left[max(same - _CONTEXT, 0) : same]]
    return Parting(same, [*lead, *_marked(before, after, left[same:], right[same:])][:_SHOWN])


def _marked(
    before: Sequence[str], after: Sequence[str], left: Sequence[str], right: Sequence[str]
) -> Iterator[tuple[str, str]]:
    for kind, start, end, there, until in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from ((" ", _shown(line)) for line in left[start : min(end, start + _CONTEXT)])
            if end - start > _CONTEXT:
                yield " ", "…"
            continue
        yield from (("-", _shown(line)) for line in left[start:end])
        yield from (("+", _shown(line)) for line in right[there:until])


def _plain(line: str) -> str:
    return " ".join(_STAMP.sub("", _COLOUR.sub("", line)).split())


def _shown(line: str) -> str:
    text = _COLOUR.sub("", line)
    return text if len(text) <= 500 else f"{text[:500]}…"  # noqa: PLR2004 letters of a line that are read
