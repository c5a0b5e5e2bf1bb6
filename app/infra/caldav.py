"""A calendar on a server of CalDAV (RFC 4791): what is in it, put there and taken away, by checked addresses only."""

import base64
import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import NoReturn
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree as ET

from app.infra import addresses, fetch
from app.infra.addresses import Failure, read_target

MOST_FILES = 50_000
"""A calendar with more files in it is not read."""

_PATIENCE_SECONDS, _LOOK_UP_SECONDS = 20.0, 3.0
_LONGEST_TEXT, _DEEPEST = 2_000, 50
_MULTI_STATUS, _NOT_FOUND, _UNKNOWN = 207, 404, 401
_GOOD = range(200, 300)
_REFUSED = frozenset({401, 403})
_ASK = b"""<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:"><prop><resourcetype/><getetag/></prop></propfind>"""
_DAV, _CALDAV = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_NAME = re.compile(r"[\w.-]+\.ics", re.ASCII)

Login = Callable[[bool], str]
"""What the header Authorization says; with True, after a fresh look for it."""


class Refused(Failure):
    """The server does not let this user in, or not write there."""


def password(username: str, secret: str) -> Login:
    """Return the login of a user with a password."""
    header = f"Basic {base64.b64encode(f'{username}:{secret}'.encode()).decode()}"
    return lambda _: header


def refuse_plain(url: str) -> None:
    """Refuse an address at which a password would go over plain http to the open internet. Raises Failure.

    A name that can't be looked up now, or an inner address that is not allowed, is left to the first request.
    """
    target = read_target(url)
    if target.scheme != "http":
        return
    try:
        found = fetch.guard().addresses(target, _LOOK_UP_SECONDS, Future())
    except Failure:
        return
    addresses.refuse_plain(target, found)


@dataclass(frozen=True)
class Collection:
    """A calendar by its address, with the login for it, and what a sentence calls that."""

    url: str
    login: Login
    words: str = "this user and password"

    def listing(self) -> dict[str, str]:
        """Return the names of the files in the calendar with their ETags. Raises Failure, Refused."""
        reading = _Reading(self._wrong())
        headers = {"Depth": "1", "Content-Type": "application/xml; charset=utf-8"}
        try:
            answer = self._answer("PROPFIND", "", _ASK, headers, into=reading)
            if answer.status != _MULTI_STATUS or answer.is_cut:
                raise self._failure(answer)
            return reading.files()
        except ET.ParseError:
            raise self._wrong() from None

    def put(self, name: str, content: bytes) -> str:
        """Put a file there, over one of the same name; return its ETag if it is told. Raises Failure, Refused."""
        answer = self._answer("PUT", name, content, {"Content-Type": "text/calendar; charset=utf-8"})
        if answer.status not in _GOOD:
            raise self._failure(answer)
        return "".join(filter(str.isprintable, answer.headers.get("ETag", "")))

    def remove(self, name: str) -> None:
        """Take a file away; one that is gone already is fine. Raises Failure, Refused."""
        answer = self._answer("DELETE", name)
        if answer.status not in _GOOD and answer.status != _NOT_FOUND:
            raise self._failure(answer)

    def _answer(
        self,
        method: str,
        name: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        into: fetch.Sink | None = None,
    ) -> fetch.Answer:
        url = urljoin(self.url if self.url.endswith("/") else f"{self.url}/", name)
        known = {"Authorization": self.login(False)}
        ask = fetch.Request(
            method, url, known | (headers or {}), body, timeout_seconds=_PATIENCE_SECONDS, into=into, has_password=True
        )
        answer = fetch.Call(ask).answer()
        if answer.status == _UNKNOWN and (fresh := {"Authorization": self.login(True)}) != known:
            answer = fetch.Call(replace(ask, headers=fresh | (headers or {}))).answer()
        if answer.status in _REFUSED:
            sentence = f"{read_target(self.url).host} refused {self.words}, or does not let them write there."
            raise Refused("protocol", sentence)
        return answer

    def _failure(self, answer: fetch.Answer) -> Failure:
        host = read_target(self.url).host
        if answer.status == _NOT_FOUND:
            return self._wrong()
        if answer.is_cut:
            return Failure("protocol", f"{host} lists more than can be read. Make a calendar there for nothing else.")
        return Failure("protocol", f"{host} answered {answer.status} {answer.phrase}.")

    def _wrong(self) -> Failure:
        return Failure("protocol", f"{read_target(self.url).host} has no calendar at this address. Check it.")


class _Reading:
    """Reads a listing as it comes, and keeps names and ETags alone: its tree would take forty times its size.

    `wrong` is raised for what is no listing, and for a document with a DOCTYPE, in which a few letters could grow.
    """

    def __init__(self, wrong: Failure) -> None:
        self._wrong = wrong
        self._parser = ET.XMLParser(target=self)  # noqa: S314 what could make it grow is refused by `doctype`
        self._found: dict[str, str] = {}
        self._itself = ""
        self._is_calendar = False
        self._path, self._etag, self._text = "", "", ""
        self._has_calendar = False
        self._depth = 0

    def write(self, piece: bytes) -> None:
        """Read the next piece of the answer. Raises Failure, ParseError."""
        self._parser.feed(piece)

    def files(self) -> dict[str, str]:
        """Return the names of the files with their ETags. Raises Failure, ParseError."""
        self._parser.close()
        if not self._is_calendar:
            raise self._wrong
        return self._found

    # --- called by the parser

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> NoReturn:
        """Refuse it."""
        raise self._wrong

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        """Begin an element. Raises Failure."""
        self._text = ""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong
        if tag == f"{_DAV}response":
            self._path = self._etag = ""
            self._has_calendar = False
        elif tag == f"{_CALDAV}calendar":
            self._has_calendar = True

    def data(self, text: str) -> None:
        """Take a piece of text."""
        self._text = (self._text + text)[:_LONGEST_TEXT]

    def end(self, tag: str) -> None:
        """End an element. Raises Failure."""
        self._depth -= 1
        if tag == f"{_DAV}href" and not self._path:  # the first: properties may have some of their own
            self._path = unquote(urlsplit(self._text.strip()).path)
        elif tag == f"{_DAV}getetag":
            self._etag = self._text
        elif tag == f"{_DAV}response":
            self._keep()

    def close(self) -> None:
        """End the document."""

    def _keep(self) -> None:
        if not self._itself or len(self._path) < len(self._itself):  # of itself and all in it, it has the shortest path
            self._itself, self._is_calendar = self._path, self._has_calendar
        name = self._path.rpartition("/")[2]
        if _NAME.fullmatch(name):
            self._found[name] = self._etag
            if len(self._found) > MOST_FILES:
                sentence = f"It has more than {MOST_FILES:,} events. Make a calendar there for nothing else."
                raise Failure("protocol", sentence)
