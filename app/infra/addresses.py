"""Where a request may go: names are resolved, every address is checked, inner ones are refused."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import quote, urlsplit

from app.core.errors import CarillonError
from app.settings import SettingError

KEEP_SECONDS = 5.0
"""How long a resolved name is remembered; its addresses are checked at every connect all the same."""

LookUp = Callable[[str], Sequence[str]]
"""Name -> numeric addresses; may block, and raises OSError or UnicodeError."""

_LOCALHOST = ("localhost", "127.0.0.0/8", "::1")
_MOST_KEPT = 512
_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9._-]{1,253}")
_KEPT_IN_PATH = "/%:@!$&'()*+,;=?~[]"

# The IANA special-purpose registries, multicast, and the one cloud metadata address that looks public (168.63.129.16).
# `ipaddress.is_private` differs between versions of Python and leaves out 100.64.0.0/10, 64:ff9b::/96 and 2002::/16.
_INNER_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    )
)  # fmt: skip
_OUTER_6 = IPv6Network("2000::/3")  # all else is local, mapped, translated (NAT64), multicast or unassigned
_INNER_6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


class Failure(CarillonError):
    """A request got no usable answer.

    `reason` is `address`, `inner_address`, `dns`, `refused`, `reset`, `unreachable`, `tls`, `timeout`, `protocol` or
    `redirects`; a permanent one will not pass by itself.
    """

    def __init__(self, reason: str, message: str, *, is_permanent: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.is_permanent = is_permanent


@dataclass(frozen=True)
class Target:
    """A web address taken apart: `host` is lower-case ASCII without brackets, `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What must be equal for two targets to share secrets and connections."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.authority}{self.path}"


@lru_cache(1024)
def read_target(url: str) -> Target:
    """Take a web address apart. Raises Failure (`address`) with a sentence for the person who typed it."""
    wrong = Failure("address", "Type an address like https://example.com/health.", is_permanent=True)
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode().rstrip(".")
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        raise wrong from None
    if parts.username is not None:
        sentence = "Keep user and password out of the address; use a secret."
        raise Failure("address", sentence, is_permanent=True)
    is_host = _NAME.fullmatch(host) or _is_numeric(host)
    if not (is_host and port and parts.scheme in _PORTS and url.isprintable()):
        raise wrong
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, quote(path, safe=_KEPT_IN_PATH))


@lru_cache(4096)
def is_inner(address: str) -> bool:
    """Whether a numeric address is anything but a public one of the internet."""
    found = ip_address(address)
    if found.version == 4:  # noqa: PLR2004 the version of IP
        return any(found in network for network in _INNER_4)
    return found not in _OUTER_6 or any(found in network for network in _INNER_6)


def refuse_plain(target: Target, addresses: Iterable[str]) -> None:
    """Refuse plain http to an address of the open internet, for a request with a password. Raises Failure."""
    if target.scheme == "http" and not all(map(is_inner, addresses)):
        sentence = f"Over http anybody on the way could read the password. Use an https address of {target.host}."
        raise Failure("address", sentence, is_permanent=True)


class Allowed:
    """The inner addresses an administrator allows: `host`, `host:port`, an address, a network, `localhost`.

    `localhost` means this machine by whatever name. Raises SettingError for an entry that is none of these.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._hosts: set[tuple[str, int]] = set()
        self._networks: list[tuple[IPv4Network | IPv6Network, int]] = []
        for entry in entries:
            name, port = _entry(entry.lower())
            for part in _LOCALHOST if name == "localhost" else (name,):
                self._add(part, port)

    def has(self, host: str, port: int, address: str) -> bool:
        """Whether `host` may be reached at the inner `address` on `port`."""
        if not {(host, 0), (host, port)}.isdisjoint(self._hosts):
            return True
        found = ip_address(address)
        return any(found in network and only in {0, port} for network, only in self._networks)

    def _add(self, name: str, port: int) -> None:
        try:
            self._networks.append((ip_network(name, strict=False), port))
        except ValueError:
            if not _NAME.fullmatch(name):
                raise _not_allowed(name) from None
            self._hosts.add((name.rstrip("."), port))


def _entry(text: str) -> tuple[str, int]:
    """Return name and port (0: any) of an entry."""
    name, port = text, ""
    if text.startswith("["):
        name, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        name, _, port = text.partition(":")
    if port and not (port.isdecimal() and 0 < int(port) < 65_536):  # noqa: PLR2004 ports of TCP
        raise _not_allowed(text)
    return name, int(port or 0)


def _not_allowed(text: str) -> SettingError:
    return SettingError(
        f"CARILLON_ALLOW_HOSTS has “{text}”; it takes hosts, host:port and networks, like localhost, "
        "intranet.example:8080 or 10.0.0.0/8."
    )


def look_up(host: str) -> Sequence[str]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Names:
    """Resolves names, each in a thread of its own: a resolver that hangs holds up nobody past their own deadline.

    Requests for one name share one look-up, so a name whose server hangs costs one thread.
    """

    def __init__(self, look_up: LookUp = look_up) -> None:
        self._look_up = look_up
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Future[Sequence[str]]]] = {}

    def find(self, host: str) -> "Future[Sequence[str]]":
        """Return the addresses of `host`, as they were found in the last few seconds or will be."""
        now = time.monotonic()
        with self._lock:
            until, found = self._known.get(host, (0.0, None))
            if found and (until > now or not found.done()):
                return found
            if len(self._known) >= _MOST_KEPT:
                self._known = {name: entry for name, entry in self._known.items() if entry[0] > now}
            found = Future()
            self._known[host] = (now + KEEP_SECONDS, found)
        threading.Thread(target=self._find, args=(host, found), name="look-up", daemon=True).start()
        return found

    def _find(self, host: str, found: "Future[Sequence[str]]") -> None:
        try:
            found.set_result(self._look_up(host))
        except Exception as error:  # noqa: BLE001 it is raised where the result is asked for
            found.set_exception(error)


class Guard:
    """Turns a target into addresses that may be connected to."""

    def __init__(self, allowed: Allowed, names: Names) -> None:
        self._allowed = allowed
        self._names = names

    def addresses(self, target: Target, seconds: float, stopped: "Future[None]") -> Sequence[str]:
        """Resolve and check `target` within `seconds`, or until `stopped` is done: then there are none.

        One inner address among several refuses all. Raises Failure.
        """
        found = [target.host] if _is_numeric(target.host) else self._resolve(target.host, seconds, stopped)
        for address in found:
            if is_inner(address) and not self._allowed.has(target.host, target.port, address):
                sentence = (
                    f"{target.host} is an inner address. An administrator can allow it with CARILLON_ALLOW_HOSTS."
                )
                raise Failure("inner_address", sentence, is_permanent=True)
        return found

    def _resolve(self, host: str, seconds: float, stopped: "Future[None]") -> Sequence[str]:
        found = self._names.find(host)
        either: tuple[Future[Any], ...] = (found, stopped)
        wait(either, seconds, FIRST_COMPLETED)
        if stopped.done():
            return []
        if not found.done():
            raise Failure("timeout", f"The name {host} could not be looked up in time.")
        try:
            return found.result()
        except (OSError, UnicodeError) as error:
            if getattr(error, "errno", None) == socket.EAI_AGAIN:
                raise Failure("dns", f"The name {host} could not be looked up: no name server answers.") from None
            raise Failure("dns", f"There is no host named {host}.", is_permanent=True) from None


def _is_numeric(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
