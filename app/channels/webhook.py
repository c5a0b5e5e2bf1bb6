"""Alerts to a web address: one POST of JSON each, with an id that stays the same over all tries."""

import json

from app.channels.base import Message, NotSent
from app.infra import fetch
from app.infra.addresses import Failure, read_target

TIMEOUT_SECONDS = 10.0
_LONGEST_ANSWER = 120


class Webhook:
    """Sends to `url`; an inner address only if the settings allow it."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, message: Message) -> str:
        """Send, and return what the server answered. Raises NotSent."""
        headers = {"Content-Type": "application/json", "webhook-id": message.id}
        body = json.dumps(message.as_dict()).encode()
        asked = fetch.Request("POST", self._url, headers, body, TIMEOUT_SECONDS, keep_bytes=2000, redirects=0)
        try:
            answer = fetch.Call(asked).answer()
        except Failure as failure:
            raise NotSent(failure.message) from failure
        said = f"{answer.status} {answer.phrase}".strip()
        text = " ".join(answer.body.decode(errors="replace").split())[:_LONGEST_ANSWER]
        if 200 <= answer.status < 300:  # noqa: PLR2004 taken, in HTTP
            return f"{said}: {text}" if text else said
        raise NotSent(f"{read_target(self._url).host} answered {said}" + (f": {text}" if text else "."))
