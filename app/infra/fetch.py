"""Web requests to checked addresses: inner ones refused, everything capped, and each can be stopped at once.

The address that was checked is the address that is connected to, so a name that changes its mind in between (DNS
rebinding) gains nothing; TLS still verifies the name. No proxy and no credentials are taken from the environment.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol
from urllib.parse import urljoin

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from app.infra.addresses import Allowed, Failure, Guard, LookUp, Names, Target, look_up, read_target, refuse_plain
from app.infra.timed import Silence, Timed, TimedTls
from app.settings import Settings

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 10.0
MOST_IDLE = 128
READ_BYTES = 10 * 1024 * 1024
"""Reading stops here, however long the answer is."""

OWN_HEADERS = frozenset({"connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"})
"""Headers that frame a message or steer its connection; a caller never sets them."""

_REDIRECTS = {301, 302, 303, 307, 308}
_GOOD = range(200, 300)
_SAFE = {"GET", "HEAD"}
# What another origin may see after a redirect. All else may be a secret, whatever its name.
_HARMLESS = {"accept", "accept-language", "accept-encoding", "content-type", "idempotency-key", "user-agent"}
_PIECE_BYTES = 64 * 1024
_MOMENT = 0.05


class Sink(Protocol):
    """What an answer is written into, piece by piece: a file, or whoever reads it as it comes."""

    def write(self, piece: bytes, /) -> object:
        """Take the next piece."""


@dataclass(frozen=True)
class Request:
    """What to ask. `keep_bytes` of the answer are kept, `redirects` are followed at most; times in seconds.

    With `into`, a good answer (2xx) is written there, at most `most_bytes` of it, and its `body` is empty. With
    `silence_seconds`, a host that sends nothing for so long is given up. With `has_password`, plain http goes to inner
    addresses only: anybody on the way could read it.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_seconds: float = 30.0
    keep_bytes: int = 1024 * 1024
    redirects: int = 5
    into: Sink | None = None
    most_bytes: int = READ_BYTES
    silence_seconds: float = 0.0
    has_password: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back. `size` counts the bytes read, unpacked; `is_cut` says that `body` is only the beginning."""

    status: int
    phrase: str
    headers: Mapping[str, str]  # names in any case
    body: bytes
    size: int
    is_cut: bool
    url: str
    hops: tuple[str, ...] = ()  # the addresses redirected to, the last one is `url`


class Stopped(Exception):
    """The request was stopped by `Call.stop`."""


class _Connection(HTTPConnection):
    """A connection over a socket it is given: it never connects by itself, for nobody would check the address."""

    def __init__(self, target: Target, opened: Timed) -> None:
        super().__init__(target.host, target.port, timeout=None)
        self.origin = target.origin
        self.opened = self.sock = opened

    def connect(self) -> None:
        raise http.client.NotConnected


class _Idle:
    """Connections kept open for the next request to the same origin."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[tuple[float, _Connection]] = []  # the longest idle first

    def take(self, target: Target) -> _Connection | None:
        """Return a connection that is still open, or None."""
        with self._lock:
            self._drop_old()
            for index in range(len(self._kept) - 1, -1, -1):
                connection = self._kept[index][1]
                if connection.origin == target.origin:
                    del self._kept[index]
                    break
            else:
                return None
        if connection.is_connected:
            return connection
        connection.close()
        return None

    def put(self, connection: _Connection) -> None:
        """Keep a connection whose answer has been read to its end."""
        with self._lock:
            self._kept.append((time.monotonic() + IDLE_SECONDS, connection))
            self._drop_old()

    def close(self) -> None:
        """Close all."""
        with self._lock:
            kept, self._kept = self._kept, []
        for _, connection in kept:
            connection.close()

    def _drop_old(self) -> None:
        now = time.monotonic()
        while self._kept and (self._kept[0][0] < now or len(self._kept) > MOST_IDLE):
            self._kept.pop(0)[1].close()


class _Network:
    """How this process reaches others; nothing inner is allowed until `configure` says so."""

    def __init__(self, allow_hosts: tuple[str, ...] = (), look_up: LookUp = look_up) -> None:
        self.guard = Guard(Allowed(allow_hosts), Names(look_up))
        self.idle = _Idle()

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Verifies certificate and name against the system's authorities."""
        context = ssl.create_default_context()
        context.sslsocket_class = TimedTls
        return context


_network = [_Network()]


def configure(settings: Settings, look_up: LookUp = look_up) -> None:
    """Set what this process may reach, once at its start. Raises SettingError for a wrong `allow_hosts`."""
    fresh = _Network(settings.allow_hosts, look_up)
    _network[0].idle.close()
    _network[0] = fresh


