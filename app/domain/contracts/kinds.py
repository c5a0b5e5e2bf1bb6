"""The kinds of checks that a contract has, as they are stored."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, field_validator, model_validator

from app.domain.contracts import patterns, schemas
from app.domain.contracts.patterns import PLACEHOLDER

MOST = 50
ANSWER = "answer"

_NAME = r"[a-z][a-z0-9_-]{0,39}"
_SOURCE = re.compile(rf"answer|file:.+|steps\.{_NAME}\..+", re.ASCII)
_SOURCES = "Write answer, file:NAME, or steps.NAME.PATH for an output of a step."

Line = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\r\n\x00]*$")]
Source = Annotated[
    Line, Field(max_length=300, description="answer, file:NAME (* stands for any letters), or steps.NAME.PATH")
]


class _Check(BaseModel):
    """One thing that must be true after a run; without an optional one the run is `degraded`, not `unmet`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    is_optional: bool = Field(False, description="Whether the run counts without it, as `degraded`")

    @field_validator("of", check_fields=False)
    @classmethod
    def _check_source(cls, of: str) -> str:
        if not _SOURCE.fullmatch(of):
            raise ValueError(_SOURCES)
        return of


class FileCheck(_Check):
    """A file is kept by the run; `is_new`: and it is not what it was before."""

    kind: Literal["file"] = "file"
    name: Line = Field(min_length=1, max_length=200, description="Its name; * stands for any letters")
    min_bytes: int = Field(1, ge=0, le=2**40)
    is_new: bool = Field(False, description="Whether it must differ from the file of this name before the run")


class SchemaCheck(_Check):
    """JSON that fits a JSON schema."""

    kind: Literal["schema"] = "schema"
    of: Source = ANSWER
    json_schema: dict[str, Any] = Field(alias="schema", description="A JSON schema; it may refer only to itself")

    @field_validator("json_schema")
    @classmethod
    def _check_schema(cls, schema: dict[str, Any]) -> dict[str, Any]:
        if problem := schemas.problem_with(schema):
            raise ValueError(problem)
        return schema


class PatternCheck(_Check):
    """A text in which a pattern is found; `is_absent`: in which it is not."""

    kind: Literal["pattern"] = "pattern"
    of: Source = ANSWER
    pattern: str = Field(
        min_length=1, max_length=1000, pattern=r"^[^\r\n\x00]*$", description="A regular expression of RE2"
    )
    is_absent: bool = False

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str) -> str:
        if problem := patterns.problem_with(pattern):
            raise ValueError(problem)
        return pattern


class RowsCheck(_Check):
    """A number of rows: of CSV without its heading, of a JSON list, of lines that are not empty anywhere else."""

    kind: Literal["rows"] = "rows"
    of: Source = ANSWER
    min: int = Field(1, ge=0, le=10**9)
    max: int | None = Field(None, ge=0, le=10**9)

    @model_validator(mode="after")
    def _check_order(self) -> "RowsCheck":
        if self.max is not None and self.max < self.min:
            raise ValueError(f"At most {self.max} can't be fewer than at least {self.min}.")
        return self


class HttpCheck(_Check):
    """A page that answers a GET with a status and has a text in it."""

    kind: Literal["http"] = "http"
    url: Line = Field(min_length=1, max_length=2000)
    status: int = Field(200, ge=100, le=599)
    contains: Line = Field("", max_length=500)

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if not re.match(r"(https?://[^\s/]|\{\{)", url):
            raise ValueError("Begin the address with https:// or http://.")
        return url


class ToolCheck(_Check):
    """A tool that the agent has really used."""

    kind: Literal["tool"] = "tool"
    name: Line = Field(min_length=1, max_length=64)
    min: int = Field(1, ge=1, le=10_000)


class DeliveredCheck(_Check):
    """Something was sent, by a request other than GET and HEAD, and taken: the other side answered 2xx."""

    kind: Literal["delivered"] = "delivered"
    to: Line = Field("", max_length=200, description="A host or the name of a step; empty: anywhere")
    min: int = Field(1, ge=1, le=10_000)


class CostCheck(_Check):
    """The run cost less than this, in cents of a US dollar."""

    kind: Literal["cost"] = "cost"
    below_cents: float = Field(gt=0, le=10_000_000)


class DurationCheck(_Check):
    """The work took less than this, in seconds."""

    kind: Literal["duration"] = "duration"
    below_seconds: float = Field(gt=0, le=31_536_000)


class AnswerCheck(_Check):
    """There is an answer of so many letters, and it is not a mere plan."""

    kind: Literal["answer"] = "answer"
    min_length: int = Field(1, ge=1, le=1_000_000)


class JudgeCheck(_Check):
    """The team's model says yes to a question about the answer."""

    kind: Literal["judge"] = "judge"
    question: Line = Field(min_length=1, max_length=1000, description="A question to answer with yes or no")
    is_optional: bool = Field(True, description="Whether the run counts without it, as `degraded`")


Check = Annotated[
    FileCheck
    | SchemaCheck
    | PatternCheck
    | RowsCheck
    | HttpCheck
    | ToolCheck
    | DeliveredCheck
    | CostCheck
    | DurationCheck
    | AnswerCheck
    | JudgeCheck,
    Field(discriminator="kind"),
]
Contract = Sequence[Check]
KINDS: Mapping[str, type[_Check]] = {one.model_fields["kind"].default: one for one in get_args(get_args(Check)[0])}
"""The kinds of checks by name, in the order in which they are offered."""

CHECK: TypeAdapter[Check] = TypeAdapter(Check)


def parse(stored: Sequence[Mapping[str, Any]] | None) -> list[Check]:
    """Return the checks of a definition. Raises pydantic's ValidationError."""
    return [CHECK.validate_python(dict(one)) for one in stored or ()]


def stored(contract: Contract) -> list[dict[str, Any]]:
    """Return the checks as a definition holds them."""
    return [one.model_dump(mode="json") for one in contract]


def filled(contract: Contract, fill: Callable[[str], str]) -> list[Check]:
    """Return the checks with `fill` applied to their texts; what comes into a pattern counts letter by letter.

    Raises what `fill` raises, and ValidationError for an address that is none.
    """
    return [_filled(one, fill) for one in contract]


def files_named(contract: Contract) -> list[str]:
    """Return the names of the files that checks look at, * in them for any letters."""
    sources = [f"file:{one.name}" if isinstance(one, FileCheck) else str(getattr(one, "of", "")) for one in contract]
    return [one.removeprefix("file:") for one in sources if one.startswith("file:")]


def _filled(check: Check, fill: Callable[[str], str]) -> Check:
    texts = {name: value for name, value in check if isinstance(value, str) and PLACEHOLDER.search(value)}
    new = {name: fill(value) for name, value in texts.items() if name != "pattern"}
    if "pattern" in texts:
        new["pattern"] = PLACEHOLDER.sub(lambda found: patterns.escape(fill(found[0])), texts["pattern"])
    return CHECK.validate_python({**check.model_dump(), **new}) if new else check
