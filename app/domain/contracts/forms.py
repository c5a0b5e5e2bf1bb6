"""The sentences in which checks are written, each with the check that it means."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from app.domain.contracts import patterns
from app.domain.contracts.kinds import ANSWER
from app.domain.contracts.patterns import WORD

Values = Mapping[str, Any]

_NUMBERS = {
    "no": 0, "a": 1, "an": 1, "one": 1, "once": 1, "two": 2, "twice": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_N = rf"(?:\d[\d,]*|{'|'.join(_NUMBERS)})"
_DECIMAL = r"\d[\d,]*(?:\.\d+)?"
_NAME = rf"(?:“[^”]+”|\"[^\"]+\"|'[^']+'|{WORD}+)"
_FILE = rf"(?:(?:the |an? |some |every |each )?file (?P<file>{_NAME})|(?P<bare>{WORD}*[\w*}}]\.\w{{1,8}}))"
_SUBJECT = (
    r"(?:(?:the |its |an? )?(?:answer|output(?! steps)|result)"
    rf"|(?:the )?(?:output )?(?P<output>steps\.[\w-]+\.\S+)|{_FILE})"
)
_MUST = r"(?:must |should |has to |needs to |shall )?"
_NOT = r"(?:(?P<not>does not|doesn[’']t|must not|may not|should not|never) )?"
_OFTEN = rf"(?: (?:at least )?(?:(?P<n>{_N}) times|(?P<once>once|twice)))?"
_PAGE = r"(?:the )?(?:page |address |url |site |website )?(?P<url>https?://\S+) "
_SHOWS = r"(?:shows?|contains?|mentions?|says) (?P<text>\S.*)"
_HAS = r"(?:has|have|having|with|contains?|is) "
_SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3}
_SPANS = {"ms": 0.001, "mi": 60.0, "m": 60.0, "h": 3600.0}


class Said(dict[str, str]):
    """What the parts of a sentence are; a part that it does not have is empty."""

    def __init__(self, parts: Mapping[str, str | None]) -> None:
        super().__init__({name: (value or "").strip() for name, value in parts.items()})

    def __missing__(self, _: str) -> str:
        return ""

    def text(self, name: str) -> str:
        """Return a part without its quotes."""
        value = self[name]
        is_quoted = len(value) > 1 and value[0] + value[-1] in {"“”", '""', "''"}
        return value[1:-1] if is_quoted else value

    def number(self, name: str) -> float:
        """Return a part as a number, 0 if it is not there."""
        value = self[name].lower().replace(",", "")
        return float(_NUMBERS.get(value, value or 0))

    def count(self, name: str) -> int:
        """Return a part as a whole number, 0 if it is not there."""
        return int(self.number(name))

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.text("file") or self["bare"]

    @property
    def of(self) -> str:
        """The source that is meant."""
        return f"file:{self.file}" if self.file else self["output"] or ANSWER

    @property
    def often(self) -> int:
        """How many times at least."""
        return self.count("n") or self.count("once") or 1


FORMS: list[tuple[re.Pattern[str], Callable[[Said], Values]]] = []
"""Each sentence with what it means; the first that fits counts."""


def _form(*sentences: str) -> Callable[[Callable[[Said], Values]], Callable[[Said], Values]]:
    def keep(means: Callable[[Said], Values]) -> Callable[[Said], Values]:
        FORMS.extend((re.compile(one, re.IGNORECASE | re.DOTALL), means) for one in sentences)
        return means

    return keep


@_form(r"(?:judge|(?:ask )?an? (?:model|judge)(?: (?:says|answers|must say) yes)?(?: to)?):? (?P<text>.+)")
def _judge(said: Said) -> Values:
    return {"kind": "judge", "question": said.text("text")}


@_form(rf"{_SUBJECT} {_MUST}(?:fits?|match(?:es)?|follows?) (?:the |this )?(?:json )?schema:? (?P<schema>\{{.*\}})")
def _schema(said: Said) -> Values:
    try:
        schema = json.loads(said["schema"])
    except (ValueError, RecursionError):
        raise ValueError("has a schema that is no JSON.") from None
    return {"kind": "schema", "of": said.of, "schema": schema}


@_form(
    rf"{_PAGE}{_MUST}(?:answers?|returns?|gives?|responds?|is)(?: with)?(?: status)? (?P<status>[1-5]\d\d)"
    rf"(?: and {_SHOWS})?",
    rf"{_PAGE}{_MUST}(?:answers?|works?|is up|is reachable|can be reached|loads?)",
    rf"{_PAGE}{_MUST}{_SHOWS}",
)
def _http(said: Said) -> Values:
    return {"kind": "http", "url": said["url"], "status": said.count("status") or 200, "contains": said.text("text")}


_ROWS = r"(?:rows?|lines?|items?|entry|entries|records?|elements?)"


@_form(
    rf"{_SUBJECT} {_MUST}{_HAS}(?P<how>at least|at most|exactly|more than|fewer than|less than|over|under|up to)? ?"
    rf"(?P<n>{_N})(?P<more> or more)? {_ROWS}",
    rf"{_SUBJECT} {_MUST}{_HAS}(?:between )?(?P<n>{_N}) (?:to|and) (?P<most>{_N}) {_ROWS}",
    rf"{_SUBJECT} {_HAS}(?P<more>rows)",
)
def _rows(said: Said) -> Values:
    least, most = said.count("n"), said.count("most") if said["most"] else None
    how = said["how"].lower()
    if said["more"] == "rows":
        least = 1
    elif how in {"more than", "over"}:
        least += 1
    elif how in {"at most", "up to"}:
        least, most = 0, least
    elif how in {"fewer than", "less than", "under"}:
        least, most = 0, max(0, least - 1)
    elif how != "at least" and not said["more"] and most is None:
        most = least
    return {"kind": "rows", "of": said.of, "min": least, "max": most}


@_form(
    rf"(?:there (?:is|must be) )?(?:the |an? |some )?(?P<new>new |changed |fresh )?{_FILE}"
    r"(?: (?:must be |is |was |must |gets )?"
    r"(?:there|made|created|written|exists?|kept|saved|not empty|(?P<newer>new|changed|updated)))?"
    r"(?:,? (?:of|with|has|is|and) (?:at least |more than |over )?"
    rf"(?:(?P<n>{_DECIMAL}) ?(?P<unit>bytes?|[kmg]i?b)|(?P<any>any size)))?"
)
def _file(said: Said) -> Values:
    size = int(said.number("n") * _SIZES.get(said["unit"][:1].lower(), 1)) if said["n"] else 1
    is_new = bool(said["new"] or said["newer"])
    return {"kind": "file", "name": said.file, "min_bytes": 0 if said["any"] else size, "is_new": is_new}


@_form(
    r"(?:the |an? )?answer (?:is |must be |must not be |must )?(?:not empty|there|isn[’']t empty|empty|given)"
    r"(?: (?:and|or) (?:not )?(?:only |just |a )*(?:mere )?(?:an? )?plan)?",
    r"(?:there (?:is|must be) )?an answer",
    rf"(?:the |an? )?answer {_MUST}{_HAS}(?:at least |more than )?(?P<n>{_N}) (?:letters?|characters?)"
    r"(?: long| or more)?",
)
def _answer(said: Said) -> Values:
    return {"kind": "answer", "min_length": max(1, said.count("n"))}


@_form(
    rf"{_SUBJECT} {_NOT}{_MUST}(?:match(?:es)?|fits?)(?: the pattern)? /(?P<pattern>.+)/",
    rf"{_SUBJECT} {_NOT}{_MUST}(?:mentions?|contains?|says?|includes?|names?|shows?|has|have)"
    r"(?: the (?:words?|text))? (?P<text>\S.*)",
)
def _pattern(said: Said) -> Values:
    pattern = said["pattern"] or patterns.mentions(said.text("text"))
    return {"kind": "pattern", "of": said.of, "pattern": pattern, "is_absent": bool(said["not"])}


@_form(
    rf"(?:it |the (?:agent|run|task) )?{_MUST}(?:have )?(?:really )?(?:uses?|calls?|used|called) (?:the )?(?:tool )?"
    rf"(?P<tool>[\w.-]+){_OFTEN}",
    rf"the tool (?P<tool>[\w.-]+) (?:is|was|must be|has been) (?:really )?(?:used|called){_OFTEN}",
)
def _tool(said: Said) -> Values:
    return {"kind": "tool", "name": said["tool"], "min": said.often}


_SOMETHING = r"(?: something| it| an? message| the (?:result|report|answer))?"


@_form(
    rf"the step (?P<to>[a-z][\w-]{{0,39}}) {_MUST}(?:really )?(?:sends?|delivers?|posts?){_SOMETHING}{_OFTEN}",
    r"(?:(?:something|it|an? (?:message|mail|request|file)|the (?:result|report|message|answer)) )?"
    r"(?:is |was |must be |has been |must |gets )?(?:really )?(?:sends?|delivers?|delivered|sent|posted|posts?)"
    rf"{_SOMETHING}(?: to (?P<to>{_NAME}))?{_OFTEN}",
)
def _delivered(said: Said) -> Values:
    return {"kind": "delivered", "to": said.text("to"), "min": said.often}


@_form(
    r"(?:it |the run |a run )?(?:must )?(?:costs?|the cost is|spends?)(?: must be)? "
    rf"(?:less than|below|under|at most|no more than|not more than|up to) (?P<dollar>\$ ?)?(?P<n>{_DECIMAL}) ?"
    r"(?P<unit>cents?|ct|c|¢|dollars?|usd|us\$|\$)?"
)
def _cost(said: Said) -> Values:
    is_cents = said["unit"].lower()[:1] in {"c", "¢"} and not said["dollar"]
    return {"kind": "cost", "below_cents": round(said.number("n") * (1 if is_cents else 100), 6)}


@_form(
    r"(?:it |the run |a run )?(?:must )?(?:takes?|lasts?|runs?(?: for)?|finish(?:es)?|ends?|is done|be done|done)"
    r"(?: in| within)? ?(?:less than|below|under|at most|no longer than|no more than|up to)? ?"
    rf"(?P<n>{_DECIMAL}|{_N}) ?(?P<unit>ms|milliseconds?|s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?)"
)
def _duration(said: Said) -> Values:
    unit = said["unit"].lower()
    size = _SPANS["ms"] if unit == "ms" or unit.startswith("milli") else _SPANS.get(unit[:1], 1.0)
    return {"kind": "duration", "below_seconds": round(said.number("n") * size, 6)}
