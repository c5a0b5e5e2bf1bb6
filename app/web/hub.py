"""The hub: holds the connections of open pages on one event loop, and lets Flask's threads do the rest."""

import asyncio
import re
import signal
import threading
from collections import defaultdict
from typing import Any, Protocol

import structlog
from a2wsgi import WSGIMiddleware
from flask import Flask

from app.infra import broker
from app.web import bodies, live
from app.web.broadcast import Broadcast, Desk, Receive, Scope, Send, Stream
from app.web.live import Group, Ticket

log = structlog.get_logger()

BEAT_SECONDS = 15.0
"""Between two signs of life on a quiet stream. A write is what finds a client that is gone."""

PULSE_SECONDS = 5.0
"""Between two looks of a view that must show how fresh it is."""

CHECK_SECONDS = 60.0
"""Between two checks that somebody may still listen."""

MOST_OF_BROWSER = 5
"""Streams of one sign-in: a browser opens six connections to a site, and one must stay free for pages."""

_CROWDED = b"event: crowded\nretry: 60000\ndata:\n\n"
_PATH = re.compile(r"/t/[^/]+/live/.|/wall/live$")
_DOWNLOAD = re.compile(
    r"/(?:t/[^/]+|api/v1)/(?:runs/\d+/(?:log\.txt$|files/|artifacts/)|runs/export\b|insights/(?:[^/]+/)?export\b)"
    r"|/t/[^/]+/settings/audit\."
)
_UPLOAD = re.compile(r"/(?:t/[^/]+/threads/(?:imports|files)|api/v1/imports/files)$")
_DOWNLOADS = _UPLOADS = 4
"""Threads that send what may be large; it takes as long as its reader takes, and pages must not wait for that."""


class Feeds(Protocol):
    """Streams of another kind, those for programs, whose connections are held here too."""

    def takes(self, scope: Scope) -> bool: ...
    async def serve(self, admit: Any, scope: Scope, receive: Receive, send: Send) -> None: ...
    def ring(self, team_id: int, run_id: int) -> None: ...
    def mark_all(self) -> None: ...
    def tend(self) -> None: ...
    def close(self) -> None: ...