def guard() -> Guard:
    """Return what checks the addresses that this process connects to, for other ways of asking than `Call`."""
    return _network[0].guard


def document(url: str, kind: str, most_bytes: int, patience_seconds: float = 20.0) -> bytes:
    """Return what is at an address, asked for as a media type; more than `most_bytes` of it are cut. Raises Failure."""
    headers = {"Accept": f"{kind}, */*;q=0.1"}
    ask = Request("GET", url, headers, timeout_seconds=patience_seconds, keep_bytes=most_bytes + 1)
    answer = Call(ask).answer()
    if answer.status != http.client.OK:
        host = read_target(answer.url).host
        raise Failure("protocol", f"{host} answered {answer.status} {answer.phrase}. Check the address.")
    return answer.body


class Call:
    """One request on its way, which any thread may stop."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._network = _network[0]
        self._deadline = time.monotonic() + request.timeout_seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._stopped: Future[None] = Future()

    def stop(self) -> None:
        """Stop at once: the thread in `answer` raises Stopped."""
        with self._lock:
            if not self._stopped.done():
                self._stopped.set_result(None)
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    # Of the plain class: that of TLS would unwrap the connection under its reader.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def answer(self) -> Answer:
        """Ask, and return the answer whatever its status. Raises Failure, or Stopped."""
        ask, hops = self.request, list[str]()
        while True:
            target = read_target(ask.url)
            try:
                connection, response = self._begin(ask, target)
                location = response.headers.get("location")
                if response.status not in _REDIRECTS or not location or not self.request.redirects:
                    return self._end(connection, response, target, hops)
                response.close()
                connection.close()
            except (OSError, HTTPError, http.client.HTTPException) as error:
                raise self._failure(error, target) from error
            finally:
                self._let_go()
            if len(hops) == self.request.redirects:
                raise Failure("redirects", f"{target.host} redirects more than {len(hops)} times.", is_permanent=True)
            ask = _redirected(ask, target, response.status, location)
            hops.append(ask.url)

    def _begin(self, ask: Request, target: Target) -> tuple[_Connection, urllib3.HTTPResponse]:
        """Send the request and read the head of its answer.

        Only a request without effects goes over a used connection: it may be closed under us, and is then sent again.
        """
        used = self._network.idle.take(target) if ask.method in _SAFE else None
        if used:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                return used, self._send(used, ask, target)
        connection = _Connection(target, self._connect(target))
        return connection, self._send(connection, ask, target)

    def _send(self, connection: _Connection, ask: Request, target: Target) -> urllib3.HTTPResponse:
        headers = {"Host": target.authority, "Accept-Encoding": "gzip, deflate", "User-Agent": "Carillon"}
        own = {name.lower() for name in ask.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in own}
        # http.client writes Latin-1; this makes it write UTF-8.
        headers |= {name: value.encode().decode("latin-1") for name, value in ask.headers.items()}
        try:
            self._hold(connection.opened)
            connection.request(ask.method, target.path, ask.body, headers, preload_content=False)
            return connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def _end(self, connection: _Connection, response: urllib3.HTTPResponse, target: Target, hops: list[str]) -> Answer:
        """Read the body of the answer, and keep the connection if all was read."""
        body, size = bytearray(), 0
        is_kept = False
        into = self.request.into if response.status in _GOOD else None
        most = self.request.most_bytes if into else READ_BYTES
        try:
            while size <= most and (piece := response.read(_PIECE_BYTES)):
                if into:
                    into.write(piece[: max(0, most - size)])
                else:
                    body += piece[: max(0, self.request.keep_bytes - size)]
                size += len(piece)
            self._let_go()
            is_kept = size <= most and not connection.is_closed
        finally:
            if is_kept:
                self._network.idle.put(connection)
            else:
                response.close()
                connection.close()
        said = response.reason or http.client.responses.get(response.status, "")
        phrase = "".join(filter(str.isprintable, said))  # it is shown and stored, and a host may write anything
        is_cut = size > (most if into else len(body))
        return Answer(response.status, phrase, response.headers, bytes(body), size, is_cut, target.url, tuple(hops))

    def _connect(self, target: Target) -> Timed:
        """Connect to the first address of `target` that answers."""
        addresses = self._network.guard.addresses(target, self._deadline - time.monotonic(), self._stopped)
        if self.request.has_password:
            refuse_plain(target, addresses)
        problem: OSError = OSError("no address")
        for count, address in enumerate(addresses):
            opened = Timed(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            try:
                self._hold(opened)
                opened.settimeout(min(CONNECT_SECONDS, opened.left() / (len(addresses) - count)))
                opened.connect((address, target.port))
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return self._secured(opened, target) if target.scheme == "https" else opened
            except ssl.SSLError:
                opened.close()
                raise
            except OSError as error:
                opened.close()
                problem = error
            except Stopped:
                opened.close()
                raise
        self._raise_if_stopped()
        raise problem

    def _secured(self, opened: Timed, target: Target) -> Timed:
        opened.settimeout(opened.left())
        secured = self._network.tls.wrap_socket(opened, server_hostname=target.host, do_handshake_on_connect=False)
        assert isinstance(secured, TimedTls)
        try:
            self._hold(secured)
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured

    def _hold(self, opened: Timed) -> None:
        """From now on `stop` and the deadline act on this socket."""
        opened.deadline, opened.silence = self._deadline, self.request.silence_seconds
        with self._lock:
            self._socket = opened
        self._raise_if_stopped()

    def _let_go(self) -> None:
        with self._lock:
            self._socket = None
        self._raise_if_stopped()

    def _raise_if_stopped(self) -> None:
        if self._stopped.done():
            raise Stopped

    def _failure(self, error: Exception, target: Target) -> Failure:
        """Say to a person what went wrong with `target`."""
        self._raise_if_stopped()
        host = target.authority
        causes = (error, error.__cause__, error.__context__)
        if any(isinstance(cause, Silence) for cause in causes):
            return Failure("timeout", f"{host} sent nothing for {self.request.silence_seconds:g} s.")
        if any(isinstance(cause, TimeoutError) for cause in causes):
            return self._too_late(host)
        for kind, reason, sentence, is_permanent in _FAILURES:
            cause = next((cause for cause in causes if isinstance(cause, kind)), None)
            if cause:
                return Failure(reason, sentence.format(host=host, why=_why(cause)), is_permanent=is_permanent)
        return Failure("protocol", f"{host} did not answer in HTTP.", is_permanent=True)

    def _too_late(self, host: str) -> Failure:
        if self._deadline - time.monotonic() > _MOMENT:
            return Failure("timeout", f"{host} did not accept a connection within {CONNECT_SECONDS:g} s.")
        return Failure("timeout", f"{host} did not answer within {self.request.timeout_seconds:g} s.")


_BROKEN_OFF = "{host} broke off the connection before its answer was complete."
_FAILURES: tuple[tuple[type[Exception], str, str, bool], ...] = (
    (ssl.SSLCertVerificationError, "tls", "The certificate of {host} can't be trusted: {why}.", True),
    (ssl.SSLError, "tls", "No secure connection to {host} could be made: {why}.", False),
    (ConnectionRefusedError, "refused", "{host} refused the connection.", False),
    (ConnectionError, "reset", _BROKEN_OFF, False),
    (http.client.IncompleteRead, "reset", _BROKEN_OFF, False),
    (urllib3.exceptions.IncompleteRead, "reset", _BROKEN_OFF, False),
    (urllib3.exceptions.DecodeError, "protocol", "The answer of {host} is not packed the way it says.", True),
    (OSError, "unreachable", "{host} can't be reached: {why}.", False),
)


def _why(error: Exception) -> str:
    """Return what a library says of an error, as the end of a sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message
    elif isinstance(error, ssl.SSLError):
        said = (error.reason or "TLS failed").replace("_", " ").lower()
    else:
        said = getattr(error, "strerror", None) or "the network gave no reason"
    return (said[:1].lower() + said[1:]).rstrip(".")


def _redirected(ask: Request, target: Target, status: int, location: str) -> Request:
    """Return the request that follows a redirect; another origin gets no header that may hold a secret."""
    location = location.encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        following = read_target(urljoin(target.url, location))
    except (Failure, ValueError):
        sentence = f"{target.host} redirects to something that is no web address."
        raise Failure("redirects", sentence, is_permanent=True) from None
    headers = dict(ask.headers)
    if following.origin != target.origin:
        headers = {name: value for name, value in headers.items() if name.lower() in _HARMLESS}
    becomes_get = (status == 303 and ask.method != "HEAD") or (status in {301, 302} and ask.method == "POST")  # noqa: PLR2004 HTTP
    if not becomes_get:
        return replace(ask, url=following.url, headers=headers)
    headers = {
        name: value for name, value in headers.items() if name.lower() not in {"content-type", "idempotency-key"}
    }
    return replace(ask, url=following.url, headers=headers, method="GET", body=None)
