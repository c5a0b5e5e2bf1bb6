"""Instructions to the model that hide in what tools returned and in attachments; the person's own words never are."""

import html
import re
from itertools import islice

from app.analysis import secrets
from app.analysis.base import Analysis, Finding
from app.analysis.masking import evidence
from app.domain.thread import Thread

_GAP = r"[^.!?\n]{0,60}?"
_MODEL = (
    r"(?:ai|a\.i\.|llms?|(?:large )?language models?|(?:ai )?assistants?|(?:ai )?agents?|chat ?bots?|chatgpt|claude"
    r"|gemini|copilot"
    r"|ki(?:-\w{2,20})?|sprachmodelle?n?|assistent(?:en)?|ia|modelos? de lenguaje|asistentes?|agentes?(?: de ia)?"
    r"|modèles? de langage|assistants? ia|agents? ia)"
)
_SURELY = (
    r"(?:ai|a\.i\.|llms?|language models?|chat ?bots?|chatgpt|claude|gemini|copilot|ki|ki-\w{2,20}|sprachmodelle?n?"
    r"|ia|modelos? de lenguaje"
    r"|modèles? de langage|ai (?:assistants?|agents?)|(?:assistants?|agents?|asistentes?|agentes?) (?:de )?ia)"
)
_RULES = (
    r"(?:instructions?|prompts?|guidelines|directives|rules|anweisung(?:en)?|instruktionen|vorgaben|regeln"
    r"|instrucciones|indicaciones"
    r"|órdenes|reglas|consignes|règles)"
)
_EARLIER = (
    r"(?:previous|prior|above|earlier|preceding|existing|all|any|your|system|original|bisherigen?|vorherigen?"
    r"|obigen?|früheren?|deine|alle"
    r"|anteriores|previas|todas|tus|précédentes?|antérieures?|tes|vos|toutes)"
)
_DROP = "tells the model to drop its instructions"
_STRONG = (
    (
        _DROP,
        (
            rf"\b(?:ignor\w{{1,4}}|disregard|forget|override|bypass|vergiss|vergessen|missachte\w?|olvid\w{{1,3}}"
            rf"|oubli\w{{1,3}}|haz caso omiso)\b{_GAP}\b{_EARLIER}\b{_GAP}\b{_RULES}\b"
        ),
    ),
    (
        _DROP,
        (
            rf"\b(?:ignor\w{{1,4}}|disregard|forget|override|vergiss|olvid\w{{1,3}}"
            rf"|oubli\w{{1,3}})\b{_GAP}\b{_RULES}\b{_GAP}\b{_EARLIER}\b"
        ),
    ),
    (
        "tells the model to keep something from the person",
        (
            rf"\b(?:do not|don'?t|never|without|no|nunca|ne|nicht|sin|sans|ohne)\b{_GAP}\b(?:tell|telling|mention"
            rf"|inform|informing|reveal|notify|alert|sag\w?|erwähn\w{{1,3}}|informier\w{{1,3}}|verrat\w?|menciones?"
            rf"|digas?|informes?|inform\w{{1,3}}|reveles?|mentionn\w{{1,3}}|dis|dites"
            rf"|préven\w{{1,4}})\b{_GAP}\b(?:users?|the human|this (?:note|message|instruction|text)|usuario"
            rf"|utilisateur|benutzer|nutzer|diese[nsr]? (?:hinweis|nachricht|text)|est[ae] (?:nota|mensaje|texto)"
            rf"|cett?e (?:note|consigne|message))\b"
        ),
    ),
    (
        "says nothing to the person and hides it",
        r"\b(?:sag|sage|verrate) (?:dem|der|den) (?:nutzer|benutzer|anwender)\w{0,2} nichts\b",
    ),
    (
        "addresses language models",
        (
            rf"\b(?:notes?|instructions?|messages?|attention|important|notice|hinweise?|anweisung(?:en)?|nachricht"
            rf"|achtung|nota|instrucci(?:ón|ones)|mensaje|atención|note|consignes?)\b[\s:!-]{{1,4}}(?:to|for|an|für"
            rf"|para|pour|à|aux?)\b[^.!?\n]{{0,20}}?\b{_MODEL}\b"
        ),
    ),
    (
        "gives the model a new role",
        (r"(?:^|[\s>\[(])(?:<\|?im_start\|?>|\[?/?INST\]|<system>|\[system(?: message| prompt)?\])"),
    ),
)
_WEAK = (
    (
        "announces new instructions",
        (
            r"(?:^|[\s>\[(])(?:#{2,} ?system(?: (?:prompt|message|note|instructions?)\b| ?:)"
            r"|(?:new|updated) (?:system )?(?:instructions?|prompt) ?:|neue anweisung(?:en)? ?:"
            r"|nuevas? instrucci(?:ón|ones) ?:|nouvelles? (?:instructions?|consignes?) ?:)"
        ),
    ),
    (
        "tells a model what it must do",
        (
            rf"\b(?:if you are|when you are|wenn du|si eres|si (?:tu es|vous êtes))\b[^.!?\n]{{0,20}}?\b{_MODEL}\b"
            rf"|\b{_SURELY}\b[^.!?\n]{{0,40}}?\b(?:must|should|shall|please|muss|müssen|soll(?:en)?|bitte|debe[ns]?"
            rf"|doi(?:t|vent))\b|\b{_MODEL}\b[^.!?\n]{{0,15}}?\b(?:reading|processing|parsing|lesen|que lean?|lisant)\b"
        ),
    ),
    (
        "tells what to say to the person",
        (
            r"\b(?:tell|inform|convince|recommend to|assure|sage?|rate|di(?:le)?|dis|dites)\b (?:the |dem |der |den "
            r"|al |à l['’])?(?:user|human|reader|nutzer|benutzer|usuario|utilisateur)\b"
        ),
    ),
    (
        "asks for data to be sent elsewhere",
        (
            r"\b(?:send|forward|post|upload|e-?mail|transmit|exfiltrate|submit|leak|schick\w{0,2}|sende\w?|leite"
            r"|envía\w{0,2}|reenvía\w{0,2}|envoie\w{0,2}|transfère\w{0,2}|transmets)\b[^.!?\n]{0,80}?\b(?:user"
            r"|conversation|chat|history|credentials?|passwords?|api keys?|secrets?|tokens?|customer|list|data|prompt"
            r"|files?|zugangsdaten|passw[öo]rt\w{0,2}|daten|verlauf|gesprächs?|contraseñas?|datos|conversación"
            r"|historial|mots? de passe|données|identifiants)\b[^!?\n]{0,60}?(?:\bto\b|\bat\b|\ban\b|\ba\b|\bà\b"
            r"|\bvers\b|https?:)[^!?\n]{0,20}?(?:[\w.+-]{1,60}@[\w-]|https?://)"
        ),
    ),
    (
        "claims to be the developer or the system",
        (
            r"\b(?:developer mode|jailbreak|you are now|from now on,? you|as the system administrator|ab sofort (?:bist"
            r"|wirst) du|a partir de ahora eres|désormais,? tu es|system prompt|systemprompt)\b"
        ),
    ),
    (
        "orders a tool to be called",
        (
            r"\b(?:you must|immediately|now|sofort|inmediatamente|immédiatement)\b[^.!?\n]{0,30}?\b(?:call|execute|run"
            r"|invoke|use|führe|ejecut\w{1,3}|exécut\w{1,3})\b[^.!?\n]{0,40}?\b(?:tool|command|function|curl|rm -"
            r"|werkzeug|befehl|herramienta|comando|outil|commande)\b"
        ),
    ),
)
_RULE_BOOK = [(why, re.compile(shape, re.IGNORECASE | re.MULTILINE), 2) for why, shape in _STRONG] + [
    (why, re.compile(shape, re.IGNORECASE), 1) for why, shape in _WEAK
]
_HIDING = re.compile(
    r"<[a-z]{1,10}[^>]{0,200}(?:display:\s?none|visibility:\s?hidden|font-size:\s?0|opacity:\s?0|\bhidden\b"
    r"|color:\s?(?:#fff|white))[^>]{0,200}>",
    re.IGNORECASE,
)
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
    rf"|para|à|aux?|pour)\s(?!{_GAP}\b{_MODEL}\b)[^.!?\n:]{{2,40}}:[^.!?\n]{{0,60}}$",
    re.IGNORECASE,
)
_AROUND = 100
_SECTION = 600
_INVISIBLE = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u00ad\u202a-\u202e]")
_TAGS = re.compile("[\U000e0020-\U000e007e]{8,}")
# without one of these no rule can be met; most texts end here
_HINT = re.compile(
    r"ignor|disregard|forg|overrid|bypass|verg[ie]ss|missachte|olvid|oubli|omiso|instru|anweis|consigne|system"
    r"|users?\b|human|usuario|utilisateur|nutzer"
    r"|this note|this text|this message|\bai\b|a\.i\.|llm|language model|assist|agent|bot\b|gpt|claude|\bki\b"
    r"|modell?e|\bia\b|must|immediat|sofort"
    r"|conversation|credential|passw|secret|api key|jailbreak|you are now|<\|?im_start|\[/?inst",
    re.IGNORECASE,
)
ENOUGH = 2
SCANNED = 1_000_000
LONGEST_HIDDEN = 4000
MOST_QUOTED = 20


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
    hits: list[tuple[int, str, re.Match[str]]] = []
    for why, shape, weight in _RULE_BOOK:
        hit = _addressed(shape, clean)
        if hit and all(hit.end() <= other.start() or other.end() <= hit.start() or weight > 1 for *_, other in hits):
            hits.append((weight, why, hit))  # the same words count once
    if not hits:
        return None
    sure = sum(weight - _is_for_people(why, hit, clean) for weight, why, hit in hits)
    is_hidden = any(_is_hidden(hit.start(), clean) for _, _, hit in hits)
    if sure + is_hidden < ENOUGH:
        return None
    _, why, first = max(hits, key=lambda one: one[0])
    return why + (", where a reader does not see it" if is_hidden else ""), first.start(), clean


def _addressed(shape: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return the first place where a rule is met, not one that is only quoted where such texts are talked about."""
    return next((hit for hit in islice(shape.finditer(text), MOST_QUOTED) if not _is_quoted(hit, text)), None)


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
    is_drop = why == _DROP
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
