"""What a worker holds: it renews the leases, hears requests to stop, and stores what the attempts have shown."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial

import structlog

from app.engines.base import Cancellation
from app.infra import database, redis
from app.infra.writer import Writer
from app.services import workers
from app.services.execution import claims
from app.services.execution.claims import Claim
from app.services.execution.perform import flush
from app.services.execution.recorder import Recorder
from app.services.unit import Work
from app.settings import Settings

log = structlog.get_logger()

FLUSH_SECONDS = 0.1
"""What an attempt shows is stored at most this late; an attempt that ends sooner is stored in one go."""

SEEN_SECONDS = 5.0
_LISTEN_SECONDS = 1.0
_AWAY_SECONDS = 1.0


class Keeper:
    """Holds the attempts of one worker process, whichever of its threads carry them out."""

    def __init__(self, settings: Settings, worker: str, writer: Writer[Work]) -> None:
        self.worker = worker
        self.lease = timedelta(seconds=settings.lease_seconds)
        self._renew_seconds = settings.renew_seconds
        self._writer = writer
        self._lock = threading.Lock()
        self._held: dict[tuple[int, int], tuple[Claim, Cancellation]] = {}
        self._farewell = ""
        self._news: set[Recorder] = set()
        self._has_news = threading.Event()
        self._closing = threading.Event()
        self._seen_at = 0.0
        self._threads = [
            threading.Thread(target=loop, name=loop.__name__.strip("_"), daemon=True)
            for loop in (self._renew, self._store, self._listen)
        ]

    def start(self) -> None:
        """Begin to renew, store and listen."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Store what is left, then end."""
        self._closing.set()
        self._has_news.set()
        for thread in self._threads:
            thread.join(self._renew_seconds + 2)

    @property
    def count(self) -> int:
        """How many attempts are held now."""
        return len(self._held)

    @contextmanager
    def holding(self, held: Claim) -> Iterator[Cancellation]:
        """Keep the lease of a claimed attempt while it is carried out; requests to stop reach the cancellation."""
        cancellation = Cancellation()
        attempt = (held.run_id, held.token)  # this worker may hold a later attempt of a run it has lost
        with self._lock:
            self._held[attempt] = (held, cancellation)
            farewell = self._farewell
        if farewell:
            cancellation.ask(farewell)
        try:
            yield cancellation
        finally:
            with self._lock:
                del self._held[attempt]

    def on_news(self, recorder: Recorder) -> None:
        """Take note that an attempt has something to store."""
        with self._lock:
            self._news.add(recorder)
        self._has_news.set()

    def ask_all(self, reason: str) -> None:
        """Ask every attempt to stop now, those that are still to come too."""
        with self._lock:
            self._farewell = reason
        for _, cancellation in self._all():
            cancellation.ask(reason)

    def _all(self) -> list[tuple[Claim, Cancellation]]:
        with self._lock:
            return list(self._held.values())

    # --- leases

    def _renew(self) -> None:
        while not self._closing.wait(self._renew_seconds):
            try:
                self._renew_once()
            except database.Away:
                log.warning("leases_not_renewed", held=self.count)
            except Exception:
                log.exception("leases_not_renewed", held=self.count)

    def _renew_once(self) -> None:
        held = self._all()
        is_due = time.monotonic() - self._seen_at >= SEEN_SECONDS
        if not held and not is_due:
            return
        kept = self._writer.do(partial(self._write_renewal, held=[one for one, _ in held], is_due=is_due))
        if is_due:
            self._seen_at = time.monotonic()
        for claim, cancellation in held:
            token, mode, reason = kept.get(claim.run_id, (0, "", ""))
            if token != claim.token:
                self._lose(claim, cancellation)
            elif mode:
                cancellation.ask(reason or "person", mode)

    def _write_renewal(self, work: Work, held: list[Claim], *, is_due: bool) -> dict[int, tuple[int, str, str]]:
        if is_due:
            workers.seen(work, self.worker, len(held))
        if not held:
            return {}
        return claims.renew(work, [one.run_id for one in held], self.worker, self.lease)

    def _lose(self, claim: Claim, cancellation: Cancellation) -> None:
        with self._lock:
            is_held = (claim.run_id, claim.token) in self._held
        if is_held:  # else it has ended between the look and the answer
            log.warning("lease_lost", run=claim.run_id, token=claim.token)
            cancellation.ask("lease_lost")

    # --- what attempts show

    def _store(self) -> None:
        while not self._closing.is_set():
            self._has_news.wait()
            self._closing.wait(FLUSH_SECONDS)
            self._has_news.clear()
            with self._lock:
                news, self._news = self._news, set()
            if not flush(news, self._writer):
                log.warning("news_wait_for_database", attempts=len(news))
                self._closing.wait(_AWAY_SECONDS)

    # --- requests to stop

    def _listen(self) -> None:
        while not self._closing.is_set():
            with suppress(*redis.Away, *database.Away, OSError):
                self._listen_once()
            self._closing.wait(_AWAY_SECONDS)  # the renewal brings requests meanwhile

    def _listen_once(self) -> None:
        with redis.listen(redis.STOP) as pubsub:
            while not self._closing.is_set():
                message = pubsub.get_message(timeout=_LISTEN_SECONDS)
                if message:
                    self._look_for_stop(message["data"].decode())

    def _look_for_stop(self, run_id: str) -> None:
        wanted = [(claim, cancellation) for claim, cancellation in self._all() if str(claim.run_id) == run_id]
        if not wanted:
            return
        asked = self._writer.do(partial(claims.stops, held=[claim.run_id for claim, _ in wanted]))
        for claim, cancellation in wanted:
            if claim.run_id in asked:
                mode, reason = asked[claim.run_id]
                cancellation.ask(reason or "person", mode)
