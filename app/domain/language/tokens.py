"""What was typed -> tokens: figures and words, each with all it can mean in the language of the phrase."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.domain.language.vocabulary import LEXICONS, LONGEST, Meanings
from app.domain.language.vocabulary.places import places, zone_names

_PIECE = re.compile(
    r"(?P<iso>(?P<iso_year>\d{4})[-/](?P<iso_month>\d{1,2})[-/](?P<iso_day>\d{1,2})t?(?![\d/-]))"
    r"|(?P<dotted>(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})?(?!\d))"
    r"|(?P<either>(?P<one>\d{1,2})[/-](?P<two>\d{1,2})(?:[/-](?P<either_year>\d{4}))(?!\d)|\d{1,2}/\d{1,2}(?![\d/]))"
    r"|(?P<time>(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?![\d:]))"
    r"|(?P<point>(?P<point_hour>\d{1,2})\.(?P<point_minute>\d\d)(?![\d.]))"
    r"|(?P<mark>:(?P<mark_minute>\d\d)(?!\d))"
    r"|(?P<nth>(?P<ordinal>\d{1,2})(?:st|nd|rd|th|ere?|eme|e)(?![^\W\d]))"
    r"|(?P<either_nth>(?P<dot>\d{1,2})\.(?!\d))"
    r"|(?P<number>\d{1,3}(?:,\d{3})+(?!\d)|\d{1,6}(?!\d))"
    r"|(?P<utc>(?:utc|gmt)(?P<offset>[+-]\d{1,2})(?![\d:]))"
    r"|(?P<zone>[a-z]+(?:/[a-z0-9_+-]+)+)"
    r"|(?P<word>[^\W\d_]+\.?|[&@])"
    r"|(?P<comma>[,;])"
    r"|(?P<hyphen>-)",
)
_DOTTED_HALF = re.compile(r"\b([ap])\.\s?m\b\.?")
_COMPOUND = re.compile(
    r"\b((?:sonn|mon|diens|donners|frei|sams)tag|mittwoch)(morgen|fruh|frueh|vormittag|mittag|nachmittag|abend|nacht)(s?)\b"
)
"""German days with their part in one word: Montagmorgen, freitagabends."""

_START = re.compile(r"(?:please )?run ")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or figure, where it stands in the plain text, and its meanings: kind -> value."""

    text: str
    meanings: Meanings


class UnknownWord(Exception):
    """No language has this word; `is_place` when it stands where a place is named."""

    def __init__(self, word: str, *, is_place: bool) -> None:
        super().__init__(word)
        self.word = word
        self.is_place = is_place


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    meanings: Meanings | None
    """None for a word that has still to be looked up."""


def plain(text: str) -> str:
    """Bring typed words to one form: lower case, no accents, single spaces, plain hyphens, no apostrophes."""
    words = unicodedata.normalize("NFKD", text.casefold().replace("º", "er").replace("ª", "er"))
    words = "".join(letter for letter in words if not unicodedata.combining(letter))
    words = re.sub(r"[\u2010-\u2015\u2212]", "-", re.sub(r"['’`´]", " ", words))
    words = parted(" ".join(_DOTTED_HALF.sub(r"\1m", words).split()))
    return _START.sub("", words, count=1) if _START.match(words) else words


def parted(words: str) -> str:
    """Return plain words with the day and its part as two: montag morgen, freitags abends."""
    return _COMPOUND.sub(r"\1\3 \2\3", words)


def tokens(text: str) -> list[Sequence[Token]]:
    """Return the tokens of a plain text in each language that knows most of its words, English first.

    Words that this language lacks are taken from the others. Raises UnknownWord for those that none has.
    """
    pieces = list(_pieces(text))
    readings = [_tokens(pieces, language) for language in LEXICONS]
    most = max(known for _, known in readings)
    best = [found for found, known in readings if known == most]
    return [found for number, found in enumerate(best) if found not in best[:number]]


def _pieces(text: str) -> Iterator[_Piece]:
    position = 0
    for match in _PIECE.finditer(text):
        if text[position : match.start()].strip():
            break
        position = match.end()
        word = match["word"]
        yield _Piece(word.rstrip("."), None) if word else _Piece(match[0], _figure(match))
    if text[position:].strip(" ."):
        word = text[text.rfind(" ", 0, position) + 1 :] if text[position : position + 1] != " " else text[position:]
        raise UnknownWord(word.split()[0], is_place=False)


def _figure(match: re.Match[str]) -> Meanings:
    """Return what a figure can mean: kinds of `vocabulary.kinds`, and `date` with its possible (year, month, day)."""
    kind = next(name for name in _FIGURES if match[name])
    return _FIGURES[kind](match)


def _dotted(match: re.Match[str]) -> Meanings:
    return {"date": ((_int(match["year"]), int(match["month"]), int(match["day"])),)}


