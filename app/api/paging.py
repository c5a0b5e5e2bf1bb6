"""Long lists in pages: an opaque cursor says where the next one begins, in the body and in the Link header."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import request
from pydantic import Field

from app.api.resource import In, Out
from app.core.errors import Invalid
from app.core.numbers import whole

T = TypeVar("T")
P = TypeVar("P", bound=Out)

Answer = tuple[P, int, dict[str, str]]

_NO_CURSOR = "This is not a cursor. Use next_cursor of the page before, or leave it out."


class PageQuery(In):
    """Which page."""

    limit: int = Field(50, ge=1, le=200, description="So many at most")
    cursor: str = Field("", max_length=500, description="`next_cursor` of the page before")


def place(cursor: str) -> str:
    """Return what a cursor says. Raises Invalid."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Invalid({"cursor": _NO_CURSOR}) from None


def number(place: str) -> int | None:
    """Return the number of a row that a place says, None for the beginning. Raises Invalid."""
    found = whole(place)
    if found is None and place:
        raise Invalid({"cursor": _NO_CURSOR})
    return found


def gathered(
    query: PageQuery, fetch: Callable[[str], tuple[Sequence[T], bool]], place_of: Callable[[T], str]
) -> tuple[list[T], str]:
    """Fetch as often as needed to fill a page; return it and where the next one begins, empty at the end.

    `fetch(place)` gives some items after a place and whether there are more.
    """
    items: list[T] = []
    at, has_more = place(query.cursor), True
    while has_more and len(items) < query.limit:
        found, has_more = fetch(at)
        items += found
        if found:
            at = place_of(found[-1])
    if len(items) > query.limit:
        items, has_more = items[: query.limit], True
    return items, place_of(items[-1]) if items and has_more else ""


def page(model: type[P], items: Sequence[Any], next_place: str) -> Answer[P]:
    """Return the answer with a page of items; `next_place` is empty at the end."""
    cursor = base64.urlsafe_b64encode(next_place.encode()).rstrip(b"=").decode() or None
    headers = {"Link": f'<{_address(cursor)}>; rel="next"'} if cursor else {}
    return model.model_validate({"items": items, "next_cursor": cursor}), 200, headers


def _address(cursor: str) -> str:
    asked = {name: value for name, value in request.args.items() if name != "cursor"}
    return f"{request.base_url}?{urlencode({**asked, 'cursor': cursor})}"
