"""How late events reach many open pages, and how quick pages are meanwhile."""

import asyncio
import http.client
import re
import resource
import threading
import time
from urllib.parse import urlsplit

import uvloop

PER_SIGN_IN = 5
"""Streams that one sign-in may hold (`MOST_OF_BROWSER` of the hub)."""

_CONNECTING_AT_ONCE = 50
_STAMP = re.compile(rb"at=(\d+\.\d+)")


def measure(url, cookies, publish, clients=1000, seconds=10, page="/me/shortcuts"):
    """Open `clients` streams at `url` (a live address); then for `seconds` publish once a second and read a page.

    `cookies` are "name=token" of different sign-ins, one for each PER_SIGN_IN clients; the first also reads the page.
    `publish(text)` commits one log line that holds `text` and rings the bell; a delay is the time from that call to the
    arrival at one client. Returns {"clients", "delivered_percent", "delay_ms": {"p50", "p95", "p99"}, "pages_p99_ms"}.
    """
    allow_files(clients + 200)
    delays, pages = uvloop.run(_measure(urlsplit(url), cookies, publish, clients, seconds, page))
    return {
        "clients": clients,
        "delivered_percent": round(100 * len(delays) / (clients * seconds), 2),
        "delay_ms": {f"p{rank}": percentile(delays, rank) for rank in (50, 95, 99)},
        "pages_p99_ms": percentile(pages, 99),
    }


def allow_files(count):
    """Let this process open so many files, if the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def percentile(values, rank):
    """The value of that rank (nearest), in milliseconds, of values in seconds."""
    ordered = sorted(values)
    return round(ordered[max(0, -(-len(ordered) * rank // 100) - 1)] * 1000, 1) if ordered else None


class _Client(asyncio.Protocol):
    """One open page; notes when each stamped line arrives."""

    def __init__(self, request, delays):
        self.request, self.delays = request, delays
        self.is_open = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        transport.write(self.request)

    def data_received(self, data):
        now = time.time()
        if not self.is_open.done():
            self.is_open.set_result(data.split(b"\r\n", 1)[0])
        self.delays.extend(now - float(stamp) for stamp in _STAMP.findall(data))


async def _measure(url, cookies, publish, clients, seconds, page):
    delays = []
    transports = await _open(url, cookies, clients, delays)
    await asyncio.sleep(1)
    delays.clear()
    pages, is_over = [], threading.Event()
    reader = asyncio.create_task(asyncio.to_thread(_read_pages, url, cookies[0], page, pages, is_over))
    for _ in range(seconds):
        await asyncio.gather(asyncio.to_thread(lambda: publish(f"at={time.time():.6f}")), asyncio.sleep(1))
    await asyncio.sleep(1)
    is_over.set()
    await reader
    for transport in transports:
        transport.abort()
    return delays, pages


async def _open(url, cookies, clients, delays):
    loop, gate, transports = asyncio.get_running_loop(), asyncio.Semaphore(_CONNECTING_AT_ONCE), []

    async def connect(number):
        head = f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nCookie: {cookies[number // PER_SIGN_IN]}\r\n\r\n"
        async with gate:
            transport, client = await loop.create_connection(
                lambda: _Client(head.encode(), delays), url.hostname, url.port
            )
            transports.append(transport)
            status = await asyncio.wait_for(client.is_open, 30)
        assert b" 200 " in status + b" ", status

    await asyncio.gather(*(connect(number) for number in range(clients)))
    return transports


def _read_pages(url, cookie, page, pages, is_over):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    while not is_over.is_set():
        began = time.perf_counter()
        connection.request("GET", page, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        pages.append(time.perf_counter() - began)
        time.sleep(0.02)
    connection.close()
