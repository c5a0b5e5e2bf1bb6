"""A web server that costs next to nothing: 204 at once, or after a while at /wait/SECONDS. Ends with its standard input."""

import asyncio
import subprocess
import sys
from contextlib import contextmanager

import uvloop

from app.settings import ROOT
from tests.bench.telling import say

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Asked(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if data.startswith(b"GET /wait/"):
            seconds = float(data[10:].split(b" ", 1)[0])
            asyncio.get_running_loop().call_later(seconds, self._answer)
        else:
            self._answer()

    def _answer(self):
        if not self.transport.is_closing():  # a worker that was killed asks no more
            self.transport.write(_ANSWER)


async def _serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Asked, "127.0.0.1", 0, backlog=2048)
    say(server.sockets[0].getsockname()[1], file=sys.stdout)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


@contextmanager
def running():
    """The server in a process of its own; yields its address."""
    command = [sys.executable, "-m", "tests.bench.server"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


if __name__ == "__main__":
    uvloop.run(_serve())
