"""Messages by Apprise, for all that has no module here: in a process of its own that reaches no inner address.

Its many services connect in as many ways, so it is the process that is guarded and timed, not each of them.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.channels.base import Message, NotSent, plain, shortened
from app.domain.redaction import Redactor

TIMEOUT_SECONDS = 12.0
"""How long one message may take, the start of the process included."""

_ROOT = Path(__file__).parents[2]
_LONGEST_ANSWER = 200
_LONGEST_SMS = 300


class Gateway:
    """Sends by the service that an address of Apprise names. `secrets` are masked in what is shown of an answer."""

    def __init__(self, name: str, url: str, allow_hosts: Sequence[str], secrets: Sequence[str]) -> None:
        self.name = name
        self._url = url
        self._allow_hosts = allow_hosts
        self._redactor = Redactor([url, *secrets])

    def send(self, message: Message) -> str:
        """Send, and return what the service answered. Raises NotSent."""
        if self.name == "sms":
            title, body = "", message.text(_LONGEST_SMS)
        else:
            title, _, body = message.text().partition("\n")
        asked = {"url": self._url, "title": title, "body": body, "allow_hosts": list(self._allow_hosts)}
        told = self._asked(asked)
        said = shortened(self._redactor.redact(plain(str(told.get("said", "")))), _LONGEST_ANSWER)
        if not told.get("is_sent"):
            raise NotSent(said or "The service did not take the message.", is_permanent=bool(told.get("is_refused")))
        return said or "Sent."

    def _asked(self, asked: Mapping[str, object]) -> dict[str, object]:
        command = [sys.executable, "-m", "app.channels.gateways_job"]
        try:
            done = subprocess.run(
                command, input=json.dumps(asked).encode(), capture_output=True, timeout=TIMEOUT_SECONDS, cwd=_ROOT,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, check=False,
            )  # fmt: skip
            found = json.loads(done.stdout.splitlines()[-1])
        except subprocess.TimeoutExpired:
            raise NotSent(f"The service did not answer within {TIMEOUT_SECONDS:g} s.") from None
        except (OSError, ValueError, IndexError) as error:
            raise NotSent(f"The message can't be sent: {type(error).__name__}.") from error
        return found if isinstance(found, dict) else {}
