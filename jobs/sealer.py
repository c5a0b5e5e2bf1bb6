"""The sealer: a thread of the clock that leads chains the audit within a second or two, and anchors it hour by hour."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from app.infra import database
from app.services.audit import chain

log = structlog.get_logger()

SEAL_SECONDS = 1.0
ANCHOR_SECONDS = 3600.0


class Sealer:
    """Seals while `is_leading` says so; a second one elsewhere does no harm, each transaction holds the table."""

    def __init__(self, data_dir: Path, is_leading: Callable[[], bool], wants_end: threading.Event) -> None:
        self._data_dir = data_dir
        self._is_leading = is_leading
        self._wants_end = wants_end
        self._anchored_at: float | None = None

    def start(self) -> None:
        """Begin, on a thread of its own: it never delays a fire."""
        threading.Thread(target=self._work, name="sealer", daemon=True).start()

    def _work(self) -> None:
        while not self._wants_end.wait(SEAL_SECONDS):
            if self._is_leading():
                self._look()

    def _look(self) -> None:
        try:
            while chain.seal_new() == chain.BATCH and not self._wants_end.is_set():
                pass
            if self._anchored_at is None or time.monotonic() - self._anchored_at >= ANCHOR_SECONDS:
                chain.anchor(self._data_dir)
                self._anchored_at = time.monotonic()
        except database.Away:
            log.warning("audit_not_sealed")
        except Exception:
            log.exception("audit_not_sealed")
