"""When a task should run again: what the person asked for or clearly implied, after every later correction."""

import re
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from app.analysis import carried, changes, cues, moments, replies
from app.analysis.base import Analysis, Evidence, Finding
from app.analysis.heard import Heard, heard
from app.analysis.replies import Said, asks, offered, reply
from app.analysis.sentences import Sentence, language_of, plain, sentences, words
from app.analysis.timewords import Island, islands
from app.analysis.timing import value
from app.domain import cron
from app.domain.language.spoken import Spoken
from app.domain.language.vocabulary.places import places
from app.domain.localtime import TriggerError
from app.domain.thread import Thread

_ENOUGH = 1.5
"""The strength from which a rhythm is taken for a wish."""

_ENOUGH_ONCE = 3.5
_SHORT_ANSWER = 5
_FULL = 6.0
_NONE = {"kind": "none", "timezone": None}
_IANA = re.compile(r"\b(?:Africa|America|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Z][A-Za-z_/]{2,30}")
_CRON = re.compile(r"(?<!\S)(?:[\d*/,-]{1,20}\s){4}[\d*/,-]{1,20}(?=$|[\s`.,;)])")
_GIVEN_UP = re.compile(
    r"(?:(?:[a-z]+ ){0,3}[a-z]+, )?(?:(?:just )?do(?: not|n['’]?t)(?: bother)?|forget (?:it|that)|never ?mind"
    r"|lass (?:es|das)|vergiss es|laisse tomber|oublie|dejalo|olvidalo)"
    r"(?:, [^.!?]{0,40})?[.! ]*"
)
"""What takes everything back."""

_TAKEN_BACK = re.compile(r"(?:h+m+|oh|ah|ach|na|uh|bof|uf)?[\s,.…]*(?:no|nope|nah|nein|nee|non|not)\b", re.IGNORECASE)
_HABITUAL = re.compile(
    r"(?:noon|morning|evening|night)s\b|\ble (?:dimanche|(?:lun|mar|mercre|jeu|vendre|same)di)\b(?! (?:\d|prochain))"
)
_BEFORE_HOUR = re.compile(r"\b(?:to|vor|moins|menos|before)\b")
_LAST = re.compile(r"\b(?:last|final|letzt\w{0,3}|derni\w{1,3}|ultim[oa])\b[^.;]{0,20}$")
_AHEAD = 40
_SHORT = {"hour", "minute", "second"}
_WHICH = (
    "rhythm", "unsure_rhythm", "per", "days", "is_repeated", "nth", "edge", "within", "day", "delay", "not_days",
)  # fmt: skip
"""What of a phrase says on which days."""


@dataclass
class _State:
    """What is asked for so far."""

    said: Spoken | None = None
    message: int = -1
    strength: float = 0.0
    evidence: list[Evidence] = field(default_factory=list)
    rule: str = ""
    """A rule that was written as cron."""
    told: tuple[int, Spoken] = (-1, Spoken())
    """What was only told, and in which message; its time counts once the same days are asked for."""

    def take(self, said: Spoken, one: Heard, strength: float) -> None:
        """Go on with what was just said; a new rhythm or day makes the words for the old one worthless."""
        if one.island.recurs or one.island.is_once:
            self.evidence, self.rule = [], ""
        self.said, self.message, self.strength = said, one.sentence.message, max(strength, 0.0)
        self.evidence.append(one.sentence.evidence)

    def drop(self) -> None:
        """Forget it: the person doesn't want it any more."""
        self.said, self.strength, self.evidence, self.rule = None, 0.0, [], ""


def stage(thread: Thread, sofar: Analysis) -> list[Finding]:
    """Return one `schedule` finding; its kind is none where the person asked for no further run."""
    language = language_of(thread)
    state = earlier = _State()
    refusal: Sentence | None = None
    for message, group in groupby(sentences(thread), lambda sentence: sentence.message):
        told: list[Heard] = []
        said = list(group)
        known = state.said or state.told[1]
        for sentence, before in zip(said, [None, *said], strict=False):
            if before and before.text.endswith("?") and _TAKEN_BACK.match(sentence.text):
                state = earlier
                told = []
            earlier = replace(state)
            if cues.NEVER_AGAIN.search(plain(sentence.text)) or _gives_up(thread, sentence, language):
                state.drop()
                refusal, told = sentence, []
            else:
                told += _listen(state, sentence, thread, language)
        echo = replies.echo(thread, message, told, language, None if known == Spoken() else known)
        if echo and not state.rule:
            wish = max(told, key=lambda one: one.strength, default=None)
            zones = echo.island.said.zones or next((one.said.zones for one in told if one.said.zones), None)
            echo = replace(echo, island=replace(echo.island, said=replace(echo.island.said, zones=zones)))
            where = replies.stands(thread, message, echo.sentence) or said[-1]
            _understand(state, wish or Heard(where, echo.island, 0.0, False, True, 0.0), echo)
            state.message = min(state.message, message)
    return [_finding(thread, state, refusal, language)]


