"""The watchdog process: it looks, tells people, and says to the outside that all is well. It waits for no clock."""

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType

import sqlalchemy as sa
import structlog

from app import bootstrap
from app.channels import configured
from app.channels.base import Channel, Channels, Message, NotSent
from app.core.clock import utc_now
from app.domain.turns import Waiting, turns
from app.infra import database, fetch, storage
from app.infra.addresses import Failure
from app.infra.storage import Storage
from app.infra.vault import Vault
from app.services import deliveries, devices, incidents, recipients, room, telling, watch
from app.services.deliveries import Sender
from app.settings import SettingError, Settings

log = structlog.get_logger()

_TICK_SECONDS = 0.5
_ROOM_SECONDS = 10.0
_STOP_SECONDS = 5.0
_HEARTBEAT_TIMEOUT_SECONDS = 10.0

_AWAY = "The database does not answer since {since}: nothing is planned or started."
_FULL = "The disk of the database is full since {since}: nothing is planned or started."
_IN_VAIN = "The watchdog can't look since {since}: its log says why."
_TRIES, _FIRST_WAIT_SECONDS = 5, 60.0


@dataclass
class Outage:
    """The database is away: since when, what was said about it, and which channels have heard."""

    since: datetime
    sentence: str
    told: set[str] = field(default_factory=set)
    is_over: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Tested:
    """What became of a test message."""

    channel: str
    is_sent: bool
    said: str


class Watchdog:
    """Looks, sends, beats outside and minds the database, each on a thread of its own, so that none delays another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._channels = configured.of(settings)
        self._sender = _sender(settings, self._channels)
        names = list(dict.fromkeys([*self._sender.own, *(["email"] if self._sender.means.mail else [])]))
        has_key = self._sender.vault is not None
        self._watcher = watch.Watcher(settings.lease_seconds, settings.watch_seconds, names, has_key)
        self._going: dict[Waiting, threading.Thread] = {}
        self._away_after = max(settings.lease_seconds, settings.watch_seconds * 3)
        self._wants_end = threading.Event()
        self._looked_at = utc_now()
        self._silent_seconds = 0.0
        self._is_well = False
        self._trouble = _AWAY
        self._outage: Outage | None = None

    def run(self) -> None:
        """Watch until told to stop; a message that is being sent may end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        threading.Thread(target=self._look_on, name="look", daemon=True).start()
        threading.Thread(target=self._route_on, name="route", daemon=True).start()
        threading.Thread(target=self._send_on, name="send", daemon=True).start()
        threading.Thread(target=self._ask_on, name="ask", daemon=True).start()
        if self._settings.heartbeat_url:
            threading.Thread(target=self._beat_on, name="heartbeat", daemon=True).start()
        if not self._channels and self._sender.means.mail is None:
            log.warning("no_alert_channel")
        self._mind()
        deadline = time.monotonic() + _STOP_SECONDS
        for going in list(self._going.values()):
            going.join(max(0.0, deadline - time.monotonic()))

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._wants_end.set()

    # --- look

    def _look_on(self) -> None:
        room_at = 0.0
        while not self._wants_end.is_set():
            began = time.monotonic()
            self._look()
            self._show_life()
            if began - room_at >= _ROOM_SECONDS:
                room_at = began
                room.look()
            self._wants_end.wait(max(0.1, self._settings.watch_seconds - (time.monotonic() - began)))

    def _look(self) -> None:
        try:
            look = self._watcher.look()
        except database.Away as error:
            self._trouble = _FULL if database.is_full(error) else _AWAY
            log.warning("watchdog_waits_for_database", error=str(getattr(error, "orig", error)))
        except Exception:
            # Whatever one look meets, the next one comes; to look in vain for long is told, too.
            self._trouble = _IN_VAIN
            log.exception("look_failed")
        else:
            for finding in look.begun:
                log.warning("alert_began", key=finding.key, sentence=finding.sentence)
            for key in look.over:
                log.info("alert_ended", key=key)
            self._is_well = look.is_well
            self._looked_at, self._silent_seconds = utc_now(), 0.0

    def _show_life(self) -> None:
        """Touch the file by which `carillon probe watchdog` knows this process, whatever became of the database."""
        with suppress(OSError):
            self._settings.watchdog_file.touch(mode=0o600)

    # --- decide whom to tell

    def _route_on(self) -> None:
        names = [channel.name for channel in self._channels]
        outside = telling.Outside(names, has_mail=self._sender.means.mail is not None)
        while not self._wants_end.wait(_TICK_SECONDS):
            try:
                incidents.follow()
                telling.notice()
                telling.route(outside)
                deliveries.set_aside(names)
            except database.Away:
                continue  # the look says so
            except Exception:
                log.exception("not_routed")

    # --- send

    def _send_on(self) -> None:
        while not self._wants_end.wait(_TICK_SECONDS):
            try:
                self._send_due()
            except database.Away:
                continue  # the look says so
            except Exception:
                log.exception("not_told")

    def _send_due(self) -> None:
        """Give a thread to each channel whose turn it is; the installation's own always have one."""
        self._going = {one: thread for one, thread in self._going.items() if thread.is_alive()}
        due = [one for one in deliveries.waiting() if self._sender.can_send(one.channel)]
        own = [one for one in due if one.channel in self._sender.own]
        free = [one for one in own if all(one.channel != other.channel for other in self._going)]
        shared = [one for one in self._going if one.channel not in self._sender.own]
        for one in [*free, *turns([one for one in due if one not in own], shared)]:
            thread = threading.Thread(target=self._send, args=(one.channel,), name=one.channel, daemon=True)
            self._going[one] = thread
            thread.start()

    def _send(self, channel: str) -> None:
        try:
            while self._sender.send_next(channel) and channel in self._sender.own and not self._wants_end.is_set():
                pass  # others give their place back after each message
        except database.Away:
            return  # the look says so
        except Exception:
            log.exception("not_told", channel=channel)

    def _ask_on(self) -> None:
        """Ask the owners of addresses, one after the other."""
        while not self._wants_end.wait(_TICK_SECONDS):
            try:
                while not self._wants_end.is_set() and recipients.send_next(self._sender.means):
                    pass
            except database.Away:
                continue  # the look says so
            except Exception:
                log.exception("not_asked")

    # --- the database itself

    def _mind(self) -> None:
        """Tell from memory when no look has come to its end for too long, and note it once one does again.

        Only time in which this process ran is counted: after it stood still nothing is told that is not so.
        """
        before = time.monotonic()
        while not self._wants_end.wait(_TICK_SECONDS):
            now = time.monotonic()
            self._silent_seconds += min(now - before, 2 * _TICK_SECONDS)
            before = now
            if self._outage is None and self._silent_seconds >= self._away_after:
                self._begin_outage()
            elif self._outage and self._silent_seconds < self._away_after:
                self._end_outage(self._outage)

    def _begin_outage(self) -> None:
        outage = Outage(self._looked_at, self._trouble.format(since=f"{self._looked_at:%H:%M} UTC"))
        self._outage = outage
        log.error("database_away", since=outage.since.isoformat())
        for channel in self._channels:
            threading.Thread(target=self._tell, args=(outage, channel), name="outage", daemon=True).start()

    def _tell(self, outage: Outage, channel: Channel) -> None:
        ident = f"database-{os.getpid()}-{outage.since:%Y%m%dT%H%M%S}"
        message = Message(ident, "database", outage.sentence, "", self._settings.url + "/system", outage.since)
        for number in range(_TRIES):
            if outage.is_over.wait(_FIRST_WAIT_SECONDS * 2 ** (number - 1) if number else 0.0):
                return
            try:
                channel.send(message)
            except NotSent as refusal:
                log.warning("not_told", channel=channel.name, problem=refusal.message)
            except Exception:
                log.exception("not_told", channel=channel.name)
            else:
                outage.told.add(channel.name)
                return

    def _end_outage(self, outage: Outage) -> None:
        outage.is_over.set()
        recovery = f"The watchdog sees again that the database works. It did not since {outage.since:%H:%M} UTC."
        try:
            deliveries.tell_later(outage.sentence, outage.since, recovery, list(outage.told))
        except database.Away:
            return  # away again: this stays open
        self._outage = None

    # --- the outside

    def _beat_on(self) -> None:
        due = time.monotonic()
        while not self._wants_end.wait(min(1.0, self._settings.heartbeat_seconds / 4)):
            if time.monotonic() >= due and self._is_well and self._silent_seconds < self._away_after / 2:
                due = time.monotonic() + self._settings.heartbeat_seconds
                self._beat()

    def _beat(self) -> None:
        ask = fetch.Request("GET", self._settings.heartbeat_url, timeout_seconds=_HEARTBEAT_TIMEOUT_SECONDS)
        try:
            answer = fetch.Call(ask).answer()
        except Failure as failure:
            log.warning("heartbeat_not_heard", problem=failure.message)
        else:
            if answer.status >= 400:  # noqa: PLR2004 refused, in HTTP
                log.warning("heartbeat_not_heard", status=answer.status)