class Hub:
    """An ASGI application: streams on the loop, everything else in Flask on threads."""

    def __init__(self, app: Flask, feeds: Feeds) -> None:
        self._desk, self._feeds = Desk(app), feeds
        self._pages = WSGIMiddleware(app.wsgi_app, workers=app.config["SETTINGS"].web_threads)  # type: ignore[arg-type]  # the same protocol under two names
        self._downloads = WSGIMiddleware(app.wsgi_app, workers=_DOWNLOADS)  # type: ignore[arg-type]  # as above
        self._uploads = WSGIMiddleware(app.wsgi_app, workers=_UPLOADS)  # type: ignore[arg-type]  # as above
        self._largest: int = app.config["MAX_CONTENT_LENGTH"]
        self._broadcasts: dict[Group, Broadcast] = {}
        self._by_run: defaultdict[tuple[int, int], set[Broadcast]] = defaultdict(set)
        self._by_sign_in: defaultdict[int, list[Stream]] = defaultdict(list)
        app.extensions["hub"] = self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "headers" in scope:
            # WSGI knows X_Forwarded_For and X-Forwarded-For by one name: the first would speak as the proxy.
            scope["headers"] = [(name, value) for name, value in scope["headers"] if b"_" not in name]
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["method"] == "GET" and _PATH.match(scope["path"]):
            await self._stream(scope, receive, send)
        elif scope["type"] == "http" and self._feeds.takes(scope):
            await self._feeds.serve(self._desk.admit, scope, receive, send)
        elif scope["type"] == "http" and _UPLOAD.match(scope["path"]) and bodies.length(scope) > self._largest:
            await self._uploads(scope, bodies.steady(receive), send)  # type: ignore[arg-type]  # as above
        else:
            pages = self._downloads if _DOWNLOAD.match(scope["path"]) else self._pages
            await bodies.whole(pages, scope, receive, send, self._largest)  # type: ignore[arg-type]  # the same protocol under two names

    @property
    def streams(self) -> list[Stream]:
        """Every open stream."""
        return [stream for streams in list(self._by_sign_in.values()) for stream in streams]

    def numbers(self) -> dict[str, tuple[str, int]]:
        """Return name, meaning and value of what /metrics shows of the streams; may be asked from any thread."""
        return {
            "streams": ("Open streams of this process", len(self.streams)),
            "stream_looks": ("Looks at the database for streams since this process started", self._desk.looks),
            "stream_drops": ("Times a slow client was sent the whole state instead of what waited", self._desk.drops),
        }

    # --- the life of the process

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        tasks = [asyncio.create_task(work) for work in (self._listen(), self._tend(), self._pulse())]
        for task in tasks:
            task.add_done_callback(_tell_failure)
        self._end_with_the_server()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._desk.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _end_with_the_server(self) -> None:
        """End the streams when the server is told to stop: it waits for all that is open."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)

            def stop(signum: int, frame: Any, before: Any = before) -> None:
                loop.call_soon_threadsafe(self.close)
                if callable(before):
                    before(signum, frame)

            signal.signal(number, stop)

    def close(self) -> None:
        """End every stream; the pages come back by themselves."""
        for stream in self.streams:
            stream.close()
        self._feeds.close()

    # --- what wakes broadcasts and streams

    async def _listen(self) -> None:
        async for rung in broker.bells():
            if rung == broker.EVERYTHING:
                self._mark_all()
                continue
            team_id, _, number = rung.partition(":")
            self._feeds.ring(int(team_id), int(number))
            if team_id == "0":
                self._doubt(int(number))
            else:
                self._mark(int(team_id), int(number))

    def _mark(self, team_id: int, run_id: int) -> None:
        for topic in {(team_id, run_id), (team_id, 0)}:
            for broadcast in self._by_run.get(topic, ()):
                broadcast.mark()

    def _mark_all(self) -> None:
        for broadcast in self._broadcasts.values():
            broadcast.mark()
        self._feeds.mark_all()

    def _doubt(self, person_id: int) -> None:
        for stream in self.streams:
            if stream.ticket.person_id == person_id:
                stream.doubt()

    async def _tend(self) -> None:
        """Beat, check, and look again now and then: a bell can be lost."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._mark_all()
            self._feeds.tend()
            for stream in self.streams:
                stream.beat()
                if loop.time() - stream.checked_at > CHECK_SECONDS - BEAT_SECONDS / 2:
                    stream.doubt()

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            for group, broadcast in self._broadcasts.items():
                if live.views[group.view].pulses:
                    broadcast.mark()

    # --- one stream

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        response, ticket = await self._desk.admit(scope)
        headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        if ticket is None:
            await send({"type": "http.response.body", "body": response.get_data()})
            return
        stream = Stream(self._desk, self._broadcast(ticket), ticket, scope, send)
        gone = asyncio.create_task(_until_gone(receive))
        gone.add_done_callback(lambda _: stream.close())
        try:
            self._take_in(stream)
            await stream.feed()
        finally:
            gone.cancel()
            self._let_go(stream)
        await send({"type": "http.response.body", "body": b""})

    def _broadcast(self, ticket: Ticket) -> Broadcast:
        group = ticket.group
        if group not in self._broadcasts:
            broadcast = self._broadcasts[group] = Broadcast(self._desk, group, ticket.after)
            self._by_run[group.team.id, group.run_id].add(broadcast)
        return self._broadcasts[group]

    def _take_in(self, stream: Stream) -> None:
        own = self._by_sign_in[stream.ticket.sign_in_id]
        own.append(stream)
        for oldest in own[: -(stream.ticket.most or MOST_OF_BROWSER)]:
            oldest.close(_CROWDED)
        stream.broadcast.streams.add(stream)
        if not stream.broadcast.parts:
            stream.broadcast.mark()

    def _let_go(self, stream: Stream) -> None:
        broadcast, sign_in_id = stream.broadcast, stream.ticket.sign_in_id
        self._by_sign_in[sign_in_id].remove(stream)
        if not self._by_sign_in[sign_in_id]:
            del self._by_sign_in[sign_in_id]
        broadcast.streams.discard(stream)
        if not broadcast.streams and self._broadcasts.get(broadcast.group) is broadcast:
            del self._broadcasts[broadcast.group]
            topic = (broadcast.group.team.id, broadcast.group.run_id)
            self._by_run[topic].discard(broadcast)
            if not self._by_run[topic]:
                del self._by_run[topic]


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("live_hub_failed", exc_info=error)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
