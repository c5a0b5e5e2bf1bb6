"""A push service of our own on loopback, and browsers that open what it was given, as RFC 8188, 8291 and 8292 say."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.infra import webpush
from app.services.devices import Given

AUTH = bytes(range(16))


class PushService:
    """`got` holds (path, headers, body) of all it was sent; `answers` says by path which status it gives instead of 201."""

    def __init__(self):
        self.got, self.answers = [], {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"

    def __enter__(self):
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.got.append((self.path, dict(self.headers), body))
                self.send_response(service.answers.get(self.path, 201))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler


class Phone:
    """A browser with a subscription at `service`: only its key opens what is sent to `path`."""

    def __init__(self, service, path="/one"):
        self.service, self.path = service, path
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public = self.key.public_key().public_bytes(*webpush._POINT)

    def given(self, name="Pixel"):
        """What it says of itself."""
        return Given(self.service.url + self.path, webpush.encoded(self.public), webpush.encoded(AUTH), name)

    def opened(self):
        """All it was sent, opened, with the headers."""
        return [(json.loads(self.open(body)), headers) for path, headers, body in self.service.got if path == self.path]

    def open(self, body):
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        point, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(body) <= 4096
        assert len(sealed) <= size
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        mixed = derived(self.key.exchange(ec.ECDH(), sender), AUTH, b"WebPush: info\0" + self.public + point, 32)
        key, nonce = (
            derived(mixed, salt, b"Content-Encoding: " + name + b"\0", size)
            for name, size in ((b"aes128gcm", 16), (b"nonce", 12))
        )
        text = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert text.endswith(b"\x02")
        return text[:-1]


def derived(secret, salt, info, length):
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def signed_claims(header, public_key):
    """The claims of an Authorization header, checked as a push service does: signed by the key the browser knows."""
    parts = dict(part.strip().split("=", 1) for part in header.removeprefix("vapid ").split(","))
    assert parts["k"] == public_key
    told, _, signature = parts["t"].rpartition(".")
    raw = webpush.decoded(signature)
    signed = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), webpush.decoded(public_key))
    key.verify(signed, told.encode(), ec.ECDSA(hashes.SHA256()))
    return json.loads(webpush.decoded(told.partition(".")[2]))
