"""What protects a browser: cookies, the forms' token, and the headers of every answer."""

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import Forbidden
from app.services.accounts import LONGEST
from app.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "media-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_YEAR_SECONDS = 31_536_000


class Forged(Forbidden):
    """A form without its token. `is_own_page` when the browser says that it stood on a page of ours."""

    def __init__(self, *, is_own_page: bool) -> None:
        super().__init__("form", "This form did not come from an open page of Carillon, so nothing was done.")
        self.is_own_page = is_own_page


def attach(app: Flask) -> None:
    """Set headers and cookies on every answer."""
    app.after_request(_finish)


def settings() -> Settings:
    """Return the settings of this application."""
    found: Settings = current_app.config["SETTINGS"]
    return found


# --- cookies


def sign_in_token() -> str:
    """Return the token that the browser sent, or an empty string."""
    return request.cookies.get(_cookie_name("carillon"), "")


def set_sign_in(response: AnyResponse, token: str) -> None:
    """Give the browser its sign-in token."""
    _set_cookie(response, "carillon", token, int(LONGEST.total_seconds()))


def clear_sign_in(response: AnyResponse) -> None:
    """Take the sign-in token from the browser."""
    _set_cookie(response, "carillon", "", 0)


def _cookie_name(name: str) -> str:
    return f"__Host-{name}" if settings().is_https else name


def _set_cookie(response: AnyResponse, name: str, value: str, max_age: int | None) -> None:
    response.set_cookie(
        _cookie_name(name), value, max_age=max_age, httponly=True, samesite="Lax", secure=settings().is_https, path="/"
    )


# --- the forms' token


def csrf_token() -> str:
    """Return what a form must send back: bound to the sign-in, or before one to a cookie of its own."""
    if current_user.is_authenticated:
        return hmac.new(sign_in_token().encode(), b"form", hashlib.sha256).hexdigest()
    if "form_token" not in g:
        g.form_token = request.cookies.get(_cookie_name("carillon-form")) or secrets.token_urlsafe(32)
    token: str = g.form_token
    return token


def check_form() -> None:
    """Refuse a change that does not come from one of our pages. Raises Forged."""
    if request.method in SAFE:
        return
    if is_foreign():
        raise Forged(is_own_page=False)
    given = request.headers.get("X-CSRFToken") or request.form.get("csrf_token", "")
    has_cookie = current_user.is_authenticated or _cookie_name("carillon-form") in request.cookies
    if not has_cookie or not hmac.compare_digest(given.encode(), csrf_token().encode()):
        raise Forged(is_own_page=_says_own())


def is_foreign() -> bool:
    """Whether the browser says that the request starts on another site."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in {"same-origin", "none"}:
        return True
    return origin is not None and not _is_ours(origin)


def _says_own() -> bool:
    return request.headers.get("Sec-Fetch-Site") == "same-origin" or _is_ours(request.headers.get("Origin", ""))


def _is_ours(origin: str) -> bool:
    # Hosts are compared without the scheme: behind a proxy that ends TLS we see http where the browser saw https.
    return origin.partition("://")[2] in {request.host, urlsplit(settings().url).netloc}


# --- headers


def _finish(response: Response) -> Response:
    if "form_token" in g:
        _set_cookie(response, "carillon-form", g.form_token, None)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if settings().is_https:
        response.headers["Strict-Transport-Security"] = f"max-age={_YEAR_SECONDS}"
    if "Cache-Control" not in response.headers:
        is_page = "HX-Request" not in request.headers and request.method in SAFE
        response.headers["Cache-Control"] = "private, no-cache" if is_page else "no-store"
    if response.mimetype == "text/html":
        response.vary.update(("HX-Request", "HX-Request-Type", "Cookie"))
    return response
