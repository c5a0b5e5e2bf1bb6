"""Streams of events on the event loop: they hold no thread, and look only when the team's bell rang."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
from flask import Flask
from werkzeug.wrappers import Response

from app.api import events
from app.api.events import Ticket

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Admit = Callable[[Scope], Awaitable[tuple[Response, Any]]]
"""Asks the pages' application whether somebody may listen; without a ticket the response is the refusal."""

log = structlog.get_logger()

MOST_OF_TOKEN = 5
"""Streams of one token; the oldest makes room for another."""

SHORTEST_SECONDS = 0.2
"""Between two looks of one stream."""

CHECK_SECONDS = 60.0
"""Between two checks that the token is still good."""

_AWAY_SECONDS = 2.0
_PATH = re.compile(r"/api/v1/(runs/\d+/)?events")


class Feeds:
    """The open streams of a process. Who holds the connections tells it what rang, and to tend them."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(2, "feeds")
        self._by_token: defaultdict[int, list[Feed]] = defaultdict(list)

    @property
    def open(self) -> list["Feed"]:
        """Every open stream."""
        return [feed for feeds in list(self._by_token.values()) for feed in feeds]

    def takes(self, scope: Scope) -> bool:
        """Whether this request asks for a stream."""
        accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        is_stream = accepted.strip().startswith((events.STREAM.encode(), events.LINES.encode()))
        return is_stream and scope["method"] == "GET" and bool(_PATH.fullmatch(scope["path"]))

    async def serve(self, admit: Admit, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a stream, or with the refusal."""
        response, ticket = await admit(scope)
        headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        if ticket is None:
            await send({"type": "http.response.body", "body": response.get_data()})
            return
        feed = Feed(self, ticket, partial(admit, scope), send)
        gone = asyncio.create_task(_until_gone(receive))
        gone.add_done_callback(lambda _: feed.close())
        try:
            self._take_in(feed)
            await feed.run()
        finally:
            gone.cancel()
            self._let_go(feed)
        await send({"type": "http.response.body", "body": b""})

    async def look(self, ticket: Ticket, after: int) -> tuple[bytes, int, bool]:
        """Read what a listener is told now."""
        look = partial(events.look, self._app, ticket, after)
        return await asyncio.get_running_loop().run_in_executor(self._threads, look)

    # --- what the holder of the connections tells

    def ring(self, team_id: int, run_id: int) -> None:
        """Let the streams that a bell is for look; of team 0, check those of a person (`run_id`)."""
        for feed in self.open:
            feed.hear(team_id, run_id)

    def mark_all(self) -> None:
        """Bells may have been missed: let every stream look."""
        for feed in self.open:
            feed.mark()

    def tend(self) -> None:
        """Show signs of life, and check the tokens that were not checked for long."""
        for feed in self.open:
            feed.tend()

    def close(self) -> None:
        """End every stream; programs come back by themselves."""
        for feed in self.open:
            feed.close()

    # ---

    def _take_in(self, feed: "Feed") -> None:
        own = self._by_token[feed.ticket.token_id]
        own.append(feed)
        for oldest in own[:-MOST_OF_TOKEN]:
            oldest.close()

    def _let_go(self, feed: "Feed") -> None:
        own = self._by_token[feed.ticket.token_id]
        own.remove(feed)
        if not own:
            del self._by_token[feed.ticket.token_id]


class Feed:
    """One open stream: a cursor over the events that moves when something rang."""

    def __init__(
        self, feeds: Feeds, ticket: Ticket, admit: Callable[[], Awaitable[tuple[Response, Any]]], send: Send
    ) -> None:
        self.ticket = ticket
        self._feeds, self._admit, self._send = feeds, admit, send
        self._after = ticket.after
        self._news = asyncio.Event()
        self._is_marked, self._is_doubted, self._is_closed, self._must_beat = True, False, False, False
        self._checked_at = asyncio.get_running_loop().time()

    def hear(self, team_id: int, run_id: int) -> None:
        """Take notice of a bell."""
        if team_id == 0 and run_id == self.ticket.actor.person_id:
            self._is_doubted = True
            self._news.set()
        elif team_id == self.ticket.actor.team_id and self.ticket.run_id in {0, run_id}:
            self.mark()

    def mark(self) -> None:
        """Look for news."""
        self._is_marked = True
        self._news.set()

    def tend(self) -> None:
        """Show a sign of life; look, as a bell can be lost; check the token if it is time."""
        self._must_beat = self._is_marked = True
        self._is_doubted |= asyncio.get_running_loop().time() - self._checked_at > CHECK_SECONDS
        self._news.set()

    def close(self) -> None:
        """End it."""
        self._is_closed = True
        self._news.set()

    async def run(self) -> None:
        """Send until it is over, closed, or not allowed any more."""
        await self._write(events.begin(self.ticket))
        while not self._is_closed:
            self._news.clear()
            if self._is_doubted:
                await self._check()
            elif self._is_marked:
                await self._tell_news()
            elif self._must_beat:
                self._must_beat = False
                await self._write(events.beat(self.ticket, self._after))
            else:
                await self._news.wait()

    async def _tell_news(self) -> None:
        self._is_marked = False
        try:
            said, upto, is_over = await self._feeds.look(self.ticket, self._after)
        except Exception as error:  # noqa: BLE001 a look that fails must not end the stream: told, and tried again
            log.warning("feed_failed", error=repr(error))
            self._is_marked = True
            await asyncio.sleep(_AWAY_SECONDS)
            return
        has_more = bool(said) and upto > self._after
        self._after = upto
        await self._write(said)
        if is_over:
            await self._write(events.finished(self.ticket))
            self.close()
        elif has_more:
            self._is_marked = True  # there may be another page, or news meanwhile
        await asyncio.sleep(SHORTEST_SECONDS if not is_over else 0)

    async def _check(self) -> None:
        self._is_doubted = False
        response, ticket = await self._admit()
        self._checked_at = asyncio.get_running_loop().time()
        if ticket is None and response.status_code < 500:  # noqa: PLR2004 our own failures say nothing about rights
            self.close()

    async def _write(self, data: bytes) -> None:
        if data:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
