"""A named collection of plug-ins of one kind."""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    """Anything a registry can hold."""

    name: str


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Plug-ins of one kind by name, in the order they were added."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def add(self, item: T) -> None:
        """Add a plug-in; the last one of a name wins, so that a foreign one can stand in for a built-in."""
        self._items[item.name] = item

    def __getitem__(self, name: str) -> T:
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())
