"""Recorded answers for templates: what a form is given, what the web and a model say, and what must come of it."""

import re
import threading
import tomllib
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.llm_server import Says

FOLDER = Path(__file__).parent / "recorded"


class Web(ThreadingHTTPServer):
    """Says what was recorded for a path, with its query or without; anything else is a 404. `posted` holds bodies."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.posted = {}, []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        body = self.server.answers.get(self.path, self.server.answers.get(self.path.partition("?")[0]))
        content = (body or "").encode()
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self):
        self.server.posted.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.do_GET()


def read(slug, web, tls_port):
    """The recording of a template, with today's days and the addresses of this process."""
    text = (FOLDER / f"{slug}.toml").read_text(encoding="utf-8")
    text = text.replace("SERVER", web.url).replace("TLS_PORT", str(tls_port))
    now = datetime.now(UTC)
    text = re.sub(r"HOUR([+-]\d+)", lambda found: f"{now + timedelta(hours=int(found[1])):%Y-%m-%dT%H:%M:%SZ}", text)
    text = re.sub(r"DAY([+-]\d+)", lambda found: f"{now + timedelta(days=int(found[1])):%Y-%m-%d}", text)
    return tomllib.loads(text)


def turns(said):
    """What the model says, turn by turn."""
    found = []
    for one in said:
        if isinstance(one, list):
            found.append(Says(one[0]))
        elif "answer" in one:
            found.append(Says(one["answer"]))
        else:
            found.append(Says("", ((one["tool"], {name: one[name] for name in ("path", "text") if name in one}),)))
    return found
