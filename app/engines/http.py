"""The HTTP engine: one request, its answer checked, logged, and kept as a file if wished."""

import base64
import codecs
import contextlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from app.core.clock import utc_now
from app.core.errors import Invalid
from app.domain import expectations
from app.domain.contracts import Delivery
from app.domain.effects import HARMLESS
from app.domain.redaction import Redactor
from app.domain.wording import duration
from app.engines.base import (
    ArtifactMade,
    Cancellation,
    Done,
    EffectHeld,
    Emit,
    Lane,
    LogWritten,
    Outcome,
    RunRequest,
    StepEnded,
    StepStarted,
)
from app.engines.http_settings import CONTROL, HttpSettings
from app.infra import fetch
from app.infra.addresses import Failure

EXCERPT_BYTES = 2048
LARGEST_OUTPUT = 200_000
"""Bytes of an answer that are handed on as JSON; of a text the first quarter: each letter may need several."""

LONGEST_WAIT_SECONDS = 86_400.0
"""A server's Retry-After is believed up to a day."""

_LONGEST_HOST = 190
_CHARSETS = ("utf", "ascii", "iso8859", "cp", "koi8", "euc", "gb", "big5", "shift")  # others may cost much to decode
_PASSING = {408, 425}
_RATE_LIMITED = 429
_SERVER_ERROR = 500


class HttpEngine:
    """Asks a web server. Runs on a thread of the worker; nothing of the answer is executed."""

    name = "http"
    label = "HTTP"
    lane: Lane = "io"
    settings_schema: type[BaseModel] = HttpSettings

    def run(self, request: RunRequest, emit: Emit, cancellation: Cancellation) -> Outcome:
        """Ask once; see `Engine.run`."""
        emit(StepStarted("prepare"))
        try:
            settings = HttpSettings.model_validate(dict(request.settings))
            ask = _ask(settings, request)
        except ValidationError as error:
            return _ended("prepare", emit, Outcome("blocked", "settings", error.errors()[0]["msg"], "permanent"))
        except Invalid as error:
            return _ended("prepare", emit, Outcome("blocked", "secret", error.message, "permanent"))
        emit(StepEnded("prepare"))
        if cancellation.mode:
            return Outcome("cancelled", cancellation.reason, "Stopped before it asked.")
        if request.is_rehearsal and ask.method not in HARMLESS:
            return _held(ask, Redactor(request.secrets.values()), emit)
        return _run(settings, ask, request, emit, cancellation)

    def targets(self, request: RunRequest) -> list[str]:
        """Name the host it asks, with its port where the address has one."""
        host = urlsplit(str(request.settings.get("url", ""))).netloc.rpartition("@")[2].lower()
        return [f"host:{host[:_LONGEST_HOST]}"] if host else []


def _run(
    settings: HttpSettings, ask: fetch.Request, request: RunRequest, emit: Emit, cancellation: Cancellation
) -> Outcome:
    emit(StepStarted("run"))
    emit(LogWritten(f"{ask.method} {ask.url}"))
    started = time.monotonic()
    call = fetch.Call(ask)
    cancellation.on_now(call.stop)
    try:
        answer = call.answer()
    except fetch.Stopped:
        return Outcome("cancelled", cancellation.reason, "Stopped while it waited for the answer.")
    except Failure as failure:
        return _ended("run", emit, _failed(failure))
    facts = _facts(answer, time.monotonic() - started)
    is_expected = settings.expects(answer.status)
    _log(answer, facts, emit, is_expected=is_expected)
    if not is_expected:
        return _ended("run", emit, _unexpected(settings, answer, facts))
    emit(StepEnded("run", detail=f"{answer.status} {answer.phrase}"))
    emit(StepStarted("collect"))
    outcome = _collect(settings, answer, facts, request, emit)
    if outcome.state != "succeeded":
        return _ended("collect", emit, outcome)
    emit(StepEnded("collect"))
    outcome = replace(outcome, done=_done(ask, answer))
    return replace(outcome, outputs=_outputs(answer)) if request.step else outcome


