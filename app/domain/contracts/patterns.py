"""Patterns that anybody may type: matched by RE2, which takes time in proportion to the text, and so much at most."""

import functools
import re
import time
from typing import Any

import re2

PLACEHOLDER = re.compile(r"\{\{[^{}]{0,400}\}\}")
"""A place that is filled before a run is checked."""

WORD = r"(?:\{\{[^{}]*\}\}|[^\s“”\"{}]|\{(?!\{)|\}(?!\}))"
"""A letter of a word, or a whole placeholder, which may have spaces in it."""

ANYTHING = r"\S"
"""What any text has that is not empty."""

NUMBER = r"[^\w\s]?\s?-?\d[\d.,]*"
"""A number as people print it: with a sign or a currency before it, with points and commas."""

SECONDS = 5.0
"""A search takes no longer, or hardly."""

_STEP = 64 * 1024
_STANDS_IN = "x"
_META = re.compile(r"[\\.^$*+?{}\[\]|()]")


class TooLong(Exception):
    """A text could not be looked through in time."""


@functools.lru_cache(maxsize=200)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def problem_with(pattern: str) -> str:
    """Say why this is no pattern; empty if it is one."""
    try:
        _compiled(PLACEHOLDER.sub(_STANDS_IN, pattern))
    except Exception as error:  # noqa: BLE001 an error of RE2 has no public name
        why = error.args[0] if error.args else error
        why = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
        return f"This pattern can't be used: {why}. (?=…), (?!…) and \\1 are not known here."
    return ""


def found(pattern: str, text: str) -> str | None:
    """Return the first part of `text` that fits, None if there is none. Raises TooLong.

    Long repeats like [a-h].{900} take seconds for each megabyte, and nothing stops a search: ever longer beginnings of
    a long text are looked through first, and it ends where they have taken the time.
    """
    search, until, size = _compiled(pattern).search, time.monotonic() + SECONDS, _STEP
    while size < len(text):
        search(text[:size])
        if time.monotonic() > until:
            raise TooLong
        size += _STEP + size // 4
    match = search(text)
    return match.group() if match else None


def found_in_lines(pattern: str, text: str) -> str | None:
    """Do as `found`, where ^ and $ mean the beginning and end of any line."""
    return found(f"(?m){pattern}", text.replace("\r\n", "\n"))


def escape(text: str) -> str:
    """Return a pattern that means the text itself."""
    return _META.sub(r"\\\g<0>", text)


def mentions(words: str) -> str:
    """Return the pattern that means these words in small or large letters; placeholders stay."""
    parts, end = [], 0
    for place in PLACEHOLDER.finditer(words):
        parts += [escape(words[end : place.start()]), place[0]]
        end = place.end()
    return f"(?i){''.join([*parts, escape(words[end:])])}"


def numbered(label: str, unit: str = "") -> str:
    """Return the pattern that means a label with a number behind it, and its unit; placeholders stay."""
    head = mentions(label).removeprefix("(?i)")
    return rf"{head}\s*[:=]\s*{NUMBER}" + (rf"\s*{escape(unit)}" if unit else "")


def number_of(pattern: str) -> str:
    """Return the label that `numbered` made the pattern of, with its unit: `low in kg`; empty for another one."""
    head, sign, tail = pattern.partition(rf"\s*[:=]\s*{NUMBER}")
    label, unit = mentioned(f"(?i){head}"), _plain(tail.removeprefix(r"\s*"))
    if not sign or numbered(label, unit) != pattern:
        return ""
    return f"{label} in {unit}" if unit else label


def mentioned(pattern: str) -> str:
    """Return the words that `mentions` made the pattern of; empty if it is another one."""
    if not pattern.startswith("(?i)"):
        return ""
    parts, end = [], len("(?i)")
    for place in PLACEHOLDER.finditer(pattern, end):
        parts += [_plain(pattern[end : place.start()]), place[0]]
        end = place.end()
    words = "".join([*parts, _plain(pattern[end:])])
    return words if mentions(words) == pattern else ""


def _plain(escaped: str) -> str:
    return re.sub(r"\\(.)", r"\1", escaped)
