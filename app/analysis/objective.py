"""What a later run must achieve, in one sentence of the person's own words: the request and its rules as they hold."""

import re
from dataclasses import dataclass

from app.analysis import cues
from app.analysis.acts import ACTS
from app.analysis.base import Analysis, Finding
from app.analysis.concepts import concepts, of_word
from app.analysis.secrets import in_text
from app.analysis.sentences import Sentence, language_of, plain, sentences, word_set, words
from app.analysis.settled import settled
from app.domain.thread import Thread

LONGEST = 400
"""Characters of an objective."""

_MOST_RULES = 4
_MOST_LIKELY = 12
"""Sentences that are looked at closely."""

_LONGEST_PART = 160
_ENOUGH = 1.5
_FIRST = 4.0
_SHORT = 5
"""Words of a request that needs what stands beside it: can you take that over?"""

_OPENING = re.compile(
    r"^(?:(?:hi|hello|hey|hallo|moin|guten (?:tag|morgen)|bonjour|salut|hola|buenos días|ok|okay|yes|yeah|ja|oui"
    r"|sí|(?:great|perfect|good|nice|cool|super|gut|bien|perfecto|fine|great start|lovely|better"
    r"|besser)(?=\s*[,.;:!–—-])"
    r"|thanks|danke|merci|gracias|and|und|et|y|so|then|dann|also|aber|but|now|jetzt|well"
    r"|please|pls|bitte|s'il te plaît|por favor|actually)\b[\s,.!:-]*"
    r"|(?:no|nein|nee|non)[,.!:–—]\s*)+",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"^(?:(?:can|could|would|will) you(?: please)?|i(?:'d| would) like you to|i (?:need|want) you to|(?:kannst"
    r"|könntest) du(?: mir)?(?: bitte)?"
    r"|(?:peux-tu|pouvez-vous|pourrais-tu|pourriez-vous)|(?:puedes|podrías))\s+",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"^(?:\W|(?:ok|and|und|et|y|so|please|bitte|oh|ah)\b)*(?:(?:try|check|look|run|go) (?:it |that )?again\b"
    r"|retry\b|again\b|versuch|probier"
    r"|noch ?mal\b|réessaie|encore une fois|inténtalo|prueba otra|otra vez\b|i(?:['’]ll| will)\b|i forgot|forgot\b)"
    r"|\b(?:myself|by hand|like crazy|i guess|i think|selbst|selber|moi-même|yo mismo|creo que|je crois|glaube ich)\b"
    r"|\b(?:did|do|does|why) you\b|\byou (?:took|did|said|wrote|forgot|missed)\b|\b(?:nobody|everyone|everybody"
    r"|someone) (?:can|says?|said)\b",
    re.IGNORECASE,
)
"""What is said to the agent of its answers, or told of oneself: try again, I'll do it myself."""

_WONDERING = word_set(
    "why what whats how which who is are was were do does did where when warum wieso was wie welche wer ist sind wo"
    " pourquoi comment quel quelle qui est-ce ou por que como cual quien es son donde"
)
_RULE = word_set(
    "only always never must max maximum least most limit without exclude skip ignore keep sort sorted group"
    " first last"
    " each every use drop flag mark leave no not nur immer nie maximal mindestens ohne sortiert jede nicht kein"
    " seulement toujours jamais sans chaque maximum trie solo siempre nunca sin cada maximo orden ordenado"
)


