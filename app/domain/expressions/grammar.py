"""A text with placeholders -> its parts. The time it takes grows with the length of the text, and no faster."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.expressions.filters import FILTERS

LONGEST = 500
"""Letters of one placeholder."""

MOST = 500
"""Placeholders in one text."""

PATH = r"[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d{1,6}\])*"
"""A name like `steps.fetch.json.items[0].id`, as a pattern."""

_MOST_FILTERS, _MOST_ARGUMENTS = 12, 6
_OPEN = re.compile(r"\{\{(?:[ \t]{0,40}(?=[A-Za-z_\"'])|(?=[^{}]{0,200}\}\}))")  # bounded, whatever anybody types
_TOKEN = re.compile(
    r"[ \t\r\n]{0,40}(?:(?P<close>\}\})|(?P<sign>[|(),])|(?P<number>-?\d{1,15}(?:\.\d{1,9})?(?![\w.]))"
    rf"|\"(?P<double>[^\"]{{0,{LONGEST}}})\"|'(?P<single>[^']{{0,{LONGEST}}})'|(?P<path>{PATH}))",
    re.ASCII,
)
_WORDS = {"true": True, "false": False, "null": None}
_BRACES = "{{ '{{' }}"


class ExpressionError(ValueError):
    """An expression that can't be read or has no value: `sentence` says why, `at` where in the text it stands."""

    def __init__(self, sentence: str, at: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.at = at


@dataclass(frozen=True, slots=True)
class Name:
    """The value of a name."""

    path: str

    @property
    def root(self) -> str:
        """Its first word."""
        return re.split(r"[.\[]", self.path)[0]


@dataclass(frozen=True, slots=True)
class Filter:
    """What is done to the value before it; arguments are names or values."""

    name: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One expression: a name or a value, the filters it goes through, as it was typed, and where that stands."""

    head: Any
    filters: tuple[Filter, ...]
    source: str
    at: str

    @property
    def names(self) -> Sequence[Name]:
        """Every name it uses."""
        operands = [self.head, *(argument for one in self.filters for argument in one.arguments)]
        return [one for one in operands if isinstance(one, Name)]

    @property
    def said(self) -> str:
        """What it is about, in a sentence."""
        return self.head.path[:80] if isinstance(self.head, Name) else f"“{str(self.head)[:40]}”"


@dataclass(frozen=True, slots=True)
class Template:
    """A text in parts: what stays as it is, and placeholders."""

    parts: tuple[str | Placeholder, ...]

    @property
    def placeholders(self) -> Sequence[Placeholder]:
        """The placeholders in their order."""
        return [part for part in self.parts if isinstance(part, Placeholder)]

    @property
    def names(self) -> Sequence[Name]:
        """Every name it uses, in order."""
        return [name for part in self.placeholders for name in part.names]


def parse(text: str) -> Template:
    """Read a text with placeholders. Raises ExpressionError."""
    parts: list[str | Placeholder] = []
    done = count = 0
    while found := _OPEN.search(text, done):
        count += 1
        if count > MOST:
            raise ExpressionError(f"A text has at most {MOST} placeholders.", _place(text, found.start()))
        if found.start() > done:
            parts.append(text[done : found.start()])
        placeholder, done = _Reader(text, found.start(), found.end()).placeholder()
        parts.append(placeholder)
    if done < len(text) or not parts:
        parts.append(text[done:])
    return Template(tuple(parts))


def escaped(text: str) -> str:
    """Return a text that comes out as `text` when it is filled, whatever braces are in it."""
    return text.replace("{{", _BRACES)


def _place(text: str, index: int) -> str:
    """Say where in a text something stands."""
    line = text.count("\n", 0, index) + 1
    return f"line {line}, column {index - text.rfind(chr(10), 0, index)}"


class _Reader:
    """Reads one placeholder, token by token, from the braces that open it to those that close it."""

    def __init__(self, text: str, opened: int, start: int) -> None:
        self._text, self._opened, self._next = text, opened, start
        self.at = _place(text, opened)

    def placeholder(self) -> tuple[Placeholder, int]:
        """Return the placeholder and where the text goes on after it. Raises ExpressionError."""
        kind, word = self._take()
        if kind in {"close", "sign"}:
            raise self._wrong("A name is missing here.")
        head = self._operand(kind, word)
        filters: list[Filter] = []
        while (token := self._take()) != ("close", "}}"):
            if token != ("sign", "|"):
                raise self._wrong(f"“{token[1][:40]}” is not expected here. Write | before a filter, }}}} at the end.")
            if len(filters) == _MOST_FILTERS:
                raise self._wrong(f"At most {_MOST_FILTERS} filters go one after another.")
            filters.append(self._filter())
        source = self._text[self._opened : self._next]
        return Placeholder(head, tuple(filters), source, self.at), self._next

    def _filter(self) -> Filter:
        kind, name = self._take()
        if kind != "path":
            raise self._wrong("The name of a filter is missing after |.")
        spec = FILTERS.get(name)
        if spec is None:
            raise self._wrong(f"There is no filter called {name[:40]}. There are {', '.join(sorted(FILTERS))}.")
        arguments = self._arguments() if self._peek() == ("sign", "(") else ()
        if not spec.least <= len(arguments) <= spec.most:
            raise self._wrong(f"The filter {name} is written like this: {spec.example}.")
        return Filter(name, arguments)

    def _arguments(self) -> tuple[Any, ...]:
        self._take()
        found: list[Any] = []
        if self._peek() == ("sign", ")"):
            self._take()
            return ()
        while True:
            kind, word = self._take()
            if kind in {"close", "sign"} or len(found) == _MOST_ARGUMENTS:
                raise self._wrong("What stands in the brackets of a filter can't be read.")
            found.append(self._operand(kind, word))
            token = self._take()
            if token == ("sign", ")"):
                return tuple(found)
            if token != ("sign", ","):
                raise self._wrong("A bracket is not closed.")

    def _operand(self, kind: str, word: str) -> Any:
        if kind == "number":
            return float(word) if "." in word else int(word)
        if kind in {"double", "single"}:
            return word
        return _WORDS[word] if word in _WORDS else Name(word)

    def _peek(self) -> tuple[str, str]:
        place = self._next
        try:
            return self._take()
        finally:
            self._next = place

    def _take(self) -> tuple[str, str]:
        token = _TOKEN.match(self._text, self._next)
        if token is None or token.lastgroup is None:
            rest = self._text[self._next : self._next + 40].strip().partition("}}")[0].strip()
            if not rest or rest == "}" or self._text.find("}}", self._next, self._next + LONGEST) < 0:
                raise self._wrong(f"This is not closed: end it with }}}}. Two braces as they are: {_BRACES}.")
            raise self._wrong(f"“{rest}” can't be read. There are names and filters: {{{{ name | filter }}}}.")
        self._next = token.end()
        if self._next - self._opened > LONGEST:
            raise self._wrong(f"A placeholder has at most {LONGEST} letters.")
        return token.lastgroup, token[token.lastgroup]

    def _wrong(self, sentence: str) -> ExpressionError:
        said = f"{self.at.capitalize()}: {sentence}" if "\n" in self._text else sentence
        return ExpressionError(said, self.at)
