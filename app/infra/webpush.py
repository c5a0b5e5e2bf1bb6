"""Web push: a message sealed for one browser (RFC 8188, RFC 8291), and the token that says who sends it (RFC 8292)."""

import base64
import json
import os
import time
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.infra.addresses import read_target

MOST_BYTES = 3993
"""Of a message in clear: a push service takes 4,096 bytes, with the head and the marks of the sealing."""

AUTH_BYTES = 16

_CURVE = ec.SECP256R1()
_NUMBER_BYTES = 32
_RECORD_BYTES = 4096
_LAST = b"\x02"
_TOKEN_LASTS_SECONDS = 12 * 3600
_POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


@dataclass(frozen=True)
class Browser:
    """Where a browser is reached, and what only it opens: its public key and a secret that both sides know."""

    endpoint: str
    public: bytes
    auth: bytes


def new_key() -> bytes:
    """Return a new private key of a sender."""
    return ec.generate_private_key(_CURVE).private_numbers().private_value.to_bytes(_NUMBER_BYTES, "big")


def public_of(key: bytes) -> str:
    """Return the public half of a sender's key, as browsers take it."""
    return encoded(_private(key).public_key().public_bytes(*_POINT))


def encoded(value: bytes) -> str:
    """Write bytes in base64url without its padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return what such a text stands for. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def is_public_key(value: bytes) -> bool:
    """Whether bytes are a point of the curve, as browsers give one."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, value)
    except ValueError:
        return False
    return True


def sealed(text: bytes, browser: Browser, key: bytes = b"", salt: bytes = b"") -> bytes:
    """Return a message that only this browser opens; key and salt are new for each, unless a test gives them."""
    own = _private(key or new_key())
    salt = salt or os.urandom(16)
    point = own.public_key().public_bytes(*_POINT)
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, browser.public))
    mixed = _derived(shared, browser.auth, b"WebPush: info\0" + browser.public + point, 32)
    content_key = _derived(mixed, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(mixed, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + _RECORD_BYTES.to_bytes(4, "big") + bytes([len(point)]) + point
    return head + AESGCM(content_key).encrypt(nonce, text + _LAST, None)


def authorization(key: bytes, endpoint: str, contact: str) -> str:
    """Return the header that signs a request to a push service for some hours; `contact` is how its people reach us."""
    target = read_target(endpoint)
    claims = {
        "aud": f"{target.scheme}://{target.authority}", "exp": int(time.time()) + _TOKEN_LASTS_SECONDS, "sub": contact
    }  # fmt: skip
    parts = [encoded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ES256"}, claims)]
    first, second = utils.decode_dss_signature(_private(key).sign(".".join(parts).encode(), ec.ECDSA(hashes.SHA256())))
    signature = first.to_bytes(_NUMBER_BYTES, "big") + second.to_bytes(_NUMBER_BYTES, "big")
    return f"vapid t={'.'.join([*parts, encoded(signature)])}, k={public_of(key)}"


def _private(key: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(key, "big"), _CURVE)


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)
