"""Push to the devices of one person: sealed for each, sent to the push service of its browser."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.channels.base import Message, NotSent, plain, shortened
from app.infra import fetch, webpush
from app.infra.addresses import Failure, read_target

TIMEOUT_SECONDS = 10.0
LASTS_SECONDS = 24 * 3600
"""So long a push service keeps a message for a device that is off."""

_GONE = {404, 410}
_PASSING = {408, 425, 429}
_LONGEST_TEXT = 600
_LONGEST_TITLE = 80
_CAN_WAIT = frozenset({"slow", "recovered", "test"})


@dataclass(frozen=True)
class Device:
    """One browser of a person."""

    id: int
    name: str
    browser: webpush.Browser


@dataclass(frozen=True)
class Sent:
    """What became of a message to a device: what its push service answered. One that `is_gone` is known no more."""

    device: Device
    is_sent: bool
    said: str
    is_gone: bool = False
    is_permanent: bool = False


@dataclass(frozen=True)
class Sender:
    """Who sends: the private key, how the people of a push service reach us, and what the badge shows afterwards."""

    key: bytes
    contact: str
    unread: int = 0


class Push:
    """Sends to all devices of a person; it is sent when one of them was reached. `note` hears what became of each."""

    name = "push"

    def __init__(self, sender: Sender, devices: Sequence[Device], note: Callable[[Sequence[Sent]], None]) -> None:
        self._sender = sender
        self._devices = devices
        self._note = note

    def send(self, message: Message) -> str:
        """Send, and return what the push services answered. Raises NotSent."""
        if not self._devices:
            raise NotSent("No device takes notifications any more.", is_permanent=True)
        results = self._side_by_side(message)
        self._note(results)
        said = "; ".join(f"{one.device.name}: {one.said}" for one in results)
        if not any(one.is_sent for one in results):
            raise NotSent(said, is_permanent=all(one.is_permanent for one in results))
        return said

    def _side_by_side(self, message: Message) -> list[Sent]:
        """Send to each device on a thread of its own: one whose push service takes its time delays no other."""
        answers: list[Future[Sent]] = []
        for device in self._devices:
            answers.append(Future())
            threading.Thread(target=self._answer, args=(answers[-1], device, message), daemon=True).start()
        return [answer.result() for answer in answers]

    def _answer(self, answer: "Future[Sent]", device: Device, message: Message) -> None:
        try:
            answer.set_result(self._send(device, message))
        except Exception as error:  # noqa: BLE001 whatever it is belongs to whoever waits
            answer.set_exception(error)

    def _send(self, device: Device, message: Message) -> Sent:
        text = json.dumps(_content(message, self._sender.unread), ensure_ascii=False).encode()
        endpoint = device.browser.endpoint
        can_wait = message.kind in _CAN_WAIT or message.recovered_at is not None
        headers = {
            "Authorization": webpush.authorization(self._sender.key, endpoint, self._sender.contact),
            "Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream", "TTL": str(LASTS_SECONDS),
            "Urgency": "normal" if can_wait else "high", "Topic": _topic(message),
        }  # fmt: skip
        ask = fetch.Request(
            "POST", endpoint, headers, webpush.sealed(text, device.browser), TIMEOUT_SECONDS, keep_bytes=500,
            redirects=0, has_password=True,
        )  # fmt: skip
        try:
            answer = fetch.Call(ask).answer()
        except Failure as failure:
            return Sent(device, is_sent=False, said=failure.message, is_permanent=failure.is_permanent)
        said = f"{read_target(endpoint).host} answered {answer.status} {answer.phrase}".strip()
        if answer.status in _GONE:
            gone = f"{said}: this device takes no notifications any more, so it is forgotten."
            return Sent(device, is_sent=False, said=gone, is_gone=True, is_permanent=True)
        is_sent = 200 <= answer.status < 300  # noqa: PLR2004 taken, in HTTP
        if not is_sent and (why := plain(answer.body.decode(errors="replace"))):
            said += f": {shortened(why, 120)}"
        is_permanent = 300 <= answer.status < 500 and answer.status not in _PASSING  # noqa: PLR2004 asking again is vain
        return Sent(device, is_sent=is_sent, said=said, is_permanent=is_permanent)


def _content(message: Message, unread: int) -> Mapping[str, Any]:
    """Return what the service worker shows: the address is a path, so that it can lead nowhere but to these pages."""
    lines = [plain(one.sentence) for one in message.news][:4]
    address = urlsplit(message.url)
    return {
        "title": shortened(plain(message.team or "Carillon"), _LONGEST_TITLE),
        "body": shortened("\n".join([plain(message.sentence), *(f"• {line}" for line in lines)]), _LONGEST_TEXT),
        "url": address.path + (f"?{address.query}" if address.query else ""),
        "tag": _topic(message), "badge": unread, "asks": message.kind == "approval",
    }  # fmt: skip


def _topic(message: Message) -> str:
    """Return a name for all that is told of one thing: what comes later takes the place of what came before."""
    return hashlib.sha256((message.thread or message.id.removesuffix("-over")).encode()).hexdigest()[:32]
