"""What a browser sends, taken in by the event loop: who sends slowly holds no thread that pages need."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from tempfile import SpooledTemporaryFile
from typing import IO, Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SILENCE_SECONDS = 30.0
"""After so long without a byte the request is given up."""

_IN_MEMORY_BYTES = 1024 * 1024
_PIECE_BYTES = 64 * 1024


async def whole(app: Application, scope: Scope, receive: Receive, send: Send, largest: int) -> None:
    """Call `app` once the body is here; one of more than `largest` bytes is left for it to refuse unread."""
    if not 0 < length(scope) <= largest:
        await app(scope, receive, send)
        return
    with SpooledTemporaryFile(_IN_MEMORY_BYTES) as kept:
        if await _take_in(receive, kept):
            await app(scope, _given_again(kept), send)
        else:
            await send({"type": "http.response.start", "status": 408, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b""})


def length(scope: Scope) -> int:
    """Return how long the body says it is; 0 where it does not say."""
    said = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(said[:18]) if said.isdigit() else 0


async def _take_in(receive: Receive, kept: IO[bytes]) -> bool:
    """Whether all came; not when the client fell silent or went away."""
    has_more = True
    while has_more:
        try:
            message = await asyncio.wait_for(receive(), SILENCE_SECONDS)
        except TimeoutError:
            return False
        if message["type"] != "http.request":
            return False
        kept.write(message.get("body", b""))
        has_more = message.get("more_body", False)
    return True


def steady(receive: Receive) -> Receive:
    """Return the same for a body too large to be kept before anybody looks who sends it; silence cuts it."""

    async def again() -> Message:
        try:
            return await asyncio.wait_for(receive(), SILENCE_SECONDS)
        except TimeoutError:
            return {"type": "http.disconnect"}

    return again


def _given_again(kept: IO[bytes]) -> Receive:
    size = kept.tell()
    kept.seek(0)

    async def receive() -> Message:
        piece = kept.read(_PIECE_BYTES)
        return {"type": "http.request", "body": piece, "more_body": kept.tell() < size}

    return receive
