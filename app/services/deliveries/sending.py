"""Sending what was taken up, and what becomes of it: sent, tried again, or told another way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from app.channels.base import Channel, Message, NotSent
from app.channels.kinds import Means
from app.domain import reporting
from app.infra import database
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.models.runs import Delivery
from app.services import action_links, counting
from app.services.deliveries import messages, reaching
from app.services.deliveries.messages import Told
from app.services.deliveries.taking import FAILED, MOST_TRIES, SENT, Due, is_bundled, take
from app.services.unit import Work, batch

log = structlog.get_logger()

_FIRST_WAIT = timedelta(minutes=1)
_LONGEST = 300


@dataclass(frozen=True)
class Sender:
    """What this process sends with: the installation's own channels, and what those of people and teams need.

    Without a vault nothing of theirs can be opened: it waits for a process that has one. `push` returns the channel to
    the devices of a person, and raises NotSent for who has none. `storage` has the files that go with letters.
    """

    own: Mapping[str, Channel]
    means: Means
    vault: Vault | None = None
    push: Callable[[int], Channel] | None = None
    storage: Storage | None = None

    def can_send(self, channel: str) -> bool:
        """Whether this process has what a channel is sent by."""
        kind = channel.partition(":")[0]
        has_it = {"email": True, "channel": self.vault is not None, "push": self.push is not None}
        return channel in self.own or (is_bundled(channel) and has_it.get(kind, True))

    def send_next(self, channel: str) -> bool:
        """Send what is due for a channel; whether there was something. Raises what the database raises."""
        due = take(channel)
        if due is None:
            return False
        try:
            found: Channel = self.own[channel] if channel in self.own else reaching.opened(channel, self)
        except NotSent as refusal:
            found = _Refusing(channel, refusal)
        is_sent = carry_out(due, found, self)
        log.info("alert_told", channel=channel, deliveries=[ident for ident, _ in due.rows], is_sent=is_sent)
        return True


class _Refusing:
    """Stands for a channel that can't be opened."""

    def __init__(self, name: str, refusal: NotSent) -> None:
        self.name = name
        self._refusal = refusal

    def send(self, _message: Message) -> str:
        """Refuse. Raises NotSent."""
        raise self._refusal


def carry_out(due: Due, channel: Channel, sender: Sender) -> bool:
    """Send what was taken up as one message, and note what became of it; whether all of it was sent.

    A row that can't be read holds back no other. Raises what the database raises while it is away.
    """
    told: list[tuple[tuple[int, int], Told]] = []
    is_whole = True
    for row in due.rows:
        try:
            with database.read() as connection:
                told.append((row, messages.read(connection, due.channel, row[0], sender.means.home, sender.storage)))
        except database.Away:
            raise
        except Exception as error:  # noqa: BLE001 whatever one row is, the others are sent
            _end(due.channel, [row], _Outcome(_said(error), is_of_message=True), sender)
            is_whole = False
    return (not told or _send(due.channel, told, channel, sender)) and is_whole


@dataclass(frozen=True)
class _Outcome:
    """What came of a try: an answer, or a problem, which may be one of the message and not of the channel."""

    problem: str
    answer: str = ""
    is_permanent: bool = False
    is_of_message: bool = False


def _send(
    name: str, told: Sequence[tuple[tuple[int, int], Told]], channel: Channel, sender: Sender
) -> bool:  # fmt: skip
    try:
        message = _with_links(name, told, messages.gathered([one for _, one in told]), sender.means.home)
        outcome = _Outcome("", channel.send(message))
    except database.Away:
        raise
    except NotSent as refusal:
        outcome = _Outcome(refusal.message, is_permanent=refusal.is_permanent)
    except Exception as error:  # noqa: BLE001 one that chokes on its message takes the others alone
        if len(told) > 1:
            sent = [_send(name, [one], channel, sender) for one in told]
            return all(sent)
        outcome = _Outcome(_said(error), is_of_message=True)
    _end(name, [row for row, _ in told], outcome, sender)
    return not outcome.problem


def _with_links(
    name: str, told: Sequence[tuple[tuple[int, int], Told]], message: Message, home: str
) -> Message:  # fmt: skip
    """Put links that act into a letter to one person, who alone reads it; where it tells several things, of one kind,
    only the one that ends such letters. Without them the letter goes all the same.
    """
    kinds = {one.message.kind for _, one in told}
    if not name.startswith("email:") or len(kinds) > 1 or reporting.KIND in kinds:
        return message
    try:
        found = action_links.of_delivery(told[0][0][0], home)
    except database.Away:
        raise
    except Exception:
        log.exception("no_links", delivery=told[0][0][0])
        return message
    acts = () if message.news else [(one.label, one.url) for one in found if one.purpose != "unsubscribe"]
    ends = next((one.url for one in found if one.purpose == "unsubscribe"), "")
    return replace(message, offers=acts, unsubscribe_url=ends)


def _said(error: Exception) -> str:
    return f"It can't be sent: {type(error).__name__}: {error}"


# --- noting


def _end(name: str, rows: Sequence[tuple[int, int]], outcome: _Outcome, sender: Sender) -> None:
    with batch() as work:
        for ident, tries in rows:
            if _note(work, name, ident, tries, outcome) and is_bundled(name) and not outcome.is_of_message:
                reaching.report(work, name, outcome.problem)
                reaching.fall_back(work, name, ident, sender.own)
        if is_bundled(name) and not outcome.is_of_message:
            reaching.note(work, name, outcome.problem[:_LONGEST])


def _note(work: Work, name: str, ident: int, tries: int, outcome: _Outcome) -> bool:
    """Note what became of one row; whether it failed for good."""
    problem = outcome.problem
    # Of the installation's own channels nothing is the last word: there is no other way after them.
    has_failed = bool(problem) and (tries >= MOST_TRIES or (outcome.is_permanent and is_bundled(name)))
    if not problem:
        values: dict[str, Any] = {"state": "sent", "sent_at": work.now, "next_try_at": None, "problem": ""}
        values["answer"] = outcome.answer[:_LONGEST]
        if "refused:" in outcome.answer:
            values["problem"] = outcome.answer[:_LONGEST]
    elif has_failed:
        values = {"state": "failed", "next_try_at": None, "problem": problem[:_LONGEST]}
    else:
        wait = _FIRST_WAIT * 2 ** (tries - 1)
        values = {"next_try_at": work.now + wait, "problem": problem[:_LONGEST]}
    is_ours = (Delivery.id == ident, Delivery.state == "waiting", Delivery.tries == tries)
    changed = work.connection.execute(sa.update(Delivery).where(*is_ours).values(values)).rowcount
    if changed and (not problem or has_failed):
        counting.count(work, FAILED if problem else SENT)
    return bool(changed) and has_failed
