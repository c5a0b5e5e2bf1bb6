"""Whole numbers that others write, read only as far as a column holds them."""

LARGEST = 10**15
"""No number of a row is larger."""


def whole(text: str, most: int = LARGEST) -> int | None:
    """Return the number that plain digits say; None for anything else and for one above `most`."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(most)):
        return None
    number = int(text)
    return number if number <= most else None
