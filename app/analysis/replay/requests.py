"""Requests that tools made: what a call asked for, as the settings of an HTTP step."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from app.analysis.calls import parsed, runs_code, words
from app.analysis.clauses import listed
from app.domain.thread import ToolCall

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ASKS = listed(
    "http https fetch request requests curl get post put patch delete api url web webpage page scrape download rest "
    "webhook read open retrieve call"
)
_NOT = listed("search browser browse browsing click screenshot navigate crawl playwright puppeteer selenium")
_URL = ("url", "uri", "endpoint", "link", "urls", "address")
_BODY = ("body", "data", "json", "payload", "content", "json_body")
_KNOWN = {*_URL, *_BODY, "method", "headers", "params", "query", "timeout", "path", "file_path", "filename", "verb"}
_OWN = listed("host content-length connection user-agent accept-encoding transfer-encoding expect te upgrade cookie")
_SAVED = ("path", "file_path", "filename", "output", "save_as")
LONGEST_BODY = 200_000
_ANSWERED = ("body", "content", "data", "text", "json", "response")
_ABOUT = listed(
    "status status_code statusCode code headers url method ok success reason elapsed elapsed_ms message error"
)
"""What a tool tells about an answer beside the answer itself."""


def settings_of(call: ToolCall) -> list[dict[str, Any]]:
    """Return the settings of a step for each address a call asked; none where it was no plain request."""
    parts, given = words(call.name), call.arguments
    if runs_code(call) or not parts & _ASKS or parts & _NOT:
        return []
    named = next((given[key] for key in _URL if given.get(key)), None)
    urls = named if isinstance(named, list) else str(named or "").split(",http")
    urls = [one if str(one).startswith("http") else f"http{one}" for one in urls if one]
    method = _method(given, parts)
    if not urls or not all(_is_plain(url) for url in urls) or method not in METHODS:
        return []
    if method not in {"GET", "HEAD"} and not set(given) <= _KNOWN:
        return []
    return [_settings(given, str(url).strip(), method) for url in urls[:10]]


def _is_plain(url: Any) -> bool:
    return (
        isinstance(url, str)
        and url.startswith(("http://", "https://"))
        and not any(char.isspace() for char in url.strip())
    )


def _method(given: Mapping[str, Any], parts: set[str]) -> str:
    said = given.get("method") or given.get("verb")
    if isinstance(said, str):
        return said.upper()
    named = next((method for method in METHODS if method.lower() in parts and method != "GET"), "")
    has_body = any(given.get(key) for key in _BODY)
    return named or ("POST" if has_body else "GET")


def _settings(given: Mapping[str, Any], url: str, method: str) -> dict[str, Any]:
    query = given.get("params") or given.get("query")
    if isinstance(query, Mapping) and query:
        url += ("&" if "?" in url else "?") + urlencode({key: str(value) for key, value in query.items()})
    settings: dict[str, Any] = {"method": method, "url": url, "headers": _headers(given.get("headers"))}
    body = next((given[key] for key in _BODY if given.get(key)), "")
    if body and method not in {"GET", "HEAD"}:
        settings["body"] = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)
        settings["body"] = settings["body"][:LONGEST_BODY]
    saved = next((given[key] for key in _SAVED if isinstance(given.get(key), str) and "." in given[key]), "")
    if saved:
        settings["save_as"] = saved.rpartition("/")[2]
    return settings


def _headers(given: Any) -> dict[str, str]:
    if isinstance(given, str):
        given = parsed(given) or dict(line.split(":", 1) for line in given.splitlines() if ":" in line)
    if isinstance(given, list):
        given = {one.get("name"): one.get("value") for one in given if isinstance(one, Mapping)}
    if not isinstance(given, Mapping):
        return {}
    return {
        str(name).strip(): " ".join(str(value).split())
        for name, value in given.items()
        if name and value and str(name).strip().lower() not in _OWN
    }


def answered(output: str) -> tuple[int | None, str]:
    """Return the status and the body that a tool's output tells of a request."""
    inner = parsed(output)
    if not isinstance(inner, Mapping):
        return None, output
    status = next(
        (inner[key] for key in ("status", "status_code", "statusCode", "code") if _is_status(inner.get(key))), None
    )
    if status is None:
        return None, output
    rest = {key: value for key, value in inner.items() if key not in _ABOUT}
    body = next((inner[key] for key in _ANSWERED if key in inner), rest or "")
    return status, body if isinstance(body, str) else json.dumps(body)


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599  # noqa: PLR2004 of HTTP
