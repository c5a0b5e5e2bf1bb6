"""Access that a person gives at a provider by OAuth 2 (RFC 6749, PKCE of RFC 7636): asked for, renewed, given back."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.infra import fetch
from app.infra.addresses import Failure, read_target

_PATIENCE_SECONDS = 10.0
_GOOD = range(200, 300)
_OVER = {"invalid_grant", "access_denied"}


class Ended(Failure):
    """The provider does not give access any more, or does not take this answer: the person is to be asked again."""


@dataclass(frozen=True)
class Provider:
    """Where to ask, as whom, and for what."""

    client_id: str
    client_secret: str
    authorize_url: str
    token_url: str
    revoke_url: str
    scope: str

    def address(self, back: str, state: str, verifier: str) -> str:
        """Return the address at which the person allows it; they come back to `back` with `state` and a code."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": self.client_id, "redirect_uri": back, "response_type": "code", "scope": self.scope,
            "state": state, "code_challenge": challenge, "code_challenge_method": "S256",
            "access_type": "offline", "prompt": "consent",  # or there would be nothing to renew the access with
        }  # fmt: skip
        return f"{self.authorize_url}{'&' if '?' in self.authorize_url else '?'}{urlencode(asked)}"

    def redeem(self, code: str, back: str, verifier: str) -> str:
        """Return the refresh token for a code. Raises Failure, Ended."""
        given = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        said = self._tokens(given, "does not take this answer any more. Connect again.")
        granted = str(said.get("scope", self.scope)).split()
        if self.scope not in granted or not said.get("refresh_token"):
            sentence = f"{self._host} did not give all that was asked for. Connect again, and leave every box ticked."
            raise Ended("protocol", sentence)
        return str(said["refresh_token"])

    def access(self, refresh_token: str) -> str:
        """Return an access token, good for the next minutes. Raises Failure, Ended."""
        given = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        said = self._tokens(given, "does not let Carillon in any more.")
        token = str(said.get("access_token", ""))
        if not token or not token.isascii() or not token.isprintable():
            raise Failure("protocol", f"{self._host} answered without an access token.")
        return token

    def revoke(self, token: str) -> None:
        """Give back what a token allows; one that is not good any more is fine. Raises Failure."""
        answer = self._post(self.revoke_url, {"token": token})
        if answer.status not in _GOOD and _json(answer).get("error") not in {"invalid_token", "invalid_request"}:
            raise Failure("protocol", f"{self._host} answered {answer.status} {answer.phrase}.")

    def bearer(self, refresh_token: str) -> Callable[[bool], str]:
        """Return what gives the header Authorization: one access token for all, until a fresh one is asked for."""
        kept: list[str] = []

        def header(is_fresh: bool) -> str:
            if is_fresh or not kept:
                kept[:] = [f"Bearer {self.access(refresh_token)}"]
            return kept[0]

        return header

    @property
    def _host(self) -> str:
        return read_target(self.token_url).host

    def _tokens(self, given: dict[str, str], over: str) -> dict[str, Any]:
        own = {"client_id": self.client_id, "client_secret": self.client_secret}
        answer = self._post(self.token_url, given | own)
        said = _json(answer)
        if answer.status in _GOOD:
            return said
        if said.get("error") in _OVER:
            raise Ended("protocol", f"{self._host} {over}")
        if said.get("error") in {"invalid_client", "unauthorized_client"}:
            sentence = f"{self._host} does not know Carillon. An administrator is to check its client id and secret."
            raise Failure("protocol", sentence)
        raise Failure("protocol", f"{self._host} answered {answer.status} {answer.phrase}.")

    def _post(self, url: str, given: dict[str, str]) -> fetch.Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        ask = fetch.Request(
            "POST", url, headers, urlencode(given).encode(), timeout_seconds=_PATIENCE_SECONDS, redirects=0,
            has_password=True,
        )  # fmt: skip
        return fetch.Call(ask).answer()


def _json(answer: fetch.Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
