"""A model made of a script: a loopback server that speaks the wire protocols of OpenAI, Anthropic and Google.

By hand: `python -m tests.llm_server --port 8765 --script demo`. Which line of the script comes next is read from the
request itself (how often the model has spoken in it), so that many conversations and resumed ones share one server.
"""

import argparse
import json
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests import llm_wire
from tests.llm_wire import Asked


@dataclass(frozen=True)
class Fault:
    """How a request goes wrong: a status with a body in the provider's own words, or a `kind`.

    | kind | what happens |
    |---|---|
    | status | `status`, `retry_after`, an error body of the protocol |
    | context | the conversation is too long, as each provider words it |
    | cut | the connection breaks in the middle of the stream |
    | short | the stream ends in good order, but before it is complete |
    | nonsense | 200 with a page that is no answer |
    | malformed | a stream whose events are no JSON |
    | empty | 200 with nothing in it |
    | silent | no word until the server ends |
    | elsewhere | a redirect to `message` |
    | endless | a line of a stream that never ends |
    | packed | the same, packed small |
    """

    kind: str = "status"
    status: int = 500
    retry_after: str = ""
    message: str = "Something went wrong."


@dataclass(frozen=True)
class Says:
    """One turn of the model: `text` (or what makes it of the request), tool calls, tokens, and faults before it."""

    text: str | Callable[[Asked], str] = ""
    calls: tuple[tuple[str, object], ...] = ()
    tokens: tuple[int, int] = (100, 20)
    faults: tuple[Fault, ...] = ()
    pause_seconds: float = 0.0  # between the pieces of the stream
    think_seconds: float = 0.0  # before the first
    ended: str = "stop"  # stop, length, refused


@dataclass
class Script:
    """What the model says, turn by turn; the last line is said again and again."""

    turns: list[Says]
    without_tools: Says | None = None  # to a question that offers none, as a test of the model is
    met: Counter = field(default_factory=Counter)

    def at(self, asked: Asked) -> "Says | Fault":
        """Return what comes next in this conversation: a fault of that turn that has not happened yet, or the turn."""
        if self.without_tools and not asked.tools:
            return self.without_tools
        index = min(asked.turn, len(self.turns) - 1)
        turn = self.turns[index]
        if self.met[index] < len(turn.faults):
            self.met[index] += 1
            return turn.faults[self.met[index] - 1]
        return turn


