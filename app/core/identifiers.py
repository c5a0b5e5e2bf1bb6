"""Names and tokens: how they are made and how they are kept."""

import hashlib
import re
import secrets
import unicodedata

_SLUG_LENGTH = 40


def new_token() -> str:
    """Return a random token of 256 bits, safe in an address."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Return what is kept of a token: its SHA-256. A random 256-bit token needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def slug(text: str, otherwise: str = "team") -> str:
    """Return `text` as a word for an address: lower-case ASCII letters, digits and single hyphens."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].strip("-") or otherwise
