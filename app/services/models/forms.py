"""What was typed for a model -> its columns, checked."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.core.errors import Invalid
from app.domain import money, price_hours
from app.domain.wording import listed
from app.infra import addresses

PROVIDERS: Mapping[str, str] = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "google": "Google",
    "compatible": "OpenAI-compatible",
}

_LONGEST_NAME, _LONGEST_MODEL, _LONGEST_URL = 60, 120, 300
_SHORTEST_KEY, _LONGEST_KEY = 4, 4096
_HIGHEST_PRICE = 100_000 * money.MICROS
_HIGHEST_RATE = 99_999_999
_NAMED = 3


@dataclass(frozen=True)
class Given:
    """A model as typed. `secret` names one that is there, `key` is a new one to keep as a secret.

    Prices are US dollars for a million tokens; both empty: as the price table of Carillon has it. `price_hours` are
    lines that domain/price_hours reads.
    """

    name: str
    provider: str
    model: str
    base_url: str = ""
    secret: str = ""
    key: str = ""
    price_in: str = ""
    price_out: str = ""
    price_hours: str = ""
    requests_per_minute: str = ""
    tokens_per_minute: str = ""


@dataclass(frozen=True)
class Place:
    """What a form is checked against: names of the team's other models and of its secrets, and what it was before."""

    taken: Collection[str]
    secrets: Collection[str]
    name_before: str = ""
    named_by: Sequence[str] = ()


def checked(given: Given, place: Place) -> dict[str, Any]:
    """Return the columns of a model as typed. Raises Invalid with every field that needs another look."""
    wrong: dict[str, str] = {}
    model, base_url = given.model.strip(), given.base_url.strip().rstrip("/")
    name = given.name.strip() or model[:_LONGEST_NAME]
    values = {
        "name": name,
        "provider": given.provider,
        "model": model,
        "base_url": base_url,
        "secret": given.secret,
        "price_in_micros": _price(given.price_in, "price_in", wrong),
        "price_out_micros": _price(given.price_out, "price_out", wrong),
        "price_hours": _hours(given.price_hours, wrong),
        "requests_per_minute": _rate(given.requests_per_minute, "requests_per_minute", wrong),
        "tokens_per_minute": _rate(given.tokens_per_minute, "tokens_per_minute", wrong),
    }
    if not 0 < len(model) <= _LONGEST_MODEL:
        wrong["model"] = f"Write the model's name as its provider has it, at most {_LONGEST_MODEL} letters."
    _check_name(name, place, wrong)
    _check_address(given.provider, base_url, wrong)
    _check_key(given, place, wrong)
    empty = [field for field in ("price_in", "price_out") if not getattr(given, field).strip()]
    if len(empty) == 1:
        wrong.setdefault(empty[0], "Give both prices, or none.")
    if wrong:
        raise Invalid(wrong)
    return values


def used(name: str, used_by: Sequence[str]) -> str:
    """Say which tasks stand in the way, and what to do first."""
    more = [f"{len(used_by) - _NAMED} more"] if len(used_by) > _NAMED else []
    tasks = "The task" if len(used_by) == 1 else "The tasks"
    use, them = ("uses", "it") if len(used_by) == 1 else ("use", "them")
    return f"{tasks} {listed([*used_by[:_NAMED], *more])} {use} {name}. Give {them} another model first."


def _check_name(name: str, place: Place, wrong: dict[str, str]) -> None:
    if len(name) > _LONGEST_NAME:
        wrong["name"] = f"A name has at most {_LONGEST_NAME} letters."
    elif name in place.taken:
        wrong["name"] = f"There is a model called {name} already."
    elif place.named_by and name != place.name_before:
        wrong["name"] = used(place.name_before, place.named_by)


def _check_address(provider: str, base_url: str, wrong: dict[str, str]) -> None:
    if provider not in PROVIDERS:
        wrong["provider"] = "Choose one of the providers."
    if not base_url:
        if provider == "compatible":
            wrong["base_url"] = "Write where it answers, like http://localhost:11434/v1."
    elif len(base_url) > _LONGEST_URL:
        wrong["base_url"] = f"An address has at most {_LONGEST_URL} letters."
    else:
        try:
            addresses.read_target(base_url)
        except addresses.Failure as failure:
            wrong["base_url"] = failure.message


def _check_key(given: Given, place: Place, wrong: dict[str, str]) -> None:
    key = given.key.strip()
    if key:
        if not (_SHORTEST_KEY <= len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
            wrong["key"] = f"A key has {_SHORTEST_KEY} to {_LONGEST_KEY:,} plain letters, without line breaks."
    elif given.secret and given.secret not in place.secrets:
        wrong["secret"] = f"The secret {given.secret} is not there any more. Choose another, or paste the key."
    elif given.provider in PROVIDERS and given.provider != "compatible" and not given.secret:
        wrong["key"] = f"{PROVIDERS[given.provider]} asks for a key: paste it, or choose a secret."


def _hours(text: str, wrong: dict[str, str]) -> list[dict[str, Any]]:
    try:
        return price_hours.read(text)
    except ValueError as error:
        wrong["price_hours"] = str(error)
        return []


def _rate(text: str, field: str, wrong: dict[str, str]) -> int | None:
    plain = text.strip()
    if not plain:
        return None
    if not (plain.isascii() and plain.isdecimal() and len(plain) <= len(str(_HIGHEST_RATE)) and int(plain) > 0):
        wrong[field] = f"Write a whole number from 1 to {_HIGHEST_RATE:,}, or nothing for no limit."
        return None
    return int(plain)


def _price(text: str, field: str, wrong: dict[str, str]) -> int | None:
    if not text.strip():
        return None
    with suppress(ValueError):
        micros = money.read(text)
        if 0 <= micros <= _HIGHEST_PRICE:
            return micros
    wrong[field] = "Write dollars for a million tokens, like 0.15."
    return None
