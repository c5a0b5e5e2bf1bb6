"""Plain words -> trigger: understood, asked about, or not readable; never silently wrong.

A phrase is read in steps: `tokens` finds what each word can mean in English, German, French or Spanish, `clauses` what
is said, `meanings` the trigger for it; what is left open, `doubts` asks. Every word has to be read, and every choice is
the sentence of the very trigger it stands for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from app.domain import localtime, triggers, wording
from app.domain.language import clauses, tokens
from app.domain.language.doubts import Doubt
from app.domain.language.meanings import Place, meant
from app.domain.language.spoken import Spoken, Unreadable
from app.domain.language.tokens import UnknownWord
from app.domain.triggers import Trigger, TriggerError

__all__ = ["EXAMPLES", "Choice", "Reading", "read"]

EXAMPLES = ("every weekday at 9:00", "every 15 minutes", "24 Dec at 8:00")
LONGEST = 300
"""Characters of a phrase; a longer one is not read."""

MOST_CHOICES = 6
_DEEPEST = 3
"""So many doubts are followed one behind the other to find choices without any."""

_CANT_READ = "I can't read that. Try one of these."
_MACROS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
_RRULE = re.compile(r"(?:rrule:|freq=|dtstart[;:])", re.IGNORECASE)
_CRON = re.compile(r"(?:[\d*/,-]+ ){3}")
_INTERVAL = re.compile(r"(?:\d+[wdhms])+|p(?:\d+[wd]|\d+dt[\dhms]+|t[\dhms]+)")
_ONCE = re.compile(r"\d{4}-\d\d-\d\dt[\d:+z-]+")


@dataclass(frozen=True)
class Choice:
    """A phrase to send instead, and what it is called."""

    text: str
    label: str


@dataclass(frozen=True)
class Reading:
    """What a phrase means: `understood` with its trigger, `ask` with choices, or `unknown` with three examples.

    The trigger is in the zone that the phrase names, else in the one it was read in.
    """

    state: Literal["understood", "ask", "unknown"]
    trigger: Trigger | None
    sentence: str
    choices: tuple[Choice, ...] = ()


def read(text: str, now: datetime, timezone: str) -> Reading:
    """Read plain words, cron, RRULE or an interval as they mean at `now` (aware) in `timezone` (IANA).

    A missing time is never invented and a doubt never decided: both are asked about. Raises nothing.
    """
    place = Place(now, timezone)
    if len(text) > LONGEST:
        return _unknown()
    try:
        localtime.zone(timezone)
        if _RRULE.match(text):
            return _rrule(text, place)
        trigger = _rule(" ".join(text.lower().split()), place)
        return _ruled(trigger, place) if trigger else _spoken(text, place)
    except TriggerError as error:
        return _unknown(error.sentence)
    except OverflowError:
        return _unknown()


def _unknown(sentence: str = "") -> Reading:
    choices = tuple(Choice(example, example) for example in EXAMPLES)
    return Reading("unknown", None, sentence or _CANT_READ, choices)


# --- rules


def _rule(text: str, place: Place) -> Trigger | None:
    """Read what is a rule already: cron, one of its macros, an interval, a moment."""
    if text in _MACROS or _CRON.match(f"{text} "):
        return Trigger("cron", _MACROS.get(text, text), place.timezone)
    if _INTERVAL.fullmatch(text):
        return Trigger("interval", text, place.timezone, anchor_at=place.now.replace(microsecond=0))
    if _ONCE.fullmatch(text):
        return Trigger("once", text.upper(), place.timezone)
    return None


def _rrule(text: str, place: Place) -> Reading:
    trigger = Trigger("rrule", text, place.timezone)
    if not trigger.rule.has_time:
        choices = tuple(Choice(f"{text};BYHOUR={hour};BYMINUTE=0", f"{hour:02}:00") for hour in (8, 9, 17))
        return Reading("ask", None, "At which time? Add BYHOUR and BYMINUTE.", choices)
    return _ruled(replace(trigger, anchor_at=None if trigger.rule.dtstart else place.now.replace(microsecond=0)), place)


def _ruled(trigger: Trigger, place: Place) -> Reading:
    triggers.check(trigger)
    sentence = triggers.describe(trigger)
    if triggers.next_fire(trigger, place.now) is None:
        return _unknown(f"{sentence.removeprefix('Once, ')} is past. Choose a later time.")
    return Reading("understood", trigger, sentence)


# --- words


def _spoken(text: str, place: Place) -> Reading:
    """Read words. Languages that have as many of them must agree, or it is asked what was meant."""
    readings: dict[Spoken, None] = {}
    sentence = ""
    try:
        for found in tokens.tokens(tokens.plain(text)):
            try:
                readings[clauses.parse(found)] = None
            except Unreadable as error:
                sentence = sentence or error.sentence
    except UnknownWord as unknown:
        return _unknown(_not_known(unknown))
    outcomes = dict.fromkeys(_outcome(said, place) for said in readings)
    known = [outcome for outcome in outcomes if outcome.state != "unknown"]
    if len(known) > 1:
        choices = [choice for outcome in known for choice in outcome.choices or (_choice(outcome),)]
        return Reading("ask", None, "This can mean several things. Which one?", tuple(choices[:MOST_CHOICES]))
    return next(iter([*known, *outcomes]), _unknown(sentence))


def _not_known(unknown: UnknownWord) -> str:
    if unknown.is_place:
        return f"I know no time zone for “{unknown.word}”. Write it like Europe/Berlin, or choose it beside the phrase."
    return f"I can't read “{unknown.word}”. Leave it out, or try one of these."


def _outcome(said: Spoken, place: Place) -> Reading:
    try:
        trigger = meant(said, place)
        triggers.check(trigger)
        return Reading("understood", trigger, _sentence(trigger, said, place))
    except Doubt as doubt:
        choices = tuple(_choices(doubt, place))[:MOST_CHOICES]
        return Reading("ask", None, doubt.sentence, choices) if choices else _unknown(doubt.sentence)
    except Unreadable as error:
        return _unknown(error.sentence)
    except TriggerError as error:
        return _unknown(error.sentence)


def _choices(doubt: Doubt, place: Place, labels: tuple[str, ...] = ()) -> Iterator[Choice]:
    """Yield what the person can have meant, each as a phrase without any doubt."""
    for label, said in doubt.alternatives:
        names = (*labels, label)
        try:
            trigger = meant(said, place)
            sentence = _sentence(trigger, said, place)
            name = ", ".join(names) if all(names) else sentence.removeprefix("Once, ")
            yield Choice(_text(trigger, sentence, place), name)
        except Doubt as further:
            if len(names) < _DEEPEST:
                yield from _choices(further, place, names)
        except (Unreadable, TriggerError):
            continue


def _choice(outcome: Reading) -> Choice:
    assert outcome.trigger
    return Choice(outcome.sentence[:1].lower() + outcome.sentence[1:], outcome.sentence)


def _sentence(trigger: Trigger, said: Spoken, place: Place) -> str:
    """Say the trigger with its limits, and its zone where that is not the one of the place."""
    zone = localtime.zone(trigger.timezone)
    starts = trigger.starts_at or (trigger.anchor_at if trigger.anchor_at and trigger.anchor_at > place.now else None)
    local = [moment and moment.astimezone(zone).replace(tzinfo=None) for moment in (starts, trigger.ends_at)]
    there = "" if trigger.timezone == place.timezone else f", {trigger.timezone}"
    count = f", {wording.times(said.count).lower()}" if said.count and trigger.kind != "once" else ""
    return f"{triggers.describe(trigger)}{wording.limits(*local)}{count}{there}"


def _text(trigger: Trigger, sentence: str, place: Place) -> str:
    if trigger.kind != "once":
        return sentence[:1].lower() + sentence[1:]
    there = "" if trigger.timezone == place.timezone else f", {trigger.timezone}"
    return f"{trigger.expression.replace('T', ' ')}{there}"
