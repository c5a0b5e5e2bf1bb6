"""Alerts by e-mail: text and plain HTML of the same words, a link, and nothing that follows the reader."""

from collections.abc import Sequence
from datetime import UTC
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.channels.base import Message, NotSent
from app.infra import mailer
from app.infra.mailer import Refused, Server

_FOLDER = Path(__file__).parents[2] / "templates"
_LONGEST_SUBJECT = 120


class Email:
    """Sends to all `addresses` by one mail server."""

    name = "email"

    def __init__(self, server: Server, addresses: Sequence[str], home: str) -> None:
        self._server = server
        self._addresses = addresses
        self._home = home
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, autoescape=select_autoescape(["html"]),
            trim_blocks=True,
        )  # fmt: skip

    def send(self, message: Message) -> str:
        """Send, and return what the server answered. Raises NotSent."""
        try:
            return mailer.send(self._server, self._addresses, self._written(message))
        except Refused as refusal:
            raise NotSent(refusal.message) from refusal

    def _written(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._server.sender
        mail["To"] = ", ".join(self._addresses)
        mail["Subject"] = _subject(message)
        mail["Date"] = format_datetime((message.recovered_at or message.at).astimezone(UTC))
        mail["Message-ID"] = f"<{message.id}@{self._server.domain}>"
        if message.recovered_at:
            began = f"<{message.id.removesuffix('-over')}@{self._server.domain}>"
            mail["In-Reply-To"] = mail["References"] = began
        mail["Auto-Submitted"] = "auto-generated"  # no out-of-office answers
        words = {"message": message, "home": self._home}
        mail.set_content(self._templates.get_template("mail/alert.txt").render(words))
        mail.add_alternative(self._templates.get_template("mail/alert.html").render(words), subtype="html")
        return mail


def _subject(message: Message) -> str:
    """Return the sentence, or its beginning, with the team before it."""
    text = " ".join(message.sentence.split())
    if len(text) > _LONGEST_SUBJECT:
        text = text[:_LONGEST_SUBJECT].rsplit(" ", 1)[0] + " …"
    return f"[{message.team or 'Carillon'}] {text}"
