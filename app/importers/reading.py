"""Reads a file of any known format into its conversations, one at a time."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from app.domain.thread import Thread
from app.importers.base import Broken, Importer, Unreadable
from app.importers.formats import IMPORTERS, importer_of
from app.importers.markdown import NO_SPEAKERS
from app.importers.sources import (
    LARGEST_VALUE,
    Meter,
    Source,
    binary,
    first_of,
    is_archive_itself,
    metered,
    opened,
    sources,
    text,
    values,
)

SURPRISES = (LookupError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)
GROWING = {"openai", "anthropic"}  # logs, where each request repeats what was said before
LOOKED_AT = 50
MOST_STRANGE = 1000  # entries of which none is a conversation, then it is given up
SHOWN_KEYS = 6


class UnknownShapeError(Unreadable):
    """JSON or text that belongs to none of the formats."""


def threads(path: Path) -> Iterator[Thread]:
    """Yield all conversations of a file. Raises Unreadable where there is none that can be read."""
    broken, found = None, False
    for item in read(path):
        if isinstance(item, Broken):
            broken = broken or item
        else:
            found = True
            yield item
    if not found:
        raise Unreadable(broken.sentence if broken else "The file holds no conversation.")


def read(path: Path, meter: Meter | None = None) -> Iterator[Thread | Broken]:
    """Yield all conversations of a file; one that can't be read as Broken. Raises Unreadable for the whole file.

    `meter` says meanwhile how much has been read.
    """
    meter = meter or Meter()
    with sources(path) as (files, is_archive):
        meter.total = sum(file.size for file in files)
        if is_archive:
            yield from _archive(files, meter)
        else:
            yield from _grown(_file(metered(files[0], meter)))


def _archive(files: list[Source], meter: Meter) -> Iterator[Thread | Broken]:
    found = False
    for by_text in (False, True):
        meter.done = 0
        for file in files:
            before = meter.done
            for item in _grown(_member(metered(file, meter), by_text)):
                found = True
                yield item
            meter.done = before + file.size
        if found:
            return
    if any(is_archive_itself(file) for file in files):
        raise Unreadable("The archive holds no conversation, but an archive in it. Unpack it and import the inner one.")
    raise Unreadable("The archive holds no conversation. Choose the archive that the chat program made.")


def _member(file: Source, by_text: bool) -> Iterator[Thread | Broken]:
    """Yield the conversations of one file of an archive, which may well be something else."""
    try:
        if binary(file):
            return
        with closing(opened(file)) as stream:
            first = first_of(stream)
        if first in {b"{", b"["} and not by_text:
            yield from _json(file)
        elif by_text and first not in {b"{", b"[", b"<", b"P"}:
            yield from _text(file)
    except UnknownShapeError:
        return
    except Unreadable as error:
        yield Broken(file.name, str(error))


def _file(file: Source) -> Iterator[Thread | Broken]:
    if not file.size:
        raise Unreadable("The file is empty.")
    if kind := binary(file):
        raise Unreadable(f"This is {kind}. Export the conversation as JSON, or copy its text into a file.")
    with closing(opened(file)) as stream:
        first = first_of(stream)
    if first == b"<" and "<html" in text(file)[:2000].lower():
        raise Unreadable("This is a web page. Export the conversation as JSON, or copy its text into a file.")
    if first not in {b"{", b"["}:
        yield from _text(file)
        return
    begun = False
    try:
        for item in _json(file):
            begun = True
            yield item
    except UnknownShapeError:
        raise
    except Unreadable as error:
        if begun:
            yield Broken(file.name, str(error))
            return
        try:  # a transcript may begin with a bracket, too
            yield from _text(file)
        except Unreadable:
            raise error from None


def _text(file: Source) -> Iterator[Thread | Broken]:
    importer, held = IMPORTERS[-1], text(file)
    if not importer.knows(held):
        raise UnknownShapeError(NO_SPEAKERS)
    yield _thread(importer, held, file.name)


def _json(file: Source) -> Iterator[Thread | Broken]:
    """Yield the conversations of JSON: a list of them, one of them, or a list that is one of them."""
    loose: list[Any] = []
    broken: list[Broken] = []
    found = 0
    for number, value in enumerate(values(file), 1):
        inside = [] if isinstance(value, Broken) else list(_inside(value))
        for importer, conversation in inside:
            found += 1
            yield _thread(importer, conversation, f"conversation {number}")
        if inside:
            continue
        if isinstance(value, Broken) or found or file.size > LARGEST_VALUE:  # too large to be one conversation itself
            broken.append(value if isinstance(value, Broken) else _strange(value, number))
        else:
            loose.append(value)
        if found:
            yield from broken
            broken.clear()
        elif len(broken) > MOST_STRANGE:
            raise UnknownShapeError(f"The first {MOST_STRANGE:,} entries are no conversation. {_known()}")
    if found:
        yield from (_strange(value, number) for number, value in enumerate(loose, 1))
    elif whole := importer_of(loose):
        yield _thread(whole, loose, file.name)
    elif loose or not broken:
        raise UnknownShapeError(f"The file holds {_described(loose)}, which is none of the known formats. {_known()}")
    else:
        raise UnknownShapeError(f"{broken[0].sentence} {_known()}")
    yield from broken


def _inside(value: Any, depth: int = 1) -> Iterator[tuple[Importer, Any]]:
    """Yield the conversations that a value is or wraps."""
    if importer := importer_of(value):
        yield importer, value
    elif isinstance(value, dict) and depth:
        for item in value.values():
            if isinstance(item, list) and any(importer_of(entry) for entry in item[:LOOKED_AT]):
                for entry in item:
                    yield from _inside(entry, 0)
            elif isinstance(item, dict | list) and item:
                yield from _inside(item, 0)


def _thread(importer: Importer, value: Any, name: str) -> Thread | Broken:
    title = value.get("title") or value.get("name") if isinstance(value, dict) else None
    name = title if isinstance(title, str) and title.strip() else name
    try:
        return importer.thread(value)
    except Unreadable as error:
        return Broken(name, str(error))
    except SURPRISES:
        return Broken(name, f"The conversation does not have the shape that {importer.label} gives it.")


def _strange(value: Any, number: int) -> Broken:
    title = value.get("title") or value.get("name") if isinstance(value, dict) else None
    name = title if isinstance(title, str) and title.strip() else f"conversation {number}"
    return Broken(name, f"This entry is {_described([value])}, not a conversation; it was left out.")


def _described(items: list[Any]) -> str:
    """Return what a list holds, in a few words."""
    if not items:
        return "an empty list"
    first = items[0]
    if isinstance(first, dict):
        keys = ", ".join(str(key)[:40] for key in list(first)[:SHOWN_KEYS]) or "no keys"
        what = f"an object with {keys}"
    else:
        what = {str: "a text", list: "a list", bool: "true or false", type(None): "nothing"}.get(
            type(first), "a number"
        )
    return what if len(items) == 1 else f"a list of {len(items):,} entries, the first of them {what}"


def _known() -> str:
    return f"Known are: {', '.join(importer.label for importer in IMPORTERS)}."


def _grown(items: Iterator[Thread | Broken]) -> Iterator[Thread | Broken]:
    """Yield the conversations of a log once: a request that goes on with the one before takes its place."""
    held: Thread | None = None
    for item in items:
        if isinstance(item, Broken):
            yield item
            continue
        if held and not _goes_on(held, item):
            yield held
        held = item
        if item.format not in GROWING:
            yield item
            held = None
    if held:
        yield held


def _goes_on(before: Thread, after: Thread) -> bool:
    if before.format != after.format or len(after.messages) <= len(before.messages):
        return False
    said = [(message.role, message.text) for message in before.messages]
    return said == [(message.role, message.text) for message in after.messages[: len(said)]]
