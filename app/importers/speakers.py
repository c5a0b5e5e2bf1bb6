"""Who speaks in a pasted transcript: the words for each side in several languages, and the shapes they stand in."""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Literal

Side = Literal["user", "assistant", "system", "tool"]

USERS = (
    "user", "human", "you", "me", "i", "myself", "prompt", "question", "q", "u", "h", "customer", "client", "asker",
    "du", "ich", "sie", "nutzer", "nutzerin", "benutzer", "benutzerin", "anwender", "mensch", "frage",
    "vous", "moi", "je", "toi", "tu", "utilisateur", "utilisatrice", "humain",
    "tú", "yo", "usted", "usuario", "usuaria", "humano", "pregunta", "usuário", "você", "eu", "utente", "io",
)  # fmt: skip
ASSISTANTS = (
    "assistant", "ai", "a", "bot", "agent", "chatbot", "model", "llm", "answer", "response", "reply", "ai assistant",
    "chatgpt", "gpt", "openai", "claude", "anthropic", "gemini", "bard", "copilot", "microsoft copilot", "bing",
    "grok", "mistral", "le chat", "deepseek", "llama", "meta ai", "perplexity", "qwen", "kimi", "suna", "cursor",
    "codex", "claude code", "gpt4", "pi", "poe", "mixtral", "gemma", "phi", "command r", "lechat", "notebooklm",
    "assistent", "assistentin", "ki", "ki-assistent", "antwort", "ia", "l'ia", "assistante", "réponse", "asistente",
    "respuesta", "assistente", "robot", "modelo", "modèle", "modell", "agente",
)  # fmt: skip
SYSTEMS = (
    "system", "system prompt", "system message", "developer", "instructions", "systemprompt", "système", "sistema",
)  # fmt: skip
TOOLS = ("tool", "tool result", "tool output", "function", "function result", "werkzeug", "outil", "herramienta")
WEAK = {
    "prompt", "question", "q", "u", "h", "a", "i", "client", "customer", "model", "answer", "response", "reply",
    "agent", "frage", "antwort", "pregunta", "respuesta", "réponse", "sie", "tu", "je", "io", "eu", "modell", "modèle",
    "modelo", "robot", "bot", "phi", "pi", "poe", "mensch", "agente",
}  # fmt: skip  # words that begin lines of other texts, too
SAID = re.compile(
    r"(?:said|wrote|says|asked|replied|sagte|schrieb|hast gesagt|hat gesagt|haben gesagt|hast geschrieben|"
    r"a dit|avez dit|as dit|a écrit|dijiste|dijo|ha dicho|has dicho|escribió|disse)$"
)
WORDS: dict[str, Side] = {
    **dict.fromkeys(USERS, "user"),
    **dict.fromkeys(ASSISTANTS, "assistant"),
    **dict.fromkeys(SYSTEMS, "system"),
    **dict.fromkeys(TOOLS, "tool"),
}
OF_BOT = re.compile(r"(?:[\s_-](?i:bot|chatbot|assistant|assistent|asistente|agent|gpt|ai|ki|ia)|[a-z](?:Bot|GPT|AI))$")
"""The end of a name that somebody gave a program: garden-bot, HelpBot, ops agent."""

SHORT = 2  # letters; such words are only speakers with a colon
LONGEST = 400  # of a line, where its speaker is looked for
TWO, FEWEST_LINES, MOSTLY = 2, 4, 0.75  # of a log between two names that nobody knows
CLOCK = re.compile(r"\d{1,2}:\d{2}|\d{4}-\d{2}")

