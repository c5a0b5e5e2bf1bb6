"""An imported conversation with an AI agent: what was said, what was called, and how the agent was set up.

All of it is somebody else's text: data that is shown and searched, never followed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

Role = Literal["user", "assistant"]
Format = Literal[
    "chatgpt", "claude", "suna", "openai", "anthropic", "librechat", "openwebui", "claude_code", "codex", "markdown"
]


@dataclass(frozen=True)
class Attachment:
    """A file that somebody attached; `text` is what the export holds of its content."""

    name: str
    media_type: str = ""
    size: int | None = None
    text: str = ""


@dataclass(frozen=True)
class ToolCall:
    """A tool as the agent called it, and what came back.

    `name` is that of the export. `arguments` are parsed where they are JSON, else {"input": the text as it was}.
    `has_failed` is None where the export does not say.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    output: str = ""
    has_failed: bool | None = None


@dataclass(frozen=True)
class Message:
    """What one side said at once, with its files and the calls that followed it, in their order.

    `text` is what a reader sees: no reasoning, no tool traffic. It is empty where there were only calls.
    """

    role: Role
    text: str
    at: datetime | None = None
    attachments: tuple[Attachment, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    key: str = ""


@dataclass(frozen=True)
class Thread:
    """One conversation on its current branch.

    `key` is what the export calls it, empty where it has no name of its own. `title` and `model` are None where the
    export shows none. `settings` are those of the agent: temperature, tools that were offered.
    """

    format: Format
    messages: tuple[Message, ...]
    key: str = ""
    title: str | None = None
    model: str | None = None
    system_prompt: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def visible(self) -> list[Message]:
        """The messages with text, in their order."""
        return [message for message in self.messages if message.text.strip()]

    @property
    def asked(self) -> list[Message]:
        """What the person said."""
        return [message for message in self.visible if message.role == "user"]

    @property
    def calls(self) -> Iterator[ToolCall]:
        """Every call, in its order."""
        return (call for message in self.messages for call in message.calls)

    @property
    def last_at(self) -> datetime | None:
        """When the last message with a time was said."""
        return next((message.at for message in reversed(self.messages) if message.at), None)


def as_json(thread: Thread) -> dict[str, Any]:
    """Return a thread as JSON holds it; `of_json` makes the same thread of it."""
    kept = asdict(thread)
    for message in kept["messages"]:
        message["at"] = message["at"] and message["at"].isoformat()
    return kept


def of_json(kept: Mapping[str, Any]) -> Thread:
    """Return the thread that `as_json` wrote."""
    messages = tuple(_message(one) for one in kept["messages"])
    return Thread(**{**kept, "messages": messages})


def _message(kept: Mapping[str, Any]) -> Message:
    return Message(
        kept["role"],
        kept["text"],
        datetime.fromisoformat(kept["at"]) if kept["at"] else None,
        tuple(Attachment(**one) for one in kept["attachments"]),
        tuple(ToolCall(**one) for one in kept["calls"]),
        kept["key"],
    )
