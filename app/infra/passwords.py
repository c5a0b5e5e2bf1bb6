"""Passwords: argon2id at OWASP's parameters, and whether a new one is good enough."""

from collections.abc import Iterable
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 256
_GOOD_ENOUGH = 3
"""zxcvbn's score from 0 to 4; 3 means more than 10^8 guesses."""

_MOST_WEIGHED = 72
"""Characters that zxcvbn takes."""

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


def hash(password: str) -> str:  # noqa: A001 read as passwords.hash
    """Return the hash to keep of a password."""
    return _hasher.hash(password)


def verify(kept: str | None, password: str) -> bool:
    """Whether `kept` was made of `password`; without one the same work is done, so that time tells nothing."""
    try:
        return _hasher.verify(kept or _nobodys(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(kept: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(kept)


def complaint(password: str, known: Iterable[str] = ()) -> str | None:
    """Return why a new password is not good enough, in one sentence, or None. `known` are the person's own words."""
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters; a few unusual words are good."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    from zxcvbn import zxcvbn  # its word lists take a third of a second to load and 20 MB to hold

    words = [word for text in known for word in (text, *text.replace("@", " ").replace(".", " ").split()) if word]
    if zxcvbn(password[:_MOST_WEIGHED], user_inputs=words)["score"] < _GOOD_ENOUGH:
        return "This is easy to guess. Add a few unusual words."
    return None


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")