def _sender(settings: Settings, channels: Channels) -> Sender:
    """Return what messages are sent with. Without a key file those to channels of people and teams wait."""
    own = {channel.name: channel for channel in channels}
    means, files = configured.means(settings), Storage(settings.data_dir / "files")
    try:
        vault = Vault.open(settings.master_key_file)
    except SettingError as error:
        log.warning("channels_stay_sealed", problem=str(error))
        return Sender(own, means, storage=files)
    return Sender(own, means, vault, lambda person: devices.opened(vault, person, settings.url), files)


def try_channels(settings: Settings) -> list[Tested]:
    """Send a test message by each channel that is set; returns what each said."""
    fetch.configure(settings)
    at = utc_now()
    ident = f"test-{at:%Y%m%dT%H%M%S}"
    sentence = "This is a test: alerts reach you by this channel."
    message = Message(ident, "test", sentence, "", settings.url + "/system", at)
    return [_tested(channel, message) for channel in configured.of(settings)]


def _tested(channel: Channel, message: Message) -> Tested:
    try:
        return Tested(channel.name, is_sent=True, said=f"The server answered: {channel.send(message)}")
    except NotSent as refusal:
        return Tested(channel.name, is_sent=False, said=refusal.message)


def main(settings: Settings) -> int:
    """Run a watchdog process; returns its exit code."""
    bootstrap.start_keyless(settings)
    storage.attach(settings)
    fetch.configure(settings)
    with suppress(OSError):
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)  # on a host of its own
    Watchdog(settings).run()
    with suppress(sa.exc.SQLAlchemyError):
        database.dispose()
    return 0
