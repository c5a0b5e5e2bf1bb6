"""Servers of CalDAV on loopback: a real Radicale, alone or behind a door that speaks as Google's does."""

import base64
import hashlib
import json
import re
import secrets
import threading
from collections import Counter
from urllib.parse import parse_qs, quote, urlencode
from wsgiref.simple_server import WSGIRequestHandler, make_server

import icalendar
import radicale
import radicale.config

from app.infra import caldav
from app.infra.caldav import Collection

PASSWORD = "a quiet bell"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Radicale:
    """A server of CalDAV with Ada's calendar, and what it was asked."""

    path = "/ada/runs/"

    def __init__(self, folder):
        (folder / "users").write_text(f"ada:{PASSWORD}\n")
        settings = {
            "auth": {"type": "htpasswd", "htpasswd_filename": str(folder / "users"), "htpasswd_encryption": "plain",
                     "delay": "0"},
            "storage": {"filesystem_folder": str(folder / "store"), "_filesystem_fsync": "False"},
            "logging": {"level": "critical"},
        }  # fmt: skip
        configuration = radicale.config.load()
        configuration.update(settings, "test", privileged=True)
        self.radicale = radicale.Application(configuration)
        self.asked = Counter()
        self.server = make_server("127.0.0.1", 0, self.answer, handler_class=_Quiet)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.url = self.root + self.path
        self.make_calendar()
        self.asked.clear()

    @property
    def collection(self):
        return Collection(self.url, caldav.password("ada", PASSWORD))

    def make_calendar(self):
        assert self.collection._answer("MKCALENDAR", "").status == 201

    def answer(self, environ, start_response):
        self.asked[environ["REQUEST_METHOD"]] += 1
        return self.radicale(environ, start_response)

    def events(self):
        """The events that are there, by when they begin."""
        found = {}
        for name in self.collection.listing():
            answer = self.collection._answer("GET", name)
            (event,) = icalendar.Calendar.from_ical(answer.body).walk("VEVENT")
            found[event["DTSTART"].dt] = event
        return found

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Google(Radicale):
    """Accounts, OAuth 2 and the calendar of one person, as Google documents them; files are named by their UIDs.

    `says` is what the person is taken to press, `access` the tokens that are good now, `grants` those that renew them.
    """

    calendar = "ada@northgate.example"
    client = ("carillon.apps.example", "a client's secret")

    def __init__(self, folder):
        self.says = {"scope": "https://www.googleapis.com/auth/calendar"}
        self.access, self.grants, self.codes = set(), set(), {}
        super().__init__(folder)
        self.url = f"{self.root}/caldav/v2/{quote(self.calendar)}/events/"

    def settings(self):
        """What an administrator sets to use it."""
        return {
            "google_client_id": self.client[0], "google_client_secret": self.client[1],
            "google_authorize_url": f"{self.root}/authorize", "google_token_url": f"{self.root}/token",
            "google_revoke_url": f"{self.root}/revoke", "google_caldav_url": f"{self.root}/caldav/v2",
        }  # fmt: skip

    @property
    def collection(self):
        self.access.add("of-the-test")
        return Collection(self.url, lambda _: "Bearer of-the-test")

    def make_calendar(self):
        basic = Collection(self.root + self.path, caldav.password("ada", PASSWORD))
        assert basic._answer("MKCALENDAR", "").status == 201

    def allow(self, query):
        """Return where the person is led who is asked this and agrees, or does not."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        assert (asked["client_id"], asked["response_type"]) == (self.client[0], "code")
        assert (asked["access_type"], asked["prompt"], asked["code_challenge_method"]) == ("offline", "consent", "S256")
        if "error" in self.says:
            return f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], 'error': self.says['error']})}"
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], 'code': code})}"

    def answer(self, environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith(self.path):
            return self.radicale(environ, start_response)
        if not path.startswith("/caldav/"):
            return self._account(path, environ, start_response)
        self.asked[environ["REQUEST_METHOD"]] += 1
        if environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ") not in self.access:
            return _said(start_response, "401 Unauthorized", {"error": "invalid_token"})
        home = f"/caldav/v2/{self.calendar}/events/"
        if not path.startswith(home):
            return _said(start_response, "404 Not Found", {})
        name = path.removeprefix(home)
        if environ["REQUEST_METHOD"] == "PUT":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            assert name == re.search(rb"UID:(\S+)", body)[1].decode() + ".ics"
            environ["wsgi.input"] = _Again(body)
        basic = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
        return self.radicale(
            environ | {"PATH_INFO": self.path + name, "HTTP_AUTHORIZATION": f"Basic {basic}"}, start_response
        )

    def _account(self, path, environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        self.asked[path] += 1
        if path == "/revoke":
            is_known = given["token"] in self.grants
            self.grants.discard(given["token"])
            return _said(start_response, "200 OK" if is_known else "400 Bad Request", {"error": "invalid_token"})
        assert path == "/token"
        if (given["client_id"], given["client_secret"]) != self.client:
            return _said(start_response, "401 Unauthorized", {"error": "invalid_client"})
        if given["grant_type"] == "refresh_token":
            if given["refresh_token"] not in self.grants:
                return _said(start_response, "400 Bad Request", {"error": "invalid_grant"})
            return _said(start_response, "200 OK", self._fresh())
        asked = self.codes.pop(given["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if not asked or (asked["code_challenge"], asked["redirect_uri"]) != (proof, given["redirect_uri"]):
            return _said(start_response, "400 Bad Request", {"error": "invalid_grant"})
        self.grants.add(grant := secrets.token_hex(8))
        return _said(start_response, "200 OK", self._fresh() | {"refresh_token": grant, "scope": self.says["scope"]})

    def _fresh(self):
        self.access.add(token := secrets.token_hex(8))
        return {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}


class _Again:
    def __init__(self, body):
        self.body = body

    def read(self, size=-1):
        piece, self.body = self.body[:size] if size >= 0 else self.body, self.body[size:] if size >= 0 else b""
        return piece


def _said(start_response, status, said):
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(said).encode()]
