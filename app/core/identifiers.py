"""Names and tokens: how they are made and how they are kept."""

import hashlib
import re
import secrets
import string
import unicodedata
import zlib

_SLUG_LENGTH = 40
_ALPHABET = string.ascii_letters + string.digits
_API_TOKEN = re.compile(r"(car_[a-z0-9]{8}_[A-Za-z0-9]{32})_([0-9a-f]{8})")


def new_token() -> str:
    """Return a random token of 256 bits, safe in an address."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Return what is kept of a token: its SHA-256. A random 256-bit token needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_api_token() -> tuple[str, str]:
    """Return a key for programs, `car_<8>_<32>_<check sum>`, and its beginning, which may be shown.

    Its 32 letters are 190 random bits; `car_` lets scanners find one that was published by mistake.
    """
    shown = f"car_{''.join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))}"
    body = f"{shown}_{''.join(secrets.choice(_ALPHABET) for _ in range(32))}"
    return f"{body}_{_check_sum(body)}", shown


def is_api_token(text: str) -> bool:
    """Whether `text` is a whole key for programs by its check sum; one cut or mistyped is not."""
    found = _API_TOKEN.fullmatch(text)
    return bool(found and _check_sum(found[1]) == found[2])


def _check_sum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def slug(text: str, otherwise: str = "team") -> str:
    """Return `text` as a word for an address: lower-case ASCII letters, digits and single hyphens."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].strip("-") or otherwise
