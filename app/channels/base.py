"""What a channel is: it takes one message and says what the other side answered, or why it was not taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.core.errors import CarillonError


@dataclass(frozen=True)
class Message:
    """An alert as it begins, or (with `recovered_at`) as it ends. `id` stays the same over all tries."""

    id: str
    kind: str
    sentence: str
    team: str  # empty: the installation
    url: str
    at: datetime
    recovered_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        over = self.recovered_at.isoformat() if self.recovered_at else None
        return {
            "id": self.id, "kind": self.kind, "sentence": self.sentence, "team": self.team, "url": self.url,
            "at": self.at.isoformat(), "recovered_at": over,
        }  # fmt: skip


class NotSent(CarillonError):
    """The other side did not take the message; it may the next time."""


class Channel(Protocol):
    """A way to tell people outside."""

    name: str

    def send(self, message: Message) -> str:
        """Send, and return what the other side answered. Raises NotSent."""


Channels = Sequence[Channel]