def _gives_up(thread: Thread, sentence: Sentence, language: str) -> bool:
    """Whether somebody wants none of it any more; a no to what the agent asked is none to all."""
    is_no = _GIVEN_UP.fullmatch(plain(sentence.text)) and not asks(thread, sentence.message)
    return bool(is_no) and not islands(sentence.text, language)


def _listen(state: _State, sentence: Sentence, thread: Thread, language: str) -> list[Heard]:
    """Take what a sentence of the person says; return what it says of time."""
    told: list[Heard] = []
    if (written := _CRON.search(sentence.text)) and _is_cron(written[0]):
        state.drop()
        state.rule, state.message = written[0], sentence.message
        state.evidence.append(sentence.evidence)
    elif not (_changes(state, sentence, thread, language) or _adopts(thread, sentence, state, language)):
        told = list(heard(sentence, language)) or _answered(thread, state, sentence, language)
        for one in told:
            _hear(state, one, thread, language)
    _answer_place(state, sentence)
    return told


def _answered(thread: Thread, state: _State, sentence: Sentence, language: str) -> list[Heard]:
    """Return the hour that a short answer to a question gives: “eight”, where it asks for one alone."""
    text = sentence.text.strip(" .!")
    said = changes.hour(text) if asks(thread, sentence.message) and len(words(text)) <= _SHORT_ANSWER else None
    if said and not state.said:
        offers = (one.island.said for one in offered(thread, _before(thread, sentence.message), language))
        state.said, state.message = next((one for one in offers if _recurs(one) and one.times), None), sentence.message
    return [Heard(sentence, Island(0, len(text), said, text), 2.0, False, True, 1.0)] if said and state.said else []


def _changes(state: _State, sentence: Sentence, thread: Thread, language: str) -> bool:
    """Take a short change of what was asked for, or wondered about: an hour earlier, make it every 20."""
    message, told = state.told
    old = state.said or (told if message >= 0 and thread.messages[message].text.rstrip().endswith("?") else None)
    said = changes.changed(old, sentence.text) if old else None
    if said and asks(thread, sentence.message) and not offered(thread, _before(thread, sentence.message), language):
        return False  # it answers what was asked of something else
    if said:
        state.message = state.message if state.said else sentence.message
        state.said = said
        state.evidence.append(sentence.evidence)
    return said is not None


def _before(thread: Thread, message: int) -> int:
    """Return the person's message before the agent's that stand before a message."""
    before = message - 1
    while before > 0 and thread.messages[before].role == "assistant":
        before -= 1
    return before


def _is_cron(text: str) -> bool:
    try:
        cron.parse(text)
    except TriggerError:
        return False
    return "*" in text


# --- what the person says


def _hear(state: _State, one: Heard, thread: Thread, language: str) -> None:
    one = _resolved(state, one, thread, language)
    island, said = one.island, one.said
    if one.is_left_out or said == Spoken(not_days=said.not_days):
        _leave_out(state, one)
        return
    if state.said is not None and island.is_once and said.days and _is_weekly(state.said):
        island = replace(island, said=replace(said, is_repeated=True))
    if state.said is not None and island.is_once and said.nth and _is_monthly(state.said, one):
        island = replace(island, said=replace(said, within=state.said.within or "month"))
        one = replace(one, strength=one.strength + 1.0)
    if island.is_once and _sounds_repeated(island):
        island = replace(island, said=replace(said, is_repeated=True))
    strength = one.strength + 2.0 * _is_confirmed(thread, one, island, language) if island.recurs else one.strength
    if state.said and state.said.days and cues.ALSO & set(words(one.sentence.text)):
        strength += 1.5
    if island.recurs:
        _hear_rhythm(state, one, island, strength)
    elif island.is_once:
        _hear_once(state, one, strength)
    elif state.said is not None:
        _hear_rest(state, one)


