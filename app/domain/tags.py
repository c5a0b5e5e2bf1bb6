"""Tags of tasks: short words by which people group them."""

import re
from collections.abc import Iterable

MOST, LONGEST = 20, 30
_TAG = re.compile(rf"[^\W_](?:[\w .-]{{0,{LONGEST - 2}}}[\w])?")


def cleaned(words: Iterable[str]) -> tuple[list[str], str]:
    """Return tags in small letters, each once, in order of the alphabet; and one sentence where one can't be used."""
    tags = sorted({" ".join(word.lower().split()) for word in words} - {""})
    if wrong := next((tag for tag in tags if not _TAG.fullmatch(tag)), ""):
        return tags, f"“{wrong[:40]}” can't be a tag: use up to {LONGEST} letters, digits, - and spaces between them."
    return tags, f"At most {MOST} tags, please." if len(tags) > MOST else ""


def split(text: str) -> list[str]:
    """Return what is between commas."""
    return text.split(",")
