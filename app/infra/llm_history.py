"""What a conversation with a model holds, as `Conversation.history` returns it; needs none of the heavy libraries."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any


def calls(history: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the tools that the model asked for, in order: name and arguments."""
    for message in history:
        for part in message.get("parts", ()):
            if part.get("part_kind") == "tool-call":
                yield str(part["tool_name"]), _arguments(part.get("args"))


def _arguments(given: Any) -> Mapping[str, Any]:
    if isinstance(given, str):
        with suppress(ValueError):
            given = json.loads(given)
    return given if isinstance(given, Mapping) else {}
