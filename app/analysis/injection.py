"""Instructions to the model that hide in what tools returned and in attachments; the person's own words never are."""

import html
import re
from collections.abc import Iterator
from itertools import islice

from app.analysis import orders, secrets
from app.analysis.base import Analysis, Finding
from app.analysis.masking import evidence
from app.domain.thread import Thread

_HIDING = re.compile(
    r"<[a-z]{1,10}[^>]{0,200}(?:display:\s?none|visibility:\s?hidden|font-size:\s?0|opacity:\s?0|\bhidden\b"
    r"|color:\s?(?:#fff|white))[^>]{0,200}>",
    re.IGNORECASE,
)
_HIDDEN = re.compile(rf"<!--|{_HIDING.pattern}", re.IGNORECASE)
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "„": "“", "«": "»", "‘": "’"}
_TALK = re.compile(
    r"\b(?:like|such as|e\.g|for example|examples?|attacks?|attackers?|injections?|jailbreaks?|payloads?|phrases?"
    r"|strings?"
    r"|prompts?|detect\w{0,4}|block\w{0,3}|reject\w{0,3}|refus\w{1,3}|filter\w{0,3}|sanitiz\w{1,3}|tests?|assert\w{0,3}"
    r"|patterns?|regex|says?|said|wie|etwa|z\. ?b|beispiele?|angriffe?|abgelehnt|abgewiesen|erkenn\w{1,3}|muster"
    r"|comme|par exemple|exemples?|attaques?|détect\w{1,4}|rejet\w{1,3}|como|por ejemplo|ejemplos?|ataques?"
    r"|detect\w{1,3}"
    r"|rechaz\w{1,4})\b",
    re.IGNORECASE,
)
"""Words with which such instructions are talked about."""

_ITEM = re.compile(r"(?:^|\n)[ \t]*(?:[-*•|]|\d{1,2}[.)])[ \t]+[\"“`]?$")
_SECURITY = re.compile(
    r"\b(?:(?:examples?|kinds?|types?|list|patterns?) of (?:[a-z]{1,12} )?(?:prompt )?(?:injections?|jailbreaks?"
    r"|attacks?)"
    r"|(?:prompt[- ]?injection|jailbreak|attack) (?:examples?|patterns?|tests?|payloads?|strings?)"
    r"|beispiele? für (?:prompt[- ]?injections?|angriffe)|exemples? d['’](?:injections?|attaques?)"
    r"|ejemplos? de (?:inyecci(?:ón|ones)|ataques?))\b",
    re.IGNORECASE,
)
"""Before a list of such texts in the documentation of a defence."""

_OWN_PROMPT = re.compile(
    r"prompt|(?:^|/)(?:agents|claude|gemini|copilot-instructions)\.md$|\.cursorrules$", re.IGNORECASE
)
"""Files in which somebody tells their own agent what to do."""

_LIMITED = re.compile(
    r"\s(?:on|about|regarding|concerning|for|of|zu|zur|zum|über|bezüglich|sur|concernant|sobre|acerca de|relativas?"
    r" a)\s",
    re.IGNORECASE,
)
"""Behind `ignore the previous instructions`: those of one subject, as a new edition of a manual says."""

_TO_PEOPLE = re.compile(
    rf"\b(?:notes?|notices?|attention|reminder|memo|hinweise?|nachricht|nota|aviso|note|avis|message)\s(?:to|for|an"
    rf"|für|a"
    rf"|para|à|aux?|pour)\s(?!{orders.GAP}\b{orders.MODEL}\b)[^.!?\n:]{{2,40}}:[^.!?\n]{{0,60}}$",
    re.IGNORECASE,
)
_AROUND = 100
_SECTION = 600
_INVISIBLE = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u00ad\u202a-\u202e]")
_TAGS = re.compile("[\U000e0020-\U000e007e]{8,}")
# without one of these no rule can be met; most texts end here
_HINT = re.compile(
    r"ignor|disregard|forg|overrid|bypass|verg[ie]ss|missachte|olvid|oubli|omiso|instru|anweis|consigne|system"
    r"|automat|virtual|conversa|digital|bots\b"
    r"|users?\b|human|usuario|utilisateur|nutzer|reader|leser|lector|lecteur"
    r"|this note|this text|this message|\bai\b|a\.i\.|llm|language model|assist|agent|bot\b|gpt|claude|\bki\b"
    r"|modell|\bia\b|must|immediat|sofort"
    r"|answer|antwort|repl[yi]|respon[ds]|respuesta|répon|prompt|recipient|iban|résumé|summary|mode\b|intelligen"
    r"|conversation|credential|passw|secret|api key|jailbreak|you are now|<\|?im_start|\[/?inst",
    re.IGNORECASE,
)
ENOUGH = 2
SCANNED = 1_000_000
LONGEST_HIDDEN = 4000
MOST_PLACES = 100
TOGETHER = 400
"""Characters within which the parts of one order stand."""

