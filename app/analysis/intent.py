"""What a thread is for: exactly one intent, by the weights of the signs it shows.

The weights were fitted on labelled threads and made-up requests (tests/analysis/fitting.py); what a later run
delivers decides: a message to others is communication, word of a change monitoring, things put elsewhere automation,
figures data_analysis, texts content_creation, findings research, code software_development, who does what when
planning.
"""

import json
from functools import lru_cache
from math import exp
from pathlib import Path

from app.analysis.base import Analysis, Evidence, Finding
from app.analysis.concepts import concepts
from app.analysis.sentences import sentences
from app.analysis.signs import Signs, signs, without_addresses
from app.domain.thread import Thread

INTENTS = (
    "data_analysis", "content_creation", "research", "monitoring", "automation", "software_development",
    "communication", "planning",
)  # fmt: skip
_WEIGHTS = Path(__file__).with_name("intent.json")
_DECIDING = 3
_SUREST = 0.95


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return one `intent` finding; its evidence is where the words stand that decided it."""
    shown = signs(thread, sofar.value("schedule"))
    scores = scored(shown)
    best = max(scores, key=lambda intent: scores[intent])
    share = exp(scores[best]) / sum(exp(score) for score in scores.values())
    return [Finding("intent", best, round(min(_SUREST, share), 2), _evidence(thread, best))]


@lru_cache(maxsize=1)
def _weights() -> dict[str, list[float]]:
    """Return the weights of each sign, one for each intent; those without a sign are what is likely beforehand."""
    read: dict[str, list[float]] = json.loads(_WEIGHTS.read_text(encoding="utf-8"))
    return read


def scored(shown: Signs) -> dict[str, float]:
    """Return how much the signs speak for each intent; the differences are what counts."""
    scores = list(_weights()[""])
    for sign, strength in shown.items():
        for number, weight in enumerate(_weights().get(sign, ())):
            scores[number] += weight * strength
    return dict(zip(INTENTS, scores, strict=True))


def _evidence(thread: Thread, intent: str) -> tuple[Evidence, ...]:
    """Return the sentences whose words speak most for it, the first request before the others."""
    number, spoken = INTENTS.index(intent), sentences(thread)
    weighed = []
    for sentence in spoken:
        place = "first" if sentence.message == spoken[0].message else "more"
        meant = {concept for *_, found in concepts(without_addresses(sentence.text)) for concept in found}
        told = [_weights().get(f"{place}:{concept}", [0.0] * len(INTENTS))[number] for concept in meant]
        weighed.append((sum(weight for weight in told if weight > 0), sentence))
    best = sorted((one for one in weighed if one[0] > 0), key=lambda one: -one[0])[:_DECIDING]
    return tuple(sentence.evidence for _, sentence in best)
