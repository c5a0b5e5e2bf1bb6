"""E-mail by SMTP: one connection a message, TLS wherever a password is sent, every wait bounded."""

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

from app.core.errors import CarillonError
from app.settings import SettingError

WAIT_SECONDS = 10.0
"""The longest wait for one answer of the server."""

_PORTS = {"smtp": 25, "smtps": 465}
_PERMANENT = 500
_LINE = 300
"""Letters of a line of a header: a subject is on one line, for some programs show where it was folded."""

_OWN = {"localhost", "127.0.0.1", "::1"}


class Refused(CarillonError):
    """The server is away or did not take the message; the sentence says what it answered.

    A permanent refusal (5xx) will not pass by itself.
    """

    def __init__(self, message: str, *, is_permanent: bool = False) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent


@dataclass(frozen=True)
class Server:
    """A mail server: its address, who signs in there, and from whom the messages come."""

    host: str
    port: int
    is_tls: bool  # from the first byte on; else it begins after STARTTLS
    user: str
    password: str
    sender: str

    @property
    def domain(self) -> str:
        """The part of the sender's address after the @."""
        return self.sender.rpartition("@")[2] or self.host


def read(url: str) -> Server:
    """Take smtp://user:password@host:587?from=name@host apart. Raises SettingError."""
    wrong = SettingError("CARILLON_SMTP_URL takes smtp://user:password@host:587?from=carillon@your.example.")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        sender = parse_qs(parts.query).get("from", [""])[0]
    except (ValueError, KeyError):
        raise wrong from None
    user = unquote(parts.username or "")
    sender = sender or (user if "@" in user else "")
    if not parts.hostname or "@" not in sender or any(char.isspace() for char in sender):
        raise wrong
    return Server(parts.hostname, port, parts.scheme == "smtps", user, unquote(parts.password or ""), sender)


def send(server: Server, addresses: Sequence[str], mail: EmailMessage) -> str:
    """Send to all `addresses`, and return what the server answered. Raises Refused.

    When some of them are refused and others taken it is sent, and the answer names those that were refused.
    """
    try:
        with _connected(server) as smtp:
            return _handed_over(smtp, server, addresses, mail)
    except smtplib.SMTPResponseException as error:
        is_about_us = isinstance(error, smtplib.SMTPAuthenticationError)
        is_permanent = error.smtp_code >= _PERMANENT and not is_about_us
        said = _said(error.smtp_code, error.smtp_error)
        raise Refused(f"{server.host} answered {said}.", is_permanent=is_permanent) from error
    except (smtplib.SMTPException, TimeoutError) as error:
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            raise Refused(f"{server.host} did not answer within {WAIT_SECONDS:g} s.") from error
        raise Refused(f"{server.host} did not take the message: {error}.") from error
    except ssl.SSLError as error:
        raise Refused(f"No secure connection to {server.host} could be made: {error.reason or error}.") from error
    except OSError as error:
        raise Refused(f"{server.host}:{server.port} can't be reached: {error.strerror or error}.") from error


def _connected(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.is_tls:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=WAIT_SECONDS, context=context)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=WAIT_SECONDS)
    try:
        smtp.ehlo_or_helo_if_needed()
        if not server.is_tls and smtp.has_extn("starttls"):
            smtp.starttls(context=context)
            smtp.ehlo()
        if server.user:
            _refuse_in_clear(smtp, server)
            smtp.login(server.user, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _refuse_in_clear(smtp: smtplib.SMTP, server: Server) -> None:
    if not isinstance(smtp.sock, ssl.SSLSocket) and server.host not in _OWN:
        raise Refused(f"{server.host} offers no TLS, so the password is not sent to it. Use smtps://.")


def _handed_over(smtp: smtplib.SMTP, server: Server, addresses: Sequence[str], mail: EmailMessage) -> str:
    _must(smtp.mail(server.sender))
    refused, codes = [], []
    for address in addresses:
        code, text = smtp.rcpt(address)
        if code not in {250, 251}:
            refused.append(f"{address}: {_said(code, text)}")
            codes.append(code)
    if len(refused) == len(addresses):
        is_permanent = min(codes, default=0) >= _PERMANENT
        raise Refused(f"{server.host} refused every address. {'; '.join(refused)}.", is_permanent=is_permanent)
    code, text = smtp.data(mail.as_bytes(policy=mail.policy.clone(linesep="\r\n", max_line_length=_LINE)))
    _must((code, text))
    answer = _said(code, text)
    return f"{answer}; refused: {'; '.join(refused)}" if refused else answer


def _must(answer: tuple[int, bytes]) -> None:
    if not 200 <= answer[0] < 300:  # noqa: PLR2004 taken, in SMTP
        raise smtplib.SMTPResponseException(answer[0], answer[1])


def _said(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(f"{code} {words}".split())[:200].rstrip(".")
