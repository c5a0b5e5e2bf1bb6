"""A mail server of our own on loopback, which keeps what it gets."""

from contextlib import contextmanager
from email import message_from_bytes, policy
from types import SimpleNamespace

from aiosmtpd.controller import Controller

from tests.servers import closed_port


class Mailbox:
    """`mails` holds what was taken; while `answer` is set, that is what every message gets instead."""

    def __init__(self):
        self.mails = []
        self.answer = ""
        self.refuses = set()

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 aiosmtpd's own name
        if address in self.refuses:
            return "550 5.1.1 There is nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 aiosmtpd's own name
        if self.answer:
            return self.answer
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append(SimpleNamespace(mail=mail, to=envelope.rcpt_tos, sender=envelope.mail_from))
        return "250 2.0.0 Kept as 4711"

    @property
    def subjects(self):
        return [kept.mail["subject"] for kept in self.mails]


@contextmanager
def mail_server(**options):
    """A Mailbox; its `url` is what CARILLON_SMTP_URL takes."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=closed_port(), **options)
    controller.start()
    try:
        box.port = controller.port
        box.url = f"smtp://127.0.0.1:{box.port}?from=carillon@northgate.example"
        yield box
    finally:
        controller.stop()