@dataclass(frozen=True)
class _Part:
    sentence: Sentence
    score: float


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return one `objective` finding; none where the person asked for nothing in words."""
    spoken = sentences(thread)
    if not spoken:
        return []
    values = [plain(str(finding.value["value"])) for finding in sofar.of("variable")]
    parts = [_weighed(sentence, spoken[0].message, values) for sentence in spoken]
    likely = sorted(parts, key=lambda part: -part.score)[:_MOST_LIKELY]
    when = sofar.of("schedule")
    wanted = [part.sentence for part in likely]
    texts = settled(spoken, wanted, language_of(thread), when[0] if when else None)
    said = {one: text for one, settled_text in zip(wanted, texts, strict=True) if (text := _clean(settled_text))}
    said = said or {wanted[0]: _clean(wanted[0].text)}
    likely = [part for part in likely if part.sentence in said]
    first = [part for part in likely if part.sentence.message == spoken[0].message] or likely[:1]
    main = next((part for part in first if _requests(part.sentence.text)), first[0])
    others = [part for part in first if part is not main][: len(words(main.sentence.text)) <= _SHORT]
    chosen = [main, *others, *_rules([part for part in likely if part not in (main, *others)])]
    ordered = [part.sentence for part in parts if part in chosen]
    text = _composed([said[sentence] for sentence in ordered])
    confidence = round(min(0.85, 0.35 + 0.06 * max(0.0, main.score)), 2)
    return [Finding("objective", text, confidence, tuple(one.evidence for one in ordered))] if text else []


def _weighed(sentence: Sentence, first: int, values: list[str]) -> _Part:
    """Weigh how much a sentence says what is to be done."""
    spoken = words(sentence.text)
    if not spoken:
        return _Part(sentence, 0.0)
    bare = plain(sentence.text)
    purpose = 2 * len({word for _, word, _ in concepts(sentence.text[:400])})
    score = min(6.0, 0.6 * purpose) + 1.5 * bool(cues.REQUEST & set(spoken))
    score += 0.8 * sum(value in bare for value in values) + 1.0 * bool(_RULE & set(spoken))
    score += _FIRST if sentence.message == first else 0.0
    is_asked = not cues.REQUEST.isdisjoint(spoken)
    is_question = sentence.text.rstrip().endswith("?")
    is_wondering = spoken[0] in _WONDERING and (is_question or not is_asked or spoken[0] in cues.EXPLAINING)
    score -= 2.5 * (is_wondering and sentence.message != first)
    is_own = spoken[0] in cues.SELF | cues.OTHERS and not is_asked
    score -= (2.0 if sentence.message != first else 1.0) * is_own + 4.0 * (spoken[0] in cues.THANKS)
    score -= 4.0 * bool(_TALK.search(sentence.text))
    score -= 1.5 * bool(cues.PAST & set(spoken)) + 2.0 * (len(spoken) <= 2)  # noqa: PLR2004 a word or two ask for little
    return _Part(sentence, score)


def _requests(text: str) -> bool:
    """Whether a sentence asks for something to be done, rather than tells about oneself."""
    spoken = words(text)
    is_own = bool(spoken) and spoken[0] in cues.SELF and cues.WISH.isdisjoint(spoken)
    is_told = not spoken or is_own or _TALK.search(text) is not None
    return not is_told and (
        text.rstrip().endswith("?") or not cues.REQUEST.isdisjoint(spoken) or bool(of_word(spoken[0]) & ACTS.keys())
    )


def _rules(parts: list[_Part]) -> list[_Part]:
    """Return the sentences that set rules, the weightiest."""
    return [part for part in parts if part.score >= _ENOUGH and _asks(part.sentence)][:_MOST_RULES]


def _asks(sentence: Sentence) -> bool:
    return bool((_RULE | cues.REQUEST) & set(words(sentence.text)))


def _clean(text: str) -> str:
    """Return a sentence without greeting, thanks and politeness, its secrets left out."""
    for secret, _, _ in in_text(text, True):
        text = text.replace(secret, "…")
    text = " ".join(text.split()).strip(" -*•")
    text = _ASKING.sub("", _OPENING.sub("", text))
    return text.rstrip(" .!?;,:…")[:_LONGEST_PART].strip()


def _composed(pieces: list[str]) -> str:
    kept: list[str] = []
    for piece in pieces:
        is_said = any(piece.lower() in other.lower() for other in kept)
        if not is_said and len("; ".join([*kept, piece])) <= LONGEST:
            kept.append(piece)
    text = "; ".join(kept)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