TIME = (
    r"(?:(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})(?:,?[T ]\s?(?:at |um |à |a las )?)?)?"
    r"(?:\d{1,2}:\d{2}(?::\d{2})?(?:\.\d{1,6})?Z?(?:\s?[ap]\.?m\.?)?)?"
)
LEAD = re.compile(rf"[\[(]?(?=\d)(?P<time>{TIME})[\])]?(?:\s*[-–—|·,:]\s*|\s+)", re.IGNORECASE)
MARK = re.compile(r"\s{0,3}(?P<mark>#{1,6}(?=\s)|>|[-+*](?=\s)|\d{1,3}[.)](?=\s))?\s*")
SYMBOLS = re.compile(r"[^\w\s*_\[\]<>()|:#`\"'>.,;!?=+/\\{}$%&@~^-]{1,4}\s*")
NOTE = (
    r"(?:\([^()\n]{1,60}\)|\[[^\[\]\n]{1,60}\]|[-–—,@|·•]\s*[^\s:*][^:*\n]{0,40}\d{1,2}:\d{2}[^:*\n]{0,12}|"
    r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]m)?)"
)
HEAD = re.compile(
    r"(?P<open>\*{1,3}|_{1,3}|<\|?|\[|`)?\s*"
    r"(?P<label>[^\W\d_][\w.'’+-]{0,30}(?: [^\W_][\w.'’+-]{0,29}){0,3})"
    rf"\s*(?P<note1>{NOTE})?\s*(?P<colon1>[:：])?\s*(?P<close>\*{{1,3}}|_{{1,3}}|\|?>|\]|`)?"
    rf"\s*(?P<note2>{NOTE})?\s*(?P<colon2>[:：]|>(?=\s)|[-–—](?=\s))?(?P<rest>.*)$",
    re.IGNORECASE,
)
CLOSES = {"<": ">", "<|": "|>", "[": "]"}


@dataclass(frozen=True)
class Head:
    """A line that begins somebody's message: its number, whose, in which style, and what stands behind it."""

    line: int
    label: str
    side: Side | None
    style: str
    rest: str
    note: str = ""


def side_of(label: str) -> tuple[Side | None, bool]:
    """Return whose word a label is, and whether it is a phrase such as "You said"."""
    plain = " ".join(label.casefold().replace("’", "'").split()).strip(" .-_")
    bare = SAID.sub("", plain).strip()
    is_phrase = bare != plain and bool(bare)
    if is_phrase:
        plain = bare
    if plain in WORDS:
        return WORDS[plain], is_phrase
    if OF_BOT.search(" ".join(label.split())):
        return "assistant", is_phrase
    first = re.split(r"[\s\d-]", plain, maxsplit=1)[0]
    if len(first) > SHORT and WORDS.get(first) == "assistant" and first not in {"answer", "response", "reply", "model"}:
        return (
            ("assistant", is_phrase)
            if re.search(r"\d|\b(?:pro|mini|opus|sonnet|haiku|flash|turbo|ai)\b", plain)
            else (None, is_phrase)
        )
    return None, is_phrase


def head_of(number: int, line: str) -> Head | None:
    """Return what a line begins, None where it begins nothing; the side is None for names that nobody knows."""
    text = line[:LONGEST]
    start = MARK.match(text)
    mark = (start["mark"] or "") if start else ""
    body = text[start.end() :] if start else text
    lead = LEAD.match(body)
    time = lead["time"] if lead and lead["time"] else ""
    body = body[lead.end() :] if lead and time else body
    symbols = SYMBOLS.match(body)
    body = body[symbols.end() :] if symbols else body
    match = HEAD.match(body)
    if not match:
        return None
    side, is_phrase = side_of(match["label"])
    opened, closed = match["open"] or "", match["close"] or ""
    if CLOSES.get(opened, opened) != closed and (opened or closed != ">"):
        return None
    has_colon = bool(match["colon1"] or match["colon2"] or closed in {">", "|>"})
    rest, behind = match["rest"].strip() + line[LONGEST:], match["note2"] or ""
    if match["colon1"] and not CLOCK.search(behind):  # what follows a colon is said, unless it is a time
        rest, behind = f"{behind} {rest}".strip(), ""
    note = (match["note1"] or behind or time).strip("()[] ,-–—|·•")
    style = _style(mark, opened, has_colon, is_phrase, bool(note or symbols))
    is_short = len(match["label"]) <= SHORT
    is_none = not has_colon and (rest or (side is None and style.rstrip("123456") not in {"heading", "bold"}))
    if is_none or (is_short and (mark[:1].isdigit() or (style == "bare" and side != "user"))):
        return None
    return Head(number, match["label"], side, style, rest, note)


