"""The settings of an HTTP task, each with the sentence that says what to type."""

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)
from pydantic_core import PydanticCustomError

from app.domain.expectations import Op, is_path, number
from app.infra import fetch
from app.infra.addresses import Failure, read_target

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""What no header can hold."""

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_STATUSES = re.compile(r"([1-5])xx|([1-5]\d\d)(?: ?- ?([1-5]\d\d))?", re.IGNORECASE)
_FILE = re.compile(r"(?!\.)[^/\\\x00-\x1f]{1,100}")


def _say(sentence: str) -> WrapValidator:
    """Say `sentence` instead of what the validation library says."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValueError:
            raise _wrong(sentence) from None

    return WrapValidator(check)


def _wrong(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("said", "{sentence}", {"sentence": sentence})


class Expectation(BaseModel):
    """What the JSON of the answer must have at `path`, like `data.items[0].name`."""

    model_config = ConfigDict(frozen=True)

    path: str
    op: Annotated[Op, _say("Choose what to compare.")] = "exists"
    value: Any = Field(None, validate_default=True)

    @field_validator("path")
    @classmethod
    def _check_path(cls, path: str) -> str:
        if not is_path(path):
            raise _wrong("Type a path like data.items[0].name.")
        return path

    @field_validator("value")
    @classmethod
    def _check_value(cls, value: Any, info: ValidationInfo) -> Any:
        op = info.data.get("op")
        if op in {"above", "below"} and number(value) is None:
            raise _wrong("Type a number.")
        if op in {"equals", "contains"} and value is None:
            raise _wrong("Type what it must be.")
        return value


class HttpSettings(BaseModel):
    """What to ask, and what the answer must be like."""

    model_config = ConfigDict(frozen=True)

    method: Annotated[Method, _say(f"Choose one of {', '.join(get_args(Method))}.")] = "GET"
    url: Annotated[str, Field(max_length=4000), _say("Type an address like https://example.com/health.")]
    headers: Annotated[dict[str, str], Field(max_length=50), _say("Type headers like Accept: application/json.")] = {}
    body: Annotated[str, Field(max_length=1_000_000), _say("A body has at most 1 MB.")] = ""
    auth: Annotated[Literal["none", "bearer", "basic", "header"], _say("Choose how to sign in.")] = "none"
    auth_secret: str = Field("", validate_default=True)
    auth_header: str = Field("", validate_default=True)
    expect_status: str = "2xx"
    expect_json: tuple[Expectation, ...] = ()
    expect_text: Annotated[str, Field(max_length=1000), _say("Type at most 1,000 characters.")] = ""
    max_bytes: Annotated[int, Field(ge=1, le=fetch.READ_BYTES), _say(f"Type bytes from 1 to {fetch.READ_BYTES:,}.")] = (
        1024 * 1024
    )
    timeout_seconds: Annotated[float, Field(ge=0.1, le=3600), _say("Type seconds from 0.1 to 3,600.")] = 30.0
    follow_redirects: bool = True
    save_as: str = ""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        try:
            read_target(url.strip())
        except Failure as failure:
            raise _wrong(failure.message) from None
        return url.strip()

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name):
                raise _wrong(f"“{name}” is no name of a header; one is like Accept.")
            if name.lower() in fetch.OWN_HEADERS:
                raise _wrong(f"Carillon sets {name} itself; leave it out.")
            if CONTROL.search(value):
                raise _wrong(f"The header {name} has a line break; keep it on one line.")
        return headers

    @field_validator("auth_secret")
    @classmethod
    def _check_secret(cls, name: str, info: ValidationInfo) -> str:
        if info.data.get("auth", "none") != "none" and not name:
            raise _wrong("Choose the secret to sign in with.")
        return name

    @field_validator("auth_header")
    @classmethod
    def _check_auth_header(cls, name: str, info: ValidationInfo) -> str:
        if info.data.get("auth") == "header" and (not _HEADER.fullmatch(name) or name.lower() in fetch.OWN_HEADERS):
            raise _wrong("Type the name of the header, like X-API-Key.")
        return name

    @field_validator("expect_status")
    @classmethod
    def _check_status(cls, text: str) -> str:
        if not all(_STATUSES.fullmatch(part.strip()) for part in text.split(",")):
            raise _wrong("Type statuses like 2xx, 200 or 200-299, 304.")
        return text

    @field_validator("save_as")
    @classmethod
    def _check_file(cls, name: str) -> str:
        if name and not _FILE.fullmatch(name):
            raise _wrong("Type the name of a file, like report.json.")
        return name

    def expects(self, status: int) -> bool:
        """Whether `status` is one of the expected."""
        for group, first, last in _STATUSES.findall(self.expect_status):
            low, high = (int(group) * 100, int(group) * 100 + 99) if group else (int(first), int(last or first))
            if low <= status <= high:
                return True
        return False
