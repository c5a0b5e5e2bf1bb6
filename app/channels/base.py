"""What a channel is: it takes one message and says what the other side answered, or why it was not taken."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from app.core.errors import CarillonError


@dataclass(frozen=True)
class News:
    """One thing that is told: what happened, or (with `recovered_at`) that it is over; `url` leads there."""

    sentence: str
    url: str
    at: datetime
    recovered_at: datetime | None = None


@dataclass(frozen=True)
class Part:
    """One step of a run that failed; `note` says what it did, or how long it took."""

    name: str
    is_fine: bool
    note: str


@dataclass(frozen=True)
class Story:
    """A failure as a letter tells it: what is safe, what to do, the line of the log that tells most, and the steps.

    `about` says which run it was, when it was planned, and when the next one is.
    """

    safe: str = ""
    next_step: str = ""
    evidence: str = ""
    parts: Sequence[Part] = ()
    about: str = ""


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a letter; other channels leave it out."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Message:
    """An alert as it begins, or (with `recovered_at`) as it ends; with several `news` it tells them all.

    `id` stays the same over all tries, `thread` over all messages of an incident. Without `needs_you` it is only good
    to know. `offers` are links that do something, each (label, address); `unsubscribe_url` ends messages of this kind,
    by one press. Times that are written out are those of `zone`.
    """

    id: str
    kind: str
    sentence: str
    team: str  # empty: the installation
    url: str
    at: datetime
    recovered_at: datetime | None = None
    news: Sequence[News] = ()
    story: Story = field(default_factory=Story)
    thread: str = ""
    why: str = ""
    offers: Sequence[tuple[str, str]] = ()
    unsubscribe_url: str = ""
    zone: str = "UTC"
    needs_you: bool = True
    attachment: Attachment | None = None

    @property
    def title(self) -> str:
        """Where it comes from, and what it says."""
        return plain(f"[{self.team or 'Carillon'}] {self.sentence}")

    def text(self, longest: int = 1500) -> str:
        """Say it in a few lines for a chat; the address stays whole, however little room there is."""
        lines = [f"• {plain(one.sentence)}" for one in self.news]
        said = "\n".join([self.title, *lines, *filter(None, (self.story.next_step,))])
        return f"{shortened(said, longest - len(self.url) - 1)}\n{self.url}"

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        news = [{"sentence": one.sentence, "url": one.url, **_times(one)} for one in self.news]
        return {
            "id": self.id, "kind": self.kind, "sentence": self.sentence, "team": self.team, "url": self.url,
            **_times(self), **({"news": news} if news else {}),
        }  # fmt: skip


def plain(text: str) -> str:
    """Return a text on one line, without anything that can't be seen: line ends, control characters, marks of order."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def shortened(text: str, longest: int) -> str:
    """Return a text, or its beginning up to a space, with at most so many letters."""
    return text if len(text) <= longest else text[: longest - 2].rsplit(" ", 1)[0] + " …"


def _times(one: "Message | News") -> dict[str, str | None]:
    over = one.recovered_at.isoformat() if one.recovered_at else None
    return {"at": one.at.isoformat(), "recovered_at": over}


class NotSent(CarillonError):
    """The other side did not take the message; it may the next time, unless `is_permanent`."""

    def __init__(self, message: str, *, is_permanent: bool = False) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent


class Channel(Protocol):
    """A way to tell people outside."""

    name: str

    def send(self, message: Message) -> str:
        """Send, and return what the other side answered. Raises NotSent."""


Channels = Sequence[Channel]
