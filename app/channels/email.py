"""Alerts by e-mail: text and HTML of the same words, links, and nothing that follows the reader."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.channels.base import Message, News, NotSent, shortened
from app.domain import wording
from app.domain.reporting import KIND
from app.infra import mailer
from app.infra.mailer import Refused, Server

LONGEST_SUBJECT = 120

_FOLDER = Path(__file__).parents[2] / "templates"
_ABOVE = re.compile(r"(?:/t/[^/]+)?(?:/settings|/me)?")
_PLACES = (
    ("/runs/", "See the run"),
    ("/incidents/", "See what happened"),
    ("/channels", "See the channels"),
    ("/tasks/", "See the task"),
    ("/alerts", "See the alerts"),
    ("/a/", "Confirm the address"),
    ("/insights", "Open Insights"),
)
_ASIDE = {"test": "A test", "confirm": "A question"}
_FAILED = frozenset({"failing", "paused", "unmet", "not_started", "not_finished", "missed", "blocked", "budget_out"})
_templates = Environment(
    loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, autoescape=select_autoescape(["html"]),
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


@dataclass(frozen=True)
class Letter:
    """What the templates say around a message; `home` is the address of the pages."""

    message: Message
    home: str

    @property
    def subject(self) -> str:
        """All of it on one line, or its beginning."""
        return shortened(self.message.title, LONGEST_SUBJECT)

    @property
    def tone(self) -> str:
        """How it is: fail, ok or warn."""
        if self.is_over or self.message.kind == KIND:
            return "ok"
        needs_you = self.message.needs_you and (self.message.kind in _FAILED or self.message.news)
        return "fail" if needs_you else "warn"

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to do any more."""
        news = self.message.news
        return all(one.recovered_at for one in news) if news else self.message.recovered_at is not None

    @property
    def mark(self) -> str:
        """The sign of its tone."""
        return {"ok": "✓", "fail": "✕", "warn": "!"}[self.tone]

    @property
    def state(self) -> str:
        """How it is, in words."""
        if self.message.kind in _ASIDE:
            return _ASIDE[self.message.kind]
        if self.message.kind == KIND:
            return "Your report"
        if self.is_over:
            return "It is over"
        if not self.message.needs_you:
            return "Good to know"
        has_failed = self.message.kind in {"failing", "paused"} and not self.message.news
        return "Failed, and it needs you" if has_failed else "It needs you"

    @property
    def preheader(self) -> str:
        """What mail programs show after the subject."""
        story = self.message.story
        return " ".join(filter(None, (story.safe, story.next_step))) or self.when(self.message)

    @property
    def leads_to(self) -> str:
        """What the main button opens."""
        path = _ABOVE.sub("", self.message.url.removeprefix(self.home), count=1)
        return next((words for place, words in _PLACES if path.startswith(place)), "Open Carillon")

    @property
    def because(self) -> str:
        """Why its reader gets it."""
        if self.message.why:
            return f"You get this because {self.message.why}."
        return f"Carillon at {self.home}" + (f", team {self.message.team}" if self.message.team else "") + "."

    def when(self, one: Message | News) -> str:
        """Say when it began, and when it was over, in the reader's zone."""
        began = self._moment(one.at)
        if one.recovered_at:
            return f"It began at {began} and was over at {self._moment(one.recovered_at)}."
        return f"First seen at {began}."

    def _moment(self, at: datetime) -> str:
        zone = self.message.zone
        local = at.astimezone(ZoneInfo(zone))
        return f"{wording.day(local)}, {local:%H:%M}" + (" UTC" if zone == "UTC" else "")


class Email:
    """Sends to all `addresses` by one mail server."""

    name = "email"

    def __init__(self, server: Server, addresses: Sequence[str], home: str) -> None:
        self._server = server
        self._addresses = addresses
        self._home = home

    def send(self, message: Message) -> str:
        """Send, and return what the server answered. Raises NotSent."""
        try:
            return mailer.send(self._server, self._addresses, self._written(message))
        except Refused as refusal:
            raise NotSent(refusal.message, is_permanent=refusal.is_permanent) from refusal

    def _written(self, message: Message) -> EmailMessage:
        letter, domain = Letter(message, self._home), self._server.domain
        mail = EmailMessage()
        mail["From"] = self._server.sender
        mail["To"] = ", ".join(self._addresses)
        mail["Subject"] = letter.subject
        mail["Date"] = format_datetime((message.recovered_at or message.at).astimezone(UTC))
        mail["Message-ID"] = f"<{message.id}@{domain}>"
        if message.thread not in {"", message.id}:
            mail["In-Reply-To"] = mail["References"] = f"<{message.thread}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # no out-of-office answers
        if message.unsubscribe_url:
            mail["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        words = {"message": message, "letter": letter}
        mail.set_content(_templates.get_template("mail/alert.txt").render(words))
        mail.add_alternative(_templates.get_template("mail/alert.html").render(words), subtype="html")
        if message.attachment:
            kind, _, subtype = message.attachment.media_type.partition("/")
            content = message.attachment.content
            mail.add_attachment(content, maintype=kind, subtype=subtype, filename=message.attachment.name)
        return mail
