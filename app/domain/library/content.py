"""What a template is: a definition with a form, checked; and how its text form reads."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from app.domain import contracts, variables
from app.domain.expressions.names import RESERVED

Category = Literal["Reports", "Watch", "Tidy", "Data", "Team", "Agents"]
CATEGORIES: tuple[Category, ...] = get_args(Category)

KINDS: Mapping[str, str] = {**variables.KINDS, "lines": "Lines", "secret": "Secret"}
"""Kinds of fields, as a form calls them: those of variables, several lines of text, and the name of a secret."""

MOST_FIELDS = 40
FIXED = re.compile(r"<<([a-z][a-z0-9_]{0,39})>>")
"""Where an answer is written into the definition when the template is used, instead of becoming a variable."""

_UNTOUCHED = frozenset({"code", "script", "prompt", "instructions"})
"""Settings in which no answer is ever written: code gets variables, and agents placeholders."""

Text = Annotated[str, Field(max_length=20_000)]


class Unfit(ValueError):
    """What no template can be; the message is one sentence."""


class Asked(BaseModel):
    """One field of the form. `default` may hold expressions; options are those of a choice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    label: str = Field(min_length=1, max_length=variables.LONGEST_LABEL)
    kind: str = "text"
    help: str = Field("", max_length=variables.LONGEST_HELP)
    example: str = Field("", max_length=500)
    default: Text = ""
    is_required: bool = True
    options: tuple[str, ...] = ()

    @field_validator("kind")
    @classmethod
    def _check_kind(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"There is no kind of field called {kind[:40]}.")
        return kind

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError(f"The name {name} is taken.")
        return name


class Content(BaseModel):
    """One version of a template, as it is stored: what it says of itself, its form, and its definition.

    `notes` has a line for each version until this one. `seconds` and `cents` are the least and the most of a usual
    run; `minutes_saved` is what one run spares a person. By `words` it is found in what people say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=120)
    category: Category
    icon: str = Field("templates", pattern=r"^[a-z][a-z-]{0,30}$")
    sentence: str = Field(min_length=1, max_length=200)
    about: str = Field("", max_length=2000)
    schedule: str = Field("", max_length=300)
    seconds: tuple[float, float] | None = None
    cents: tuple[float, float] = (0, 0)
    minutes_saved: float = Field(0, ge=0, le=10_000)
    words: tuple[str, ...] = Field((), max_length=60)
    sample: Text = ""
    notes: tuple[Annotated[str, Field(max_length=500)], ...] = Field(min_length=1, max_length=1000)
    form: tuple[Asked, ...] = Field((), max_length=MOST_FIELDS)

    engine: str
    settings: dict[str, Any] = {}
    steps: tuple[dict[str, Any], ...] = Field((), max_length=50)
    variables: tuple[dict[str, Any], ...] = ()
    contract: tuple[dict[str, Any], ...] = ()
    repair: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    min_isolation: int = Field(1, ge=0, le=3)

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        names = [one.name for one in self.form]
        if len(set(names)) < len(names):
            raise ValueError("Two fields have one name.")
        for one in self.variables:
            variables.Variable.of(one)
        if unknown := sorted(self.fixed - set(names)):
            raise ValueError(f"It names <<{unknown[0]}>>, which no field asks for.")
        try:
            contracts.parse(self.contract)
        except ValidationError as error:
            raise ValueError(f"Its contract can't be read: {error.errors()[0]['msg']}") from None
        return self

    @property
    def parts(self) -> Sequence[tuple[str, str, Mapping[str, Any]]]:
        """Name, engine and settings of each step; of a task of one engine alone, without a name."""
        steps = [(step["name"], step["engine"], step.get("settings", {})) for step in self.steps]
        return steps or [("", self.engine, self.settings)]

    @property
    def fixed(self) -> set[str]:
        """The fields whose answers are written into the definition."""
        return set(FIXED.findall(str([_fixable(settings) for _, _, settings in self.parts])))


class Origin(BaseModel):
    """Where an installed template came from: who signed it with which key, what they call it, and the bundle's digest.

    `listing` is the number of what it was installed from.
    """

    model_config = ConfigDict(frozen=True)

    publisher: str
    key: str
    slug: str
    digest: str = ""
    listing: int = 0


class Template(BaseModel):
    """A template as it is found: whose it is (`shared`: installed from elsewhere), where, and one version of it.

    `visibility` says who sees one of the team: private, team, instance or public.
    """

    model_config = ConfigDict(frozen=True)

    slug: str
    source: Literal["builtin", "team", "shared"]
    content: Content
    author: str = ""
    visibility: str = "team"
    origin: Origin | None = None

    @property
    def number(self) -> int:
        """The number of its version."""
        return len(self.content.notes)


def parse(stored: Mapping[str, Any]) -> Content:
    """Return a version of a template, checked. Raises Unfit with the first thing that is wrong."""
    try:
        content = Content.model_validate(dict(stored))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        said = str(problem["msg"]).removeprefix("Value error, ")
        raise Unfit(f"{where}: {said}" if where else said) from None
    except (KeyError, TypeError, AttributeError):
        raise Unfit("Each step needs a name, an engine and settings, and each variable a name.") from None
    return content


def search(templates: Sequence[Template], words: str = "", category: str = "", source: str = "") -> list[Template]:
    """Return the templates that are asked for: all of the words, in the category and of the source if one is given.

    What a team has installed is its own, too.
    """
    sources = {"": {"builtin", "team", "shared"}, "team": {"team", "shared"}}.get(source, {source})
    return [
        one
        for one in templates
        if category in {"", one.content.category} and one.source in sources and _speaks_of(one.content, words)
    ]


def _speaks_of(content: Content, words: str) -> bool:
    known = " ".join((content.name, content.sentence, content.category, *content.words)).lower()
    return all(word in known for word in words.lower().split())


def written(value: Any, answers: Mapping[str, str]) -> Any:
    """Return a setting with answers in the places that name them."""
    if isinstance(value, str):
        return FIXED.sub(lambda found: answers.get(found[1], found[0]), value)
    if isinstance(value, Mapping):
        return {name: written(one, answers) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [written(one, answers) for one in value]
    return value


def settled(settings: Mapping[str, Any], answers: Mapping[str, str]) -> dict[str, Any]:
    """Return settings with the answers written in; without a secret there is none to sign in with."""
    new = {name: value if name in _UNTOUCHED else written(value, answers) for name, value in settings.items()}
    if "auth_secret" in new and not new["auth_secret"]:
        new["auth"] = "none"
    if "secrets" in new:
        new["secrets"] = [name for name in new["secrets"] if name]
    return new


def _fixable(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in _UNTOUCHED}
