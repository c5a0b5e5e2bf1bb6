"""Connections to models: only to addresses that were checked, as in `fetch`. Loaded through `llm`."""

import asyncio
import functools
import ssl
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import Future
from typing import Any

import httpcore2
import httpx2
from httpcore2 import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream

from app.infra import fetch
from app.infra.addresses import Failure, Target

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 300.0
"""A model that thinks may be silent for so long."""

MOST_BYTES = 16 * 1024 * 1024
"""No answer is larger: one that had no end would take the worker's memory, and with it every other run."""

_HTTPS = 443


class _Checked(AsyncNetworkBackend):
    """Connects to an address of the host that was looked up and checked, and to no other."""

    def __init__(self) -> None:
        self._plain = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to the first checked address that answers. Raises Failure for an inner one."""
        until = time.monotonic() + (timeout or CONNECT_SECONDS)
        target = Target("https" if port == _HTTPS else "http", host.lower().strip("[]").rstrip("."), port, "/")
        stopped: Future[None] = Future()
        seconds = until - time.monotonic()
        found = await asyncio.to_thread(fetch.guard().addresses, target, seconds, stopped)
        for count, address in enumerate(found):
            left = max(0.1, until - time.monotonic()) / (len(found) - count)
            try:
                return await self._plain.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if count == len(found) - 1:
                    raise
        raise httpcore2.ConnectError("no address")

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 httpcore's signature
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 as above
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 as above
    ) -> AsyncNetworkStream:
        """Refuse: a model is reached over the network."""
        raise httpcore2.ConnectError("no sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait, as httpcore asks between its retries."""
        await asyncio.sleep(seconds)


class _Short(httpx2.AsyncByteStream):
    """What a server answers, up to `MOST_BYTES`. Raises Failure beyond."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MOST_BYTES
        async for piece in self._whole:
            left -= len(piece)
            if left < 0:
                raise Failure("too_large", "Its answer did not end.", is_permanent=False)
            yield piece

    async def aclose(self) -> None:
        """Close the connection."""
        await self._whole.aclose()


class _Transport(httpx2.AsyncHTTPTransport):
    """Takes answers as they are sent, as a small packed one can be of any size, and no more than `MOST_BYTES`."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Ask."""
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        response.headers.pop("Content-Encoding", None)  # who packs it all the same is not understood
        response.stream = _Short(response.stream)
        return response


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def client() -> httpx2.AsyncClient:
    """Return a client for one conversation: no proxy or password of the environment is used, no redirect followed."""
    transport = _Transport(verify=_tls(), trust_env=False)
    transport._pool = httpcore2.AsyncConnectionPool(  # noqa: SLF001 httpx has no parameter for it
        ssl_context=_tls(), max_connections=4, keepalive_expiry=5.0, network_backend=_Checked()
    )
    timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
    return httpx2.AsyncClient(transport=transport, timeout=timeout, trust_env=False, follow_redirects=False)