def _held(ask: fetch.Request, redactor: Redactor, emit: Emit) -> Outcome:
    """Show what a rehearsal would have sent. There is no answer: nothing is kept, expected or handed on."""
    emit(StepStarted("run"))
    words = f"{ask.method} {ask.url}"
    body = (ask.body or b"")[:EXCERPT_BYTES].decode("utf-8", "replace")
    if len(ask.body or b"") > EXCERPT_BYTES:
        body = body[: redactor.unfinished(body)]  # what may be half a secret at its end would not be hidden
    emit(EffectHeld(words, body))
    emit(LogWritten(f"Held back: {words}", "warn"))
    emit(StepEnded("run", detail="Held back"))
    host = urlsplit(ask.url).netloc.rpartition("@")[2]
    return Outcome("succeeded", "rehearsed", f"{ask.method} to {host} is ready.")


def _ask(settings: HttpSettings, request: RunRequest) -> fetch.Request:
    """Return the request to send. Raises Invalid when a secret can't be used this way."""
    headers = dict(settings.headers)
    if settings.auth != "none":
        name, value = _credentials(settings, request.secrets[settings.auth_secret].strip())
        headers = {other: kept for other, kept in headers.items() if other.lower() != name.lower()} | {name: value}
    given = {name.lower() for name in headers}
    if settings.body and "content-type" not in given:
        is_json = settings.body.lstrip()[:1] in {"{", "["}
        headers["Content-Type"] = "application/json" if is_json else "text/plain; charset=utf-8"
    if settings.method not in {"GET", "HEAD"} and "idempotency-key" not in given:
        headers["Idempotency-Key"] = request.idempotency_key
    return fetch.Request(
        settings.method,
        settings.url,
        headers,
        settings.body.encode() or None,
        timeout_seconds=min(settings.timeout_seconds, request.limits.timeout_seconds),
        keep_bytes=settings.max_bytes,
        redirects=5 if settings.follow_redirects else 0,
    )


def _credentials(settings: HttpSettings, secret: str) -> tuple[str, str]:
    if CONTROL.search(secret):
        raise Invalid({"auth_secret": f"The secret {settings.auth_secret} has line breaks, so no header can hold it."})
    if settings.auth == "bearer":
        return "Authorization", f"Bearer {secret}"
    if settings.auth == "header":
        return settings.auth_header, secret
    if ":" not in secret:
        raise Invalid({"auth_secret": f"The secret {settings.auth_secret} does not look like user:password."})
    return "Authorization", f"Basic {base64.b64encode(secret.encode()).decode()}"


# --- what became of it


def _ended(step: str, emit: Emit, outcome: Outcome) -> Outcome:
    """Tell that `step` went wrong; one that ran out of time stays open and is closed as that."""
    emit(LogWritten(outcome.sentence, "error"))
    if outcome.state != "timed_out":
        emit(StepEnded(step, is_ok=False, detail=outcome.sentence))
    return outcome


def _failed(failure: Failure) -> Outcome:
    if failure.reason == "inner_address":
        return Outcome("blocked", "inner_address", failure.message, "permanent")
    state: Literal["timed_out", "failed"] = "timed_out" if failure.reason == "timeout" else "failed"
    return Outcome(state, failure.reason, failure.message, "permanent" if failure.is_permanent else "transient")


def _unexpected(settings: HttpSettings, answer: fetch.Answer, facts: Mapping[str, Any]) -> Outcome:
    host = urlsplit(answer.url).netloc
    sentence = f"{host} answered {answer.status} {answer.phrase}".rstrip() + f"; expected {settings.expect_status}."
    wait = _retry_after(answer.headers.get("retry-after", ""))
    if answer.status == _RATE_LIMITED:
        return Outcome("failed", "rate_limited", sentence, "rate_limited", wait, facts)
    if answer.status >= _SERVER_ERROR or answer.status in _PASSING:
        return Outcome("failed", "http_status", sentence, "transient", wait, facts)
    return Outcome("failed", "http_status", sentence, "permanent", facts=facts)


def _collect(
    settings: HttpSettings, answer: fetch.Answer, facts: Mapping[str, Any], request: RunRequest, emit: Emit
) -> Outcome:
    """Keep the answer as a file and hold it against what is expected."""
    if settings.save_as:
        if answer.is_cut:
            kept = _size(settings.max_bytes)
            sentence = f"The answer is longer than the {kept} this task keeps, so {settings.save_as} was not saved."
            return Outcome("failed", "too_large", sentence, "permanent", facts=facts)
        request.workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = request.workspace / settings.save_as
        path.write_bytes(answer.body)
        emit(ArtifactMade(settings.save_as, path, facts["content_type"] or "application/octet-stream"))
    problem = _problem(settings, answer)
    if problem:
        return Outcome("unmet", "expectation", problem, facts=facts)
    words = f"Worked in {duration(facts['seconds'])}: {answer.status} {answer.phrase}".rstrip()
    return Outcome("succeeded", "ok", f"{words}, {_size(answer.size)}." if answer.size else f"{words}.", facts=facts)


