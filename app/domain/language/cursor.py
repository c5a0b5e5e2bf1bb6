"""A place in the tokens of a phrase: what stands there is taken by kind, or left for another try; times of day."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from app.domain.language.spoken import Clock, Part, Unreadable
from app.domain.language.tokens import Token

T = TypeVar("T")

NOON = 12
_SPOKEN = frozenset({5, 10, 20, 25})
"""Minutes that are said before the hour without their unit: ten to nine."""

_PM = {"afternoon": range(1, NOON), "evening": range(4, NOON), "night": range(8, NOON)}
"""The hours that a part of the day moves to the second half."""
_PARTS = {
    "morning": range(NOON), "afternoon": range(NOON, 19), "evening": range(15, 24),
    "night": (*range(19, 24), *range(6)),
}  # fmt: skip
"""The hours of each part of the day."""


@dataclass
class Cursor:
    """The tokens and the place in them that is read next."""

    tokens: Sequence[Token]
    position: int = 0

    @property
    def is_at_end(self) -> bool:
        """Whether only words that say nothing are left."""
        return all("filler" in token.meanings for token in self.tokens[self.position :])

    def take(self, *kinds: str) -> Any | None:
        """Go past the next token if it can be one of these kinds, and return its value, else None.

        Words that say nothing are passed over on the way.
        """
        for position in range(self.position, len(self.tokens)):
            meanings = self.tokens[position].meanings
            for kind in kinds:
                if kind in meanings:
                    self.position = position + 1
                    return meanings[kind]
            if "filler" not in meanings:
                return None
        return None

    def sees(self, *kinds: str) -> bool:
        """Whether the next token can be one of these kinds."""
        place = self.position
        found = self.take(*kinds) is not None
        self.position = place
        return found

    def attempt(self, read: Callable[[], T | None]) -> T | None:
        """Return what `read` finds here; when it finds nothing, stay here."""
        place = self.position
        found = read()
        if found is None:
            self.position = place
        return found

    def listed(self, read: Callable[[], T | None], *joints: str) -> list[T]:
        """Return one or more of what `read` finds, joined by such words; none if there is not even one."""
        found = []
        item = self.attempt(read)
        while item is not None:
            found.append(item)
            item = self.attempt(lambda: read() if self.take(*joints) is not None else None)
        return found

    # --- times of day

    def clock(self, *, is_from: bool = False) -> Clock | None:
        """Read one time of day: 9, 9:30, 9 am, 9 Uhr 30, halb acht, quarter past nine, noon.

        In “from 5 to 9” (`is_from`) five is no minutes.
        """
        noon = self.take("clock")
        if noon is not None:
            return Clock(*noon)
        clock = self.attempt(lambda: self._fraction(is_from=is_from)) or self.attempt(self._figures)
        return self._of_the_day(clock) if clock else None

    def _fraction(self, *, is_from: bool) -> Clock | None:
        """Read minutes said before the hour: half past nine, ten to nine, viertel nach neun, halb acht."""
        half_to = self.take("half_to")
        if half_to is not None:
            return self._hour(half_to - 60)
        is_named = self.sees("fraction")
        minutes = self.take("fraction", "number")
        if minutes is None or not (is_named or self.take("unit") == "minute" or (minutes in _SPOKEN and not is_from)):
            return None
        if self.take("past") is not None:
            return self._hour(minutes)
        return self._hour(-minutes) if self.take("before") is not None else None

    def _hour(self, minutes: int) -> Clock | None:
        hour = self.take("number")
        if hour is None or self.sees("month", "times"):
            return None
        return _clock(hour, minutes, is_sure=bool(self.take("oclock")))

    def _figures(self) -> Clock | None:
        hm = self.take("hm")
        if hm is not None:
            return _clock(*hm)
        hour = self.take("number")
        if hour is None:
            return None
        is_padded = self.tokens[self.position - 1].text.startswith("0")
        oclock = self.take("oclock")
        minute = self.attempt(self._minute)
        if minute is None and oclock is None and self._counts():
            return None
        is_sure = is_padded or bool(oclock) or minute is not None
        return _clock(hour, minute or 0, is_sure=is_sure)

    def _counts(self) -> bool:
        """Whether the number before counts something, so that it is no hour."""
        return self.sees("unit", "month", "times", "past") and not self.sees("time_word")

    def _minute(self) -> int | None:
        """Read the minutes said after the hour: 9 Uhr 30, nine thirty, las nueve y media."""
        shift: int | None = self.take("shift")
        minute: int | None = self.take("number") if shift is None else shift
        if shift is not None or minute is None or self.sees("unit", "month", "times", "past", "before", "number"):
            return shift
        return minute if 10 <= minute < 60 else None  # noqa: PLR2004 minutes of an hour, in two figures

    def _of_the_day(self, clock: Clock) -> Clock:
        half = self.take("half")
        if half:
            if not 1 <= clock.hour <= NOON:
                raise Unreadable(f"{clock.hour:02}:{clock.minute:02} needs no am or pm. Leave one of them out.")
            hour = clock.hour % NOON + NOON * (half == "pm")
            return replace(clock, hour=hour, is_sure=True, is_half=True)
        part: Part | None = self.attempt(self.part)
        return in_part(clock, part) if part else clock

    def part(self) -> Part | None:
        """Read a part of the day: in the morning, abends. “Morgen” and “mañana” need a word that tells it."""
        is_told = self.take("in", "on", "every", "at") is not None
        return self.take("part") if is_told or not self.sees("later") else None


def _clock(hour: int, minute: int = 0, second: int = 0, *, is_sure: bool = True) -> Clock:
    """Return the time of day, `minute` from -59 on; raise Unreadable when there is none such."""
    if not 0 <= hour < 24 or not -60 < minute < 60 or second > 59:  # noqa: PLR2004 hours of a day, minutes of an hour
        raise Unreadable(f"There is no such time as {hour}:{minute:02}. Hours go from 0 to 23, minutes from 0 to 59.")
    total = (hour * 60 + minute) % (24 * 60)
    return Clock(total // 60, total % 60, second, is_sure)


def in_part(clock: Clock, part: Part) -> Clock:
    """Return the time as it is meant in this part of the day; raise Unreadable when it is not in it."""
    hour = clock.hour
    if hour in _PM.get(part, ()):
        hour += NOON
    elif part == "night" and hour == NOON:
        hour = 0
    if hour not in _PARTS[part]:
        raise Unreadable(f"{hour:02}:{clock.minute:02} is not in the {part}. Leave one of them out.")
    return replace(clock, hour=hour, is_sure=True)
