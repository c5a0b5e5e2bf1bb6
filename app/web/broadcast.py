"""Broadcasts: what a group of open pages is shown, looked at once, and the streams that carry it to each."""

import asyncio
import io
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog
from a2wsgi.wsgi import build_environ
from flask import Flask
from werkzeug.wrappers import Response

from app.web import live
from app.web.live import Frame, Group, Ticket

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
T = TypeVar("T")

log = structlog.get_logger()

SHORTEST_SECONDS = 0.2
"""Between two looks at what one group is shown."""

MOST_WAITING = 32
"""Messages that wait for a slow client; it then gets the whole state instead."""

_AWAY_SECONDS = 2.0
_AT_ONCE = 100
_REST = 5  # as many times as long as a look took, so that none takes a core for itself


class Desk:
    """What the loop asks of Flask, done on a few threads of its own."""

    def __init__(self, app: Flask) -> None:
        self.looks = self.drops = 0
        self._app = app
        self._threads = ThreadPoolExecutor(2, "live")

    async def admit(self, scope: Scope) -> tuple[Response, Ticket | None]:
        """Let Flask decide who may listen; without a ticket the response is the refusal."""
        return await self._in_thread(partial(_admit, self._app, scope))

    async def look(self, group: Group, after: int) -> Frame:
        """Read and render what a group sees now."""
        self.looks += 1
        return await self._in_thread(partial(live.look, self._app, group, after))

    async def look_back(self, group: Group, after: int, upto: int) -> Frame:
        """Read and render lines that somebody missed."""
        return await self._in_thread(partial(live.look_back, self._app, group, after, upto))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Take no more work."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _admit(app: Flask, scope: Scope) -> tuple[Response, Ticket | None]:
    environ: dict[str, Any] = build_environ(scope, io.BytesIO())  # type: ignore[arg-type,assignment]  # the same protocol under two names
    tickets: list[Ticket] = []
    environ[live.ADMIT] = tickets.append
    response = Response.from_app(app.wsgi_app, environ)
    if tickets:
        response.close()  # its own stream is for servers without a loop
    return response, tickets[0] if tickets else None


@dataclass(frozen=True)
class Message:
    """What a broadcast tells its streams: the lines after `after` up to `last`, and the parts that changed."""

    after: int
    last: int
    lines: bytes
    parts: bytes


class Broadcast:
    """What one group is shown: looked at once for all its streams, when it changed and not too often."""

    def __init__(self, desk: Desk, group: Group, last: int) -> None:
        self.group, self.last = group, last
        self.parts: dict[str, str] = {}
        self.is_over = False
        self.streams: set[Stream] = set()
        self._desk = desk
        self._is_dirty = False
        self._work: asyncio.Task[None] | None = None

    def mark(self) -> None:
        """Look again: at once if it was quiet."""
        self._is_dirty = True
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._look_while_dirty())

    async def _look_while_dirty(self) -> None:
        loop = asyncio.get_running_loop()
        while self._is_dirty and self.streams and not self.is_over:
            self._is_dirty = False
            began = loop.time()
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 a view that fails once must not stay dead: told, and tried again
                log.warning("live_view_failed", view=self.group.view, error=repr(error))
                self._is_dirty = True
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            spent = loop.time() - began
            await asyncio.sleep(max(SHORTEST_SECONDS - spent, spent * _REST))

    async def _look(self) -> None:
        has_more = True
        while has_more:
            after = self.last
            frame = await self._desk.look(self.group, after)
            if self.last != after:
                continue  # turned back meanwhile
            has_more = frame.has_more
            message = Message(after, frame.last, live.lines_message(frame), live.parts_message(frame.parts, self.parts))
            self.last, self.parts = frame.last, dict(frame.parts) or self.parts
            await self._tell(message)
        if frame.is_over:
            self.is_over = True
            for stream in self.streams:
                stream.beat()

    async def _tell(self, message: Message) -> None:
        for number, stream in enumerate(list(self.streams), 1):
            stream.put(message)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)  # a page may be waiting

    def turn_back(self, last: int) -> None:
        """Go back to a line: somebody said they had lines that are not there."""
        self.last = last
        self.mark()


class Stream:
    """One open page: in step with its broadcast, or behind and catching up by itself."""

    def __init__(self, desk: Desk, broadcast: Broadcast, ticket: Ticket, scope: Scope, send: Send) -> None:
        self.ticket, self.broadcast = ticket, broadcast
        self.checked_at = asyncio.get_running_loop().time()
        self._desk, self._scope, self._send = desk, scope, send
        self._last = ticket.after
        self._waiting: deque[Message] = deque()
        self._news = asyncio.Event()
        self._is_behind = True
        self._is_closed = self._is_doubted = self._must_beat = False
        self._farewell = b""

    # --- what others tell it

    def put(self, message: Message) -> None:
        """Take a message of the broadcast; too many waiting are dropped, and the state is sent whole instead."""
        if len(self._waiting) >= MOST_WAITING:
            self._desk.drops += 1
            self._fall_behind()
        elif not self._is_behind:
            self._waiting.append(message)
        self._news.set()

    def beat(self) -> None:
        """Show a sign of life."""
        self._must_beat = True
        self._news.set()

    def doubt(self) -> None:
        """Check again whether this person may listen."""
        self._is_doubted = True
        self._news.set()

    def close(self, farewell: bytes = b"") -> None:
        """End it, with a last word."""
        self._is_closed, self._farewell = True, farewell
        self._news.set()

    # --- what it does

    async def feed(self) -> None:
        """Send until it is over, closed, or not allowed any more."""
        await self._write(live.RETRY + live.BEAT)
        while not self._is_closed:
            if self._is_doubted:
                await self._check()
            elif self._is_behind:
                await self._catch_up()
            elif self._waiting:
                await self._deliver(self._waiting.popleft())
            elif self.broadcast.is_over:
                self.close(live.FINISHED)
            else:
                await self._rest()
        await self._write(self._farewell)

    async def _rest(self) -> None:
        self._news.clear()
        await self._news.wait()
        if self._must_beat:
            self._must_beat = False
            await self._write(live.BEAT)

    async def _deliver(self, message: Message) -> None:
        lines = b""
        if message.last > self._last:
            if message.after != self._last:
                self._fall_behind()
                return
            lines = message.lines
        await self._write(lines + message.parts)
        self._last = max(self._last, message.last)

    def _fall_behind(self) -> None:
        self._waiting.clear()
        self._is_behind = True

    async def _catch_up(self) -> None:
        """Send the lines up to the broadcast's, then all parts, and be in step."""
        broadcast = self.broadcast
        while self._last < broadcast.last and not self._is_closed:
            frame = await self._desk.look_back(broadcast.group, self._last, broadcast.last)
            if frame.last == self._last:
                broadcast.turn_back(self._last)
                break
            await self._write(live.lines_message(frame))
            self._last = frame.last
        self._is_behind = False  # before the write: what is said meanwhile waits
        await self._write(live.parts_message(broadcast.parts, {}))

    async def _check(self) -> None:
        self._is_doubted = False
        response, ticket = await self._desk.admit(self._scope)
        self.checked_at = asyncio.get_running_loop().time()
        if ticket and ticket.group != self.ticket.group:
            self.close()  # it comes back with the rights it has now
        elif ticket is None and response.status_code < 500:  # noqa: PLR2004 our own failures say nothing about rights
            self.close(live.SIGNED_OUT)

    async def _write(self, data: bytes) -> None:
        if data:
            body = self.ticket.own(data)
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
