"""The process that speaks by Apprise: it reads what to send from its standard input, and writes what was answered.

Python itself asks `_guard` before each connection, whichever library makes it; it can't be taken off again.
"""

import json
import logging
import os
import resource
import socket
import sys
from typing import Any

import apprise
import requests

from app.infra.addresses import Allowed, is_inner

_LONGEST = 500
_MOST_BYTES = 64 * 1024
_MEMORY_BYTES, _CPU_SECONDS = 1024 * 1024 * 1024, 20
"""What this process may take at most, whatever a service answers."""

_LOCAL = {
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.bind", "syslog.openlog",
    "syslog.syslog", "os.remove", "os.rename", "os.mkdir",
}  # fmt: skip
_OPENED = tuple(
    os.path.realpath(folder) + "/" for folder in (sys.prefix, sys.base_prefix, "/etc/ssl", "/usr/share", "/usr/lib")
)
"""What a service may read of this machine: programs and certificates. Some would send any file that they are told."""

_CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_THIS_MACHINE = "This service needs this machine itself, which channels may not use."


class Refused(OSError):
    """A connection that may not be made."""


class Guard:
    """Lets connections go to outer addresses and allowed inner ones, and nothing else happen outside this process."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._names: dict[str, set[str]] = {}
        self._look_up = socket.getaddrinfo
        self.refused = ""

    def install(self) -> None:
        """Begin; there is no end."""
        socket.getaddrinfo = self._remembered
        sys.addaudithook(self._guard)

    def _remembered(self, host: Any, *args: Any, **kwargs: Any) -> Any:
        """Look a name up, and remember of which name an address is: the settings allow names, too."""
        found = self._look_up(host, *args, **kwargs)
        for entry in found:
            name = host.decode() if isinstance(host, bytes) else str(host or "")
            self._names.setdefault(str(entry[4][0]), set()).add(name.lower().rstrip("."))
        return found

    def _guard(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _LOCAL:
            self._refuse(_THIS_MACHINE)
        if event in _CONNECTING:
            self._check(args[1])
        if event == "open" and isinstance(args[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(args[0]))
            if not path.startswith(_OPENED) or args[2] & (os.O_WRONLY | os.O_RDWR):
                self._refuse(_THIS_MACHINE)

    def _check(self, address: Any) -> None:
        if not isinstance(address, tuple):  # a socket of this machine
            self._refuse(_THIS_MACHINE)
        host, port = str(address[0]).partition("%")[0], int(address[1])
        names = self._names.get(host, set()) | {host}
        try:
            is_open = not is_inner(host) or any(self._allowed.has(name, port, host) for name in names)
        except ValueError:
            is_open = False  # a name, which nobody has looked up
        if not is_open:
            shown = next(iter(sorted(names - {host})), host)
            self._refuse(f"{shown} is an inner address. An administrator can allow it with CARILLON_ALLOW_HOSTS.")

    def _refuse(self, sentence: str) -> None:
        self.refused = self.refused or sentence
        raise Refused(sentence)


class Heard(logging.Handler):
    """Keeps what Apprise complains of, which is all it says of a failure that is none of HTTP."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


def send(asked: dict[str, Any]) -> dict[str, Any]:
    """Send, and return whether it was and what was answered."""
    answers: list[str] = []
    heard = Heard()
    logger = logging.getLogger("apprise")
    logger.addHandler(heard)
    logger.propagate = False
    plain_send = requests.Session.send

    def listening(session: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        answer = plain_send(session, request, **(more | {"stream": True}))
        # As it came over the wire, not unpacked: a small body may unpack to gigabytes.
        answer._content = answer.raw.read(_MOST_BYTES, decode_content=False)  # noqa: SLF001 so nobody reads on
        answers.append(f"{answer.status_code} {answer.reason}: {answer.text[:_LONGEST]}".rstrip(": "))
        return answer

    requests.Session.send = listening  # type: ignore[method-assign, assignment]  # to hear what each service really said
    guard = Guard(Allowed(asked["allow_hosts"]))
    service = apprise.Apprise.instantiate(asked["url"], suppress_exceptions=True)
    if not service:
        return {"is_sent": False, "is_refused": True, "said": "Apprise does not know this address."}
    guard.install()
    try:
        is_sent = bool(service.notify(body=asked["body"], title=asked["title"]))
    except Exception as error:  # noqa: BLE001 whatever a service meets, it is said
        is_sent = False
        heard.lines.append(f"{type(error).__name__}: {error}")
    said = guard.refused or (answers[-1] if answers else " ".join(heard.lines[-2:]))
    return {"is_sent": is_sent and not guard.refused, "is_refused": bool(guard.refused), "said": said[:_LONGEST]}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    sys.stdout.write(json.dumps(send(json.load(sys.stdin))) + "\n")
