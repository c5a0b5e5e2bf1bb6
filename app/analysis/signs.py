"""Signs of what a thread is for: what is asked first and later, with which tools and files, and how often."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.analysis import cues
from app.analysis.acts import ACTS
from app.analysis.calls import words as name_words
from app.analysis.concepts import concepts, of_word
from app.analysis.sentences import Sentence, plain, sentences, word_set, words
from app.domain.thread import Thread

_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://\S+|[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,80}|\S{0,80}/\w{1,80}/\S*")
_SHAPES = {
    "url": re.compile(r"\bhttps?://"),
    "email": re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,80}"),
}
_TOGETHER = (
    ("write", "message"),
    ("send", "message", "people"),
    ("write", "text"),
    ("chore", "move"),
    ("chore", "storage"),
)
"""Concepts that tell more in one sentence."""

_FILE = re.compile(r"\b[\w-]{1,80}\.([a-z]\w{1,4})\b", re.IGNORECASE)
_TECHNICAL = re.compile(r"(?<!\w)--[a-z][a-z-]+|\b[A-Z]\w+(?:Error|Exception)\b|\b[a-z]\w*\(\)|\b[a-z]+_[a-z_]+\b")
_KINDS = {
    "table": "csv tsv xlsx xls ods parquet numbers db sqlite",
    "code": "py js ts tsx jsx go rs java rb php cpp c h sh sql tf vue bas vba ipynb kt swift lua gd cs yml yaml toml",
    "text": "md txt docx doc odt rtf html tex",
    "page": "pdf pptx odp png jpg jpeg webp svg heic",
    "dates": "ics",
}
_KIND_OF = {ending: kind for kind, endings in _KINDS.items() for ending in endings.split()}
_TOOLS = {
    "search": "search buscar busca suche suchen recherche rechercher chercher tavily brave scholar arxiv"
    " serp google bing perplexity lookup find",
    "read": "fetch url page scrape webpage browse browser leer lesen lire seite pagina site read crawl",
    "http": "http api request curl get post probe ping healthcheck status",
    "compute": "python repl interpreter code analysis jupyter notebook runner calc calculator stats pandas",
    "shell": "bash shell command terminal exec run cmd console",
    "sql": "sql query database db consulta consultar requete abfrage",
    "edit": "replace edit patch git commit pr mr branch tests lint compile",
    "mail": "mail email sms send senden enviar envoyer message outlook gmail contacts contact outbox inbox whatsapp"
    " mailing kontakte contactos crm",
    "notify": "notify alert push pager ntfy slack webhook notification avisar meldung",
    "file": "rename move copy upload download append rows row file files write save create speichern speichere guardar"
    " telecharger descargar hochladen umbenennen verschieben schreiben escribir ecrire sheet tabelle tableur hoja"
    " place order bestellen sftp ftp drive folder import export print",
    "plan": "calendar kalender calendario calendrier route routing maps directions solver optimizer schedule roster"
    " plan availability",
    "outlook": "weather forecast wetter meteo tiempo tide tides",
    "picture": "image dalle canvas canmore render pdf bauen",
    "sensor": "sensor sensors temperature meter scale device devices station camera reading readings metrics"
    " telemetry",
}  # fmt: skip
_TOOL_OF: dict[str, list[str]] = {}
for _kind, _names in _TOOLS.items():
    for _name in _names.split():
        _TOOL_OF.setdefault(_name, []).append(_kind)

_THINGS = word_set("text message people software timetable figures sources storage state")
_IF = word_set("if when wenn sobald falls si quand cuando once unless whenever des")
_WONDERING = word_set(
    "what which how who where why is are does do welche welcher welches wie was wer wo gibt quel quelle quels quelles"
    " combien comment qu que est qué que cual cuales cuanto cuantos cuantas quien hay como"
)
_READ = 3000
_REPLY, _LAST = 500, 2
_CLOSE = 6
"""Words from a verb to its thing."""

_DAY = 86_400
_OFTEN = 6
"""Runs a day from which something is looked at all the time."""

Signs = Mapping[str, float]


def signs(thread: Thread, schedule: Mapping[str, Any] | None) -> Signs:
    """Return the signs of a thread, each between 0 and 1; those that are missing are 0."""
    spoken = sentences(thread)
    first = [one for one in spoken if one.message == spoken[0].message]
    last = [one.text[:_REPLY] for one in thread.visible if one.role == "assistant"][-_LAST:]
    places = {
        "first": [one.text for one in first],
        "more": [one.text for one in spoken if one.message != spoken[0].message],
        "title": [thread.title or ""],
        "end": last,
    }
    found = {
        f"{place}:{concept}": share for place, texts in places.items() for concept, share in _shares(texts).items()
    }
    alone = (*_lead(first), *_made(spoken), *_shapes(spoken), *_equipment(thread), *_pace(schedule))
    return found | dict.fromkeys(alone, 1.0)


def without_addresses(text: str) -> str:
    """Return a text without its addresses and paths, whose words ask for nothing."""
    return _ADDRESS.sub(" ", text[:_READ])


def _shares(texts: Iterable[str]) -> dict[str, float]:
    """Return how much of each concept there is: half for one word, and half of the rest for each other one."""
    seen: Counter[str] = Counter()
    for concept, _ in {
        (concept, word) for text in texts for _, word, meant in concepts(without_addresses(text)) for concept in meant
    }:
        seen[concept] += 1
    return {concept: 1.0 - 0.5**number for concept, number in seen.items()}


def _lead(first: list[Sentence]) -> Iterator[str]:
    """Yield what the first act of the first request is."""
    for one in [one for one in first if _asks(one.text)] or first:
        for _, _, meant in concepts(without_addresses(one.text)):
            if meant & ACTS.keys():
                yield from (f"act:{concept}" for concept in meant & ACTS.keys())
                return


_MAKING = word_set(
    "write make create build prepare need want draft give produce compile do design generate send get deliver"
    " mach mache machen brauche brauchen will mocht mochte schreib schreibe erstelle erstellen bau baue gib liefere"
    " fais faire faites ecris ecrire redige besoin veux voudrais prepare cree donne il_faut faut"
    " haz hazme hacer escribe escribir necesito quiero prepara crea dame redacta"
)


def _made(spoken: list[Sentence]) -> Iterator[str]:
    """Yield the first thing closely behind a verb of making, needing or wanting; of words side by side the last one."""
    for one in spoken:
        text = without_addresses(one.text)
        verbs = {number for number, word in enumerate(words(text)) if word in _MAKING}
        found, last = frozenset[str](), -1
        for place, _, meant in concepts(text):
            things = meant & _THINGS
            if found and place != last + 1:
                break
            if things and (found or any(place - _CLOSE <= verb < place for verb in verbs)):
                found, last = things, place
        if found:
            yield from (f"made:{concept}" for concept in found)
            return


def _asks(text: str) -> bool:
    spoken = words(text)
    return text.rstrip().endswith("?") or bool(cues.REQUEST & set(spoken)) or bool(spoken and of_word(spoken[0]))


def _shapes(spoken: list[Sentence]) -> Iterator[str]:
    """Yield what the person's sentences look like."""
    for one in spoken:
        yield from _of_sentence(one.text)
    if spoken and (set(words(spoken[0].text)[:1]) & _WONDERING or spoken[0].text.rstrip().endswith("?")):
        yield "shape:question"


