"""Characters that nobody sees: written out where a text is shown, left out where it is used."""

import re

_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]+|(?<![\u2190-\U0001ffff])\u200d+|\u200d+(?![\u2190-\U0001ffff])"
)
"""Signs of control, of direction and of no width, and tags; a joiner between two pictures makes one of them."""


def visible(text: str) -> str:
    """Return a text in which they are written out: ⟨U+202E⟩, with ×n for many in a row."""
    return _UNSEEN.sub(_written, text)


def _written(hit: re.Match[str]) -> str:
    code, count = ord(hit[0][0]), len(hit[0])
    return f"⟨U+{code:04X}{f' ×{count}' if count > 1 else ''}⟩"


def without(text: str) -> str:
    """Return a text that has none of them."""
    return _UNSEEN.sub("", text)
