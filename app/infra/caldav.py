"""A calendar on a server of CalDAV (RFC 4791): what is in it, put there and taken away, by checked addresses only."""

import base64
import re
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree as ET

from app.infra import fetch
from app.infra.addresses import Failure, read_target

_PATIENCE_SECONDS = 20.0
_MULTI_STATUS, _NOT_FOUND = 207, 404
_GOOD = range(200, 300)
_REFUSED = frozenset({401, 403})
_ASK = b"""<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:"><prop><resourcetype/><getetag/></prop></propfind>"""
_DAV, _CALDAV = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_NAME = re.compile(r"[\w.-]+\.ics", re.ASCII)


class Refused(Failure):
    """The server does not let this user in, or not write there."""


@dataclass(frozen=True)
class Collection:
    """A calendar by its address, with the user and password for it."""

    url: str
    username: str
    password: str

    def listing(self) -> dict[str, str]:
        """Return the names of the files in the calendar with their ETags. Raises Failure, Refused."""
        headers = {"Depth": "1", "Content-Type": "application/xml; charset=utf-8"}
        answer = self._answer("PROPFIND", "", _ASK, headers)
        if answer.status != _MULTI_STATUS or answer.is_cut:
            raise self._failure(answer)
        return self._read(answer.body)

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
        self, method: str, name: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> fetch.Answer:
        secret = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        url = urljoin(self.url if self.url.endswith("/") else f"{self.url}/", name)
        sent = {"Authorization": f"Basic {secret}", **(headers or {})}
        ask = fetch.Request(method, url, sent, body, timeout_seconds=_PATIENCE_SECONDS, keep_bytes=fetch.READ_BYTES)
        answer = fetch.Call(ask).answer()
        if answer.status in _REFUSED:
            sentence = f"{read_target(self.url).host} refused this user and password, or does not let them write there."
            raise Refused("protocol", sentence)
        return answer

    def _read(self, body: bytes) -> dict[str, str]:
        wrong = Failure("protocol", f"{read_target(self.url).host} has no calendar at this address. Check it.")
        try:
            text = body.decode()  # in another encoding a document could hide what is refused here
            if "<!DOCTYPE" in text or "<!ENTITY" in text:
                raise wrong
            root = ET.fromstring(text)  # noqa: S314 what could make it grow was refused above
        except (UnicodeDecodeError, ET.ParseError):
            raise wrong from None
        there = {_path(response): response for response in root.iter(f"{_DAV}response")}
        itself = there.get(min(there, key=len, default=""))
        if itself is None or next(itself.iter(f"{_CALDAV}calendar"), None) is None:
            raise wrong
        return {
            name: next((tag.text or "" for tag in response.iter(f"{_DAV}getetag")), "")
            for path, response in there.items()
            if _NAME.fullmatch(name := path.rpartition("/")[2])
        }

    def _failure(self, answer: fetch.Answer) -> Failure:
        host = read_target(self.url).host
        if answer.status == _NOT_FOUND:
            return Failure("protocol", f"{host} has no calendar at this address. Check it.")
        return Failure("protocol", f"{host} answered {answer.status} {answer.phrase}.")


def _path(response: ET.Element) -> str:
    return unquote(urlsplit(response.findtext(f"{_DAV}href") or "").path)