def _iso(match: re.Match[str]) -> Meanings:
    return {"date": ((int(match["iso_year"]), int(match["iso_month"]), int(match["iso_day"])),)}


def _either(match: re.Match[str]) -> Meanings:
    """Read 3/4: the day can stand first or second, unless one of the two is no month."""
    one, two = (int(number) for number in re.split("[/-]", match[0])[:2])
    year = _int(match["either_year"])
    dates = ((year, two, one), (year, one, two))
    return {"date": tuple(dict.fromkeys(date for date in dates if date[1] <= 12)) or dates[:1]}  # noqa: PLR2004 months


def _time(match: re.Match[str]) -> Meanings:
    return {"hm": (int(match["hour"]), int(match["minute"]), int(match["second"] or 0))}


def _point(match: re.Match[str]) -> Meanings:
    first, second = int(match["point_hour"]), int(match["point_minute"])
    return {"hm": (first, second, 0), "date": ((None, second, first),)}


def _utc(match: re.Match[str]) -> Meanings:
    return {"zone": (f"Etc/GMT{-int(match['offset']):+d}" if int(match["offset"]) else "UTC",)}


def _zone(match: re.Match[str]) -> Meanings:
    name = zone_names().get(match["zone"])
    if not name:
        raise UnknownWord(match["zone"], is_place=True)
    return {"zone": (name,), "iana": True}


_FIGURES: Mapping[str, Callable[[re.Match[str]], Meanings]] = {
    "iso": _iso,
    "dotted": _dotted,
    "either": _either,
    "time": _time,
    "point": _point,
    "mark": lambda match: {"mark": int(match["mark_minute"])},
    "nth": lambda match: {"ordinal": int(match["ordinal"])},
    "either_nth": lambda match: {"ordinal": int(match["dot"]), "number": int(match["dot"])},
    "number": lambda match: {"number": int(match["number"].replace(",", ""))},
    "utc": _utc,
    "zone": _zone,
    "comma": lambda _: {"comma": True, "and": True},
    "hyphen": lambda _: {"hyphen": True, "to": True},
}


def _int(text: str | None) -> int | None:
    return int(text) if text else None


# --- words -> meanings


def _tokens(pieces: Sequence[_Piece], language: str) -> tuple[list[Token], int]:
    """Return the tokens in this language, and how many words are its own."""
    found: list[Token] = []
    position = known = 0
    while position < len(pieces):
        piece = pieces[position]
        if piece.meanings is not None:
            found.append(Token(piece.text, piece.meanings))
            position += 1
            continue
        token, length, is_own = _longest(pieces, position, language)
        known += length if is_own else 0
        found.append(token)
        position += length
    return found, known


def _longest(pieces: Sequence[_Piece], start: int, language: str) -> tuple[Token, int, bool]:
    """Return the longest entry that begins here, its length in pieces, and whether this language has it."""
    for words, length in _runs(pieces, start):
        if meanings := LEXICONS[language].get(words):
            return Token(words, meanings), length, True
        if meanings := _elsewhere(words):
            return Token(words, meanings), length, False
    raise UnknownWord(_unknown(pieces, start), is_place=_is_place(pieces, start))


def _runs(pieces: Sequence[_Piece], start: int) -> Iterator[tuple[str, int]]:
    """Yield what can be one entry from here on, the longest first; hyphens inside it count as spaces."""
    words: list[str] = []
    runs: list[tuple[str, int]] = []
    for position in range(start, min(len(pieces), start + 2 * LONGEST)):
        piece = pieces[position]
        if piece.text == "-" and words:
            continue
        if piece.text in {",", ";", "-"} or len(words) == LONGEST:
            break
        words.append(piece.text)
        runs.append((" ".join(words), position - start + 1))
    return reversed(runs)


@lru_cache(maxsize=2048)
def _elsewhere(words: str) -> Mapping[str, Any] | None:
    """Look an entry up in all languages, with umlauts written in two letters, and among the places."""
    for spelled in (words, words.replace("ae", "a").replace("oe", "o").replace("ue", "u")):
        for lexicon in LEXICONS.values():
            if meanings := lexicon.get(spelled):
                return meanings
        if zones := places().get(spelled):
            return {"zone": zones}
    return None


def _unknown(pieces: Sequence[_Piece], start: int) -> str:
    """Return the unknown words that stand together from here on."""
    words: list[str] = []
    for piece in pieces[start:]:
        if piece.meanings is not None or (words and _elsewhere(piece.text)):
            break
        words.append(piece.text)
    return " ".join(words)


def _is_place(pieces: Sequence[_Piece], start: int) -> bool:
    before = _elsewhere(pieces[start - 1].text) if start and pieces[start - 1].meanings is None else None
    return bool(before and "in" in before)
