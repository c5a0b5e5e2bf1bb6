"""Small servers on loopback that answer as they are asked, well or badly."""

import gzip
import json
import socket
import ssl
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class WebServer(ThreadingHTTPServer):
    """`url` is its address, `requests` holds (method, path, headers, body) of all it got, `connections` counts them, `most`
    says how many of one path with /delay went at once.

    | path | answer |
    |---|---|
    | /status/503?retry-after=2 | that status, with that Retry-After |
    | /delay/0.5 | 200 after that many seconds |
    | /drip/0.05 | 1,000 bytes of body, one each that many seconds |
    | /drip-head/0.05 | a head that never ends, one byte each that many seconds |
    | /redirect/302?to=URL | that redirect |
    | /big/5000?type=text/plain | so many bytes |
    | /gzip/5000 | so many bytes, packed |
    | /bad-gzip | something that only says it is packed |
    | /json?body=… | that JSON |
    | /text?body=…&charset=… | that text |
    | /mirror | the body it got, as JSON |
    | /echo | method, path, headers and body as JSON |
    | /cut | half an answer |
    | /close | nothing: the connection is closed |
    | /garbage | what is no HTTP |
    | /flaky/503?x=1 | that status the first time exactly this is asked for, then 200 |
    | /slow-once/20?x=1 | 200, the first time exactly this is asked for after that many seconds |
    | /once | 200, then the connection is closed without a word |
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, host="127.0.0.1", tls=None):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), _Handler)
        self.scheme = "https" if tls else "http"
        self.tls = tls
        self.requests = []
        self.connections = 0
        self.released = threading.Event()
        self.going, self.most = Counter(), Counter()  # requests of /delay, by their whole path: now, and most at once
        self.counting = threading.Lock()

    @property
    def port(self):
        return self.server_address[1]

    @property
    def url(self):
        host = self.server_address[0]
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def get_request(self):
        opened, address = super().get_request()
        self.connections += 1
        return opened, address

    def finish_request(self, request, client_address):
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except (ssl.SSLError, OSError):
                return
        try:
            super().finish_request(request, client_address)
        finally:
            if self.tls:
                request.close()

    def handle_error(self, request, client_address):
        """Clients that go away are what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_any(self):
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), self.body))
        parts = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        name, _, argument = parts.path.strip("/").partition("/")
        getattr(self, "on_" + name.replace("-", "_"))(argument)

    def log_message(self, *_):
        pass

    def reply(self, status=200, body=b"", **headers):
        self.send_response(status)
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def on_(self, _):
        self.reply(200, b"Hello", Content_Type="text/plain")

    def on_status(self, status):
        wait = self.query.get("retry-after")
        self.reply(int(status), **({"Retry_After": wait} if wait else {}))

    def on_delay(self, seconds):
        with self.server.counting:
            self.server.going[self.path] += 1
            self.server.most[self.path] = max(self.server.most[self.path], self.server.going[self.path])
        self.server.released.wait(float(seconds))
        with self.server.counting:
            self.server.going[self.path] -= 1
        self.reply(200, b"late")

    def on_drip(self, seconds):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self._drip(b"x" * 1000, float(seconds))

    def on_drip_head(self, seconds):
        self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000, float(seconds))

    def _drip(self, content, seconds):
        for index in range(len(content)):
            self.wfile.write(content[index : index + 1])
            time.sleep(seconds)

    def on_redirect(self, status):
        self.reply(int(status), b"elsewhere", **({"Location": self.query["to"]} if "to" in self.query else {}))

    def on_big(self, size):
        self.reply(200, b"x" * int(size), Content_Type=self.query.get("type", "text/plain"))

    def on_gzip(self, size):
        self.reply(200, gzip.compress(b"x" * int(size)), Content_Encoding="gzip", Content_Type="text/plain")

    def on_bad_gzip(self, _):
        self.reply(200, b"not packed at all", Content_Encoding="gzip")

    def on_json(self, _):
        self.reply(200, self.query["body"].encode(), Content_Type="application/json")

    def on_text(self, _):
        charset = self.query.get("charset", "utf-8")
        self.reply(200, self.query["body"].encode(charset), Content_Type=f"text/plain; charset={charset}")

    def on_mirror(self, _):
        self.reply(200, self.body, Content_Type="application/json")

    def on_echo(self, _):
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.body.decode(),
        }
        self.reply(200, json.dumps(seen).encode(), Content_Type="application/json")

    def on_cut(self, _):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 500)
        self.close_connection = True

    def on_close(self, _):
        self.close_connection = True

    def on_garbage(self, _):
        self.wfile.write(b"220 mail.example ESMTP\r\n")
        self.close_connection = True

    def on_flaky(self, status):
        self.reply(int(status) if self._is_first() else 200)

    def on_slow_once(self, seconds):
        if self._is_first():
            self.server.released.wait(float(seconds))
        self.reply(200)

    def _is_first(self):
        return [path for _, path, _, _ in self.server.requests].count(self.path) == 1

    def on_once(self, _):
        self.reply(200, b"once")
        self.close_connection = True


for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(_Handler, f"do_{_method}", _Handler.handle_any)


@contextmanager
def web_server(host="127.0.0.1", tls=None):
    """A WebServer that runs until the end of the block."""
    server = WebServer(host, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_server():
    """A port that accepts connections and never says a word; yields (port, accepted sockets)."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    accepted = []

    def accept():
        while True:
            try:
                accepted.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], accepted
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for opened in accepted:
            opened.close()


def closed_port():
    """A port of loopback nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def certificate(folder, name="localhost"):
    """A self-signed certificate for `name`; returns (its path, a server's TLS context)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    try:
        alternative = x509.IPAddress(ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / f"{name}.crt", folder / f"{name}.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
