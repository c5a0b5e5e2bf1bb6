"""Builds the messages of a thread: calls find their message, and results find their call."""

from dataclasses import dataclass, field
from typing import Any

from app.domain.thread import Attachment, Message, Role, ToolCall
from app.importers.values import arguments, has_failed, output_text, when


@dataclass
class _Call:
    name: str
    arguments: dict[str, Any]
    key: str
    outputs: list[str] = field(default_factory=list)
    has_failed: bool | None = None

    def made(self) -> ToolCall:
        return ToolCall(self.name, self.arguments, "\n".join(self.outputs), self.has_failed)


@dataclass
class _Draft:
    role: Role
    text: str
    at: Any
    key: str
    attachments: list[Attachment]
    calls: list[_Call] = field(default_factory=list)


class Builder:
    """Collects what was said and called, in its order."""

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []
        self._open: list[_Call] = []
        self._keyed: dict[str, _Call] = {}

    def say(
        self, role: Role, text: str, *, at: Any = None, key: Any = "", attachments: list[Attachment] | None = None
    ) -> None:
        """Begin a message. `at` is any form of a time that `when` reads."""
        self._drafts.append(_Draft(role, text.strip("\n"), at, key if isinstance(key, str) else "", attachments or []))

    def add_text(self, text: str) -> None:
        """Add a paragraph to the last message."""
        if text.strip() and self._drafts:
            last = self._drafts[-1]
            last.text = f"{last.text}\n\n{text.strip()}" if last.text.strip() else text.strip("\n")

    def attach(self, attachment: Attachment) -> None:
        """Add a file to the last message of the person."""
        last = next((draft for draft in reversed(self._drafts) if draft.role == "user"), None)
        if last and attachment.name not in {known.name for known in last.attachments}:
            last.attachments.append(attachment)

    def call(self, name: Any, given: Any, key: Any = "", at: Any = None) -> None:
        """Add a call to the agent's message that is being said, or begin one without text."""
        if not isinstance(name, str) or not name.strip():
            return
        if not self._drafts or self._drafts[-1].role != "assistant":
            self.say("assistant", "", at=at)
        call = _Call(name.strip(), arguments(given), key if isinstance(key, str) else "")
        self._drafts[-1].calls.append(call)
        self._open.append(call)
        if call.key:
            self._keyed[call.key] = call

    def result(self, output: Any, *, key: Any = "", name: Any = "", failed: Any = None) -> bool:
        """Give a call its result: the one of that key, else the first open one of that name. Returns whether it was."""
        call = self._waiting(key, name)
        if call is None:
            return False
        text = output_text(output)
        call.outputs.append(text)
        told = has_failed(text, failed)
        call.has_failed = told if told is not None else call.has_failed
        return True

    def _waiting(self, key: Any, name: Any) -> _Call | None:
        if isinstance(key, str) and key:
            found = self._keyed.get(key)
            if found or self._keyed:
                return found
        waiting = [call for call in self._open if not call.outputs]
        if isinstance(name, str) and name:
            named = [call for call in waiting if call.name == name]
            return named[0] if named else next((c for c in reversed(self._open) if c.name == name), None)
        return waiting[0] if waiting else (self._open[-1] if self._open else None)

    @property
    def role(self) -> Role | None:
        """Whose message is being said."""
        return self._drafts[-1].role if self._drafts else None

    def messages(self) -> tuple[Message, ...]:
        """Return the messages that hold anything."""
        return tuple(
            Message(
                role=draft.role,
                text=draft.text,
                at=when(draft.at),
                attachments=tuple(draft.attachments),
                calls=tuple(call.made() for call in draft.calls),
                key=draft.key,
            )
            for draft in self._drafts
            if draft.text.strip() or draft.calls or draft.attachments
        )
