"""The chain of the audit: the seal of an entry is a hash of itself and of the seal before it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

START = "0" * 64
"""What stands before the first entry."""

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class Sealed(NamedTuple):
    """An entry as it stands in the table."""

    id: int
    number: int
    team_id: int | None
    person_id: int | None
    action: str
    object: str
    data: dict[str, Any]
    at: datetime
    seal: str | None


def seal(entry: Sealed, before: str, number: int | None = None) -> str:
    """Return the seal of an entry that follows the one sealed by `before`; with another `number` if one is given."""
    content = [
        entry.number if number is None else number, entry.team_id, entry.person_id, entry.action, entry.object,
        entry.data, entry.at.isoformat(), before,
    ]  # fmt: skip
    return sha256(_encode(content).encode()).hexdigest()


@dataclass(frozen=True)
class Flaw:
    """The first entry that is not what was sealed.

    `kind` is edited, deleted, inserted, reordered, rewritten (it fits its chain, but not what was anchored), cut (at
    the end), unsealed (for too long) or headless (nothing says where the chain ends).
    """

    kind: str
    number: int
    sentence: str


class Walk:
    """Goes over sealed entries in the order of their numbers, from the first on; `anchors` maps numbers to seals."""

    def __init__(self, anchors: Mapping[int, str]) -> None:
        self._anchors = anchors
        self.number = 0
        self.seal = START
        self.anchored = 0
        self._id = 0

    def step(self, entry: Sealed, following: Sealed | None) -> Flaw | None:
        """Go on to the next entry; returns what is wrong with it. `following` is the one after it, if any."""
        number = self.number + 1
        if entry.number != number or entry.seal != seal(entry, self.seal) or entry.id <= self._id:
            return self._flaw(entry, following, number)
        if number in self._anchors:
            if self._anchors[number] != entry.seal:
                sentence = f"Entry {number} is not the one that was anchored: the chain was rewritten up to here."
                return Flaw("rewritten", number, sentence)
            self.anchored += 1
        self.number, self.seal, self._id = number, entry.seal, entry.id
        return None

    def _flaw(self, entry: Sealed, following: Sealed | None, number: int) -> Flaw:
        if entry.number > number:
            return Flaw("deleted", number, f"Entry {number} is missing: it was deleted.")
        if following and following.seal == seal(following, self.seal, number):
            if entry.seal == seal(entry, following.seal, number + 1):
                return Flaw("reordered", number, f"Entries {number} and {number + 1} have changed places.")
            return Flaw("inserted", number, f"Entry {number} was inserted: the one after it follows the one before it.")
        if entry.id <= self._id or (following and following.id <= entry.id):
            return Flaw("reordered", number, f"Entry {number} does not stand in its place: entries were reordered.")
        return Flaw("edited", number, f"Entry {number} does not fit its seal: it was edited.")
