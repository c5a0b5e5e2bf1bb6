"""The seam of export formats: one module a format, which knows its shape and makes threads of it."""

from dataclasses import dataclass
from typing import Any, Protocol

from app.domain.thread import Thread


class Unreadable(ValueError):
    """A file or a conversation that can't be read; its text is a sentence that says what was found and what to do."""


@dataclass(frozen=True)
class Broken:
    """A conversation that can't be read, beside others that can: which it is, and a sentence that says why."""

    name: str
    sentence: str


class Importer(Protocol):
    """Knows one format. It is given one conversation at a time, as parsed JSON or, for a transcript, as text."""

    name: str
    label: str

    def knows(self, value: Any) -> bool:
        """Whether one parsed value (a conversation, or a list of messages) has the shape of this format."""
        ...

    def thread(self, value: Any) -> Thread:
        """Return the conversation. Raises Unreadable."""
        ...
