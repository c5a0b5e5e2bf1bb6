"""Webhooks: a thread of each worker tells other programs what happened, within a second and whatever else goes on."""

import threading
from collections import Counter

import structlog

from app.infra import database
from app.infra.vault import Vault
from app.services import hooks
from app.services.webhooks import deliveries, fanout, sending
from app.services.webhooks.sending import Due
from app.settings import Settings

log = structlog.get_logger()

LOOK_SECONDS = 0.5
MOST_THREADS = 64
"""While so many messages are on their way no more are taken up; each holds a thread for as long as it takes."""


class Postman:
    """Looks for events that a webhook wants, and sends what is due. Many workers may: SQL says whose a message is.

    It hangs on no queue, so neither a long job before it nor a Redis that is away delays a message.
    """

    def __init__(self, settings: Settings, vault: Vault, wants_end: threading.Event) -> None:
        self._settings = settings
        self._vault = vault
        self._wants_end = wants_end
        self._going: Counter[tuple[int, int]] = Counter()
        self._lock = threading.Lock()
        self._news = threading.Event()

    def start(self) -> None:
        """Begin, on a thread of its own."""
        threading.Thread(target=self._work, name="postman", daemon=True).start()

    def _work(self) -> None:
        while not self._wants_end.is_set():
            self._news.wait(LOOK_SECONDS)
            self._news.clear()
            try:
                self.look()
            except database.Away:
                self._wants_end.wait(LOOK_SECONDS)
            except Exception:
                log.exception("webhooks_not_looked_at")
                self._wants_end.wait(LOOK_SECONDS)

    def look(self) -> int:
        """Make messages of what happened, and set those going that are due; returns how many."""
        while fanout.fan_out(self._settings.url) == fanout.MOST_EVENTS and not self._wants_end.is_set():
            pass
        with self._lock:
            going = dict(self._going)
        taken = sending.take(self._settings.lease_seconds, going) if sum(going.values()) < MOST_THREADS else []
        for due in taken:
            with self._lock:
                self._going[due.team_id, due.webhook_id] += 1
            # Nobody waits for it at the end: what is not noted by then goes out again, with the same id.
            threading.Thread(target=self._send, args=(due,), name="webhook", daemon=True).start()
        return len(taken)

    def _send(self, due: Due) -> None:
        try:
            is_taken = sending.carry_out(due, self._vault, self._settings.lease_seconds)
            log.info("webhook_sent", webhook=due.webhook_id, delivery=due.id, is_taken=is_taken)
        except database.Away:
            log.warning("webhook_not_noted", delivery=due.id)  # whoever takes it up next sends it with the same id
        except Exception:
            log.exception("webhook_not_sent", delivery=due.id)
        finally:
            with self._lock:
                self._going[due.team_id, due.webhook_id] -= 1
            self._news.set()


def tend() -> None:
    """Remove what was told, and what called, long enough ago."""
    log.info("webhooks_tended", removed=deliveries.tend() + hooks.tend())
