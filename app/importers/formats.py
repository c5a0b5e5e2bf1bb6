"""The formats that can be imported, from the most telling shape to the least."""

from typing import Any

from app.importers.anthropic import Anthropic
from app.importers.base import Importer
from app.importers.chatgpt import ChatGPT
from app.importers.claude import Claude
from app.importers.claude_code import ClaudeCode
from app.importers.codex import Codex
from app.importers.librechat import LibreChat
from app.importers.markdown import Markdown
from app.importers.openai import OpenAI
from app.importers.openwebui import OpenWebUI
from app.importers.suna import Suna

IMPORTERS: tuple[Importer, ...] = (
    ChatGPT(), Claude(), ClaudeCode(), Codex(), LibreChat(), OpenWebUI(), Suna(), Anthropic(), OpenAI(), Markdown(),
)  # fmt: skip


def importer_of(value: Any) -> Importer | None:
    """Return the first importer that knows the shape of a value, None where nobody does."""
    return next((importer for importer in IMPORTERS if importer.knows(value)), None)