def _of_sentence(text: str) -> Iterator[str]:
    bare = without_addresses(text)
    meant = {concept for *_, found in concepts(bare) for concept in found}
    yield from (f"shape:{' '.join(group)}" for group in _TOGETHER if meant.issuperset(group))
    if _IF & set(words(text)):
        yield from (f"shape:{concept} if" for concept in ("alert", "state") if concept in meant)
    yield from (f"shape:{name}" for name, shape in _SHAPES.items() if shape.search(text))
    if _TECHNICAL.search(bare):
        yield "shape:technical"
    yield from (f"named:{_KIND_OF.get(ending.lower(), 'other')}" for ending in _FILE.findall(text))


def _equipment(thread: Thread) -> Iterator[str]:
    """Yield the kinds of the tools that were called and of the files that were given."""
    names = {call.name for call in thread.calls}
    for name in names:
        yield from (f"tool:{kind}" for part in name_words(name) for kind in _TOOL_OF.get(plain(part), ()))
    if not names:
        yield "tool:none"
    files = [attachment.name for message in thread.messages for attachment in message.attachments]
    for name in files:
        yield f"given:{_KIND_OF.get(name.rsplit('.', 1)[-1].lower(), 'other')}"
    if not files:
        yield "given:none"


def _pace(schedule: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield how often it runs."""
    if not schedule:
        return
    kind = schedule.get("kind")
    minute, hour, *_ = (*str(schedule.get("cron", "")).split(), "", "")
    is_often = kind == "cron" and (
        "*" in hour or "/" in hour or hour.count(",") >= _OFTEN or ("-" in hour) or "/" in minute
    )
    if is_often or (kind == "interval" and int(schedule.get("every_seconds", _DAY)) < _DAY // 2):
        yield "pace:often"
    elif kind in {"once", "none"}:
        yield f"pace:{kind}"
    else:
        yield "pace:regular"