def _resolved(state: _State, one: Heard, thread: Thread, language: str) -> Heard:
    """Read minutes alone beside the hour that was spoken of last: half past, quarter to."""
    said = one.said
    if not said.marks or len(said.marks) > 1 or said != Spoken(marks=said.marks):
        return one
    known = state.said
    last = _before(thread, one.sentence.message)
    named = [known.times] if known and known.times else []
    named += [other.island.said.times for other in offered(thread, last, language) if other.island.said.times]
    if not named or len(named[-1]) != 1 or (known and known.rhythm and known.rhythm[1] in _SHORT):
        return one
    clock = named[-1][0]
    hour = (clock.hour - bool(_BEFORE_HOUR.search(plain(one.island.text)))) % 24
    times = (replace(clock, hour=hour, minute=said.marks[0]),)
    return replace(one, island=replace(one.island, said=Spoken(times=times)), strength=one.strength + 2.0, share=1.0)


def _leave_out(state: _State, one: Heard) -> None:
    """Take days on which nothing runs out of the rhythm that was asked for."""
    said, closed = state.said, one.said.days or one.said.not_days or frozenset()
    if said is None or not _recurs(said) or said.nth or said.edge:
        return
    if said.days and said.days - closed:
        state.said = replace(said, days=said.days - closed)
    elif not said.days:
        state.said = replace(said, not_days=(said.not_days or frozenset()) | closed)
    state.evidence.append(one.sentence.evidence)


def _is_weekly(said: Spoken) -> bool:
    return bool(said.days and said.is_repeated) or bool(said.rhythm and said.rhythm[1] == "week")


def _is_monthly(old: Spoken, one: Heard) -> bool:
    """Whether a day of the month is one of each month: another one was said before, or “monthly” alone."""
    return bool(old.nth and one.is_correction) or (old.rhythm == (1, "month") and not (old.nth or old.edge or old.days))


def _sounds_repeated(island: Island) -> bool:
    """Whether a weekday is said as one says what comes again: Friday evenings, le lundi."""
    return bool(island.said.days and _HABITUAL.search(plain(island.text)))


def _hear_rhythm(state: _State, one: Heard, island: Island, strength: float) -> None:
    said, old = island.said, state.said
    if strength < _ENOUGH:
        state.told = (one.sentence.message, said)
        return
    message, told = state.told
    if message == one.sentence.message and told.times and told.days == said.days and not island.has_time:
        said = replace(said, times=told.times)  # "we meet Sundays at 6pm. every Sunday please"
    if old is not None:
        is_vague = said.rhythm in {(1, "week"), (1, "day"), (1, "month")} and not (
            said.days or said.nth or island.has_time
        )
        if is_vague and not one.is_correction and (old.days or old.nth or old.rhythm):
            return
        said = changes.added(old, said, one.sentence.text) or changes.completed(said, old)
    state.take(said, one, strength)


def _hear_once(state: _State, one: Heard, strength: float) -> None:
    """Take one moment, when something is to be done then; a rhythm is not given up for it without a correction."""
    is_wondering = one.sentence.text.endswith("?") and words(one.sentence.text)[0] in cues.WONDERING
    is_told = one.has_action and bool(one.said.times or one.said.delay) and not is_wondering
    if state.said is not None and _recurs(state.said) and not one.is_correction:
        return
    if is_told and strength >= _ENOUGH_ONCE:
        state.take(one.said, one, strength)


def _recurs(said: Spoken) -> bool:
    return Island(0, 0, said, "").recurs


def _hear_rest(state: _State, one: Heard) -> None:
    """Take a time or a place alone: it belongs to the rhythm that was asked for."""
    said, old = one.said, state.said
    assert old is not None
    is_here = one.sentence.message == state.message
    is_told = one.share >= 0.5 or one.is_correction or (is_here and one.share >= 0.3)  # noqa: PLR2004 shares
    new: dict[str, Any] = {}
    if said.zones and (is_told or not old.zones):
        new["zones"] = said.zones
    has_time = any(getattr(old, name) for name in ("times", "window"))
    if said.times and old.rhythm and old.rhythm[1] in _SHORT and not (old.days or said.window):
        before = plain(one.sentence.text[: one.island.start])[-_AHEAD:]
        if old.window and _LAST.search(before):
            state.take(replace(old, window=(old.window[0], said.times[0])), one, state.strength)
        return
    if (said.times or said.window) and (is_told or (not has_time and one.strength >= _ENOUGH)):
        new |= {"times": said.times, "window": said.window}
        new["part"] = said.part or (None if said.times and said.times[0].is_sure else old.part)
    elif said.part and not has_time and is_told:
        new["part"] = said.part
    if new:
        state.take(replace(old, **new), one, state.strength)


