"""One POST a message: what webhooks and chats take, each in the words of its own interface."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from app.channels.base import Message, NotSent, plain, shortened
from app.domain.redaction import Redactor
from app.infra import fetch
from app.infra.addresses import Failure, read_target

TIMEOUT_SECONDS = 10.0

_LONGEST_ANSWER = 120
_PASSING = {408, 425, 429}
_SAID = ("description", "message", "error", "detail")
_LONGEST_TITLE = 120
_ALARMING = frozenset({"failing", "paused", "not_started", "budget_out"})

Content = Callable[[Message], Mapping[str, Any]]


class Post:
    """Sends to `url` what `content` makes of a message; an inner address only if the settings allow it.

    `secrets` are masked in what is shown of an answer. With `is_secret` the address is a password by itself, so plain
    http goes to inner addresses only.
    """

    def __init__(
        self, name: str, url: str, content: Content, headers: Mapping[str, str] | None = None, *,
        secrets: tuple[str, ...] = (), is_secret: bool = True,
    ) -> None:  # fmt: skip
        self.name = name
        self._url = url
        self._content = content
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._is_secret = is_secret
        self._redactor = Redactor([url, *filter(None, secrets)])

    def send(self, message: Message) -> str:
        """Send, and return what the server answered. Raises NotSent."""
        body = json.dumps(self._content(message)).encode()
        headers = {**self._headers, "webhook-id": message.id} if self.name == "webhook" else self._headers
        asked = fetch.Request(
            "POST", self._url, headers, body, TIMEOUT_SECONDS, keep_bytes=2000, redirects=0,
            has_password=self._is_secret,
        )  # fmt: skip
        try:
            answer = fetch.Call(asked).answer()
        except Failure as failure:
            raise NotSent(self._redactor.redact(failure.message), is_permanent=failure.is_permanent) from failure
        said, text = f"{answer.status} {answer.phrase}".strip(), self._said(answer.body)
        if 200 <= answer.status < 300:  # noqa: PLR2004 taken, in HTTP
            return f"{said}: {text}" if text else said
        is_permanent = 300 <= answer.status < 500 and answer.status not in _PASSING  # noqa: PLR2004 asking again is vain
        told = f"{read_target(self._url).host} answered {said}" + (f": {text}" if text else ".")
        raise NotSent(told, is_permanent=is_permanent)

    def _said(self, body: bytes) -> str:
        """Return the sentence in an answer, where it has one, else its beginning."""
        text = body.decode(errors="replace")
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            fields = None
        if isinstance(fields, dict):
            text = next((str(fields[name]) for name in _SAID if isinstance(fields.get(name), str)), text)
        return self._redactor.redact(plain(text))[:_LONGEST_ANSWER]


# --- what each of them takes


def slack(message: Message) -> Mapping[str, Any]:
    """Return what an incoming webhook of Slack (and Mattermost) takes: its text knows three special characters."""
    text = message.text().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": text, "unfurl_links": False}


def teams(message: Message) -> Mapping[str, Any]:
    """Return an adaptive card, as workflows of Microsoft Teams take it; its runs of text know no marks."""
    lines = [message.title, *(one.sentence for one in message.news), message.story.next_step]
    blocks = [
        {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": shortened(plain(line), 500), **first}]}
        for line, first in zip(lines, [{"weight": "bolder"}, *[{}] * len(lines)], strict=False)
        if line
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
        "body": blocks, "actions": [{"type": "Action.OpenUrl", "title": "Open in Carillon", "url": message.url}],
    }  # fmt: skip
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def discord(message: Message) -> Mapping[str, Any]:
    """Return what a webhook of Discord takes; it mentions nobody."""
    return {"content": message.text(1900), "allowed_mentions": {"parse": []}}


def telegram(chat: str) -> Content:
    """Return what the method sendMessage of a bot of Telegram takes, for a chat."""

    def content(message: Message) -> Mapping[str, Any]:
        return {"chat_id": chat, "text": message.text(4000), "link_preview_options": {"is_disabled": True}}

    return content


def ntfy(topic: str) -> Content:
    """Return what ntfy takes for a topic."""

    def content(message: Message) -> Mapping[str, Any]:
        lines = [f"• {plain(one.sentence)}" for one in message.news] or [plain(message.sentence)]
        is_alarming = message.kind in _ALARMING and not message.recovered_at
        return {
            "topic": topic, "title": shortened(message.title, _LONGEST_TITLE),
            "message": shortened("\n".join(lines), 3000), "click": message.url, "priority": 4 if is_alarming else 3,
        }  # fmt: skip

    return content


def webhook(message: Message) -> Mapping[str, Any]:
    """Return the message with all its fields."""
    return message.as_dict()
