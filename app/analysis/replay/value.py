"""One variable of a replay: what stands for it in code, and what a run puts in its place."""

from dataclasses import dataclass, field


@dataclass
class Taken:
    """Names that are taken already, each with the number that the next of the same name would have."""

    _names: set[str] = field(default_factory=set)
    _next: dict[str, int] = field(default_factory=dict)

    def free(self, name: str) -> str:
        """Return a name that is free, with a number behind it if it must be, and take it."""
        plain, number = name, self._next.get(name, 2)
        while name in self._names:
            name, number = f"{plain}_{number}", number + 1
        self._next[plain] = number
        self._names.add(name)
        return name


HARMLESS = frozenset({"date", "period", "number", "money"})
"""Kinds whose values hold nothing that a shell, a database or another language would take for a part of its program."""


@dataclass(frozen=True)
class Value:
    """A text that code holds and that a later run would change.

    `literal` is how it stands there, `number` its size where it is a number. `expression` is what a run puts in its
    place, empty where the literal stays until somebody types another.
    """

    name: str
    label: str
    kind: str
    literal: str
    expression: str = ""
    number: float | None = None
    evidence: tuple[int, ...] = ()
    excerpt: str = ""

    def as_variable(self) -> dict[str, object]:
        """Return it as a definition has it."""
        return {
            "name": self.name,
            "label": self.label,
            "kind": self.kind,
            "source": "value",
            "value": self.expression or self.literal,
            "url": "",
            "path": "",
            "help": "",
            "is_required": True,
            "options": [],
        }