def _problem(settings: HttpSettings, answer: fetch.Answer) -> str:
    part = f"the first {_size(settings.max_bytes)} of the answer" if answer.is_cut else "the answer"
    if settings.expect_text and settings.expect_text not in _decoded(answer, answer.body):
        return f"“{settings.expect_text[:80]}” is not in {part}."
    if not settings.expect_json:
        return ""
    if answer.is_cut:
        return f"The answer is longer than the {_size(settings.max_bytes)} this task keeps, so its JSON can't be read."
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return f"The answer is not JSON; expected JSON with {settings.expect_json[0].path}."
    problems = (expectations.problem(document, one.path, one.op, one.value) for one in settings.expect_json)
    return next((problem for problem in problems if problem), "")


def _retry_after(text: str) -> float | None:
    """Read seconds or a date; None if it is neither."""
    if re.fullmatch(r"\d{1,9}", text.strip()):
        return min(float(text), LONGEST_WAIT_SECONDS)
    try:
        seconds = (parsedate_to_datetime(text) - utc_now()).total_seconds()
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


# --- what is handed to the steps after it


def _outputs(answer: fetch.Answer) -> dict[str, Any]:
    """Return the status with the JSON of the answer; where it is none or too large, with the beginning of its text."""
    if len(answer.body) <= LARGEST_OUTPUT and not answer.is_cut:
        with contextlib.suppress(ValueError, RecursionError):
            return {"status": answer.status, "json": json.loads(answer.body)}
    return {"status": answer.status, "text": _decoded(answer, answer.body[: LARGEST_OUTPUT // 4])}


def _done(ask: fetch.Request, answer: fetch.Answer) -> Done:
    sent = (Delivery(urlsplit(ask.url).netloc.rpartition("@")[2].lower(), answer.status),)
    return Done(_decoded(answer, answer.body), answer.is_cut, deliveries=() if ask.method in {"GET", "HEAD"} else sent)


# --- what is shown of an answer


def _facts(answer: fetch.Answer, seconds: float) -> dict[str, Any]:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()[:100]
    return {"status": answer.status, "bytes": answer.size, "seconds": round(seconds, 4), "content_type": kind}


def _log(answer: fetch.Answer, facts: Mapping[str, Any], emit: Emit, *, is_expected: bool) -> None:
    for hop in answer.hops:
        emit(LogWritten(f"redirected to {hop}"))
    milliseconds = max(1, round(facts["seconds"] * 1000))
    parts = [f"{answer.status} {answer.phrase}".rstrip(), f"{milliseconds} ms", _size(answer.size)]
    parts += [facts["content_type"]] if facts["content_type"] else []
    emit(LogWritten(", ".join(parts), "info" if is_expected else "error"))
    for line in _excerpt(answer):
        emit(LogWritten(line, "debug"))


def _excerpt(answer: fetch.Answer) -> list[str]:
    """Return the first lines of the body; what is no text is not shown."""
    if not answer.body:
        return []
    text = _decoded(answer, answer.body[:EXCERPT_BYTES])
    if "\0" in text or text.count("\ufffd") > len(text) // 10:
        return ["(not text, not shown)"]
    more = answer.size - EXCERPT_BYTES
    return [*text.strip().splitlines(), *([f"… {_size(more)} more"] if more > 0 else [])]


def _decoded(answer: fetch.Answer, body: bytes) -> str:
    found = re.search(r"charset=[\"']?([\w.:-]{1,40})", answer.headers.get("content-type", ""), re.IGNORECASE)
    try:
        charset = codecs.lookup(found[1] if found else "utf-8").name
    except LookupError:
        charset = "utf-8"
    if not charset.startswith(_CHARSETS):
        charset = "utf-8"
    # Not final: a character that the end of the excerpt cuts in two is left out.
    return codecs.getincrementaldecoder(charset)("replace").decode(body)


def _size(count: int) -> str:
    if count < 1000:  # noqa: PLR2004 bytes of a KB
        return f"{count} byte{'' if count == 1 else 's'}"
    if count > fetch.READ_BYTES:
        return f"over {fetch.READ_BYTES // 1_000_000} MB"
    return f"{count / 1000:.0f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"  # noqa: PLR2004 bytes of an MB


engine = HttpEngine()