class LlmServer(ThreadingHTTPServer):
    """`url` is its address; `asked` holds every request it understood, `answered` those it answered to the end."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, turns=(), port=0, **more):
        super().__init__(("127.0.0.1", port), _Handler)
        self.script = Script(list(turns), **more)
        self.asked: list[Asked] = []
        self.answered: list[Asked] = []
        self.waiting = 0
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.gate = threading.Event()  # closed by a test that wants all to wait
        self.gate.set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def base_url(self, provider):
        """What to type as the address of a model of this provider."""
        return self.url + ("/v1" if provider in {"openai", "compatible"} else "")

    def turns_asked(self):
        """How often each turn was asked for."""
        return Counter(asked.turn for asked in self.asked)

    def handle_error(self, request, client_address):
        """Clients that go away are what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._reply(200, json.dumps({"object": "list", "data": [{"id": "scripted", "object": "model"}]}).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = llm_wire.read(urlsplit(self.path).path, dict(self.headers), json.loads(body))
        if asked is None:
            self._reply(404, b"{}")
            return
        with self.server.lock:
            self.server.asked.append(asked)
            self.server.waiting += 1
            answer = self.server.script.at(asked)
        self.server.gate.wait(60)
        with self.server.lock:
            self.server.waiting -= 1
        with suppress(OSError):
            if isinstance(answer, Fault):
                self._fail(asked, answer)
            else:
                self._say(asked, answer)
                self.server.answered.append(asked)

    def _say(self, asked, says):
        self.server.released.wait(says.think_seconds)
        text = says.text(asked) if callable(says.text) else says.text
        pieces = llm_wire.answer(asked, text, says.calls, says.tokens, says.ended)
        if not asked.is_stream:
            self._reply(200, pieces[0])
            return
        self._begin_stream()
        for piece in pieces:
            self._chunk(piece)
            if says.pause_seconds:
                self.server.released.wait(says.pause_seconds)
        self._chunk(b"")

    def _fail(self, asked, fault):  # noqa: C901 one case a fault
        match fault.kind:
            case "status":
                body = llm_wire.error(asked.protocol, fault.status, fault.message)
                self._reply(fault.status, body, **({"Retry-After": fault.retry_after} if fault.retry_after else {}))
            case "context":
                self._reply(400, llm_wire.context_too_long(asked.protocol))
            case "cut" | "short":
                pieces = llm_wire.answer(asked, "This will not " * 5, (), (10, 10), "stop")
                self._begin_stream()
                for piece in pieces[: max(2, len(pieces) // 2)]:
                    self._chunk(piece)
                if fault.kind == "short":
                    self._chunk(b"")
                else:
                    self.wfile.write(b"400\r\ndata: {")
                    self.close_connection = True
            case "nonsense":
                self._reply(200, b"<html><body>Welcome to the hotel Wi-Fi</body></html>", "text/html")
            case "malformed":
                self._begin_stream()
                self._chunk(b"event: message_start\ndata: {not json\n\n")
                self._chunk(b"")
            case "empty":
                self._reply(200, llm_wire.empty(asked), "text/event-stream" if asked.is_stream else "application/json")
            case "elsewhere":
                self._reply(307, b"", Location=fault.message)
            case "endless" | "packed":
                self._never_end(is_packed=fault.kind == "packed")
            case "silent":
                self.server.released.wait(60)
                self.close_connection = True

    def _reply(self, status, body, kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _never_end(self, *, is_packed):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if is_packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.close_connection = True
        packer, piece = zlib.compressobj(9, zlib.DEFLATED, 31), b"data: " + b"x" * (1 << 20)
        for _ in range(200):
            self.wfile.write(packer.compress(piece) if is_packed else piece)
            piece = b"x" * (1 << 20)

    def _chunk(self, piece):
        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


@contextmanager
def llm_server(*turns, **more):
    """A server with this script that runs until the end of the block."""
    server = LlmServer(turns, **more)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


# --- scripts for trying things by hand


def _summary(asked):
    text = asked.results[-1] if asked.results else ""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "nothing")
    return f"The file has {len(text.split())} words in {len(text.splitlines())} lines.\nIt begins with: {first[:80]}\n"


HELLO = Says("Hello. I am a scripted model, and I am here.\n", tokens=(12, 11))

SCRIPTS = {
    "demo": [
        Says("Let me see which files there are.\n", (("list_files", {}),), (220, 18), pause_seconds=0.05),
        Says("I read notes.txt first.\n", (("read_file", {"path": "notes.txt"}),), (260, 22), pause_seconds=0.05),
        Says(_summary, tokens=(480, 40), pause_seconds=0.1),
    ],
    "costly": [
        *(
            Says(f"Part {number} of 8.\n", (("write_file", {"path": f"part-{number}.txt", "text": "x" * 50}),), (40_000, 4000))
            for number in range(1, 9)
        ),
        Says("All 8 parts are written.\n", tokens=(40_000, 2000)),
    ],
    "plan": [Says("I will look at the files, and then I will write a summary for you.\n")],
    "slow": [Says("One word after the other, " * 20 + "\n", pause_seconds=0.5)],
}  # fmt: skip


def main():
    """Serve a script until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.llm_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", choices=sorted(SCRIPTS), default="demo")
    given = parser.parse_args()
    server = LlmServer(SCRIPTS[given.script], given.port, without_tools=HELLO)
    where = f"{server.url}/v1 (compatible, openai), {server.url} (anthropic, google)"
    print(f"{where}; script {given.script}", flush=True)  # noqa: T201 whoever started it reads it
    with suppress(KeyboardInterrupt):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
