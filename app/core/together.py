"""The same act on several things: one that can't be dealt with holds up no other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.core.errors import CarillonError, NotFound


@dataclass(frozen=True)
class Done:
    """A thing that was dealt with, by its number; `new` is the number of what came of it."""

    number: int
    new: int | None = None


@dataclass(frozen=True)
class Refused:
    """A thing that could not be dealt with, and why."""

    number: int
    why: str


def each(numbers: Iterable[int], act: Callable[[int], int | None]) -> tuple[list[Done], list[Refused]]:
    """Call `act` with each number, in a transaction of its own each; return what was done and what was refused."""
    done: list[Done] = []
    refused: list[Refused] = []
    for number in numbers:
        try:
            done.append(Done(number, act(number)))
        except NotFound:
            refused.append(Refused(number, "It is not there."))
        except CarillonError as error:
            refused.append(Refused(number, error.message))
    return done, refused