def _answer_place(state: _State, sentence: Sentence) -> None:
    """Read a place as the answer to a question for it: “yes Warsaw”."""
    found = words(sentence.text)
    if state.said is None or len(found) > _SHORT_ANSWER or state.said.zones:
        return
    zones = next((places()[word] for word in found if len(word) > 3 and word in places()), None)  # noqa: PLR2004 names
    if zones:
        state.said = replace(state.said, zones=zones)
        state.evidence.append(sentence.evidence)


# --- what the agent says: it supports and completes, it invents nothing


def _understand(state: _State, wish: Heard, echo: Said) -> None:
    """Take what the agent understood: it says in one sentence what the person may have said in several."""
    if echo.island.is_once and state.said and _recurs(state.said):
        return
    said, old = echo.island.said, state.said
    if old is not None:
        is_same = all(getattr(said, name) in {None, getattr(old, name)} for name in _WHICH if name != "is_repeated")
        new = {name: getattr(old if is_same else said, name) for name in _WHICH}
        is_short = bool(said.rhythm and said.rhythm[1] in _SHORT) and said.rhythm != old.rhythm
        has_time = is_short or any(getattr(said, name) for name in changes.TIMED)
        new |= {name: getattr(said if has_time else old, name) for name in changes.TIMED}
        said = replace(old, **new, zones=said.zones or old.zones, months=said.months or old.months)
    if said == old and not wish.share:
        return  # the agent says again what is known
    state.take(said, replace(wish, island=echo.island), max(state.strength, wish.strength + echo.strength))


def _is_confirmed(thread: Thread, one: Heard, island: Island, language: str) -> bool:
    said = island.said
    return any(
        (said.days is not None and said.days == other.island.said.days)
        or (
            said.nth is not None
            and other.island.said.nth is not None
            and said.nth.numbers == other.island.said.nth.numbers
        )
        or (said.rhythm is not None and said.rhythm == other.island.said.rhythm)
        for message in (one.sentence.message, _before(thread, one.sentence.message))
        for other in offered(thread, message, language)
    )


def _adopts(thread: Thread, sentence: Sentence, state: _State, language: str) -> bool:
    """Take what the agent asked about when the person just says yes to it."""
    found = words(sentence.text)
    if not found or len(found) > _SHORT_ANSWER or found[0] not in cues.YES or islands(sentence.text, language):
        return False
    is_order = bool(cues.ACTION & set(found) and cues.THIS & set(found))
    before = _before(thread, sentence.message)
    for one in offered(thread, before, language):
        island = one.island
        if not (one.is_offer or is_order):
            continue
        is_new = state.said is None or not _recurs(state.said)
        if island.recurs and (is_new or island.has_time):
            said = changes.completed(island.said, state.said) if state.said else island.said
            state.take(
                said,
                Heard(replies.stands(thread, before, one.sentence) or sentence, island, 2.0, False, False, 1.0),
                2.0,
            )
            state.message = sentence.message
            return True
    return False


def _filled(thread: Thread, state: _State, said: Spoken, language: str) -> Spoken:
    """Return what was asked for, with the time and zone the agent repeated it with where the person named none."""
    answer = reply(thread, state.message)
    if not said.zones:
        name = _IANA.search(answer)
        zones = next(
            (one.island.said.zones for one in offered(thread, state.message, language) if one.island.said.zones), None
        )
        said = replace(said, zones=(name[0].rstrip("/"),) if name else zones)
    is_bare = not any(getattr(said, name) for name in ("times", "window", "marks", "delay"))
    if is_bare and not (said.rhythm and said.rhythm[1] in _SHORT):
        times = next(
            (one.island.said.times for one in offered(thread, state.message, language) if one.island.said.times), None
        )
        said = replace(said, times=times)
    return said


# --- the finding


def _finding(thread: Thread, state: _State, refusal: Sentence | None, language: str) -> Finding:
    if state.rule:
        zone = next(
            (island.said.zones[0] for island in islands(state.evidence[0].excerpt, language) if island.said.zones), None
        )
        return Finding("schedule", {"kind": "cron", "cron": state.rule, "timezone": zone}, 0.9, tuple(state.evidence))
    if state.said is not None:
        said = _filled(thread, state, state.said, language)
        found = value(said, moments.of(thread, state.message, said))
        if found:
            schedule, sure = found
            confidence = round(min(0.97, (0.5 + 0.5 * min(1.0, state.strength / _FULL)) * sure), 2)
            return Finding("schedule", schedule, confidence, tuple(state.evidence[-3:]))
    if not refusal and (exported := carried.schedule(thread)):
        return exported
    evidence = (refusal.evidence,) if refusal else ()
    return Finding("schedule", dict(_NONE), 0.9 if refusal else 0.7, evidence)
