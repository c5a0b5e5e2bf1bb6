"""Words of time in free text: the islands in a sentence that the phrase engine can read, and what each says."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from app.analysis import cues, sentences
from app.analysis.adjectives import ZONE_OF
from app.analysis.pieces import SPANISH_ARTICLES, Piece, counted, excepted, part_hourly
from app.analysis.sentences import plain, word_set
from app.domain.language import clauses, tokens
from app.domain.language.spoken import Spoken, Unreadable
from app.domain.language.vocabulary import LEXICONS
from app.domain.language.vocabulary.places import places, zone_names

_MOST_WORDS = 24
"""Words of one stretch of time words; more are not read."""

_LONGEST = 1000
"""Characters of a sentence that are read; longer ones are pasted."""

_PIECE = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d|\d{1,2}\.\d{1,2}\.(?:\d{4})?(?!\d)|\d{1,2}/\d{1,2}/\d{4})"
    r"|(?P<time>\d{1,2}[:.]\d\d(?!\d|[.:]\d|%)(?:\s?[ap]\.?m\b\.?)?)"
    r"|(?P<part_of>(?<=\w[-_])\d{1,8}\b|\d{1,8},\d{1,8}(?:,\d{1,8})*(?![\d:])|\d{1,4}[-_](?=[^\W\d])(?!(?:min|hour|sec|stund|tag|day|uhr|std"
    r"|heure|hora|minut|woch|week)))"
    r"|(?P<figure>\d{1,4}(?:st|nd|rd|th|er|\.(?=\s[^\W\d]))?(?:\s?[ap]\.?m\b\.?|h\d\d\b|h\b|-?ish\b)?(?![\w%€$]))"
    r"|(?P<zone>(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Canada|Etc|Europe|Indian|Pacific|US)/[A-Z][A-Za-z_]+|(?:UTC|GMT)[+-]\d{1,2})"
    r"|(?P<half>[ap]\.\s?m\b\.?)"
    r"|(?P<word>o['’]clock|[^\W\d_]+)"
    r"|(?P<soft>-ish\b)"
    r"|(?P<comma>[,&])"
    r"|(?P<other>\S)",
    re.IGNORECASE,
)
_HOURS = re.compile(
    r"(?<![\w.,:/€$£-])(?:(?:from|between|von|zwischen|de|entre|desde)\s)?([01]?\d|2[0-4])\s?"
    r"(?:to|till|until|and|bis|und|à|et|a|hasta|y|-|–)\s?([01]?\d|2[0-4])(?=\s?(?:$|[,.;!?)…]|h\b|uhr\b))",
    re.IGNORECASE,
)
_SHORT = frozenset({"second", "minute", "hour"})
_OCLOCK = re.compile("o['’]clock")
_DATED = re.compile(r"\b(?:am|on|le|el|vom|zum|du|al)\s$", re.IGNORECASE)
_ENDED = re.compile(r"\d(?:st|nd|rd|th|er)$")
_DOTTED = re.compile(r"^(\d+)\.")
_ISH = re.compile(r"-?ish\b", re.IGNORECASE)
_ABOUT = {
    "around": "at", "about": "at", "by": "at", "approx": "at", "gegen": "um", "circa": "at", "ca": "um", "etwa": "um",
    "ungefahr": "um", "vers": "a", "sobre": "a", "hacia": "a", "arond": "at", "roughly": "at", "shortly": "",
    "environ": "a",
}  # fmt: skip
"""Words that make a time vague; what is said instead of them."""

_TIME_WORDS = frozenset({"time", "zeit", "ortszeit", "hora", "heure", "uhr"})
_STRONG = frozenset({
    "every", "rhythm", "unsure_rhythm", "day", "days", "workday", "set", "hm", "date", "later", "tonight", "edge",
    "clock", "every_other_day", "count", "per", "iana", "month", "oclock", "half", "ordinal", "zone", "unit", "part",
    "time_word", "at", "delay", "half_to", "span", "cycle", "fraction", "shift",
})  # fmt: skip
"""Kinds of words that make a stretch worth reading."""

_LOOSE = frozenset({
    "and", "or", "of", "to", "for", "filler", "comma", "past", "before", "from", "on", "in", "at", "a", "only",
    "times", "this", "next", "other", "except", "starting", "until", "hyphen", "between", "now",
})  # fmt: skip
"""Kinds that neither begin nor end what is said."""

_SHORT_NAMES = word_set("so mo di mi do fr sa h m s d w y ct mt pt et mar may sun sat wed a e u as es no mas am san")
"""Words that are more often something else; they count only beside others."""


_HABITS = word_set("nightly nachts nachtlich morgens abends vormittags nachmittags mornings evenings nights")
"""Parts of the day that are said of every day."""

_NO_ZONES = frozenset({"est", "ist", "act", "wet", "west", "reunion"})
"""Words that are the name of a zone only in capitals: une réunion."""

_DAYS_APART = re.compile(r"/(?=[^\W\d_])")
_BETWEEN = frozenset({"to", "comma", "and"})
"""Kinds of what stands between short names of days."""

_TO = (["to"], ["bis"])
_WEEKEND = frozenset({0, 6})
_ONE = re.compile(r"\b(?:a|one|einem|einziges|une?|un solo)\s$", re.IGNORECASE)
_ARTICLES = frozenset({"a", "an"})
_MINUTES = frozenset({"five", "ten", "twenty"})
"""Numbers that are minutes where the hour follows: ten to eight."""


@dataclass(frozen=True)
class Island:
    """A stretch of a sentence that says something of time."""

    start: int
    end: int
    said: Spoken
    text: str

    @property
    def recurs(self) -> bool:
        """Whether it says how often."""
        said = self.said
        is_monthly = bool(said.nth and (said.within or said.is_repeated or said.rhythm))
        return bool(said.rhythm or said.unsure_rhythm or said.edge or said.is_repeated or is_monthly or said.marks)

    @property
    def is_once(self) -> bool:
        """Whether it names one day or moment, or a weekday that may be one."""
        said = self.said
        return not self.recurs and bool(said.day or said.delay or said.days or said.nth)

    @property
    def has_time(self) -> bool:
        """Whether it says a time of the day."""
        return bool(self.said.times or self.said.window or self.said.marks or self.said.delay)


@lru_cache(maxsize=4096)
def islands(text: str, language: str) -> tuple[Island, ...]:
    """Return what a sentence says of time, in its order."""
    text = text[:_LONGEST]
    languages = dict.fromkeys((sentences.language(text, language), language))
    return max((_islands(text, one) for one in languages), key=lambda found: sum(one.end - one.start for one in found))


def _islands(text: str, language: str) -> tuple[Island, ...]:
    found = [island for stretch in _stretches(text, language) for island in _read(stretch, text)]
    is_open = any(island.said.rhythm and island.said.rhythm[1] in _SHORT for island in found)
    if is_open and not any(island.said.window or island.said.times for island in found):
        found += _opened(text, found)
    return tuple(sorted(found, key=lambda island: island.start))


def _opened(text: str, found: Sequence[Island]) -> Iterator[Island]:
    """Yield the bare hours that enclose a short rhythm: every 20 minutes while it is open, 6 to 21."""
    for match in _HOURS.finditer(text):
        is_taken = any(island.start < match.end() and match.start() < island.end for island in found)
        said = None if is_taken else spoken(f"from {match[1]} to {match[2]}")
        if said:
            yield Island(match.start(), match.end(), said, match[0])
            return


# --- stretches of words the engine knows


@lru_cache(maxsize=8192)
def _kinds(word: str, language: str) -> frozenset[str]:
    """Return what a plain word or group of words can be, in this language or as a place."""
    for spelled in (word, word.replace("ae", "a").replace("oe", "o").replace("ue", "u")):
        meanings = LEXICONS[language].get(spelled) or (LEXICONS["en"].get(spelled) if language != "en" else None)
        if meanings:
            return frozenset(meanings)
    if (len(word) > 2 or word == "uk") and word in places():  # noqa: PLR2004 shorter ones are words of other languages
        return frozenset({"zone"})
    return frozenset()


@lru_cache(maxsize=8)
def _longest(language: str) -> dict[str, int]:
    """Return how many words the longest entry has that begins with a word."""
    found: dict[str, int] = {}
    for entry in (*LEXICONS[language], *LEXICONS["en"], *places()):
        parts = entry.split()
        found[parts[0]] = max(found.get(parts[0], 1), len(parts))
    return found


def _figure(match: re.Match[str]) -> tuple[str, frozenset[str]]:
    text = _ISH.sub("", match[0]).replace(". ", " ").lower()
    if match["date"]:
        return text, frozenset({"date"})
    if match["time"]:
        is_dated = _DATED.search(match.string[max(0, match.start() - 5) : match.start()])
        return text if is_dated else _DOTTED.sub(r"\1:", text), frozenset({"hm"})
    if match["zone"]:
        return text, frozenset({"zone", "iana"}) if text in zone_names() or text[3] in "+-" else frozenset()
    if re.search(r"[ap]\.?m|h", text):
        return text, frozenset({"hm"})
    if re.search(r"(?:st|nd|rd|th|er|\.)$", text):
        return text, frozenset({"ordinal"})
    return text, frozenset({"number", "hm"}) if text != match[0].lower() else frozenset({"number"})


def _pieces(text: str, language: str) -> list[Piece]:
    raw = list(_PIECE.finditer(text))
    found: list[Piece] = []
    position = 0
    while position < len(raw):
        match = raw[position]
        if match["part_of"]:
            found.append(Piece("", match.start(), match.end(), frozenset()))
            position += 1
        elif match["comma"] or match["other"] or match["soft"]:
            is_dash, is_comma = (
                match[0] in {"-", "–", "—"},
                bool(match["comma"] or _DAYS_APART.match(text, match.start())),
            )
            kinds = frozenset({"comma"}) if is_comma else frozenset({"hyphen"} if is_dash else ())
            shown = "," if is_comma else "-" if is_dash else ""
            if not is_comma and (match["soft"] or match[0] in "()'’\"“”@/~*_"):
                kinds, shown = frozenset({"filler"}), ""
            found.append(Piece(shown, match.start(), match.end(), kinds))
            position += 1
        elif match["half"]:
            found.append(Piece(f"{match[0][0].lower()}m", match.start(), match.end(), frozenset({"half"})))
            position += 1
        elif match["word"]:
            piece, length = part_hourly(match) or excepted(match) or _worded(raw, position, language)
            found.append(piece)
            position += length
        else:
            shown, kinds = _figure(match)
            if kinds == {"number"} and position and plain(raw[position - 1][0]) in cues.COUNTING:
                kinds = frozenset()
            found.append(Piece(shown, match.start(), match.end(), kinds))
            position += 1
    return list(counted(found))


def _worded(raw: Sequence[re.Match[str]], position: int, language: str) -> tuple[Piece, int]:
    """Return the longest known group of words from here on, and how many it has."""
    first = raw[position]
    names: list[str] = []
    most = _longest(language).get(plain(first[0]), 1)
    ends = []
    for number, match in enumerate(raw[position : position + 2 * most]):
        if names and match[0] == "-":
            continue
        if not match["word"]:
            break
        names.append(_OCLOCK.sub("oclock", plain(match[0])))
        ends.append(number + 1)
    for length in range(min(most, len(names)), 0, -1):
        word = " ".join(names[:length])
        kinds = frozenset() if word in _NO_ZONES and first[0].islower() else _kinds(word, language)
        if kinds and not (length > 1 and kinds == {"except"} and names[length - 1] in SPANISH_ARTICLES):
            return Piece(word, first.start(), raw[position + ends[length - 1] - 1].end(), kinds), ends[length - 1]
    word = names[0]
    if (both := tokens.parted(word)) != word:
        kinds = frozenset().union(*(_kinds(part, "de") for part in both.split()))
        return Piece(both, first.start(), first.end(), kinds), 1
    after = raw[position + 1]["word"] if position + 1 < len(raw) else ""
    follows = plain(after) if after else ""
    nearby = {follows, plain(raw[position - 1][0]) if position else ""}
    if word in ZONE_OF and nearby & _TIME_WORDS:
        return Piece(ZONE_OF[word].lower(), first.start(), first.end(), frozenset({"zone"})), 1
    is_figure = position + 1 < len(raw) and bool(raw[position + 1]["figure"] or raw[position + 1]["time"])
    if word in _ABOUT and (is_figure or follows in {"noon", "midnight", "las", "mittag"}):
        return Piece(_ABOUT[word], first.start(), first.end(), frozenset({"at"})), 1
    if word == "couple" and follows == "of":
        return Piece("2", first.start(), raw[position + 1].end(), frozenset({"number"})), 2
    kinds = frozenset({"filler"}) if word in cues.SOFT else frozenset()
    return Piece("", first.start(), first.end(), kinds), 1


def _stretches(text: str, language: str) -> Iterator[list[Piece]]:
    stretch: list[Piece] = []
    for piece in (*_pieces(text, language), Piece("", len(text), len(text), frozenset())):
        if piece.kinds:
            stretch.append(piece)
            continue
        yield from _trimmed(stretch)
        stretch = []


def _is_past(stretch: Sequence[Piece]) -> bool:
    """Whether it ends with the side of an hour: half past, quarter to."""
    return "past" in stretch[-1].kinds or (len(stretch) > 1 and "fraction" in stretch[-2].kinds)


def _trimmed(stretch: list[Piece]) -> Iterator[list[Piece]]:
    while stretch and not stretch[0].text:
        stretch = stretch[1:]
    while stretch and (not stretch[-1].text or (stretch[-1].kinds <= _LOOSE and not _is_past(stretch))):
        stretch = stretch[:-1]
    strong = [piece for piece in stretch if piece.kinds & _STRONG and piece.text not in _SHORT_NAMES]
    days = [number for number, piece in enumerate(stretch) if piece.text in _SHORT_NAMES and "day" in piece.kinds]
    is_sure = len(days) > 2 or any(piece.kinds & {"at", "hm", "to"} for piece in stretch)  # noqa: PLR2004 so, do
    is_range = is_sure and any(one + 2 == other and stretch[one + 1].kinds & _BETWEEN for one, other in pairwise(days))
    if is_range or any(not piece.kinds <= _LOOSE for piece in strong):
        yield stretch[:_MOST_WORDS]


# --- what they say


def _read(stretch: list[Piece], text: str) -> Iterator[Island]:
    """Yield the longest readable runs of a stretch, from its left."""
    start = 0
    while start < len(stretch):
        if not stretch[start].text or "comma" in stretch[start].kinds:
            start += 1
            continue
        for end in range(len(stretch), start, -1):
            said = None if stretch[end - 1].text in _ARTICLES else _said(stretch[start:end])
            if said and not _is_bare(said, stretch[start:end]):
                first, last = stretch[start].start, stretch[end - 1].end
                if said.days == _WEEKEND and _ONE.search(text, max(0, first - 8), first):
                    said = replace(said, is_repeated=None)  # all of it in a weekend
                yield Island(first, last, said, text[first:last])
                start = end
                break
        else:
            zones = _zones(stretch[start], text, start)
            if zones:
                yield Island(
                    stretch[start].start, stretch[start].end, zones, text[stretch[start].start : stretch[start].end]
                )
            start += 1


def _zones(piece: Piece, text: str, place: int) -> Spoken | None:
    """Return what a zone or place says that stands alone: UTC, or one behind other words of time."""
    shown = text[piece.start : piece.end]
    is_name = (shown.isupper() and len(shown) <= _LONGEST_SHORT) or (place and shown.split()[-1][:1].isupper())
    return spoken(f"{piece.text} time") if "zone" in piece.kinds and is_name else None


_LONGEST_SHORT = 4
"""Letters of the short name of a zone."""


def _said(run: Sequence[Piece]) -> Spoken | None:
    shown = [piece for piece in run if piece.text]
    if not shown or (not any(piece.kinds & _STRONG for piece in shown) and not _is_time(shown)):
        return None
    if len(shown) == 1 and shown[0].text in _SHORT_NAMES:
        return None
    kinds = frozenset[str]().union(*(piece.kinds for piece in shown))
    if kinds & _STRONG == {"fraction"} and not kinds & {"past", "before"}:
        return None  # half, a quarter
    phrase = _phrase(shown)
    said = spoken(_phrase(shown, "from ")) if any(_encloses(shown, number) for number in range(len(shown))) else None
    said = said or spoken(phrase) or (spoken(f"at {phrase}") if _is_time(shown) else None)
    is_dayless = said and said.times and not (said.rhythm or said.days or said.day or said.nth or said.is_repeated)
    if said and is_dayless and any(piece.kinds >= {"every"} for piece in shown):
        return replace(said, rhythm=(1, "day"))  # at 5:30 each morning
    is_habit = said and said.part and not (said.rhythm or said.days or said.day or said.nth or said.is_repeated)
    return replace(said, rhythm=(1, "day")) if said and is_habit and shown[0].text in _HABITS else said


def _phrase(shown: Sequence[Piece], before: str = "") -> str:
    """Return a run as a phrase, with a word before bare hours: “8 to 17:45” are hours, no minutes before one."""
    texts = (f"{before if _encloses(shown, number) else ''}{piece.text}" for number, piece in enumerate(shown))
    return " ".join(texts).replace(" ,", ",")


def _encloses(shown: Sequence[Piece], number: int) -> bool:
    is_open = not number or bool({"comma", "days", "day"} & shown[number - 1].kinds)
    return (
        is_open
        and shown[number].text not in _MINUTES
        and bool({"number", "month"} & shown[number].kinds)
        and [one.text for one in shown[number + 1 : number + 2]] in _TO
    )


def _is_bare(said: Spoken, run: Sequence[Piece]) -> bool:
    """Whether it is an ordinal alone, which counts anything: first, the second, 4."""
    return len(run) <= 2 and said == Spoken(nth=said.nth) and not _ENDED.search(run[-1].text)  # noqa: PLR2004 an article


def _is_time(shown: Sequence[Piece]) -> bool:
    """Whether it can be times of day without “at”: figures that count nothing."""
    is_worded = len(shown) > 1 and "number" in shown[0].kinds and "oclock" in shown[1].kinds
    return (shown[0].text[0].isdigit() or is_worded) and not any(piece.is_counting for piece in shown)


@lru_cache(maxsize=4096)
def spoken(phrase: str) -> Spoken | None:
    """Return what a phrase says, None when the engine can't read it."""
    try:
        readings = tokens.tokens(tokens.plain(phrase))
    except tokens.UnknownWord:
        return None
    for reading in readings:
        try:
            said = clauses.parse(reading)
        except Unreadable:
            continue
        return said if said != Spoken() else None
    return None