MOST_TOGETHER = 20


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return what speaks to the model where only data should be, one finding for each text that does."""
    found, known = [], secrets.known(thread, sofar)
    for number, message in enumerate(thread.messages):
        given = [one.text for one in message.attachments if not _OWN_PROMPT.search(one.name)]
        carried = given + [call.output for call in message.calls]
        for text in carried:
            if told := suspicion(text):
                why, at, clean = told
                mark = evidence(number, clean, at, known)
                found.append(Finding("injection", {"excerpt": mark.excerpt, "why": why}, 0.85, (mark,)))
    return found


def suspicion(text: str) -> tuple[str, int, str] | None:
    """Return why a text is an instruction to a model, its place, and the text as a model reads it; None for data."""
    if not text:
        return None
    text = text[:SCANNED]
    if smuggled := _TAGS.search(text):
        words = "".join(chr(ord(char) - 0xE0000) for char in smuggled[0])
        return "text that nobody sees, in invisible characters", 0, words
    clean = html.unescape(_INVISIBLE.sub("", text))
    if not _HINT.search(clean):
        return None
    meant = [(hit, why, weight) for why, shape, weight in orders.SIGNS for hit in _places(shape, clean)]
    hidden = (hit.start() for hit in islice(_HIDDEN.finditer(clean), MOST_PLACES))
    near = _merged(sorted([*hidden, *(hit.start() for hit, *_ in meant)]))
    asked = [
        (hit, why, weight)
        for why, shape, weight in orders.ASKED
        for start, end in near
        for hit in _places(shape, clean, start, end)
    ]
    hits = sorted([*meant, *asked], key=lambda one: one[0].start())
    first = 0
    for last, (hit, _, _) in enumerate(hits):
        while hit.start() - hits[first][0].start() > TOGETHER:
            first += 1
        if told := _told(hits[max(first, last - MOST_TOGETHER) : last + 1], clean):
            return *told, clean
    return None


Hit = tuple[re.Match[str], str, int]


def _told(hits: list[Hit], text: str) -> tuple[str, int] | None:
    """Return why hits that stand close together are an instruction, and where; None if they are too few."""
    counted: list[Hit] = []
    for hit, why, weight in sorted(hits, key=lambda one: -one[2]):
        is_apart = all(hit.end() <= other.start() or other.end() <= hit.start() for other, *_ in counted)
        if why not in {known for _, known, _ in counted} and (is_apart or weight > 1):
            counted.append((hit, why, weight))  # the same words, and the same sign, count once
    sure = sum(weight - _is_for_people(why, hit, text) for hit, why, weight in counted)
    is_hidden = any(_is_hidden(hit.start(), text) for hit, *_ in counted)
    if sure + is_hidden < ENOUGH:
        return None
    best, why, _ = counted[0]
    return why + (", where a reader does not see it" if is_hidden else ""), best.start()


def _places(shape: re.Pattern[str], text: str, start: int = 0, end: int = SCANNED) -> Iterator[re.Match[str]]:
    """Yield the places where a rule is met, not those only quoted where such texts are talked about."""
    return (hit for hit in islice(shape.finditer(text, start, end), MOST_PLACES) if not _is_quoted(hit, text))


def _merged(places: list[int]) -> list[tuple[int, int]]:
    """Return the spans around places, those that overlap as one."""
    spans: list[tuple[int, int]] = []
    for at in places:
        start = max(0, at - TOGETHER)
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], at + 2 * TOGETHER)
        else:
            spans.append((start, at + 2 * TOGETHER))
    return spans


def _is_quoted(hit: re.Match[str], text: str) -> bool:
    before = text[max(0, hit.start() - _AROUND) : hit.start()]
    if _ITEM.search(before) and _SECURITY.search(text[max(0, hit.start() - _SECTION) : hit.start()]):
        return True
    opening = next((at for at in range(len(before) - 1, -1, -1) if before[at] in _QUOTES), -1)
    if opening < 0 or "\n" in before[opening:]:
        return False
    mark = before[opening]
    lead = before[:opening].rstrip()
    is_data = lead.endswith(("=", "[", "{")) or (lead.endswith(":") and lead[:-1].rstrip().endswith(('"', "'")))
    is_opening = opening == 0 or not (is_data or before[opening - 1].isalnum())
    is_closed = _QUOTES[mark] in text[hit.end() : hit.end() + 2 * _AROUND].partition("\n")[0]
    beside = before[:opening] + " " + text[hit.end() : hit.end() + _AROUND]
    return is_opening and is_closed and bool(_TALK.search(beside))


def _is_for_people(why: str, hit: re.Match[str], text: str) -> bool:
    """Whether the instructions to be dropped are those of a manual, or said to translators and members."""
    is_drop = why == orders.DROP
    return is_drop and bool(
        _LIMITED.match(text, hit.end()) or _TO_PEOPLE.search(text[max(0, hit.start() - _AROUND) : hit.start()])
    )


def _is_hidden(at: int, text: str) -> bool:
    """Whether a place is in a comment of HTML, or in an element that is not shown."""
    start = max(0, at - LONGEST_HIDDEN)
    comment = text.rfind("<!--", start, at)
    if comment >= 0 and text.find("-->", comment, at) < 0:
        return True
    opened = max((element.end() for element in _HIDING.finditer(text, start, at)), default=-1)
    return opened >= 0 and text.find("</", opened, at) < 0
