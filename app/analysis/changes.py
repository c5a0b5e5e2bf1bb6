"""Short changes of a schedule that name only what is new: an hour earlier, make it every 20, Thursdays too."""

import re
from dataclasses import replace

from app.analysis import cues
from app.analysis.sentences import plain, word_set, words
from app.analysis.timewords import spoken
from app.domain.language.spoken import Spoken

_HOUR = re.compile(
    r"(?:(?:no|nope|nein|nee|non|hm+|rather|lieber|plutôt|mejor|make it|at|um|à"
    r"|a las)[,.…]*\s)*(?P<hour>\d{1,2}(?:[:.h]\d\d)?"
    r"(?:\s?[ap]m|\s?h|\s?uhr)?)(?=\s(?:would|is|works|wäre|ist|passt|serait|c['’]est|sería|es|better|please|lieber"
    r"|besser|bitte|plutôt|mejor|then|dann|instead)\b|$)",
    re.IGNORECASE,
)
"""An hour that is answered with a word or two: 10 would be better."""

_SHIFT = re.compile(
    r"\b(?P<count>half an?|an?|one|two|three|\d{1,3}|halbe|eine?|zwei|drei|une? demie?-?|demie?-?|une|deux"
    r"|trois|media|una"
    r"|dos|tres)[ -]?(?P<unit>h(?:ou)?rs?|min(?:ute)?s?|stunden?|minuten|heures?|horas?|minutos?) "
    r"(?P<way>earlier|sooner|later|fruher|eher|spater|plus tot|plus tard|antes|mas temprano|mas tarde|despues)\b"
)
_COUNTS = dict.fromkeys(("half a", "half an", "halbe", "demi", "demie", "une demie", "media"), 0.5) | {
    "two": 2.0, "zwei": 2.0, "deux": 2.0, "dos": 2.0, "three": 3.0, "drei": 3.0, "trois": 3.0, "tres": 3.0,
}  # fmt: skip
"""Numbers in words; every other word is one."""

TIMED = ("times", "window", "marks", "part")
"""What of a phrase says at which time of the day."""

_LATER = ("later", "spater", "tard", "tarde", "despues")
_LONGEST = 9
_DAY = 24 * 60
_EVERY = re.compile(
    r"\b(?:every|alle|jede|toutes les|tous les|cada) (?P<count>\d{1,3})(?=\s*(?:$|[.,;!?)]|(?:please|instead"
    r"|then|is|will"
    r"|reicht|bitte|dann|suffit|basta|mejor)\b))"
)
_LENGTH = re.compile(
    r"(?P<count>\d{1,3}|half an?|[a-z]{2,10}) ?"
    r"(?P<unit>h|hrs?|hours?|mins?|minutes?|stunden?|minuten|heures?|horas?|minutos?)\b"
)
_EVERIES = ("every", "alle", "toutes les", "cada")
_AROUND = (
    cues.CORRECTION | cues.YES | cues.THIS | cues.ENOUGH | cues.WISH | cues.SOFT
    | word_set("hm hmm every alle toutes les cada about how what is ist be s then dann also alors entonces bueno")
)  # fmt: skip
"""Words beside a length of time that is said alone."""

_PARTS = frozenset({"second", "minute", "hour"})


def hour(text: str) -> Spoken | None:
    """Return the time that a short answer names: eight, 10 would be better; None where it names none."""
    found = _HOUR.match(text)
    said = spoken(f"at {found['hour'] if found else plain(text)}")
    return said if said and said.times else None


def changed(old: Spoken, text: str) -> Spoken | None:
    """Return what was asked for with its time moved or its number changed; None where a text says neither."""
    bare = plain(text)
    if len(words(bare)) > _LONGEST:
        return None
    moved, every = _SHIFT.search(bare), _EVERY.search(bare)
    if every and old.rhythm and old.rhythm[1] in _PARTS and int(every["count"]):
        return replace(old, rhythm=(int(every["count"]), old.rhythm[1]))
    if not moved and old.rhythm and old.rhythm[1] in _PARTS and (length := _length(bare)):
        return replace(old, rhythm=length)
    if not moved or not old.times:
        return None
    by = _minutes(moved)
    minutes = [(clock.hour * 60 + clock.minute + by) % _DAY for clock in old.times]
    clocks = zip(old.times, minutes, strict=True)
    return replace(old, times=tuple(replace(clock, hour=at // 60, minute=at % 60) for clock, at in clocks))


def _length(bare: str) -> tuple[int, str] | None:
    """Return the length of time that a text says alone: make it 20 minutes."""
    found = _LENGTH.search(bare)
    if not found or not set(words(bare[: found.start()] + bare[found.end() :])) <= _AROUND:
        return None
    said = (spoken(f"{every} {found['count']} {found['unit']}") for every in _EVERIES)
    return next((one.rhythm for one in said if one and one.rhythm and one.rhythm[1] in _PARTS), None)


def _minutes(moved: re.Match[str]) -> int:
    count = moved["count"].rstrip(" -")
    number = float(count) if count.isdigit() else _COUNTS.get(count, 1.0)
    length = int(number * (60 if moved["unit"][0] in "hs" else 1))
    return length if moved["way"].endswith(_LATER) else -length


def added(old: Spoken, said: Spoken, text: str) -> Spoken | None:
    """Return what was asked for with the days that are said to come to it; None where a text adds none."""
    spoken = set(words(text))
    is_more = said.days and said == Spoken(days=said.days, is_repeated=said.is_repeated)
    if not is_more or spoken.isdisjoint(cues.ALSO) or not (old.days or old.rhythm == (1, "day")):
        return None
    return replace(old, days=old.days | (said.days or frozenset())) if old.days else old


def completed(said: Spoken, old: Spoken) -> Spoken:
    """Return a new rhythm with the time and place of the old one, where it has none itself."""
    if said.rhythm and said.rhythm[1] in _PARTS:
        return replace(said, zones=said.zones or old.zones)
    if not any(getattr(said, name) for name in TIMED):
        said = replace(said, times=old.times, window=old.window if old.days else None, part=old.part)
    if (
        said.rhythm is None
        and said.days
        and old.rhythm
        and old.rhythm[1] == "week"
        and old.rhythm[0] > 1
        and not old.days
    ):
        said = replace(said, rhythm=old.rhythm)
    return replace(said, zones=said.zones or old.zones)
