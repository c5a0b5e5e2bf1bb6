"""What went wrong with a model, said to a person, and whether it may pass. Loaded through `llm`."""

from collections.abc import Iterator

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
)

from app.domain.agents import ModelChoice
from app.domain.redaction import Redactor
from app.infra.addresses import Failure
from app.infra.conversation import ErrorClass, ModelError

_LONGEST_QUOTE = 200
_LONGEST_WAIT_SECONDS = 86_400.0
_SERVER_ERROR = 500

_KINDS: tuple[tuple[type[Exception], str, ErrorClass, str], ...] = (
    (ModelContextWindowExceededError, "context_too_long", "permanent", "The work is too long for {name}{said}."),
    (ModelAuthenticationError, "model_key", "permanent", "{name} refused its key{said}. Check it in Settings, Models."),
    (ModelNotFoundError, "no_such_model", "permanent", "{place} has no model {model}{said}."),
    (ModelQuotaExceededError, "quota", "permanent", "The account of {name} has used up what it may{said}."),
    (ModelRateLimitError, "rate_limited", "rate_limited", "{name} is asked too often{said}."),
    (ModelUnavailableError, "model_busy", "transient", "{name} is overloaded{said}."),
    (ModelServerError, "model_busy", "transient", "{name} had an error of its own{said}."),
    (ModelTimeoutError, "model_timeout", "transient", "{name} did not answer in time."),
    (ModelConnectionError, "model_away", "transient", "{name} can't be reached at {place}, or broke off its answer."),
)  # fmt: skip


def explained(error: Exception, choice: ModelChoice, *, has_begun: bool) -> ModelError:
    """Return an error of a library as one that says what to do; `has_begun`: some of the answer had come."""
    place = choice.base_url or choice.provider
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, Failure):
            return _not_connected(cause, choice)
    for cause in causes:
        for kind, reason, error_class, sentence in _KINDS:
            if isinstance(cause, kind):
                said = sentence.format(name=choice.name, model=choice.model, place=place, said=_quoted(cause, choice))
                return ModelError(reason, said, error_class, _wait(cause))
    if isinstance(error, ModelHTTPError):
        return _status(error, choice)
    if has_begun and isinstance(error, ModelAPIError) and "finish_reason" in error.message:
        return broken_off(choice)
    return ModelError("model_nonsense", f"{choice.name} answered nothing that can be read.", "transient")


def broken_off(choice: ModelChoice) -> ModelError:
    """Return the error of an answer that ended in the middle."""
    return ModelError("model_away", f"{choice.name} broke off before its answer was complete.", "transient")


def endless(choice: ModelChoice) -> ModelError:
    """Return the error of an answer that does not end."""
    return ModelError("model_nonsense", f"The answer of {choice.name} did not end.", "transient")


def miscounted(choice: ModelChoice) -> ModelError:
    """Return the error of a server that counts its tokens wrongly."""
    return ModelError("model_nonsense", f"{choice.name} says it used a number of tokens that can't be.", "permanent")


def _not_connected(failure: Failure, choice: ModelChoice) -> ModelError:
    if failure.reason == "inner_address":
        return ModelError("inner_address", failure.message, "permanent")
    error_class: ErrorClass = "permanent" if failure.is_permanent else "transient"
    return ModelError("model_away", f"{choice.name}: {failure.message}", error_class)


def _status(error: ModelHTTPError, choice: ModelChoice) -> ModelError:
    said = f"{choice.name} answered with status {error.status_code}{_quoted(error, choice)}."
    is_passing = error.status_code >= _SERVER_ERROR
    return ModelError("model_busy" if is_passing else "model_refused", said, "transient" if is_passing else "permanent")


def _quoted(error: BaseException, choice: ModelChoice) -> str:
    """Return the provider's own words as the end of a sentence, without the key; "" if it had none."""
    body = error.body if isinstance(error, ModelAPIError) else None
    for key in ("error", "message"):
        body = body.get(key, body) if isinstance(body, dict) else body
    words = " ".join(body.split()).rstrip(".") if isinstance(body, str) else ""
    words = Redactor([choice.api_key]).redact(words)  # before it is cut: half a key would not be known as one
    return f": “{words[:_LONGEST_QUOTE]}”" if words and not words.startswith("<") else ""


def _wait(error: BaseException) -> float | None:
    wait = error.retry_after if isinstance(error, ModelAPIError) else None
    return None if wait is None else min(max(wait, 0.0), _LONGEST_WAIT_SECONDS)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