def _style(mark: str, opened: str, has_colon: bool, is_phrase: bool, has_note: bool) -> str:
    """Return the name of the first shape that a line has, from the most telling to the least."""
    shapes = {
        "said": is_phrase,
        f"heading{len(mark)}": mark.startswith("#"),
        "bold": opened[:1] in {"*", "_"},
        "bracket": bool(opened),
        "quote": mark == ">",
        "number": mark[:1].isdigit(),
        "colon": has_colon,
        "note": has_note,
    }
    return next((style for style, has_it in shapes.items() if has_it), "bare")


def chosen(heads: Sequence[Head]) -> list[Head]:
    """Return the heads that begin messages: of the style that both sides use most, and what is missing between."""
    known = [head for head in heads if head.side]
    styles: dict[str, list[Head]] = {}
    for head in known:
        styles.setdefault(head.style, []).append(head)
    both = {style: found for style, found in styles.items() if {"user", "assistant"} <= {head.side for head in found}}
    if both:
        best = max(both, key=lambda style: (style != "bare", _has_strong(both[style]), len(both[style])))
        return _filled(_sure(both[best]), [head for head in known if head.style not in {best, "bare"}])
    if named := _named(heads, styles) or _in_turns(heads):
        return named
    return _sure(known) if {"user", "assistant"} <= {head.side for head in known} else []


def _is_weak(head: Head) -> bool:
    return head.label.casefold().strip() in WEAK


def _has_strong(heads: list[Head]) -> bool:
    return not all(map(_is_weak, heads))


def _sure(heads: list[Head]) -> list[Head]:
    """Return the heads, or none where only weak words say so and the sides do not take turns."""
    if _has_strong(heads):  # beside “Assistant:”, a line that begins with “A:” is part of what is said
        strong = {head.side for head in heads if not _is_weak(head)}
        return [head for head in heads if head.side not in strong or not _is_weak(head)]
    sides = [head.side for head in heads]
    turns = all(one != other for one, other in pairwise(sides))
    return heads if turns and sides[0] == "user" else []


def _named(heads: Sequence[Head], styles: dict[str, list[Head]]) -> list[Head]:
    """Return heads where one side has a word and the other a name, which comes again in the same style."""
    for style, found in sorted(styles.items(), key=lambda pair: -len(pair[1])):
        sides = {head.side for head in found} & {"user", "assistant"}
        counts: dict[str, int] = {}
        for head in heads:
            if head.side is None and head.style == style:
                counts[head.label] = counts.get(head.label, 0) + 1
        if len(sides) != 1 or not counts:
            continue
        name = max(counts, key=lambda label: counts[label])
        if counts[name] < min(2, len(found)):
            continue
        other: Side = "assistant" if sides == {"user"} else "user"
        return [
            Head(h.line, h.label, h.side or other, h.style, h.rest, h.note)
            for h in heads
            if h.style == style and (h.side or h.label == name)
        ]
    return []


def _in_turns(heads: Sequence[Head]) -> list[Head]:
    """Return the lines of a log with times in which two names take turns: who begins is the person."""
    timed = [head for head in heads if CLOCK.search(head.note)]
    names = list(dict.fromkeys(head.label for head in timed))
    turns = sum(one.label != other.label for one, other in pairwise(timed))
    if len(names) != TWO or len(timed) < FEWEST_LINES or turns < MOSTLY * (len(timed) - 1):
        return []
    sides: dict[str, Side] = dict(zip(names, ("user", "assistant"), strict=True))
    return [Head(one.line, one.label, sides[one.label], one.style, one.rest, one.note) for one in timed]


def _filled(picked: list[Head], others: list[Head]) -> list[Head]:
    """Return the heads with those of another style where one side seems to speak twice in a row."""
    found: list[Head] = []
    left = deque(others)
    for head, after in zip_longest(picked, picked[1:]):
        found.append(head)
        while left and left[0].line < head.line:
            left.popleft()
        is_twice = after is not None and after.side == head.side and head.side in {"user", "assistant"}
        while after and left and left[0].line < after.line:
            other = left.popleft()
            if is_twice and other.side in {"user", "assistant"} and other.side != head.side:
                found.append(other)
                is_twice = False
    return found
