"""Sets the clock of the process that Python starts here: as many seconds off as the file FAKE_CLOCK says.

The file also says when, by the monotonic clock that all processes share: they are set at the same instant.
"""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

LOOK_SECONDS = 0.02


def follow(path):
    """Set the clock whenever the file says something else; the monotonic clock goes on as it does on any machine."""
    true_offset = time.time() - time.monotonic()
    off = 0.0
    traveller = None
    while True:
        wanted, at = map(float, path.read_text().split())
        if wanted != off:
            time.sleep(max(0.0, at - time.monotonic()))
            if traveller is None:
                traveller = time_machine.travel(datetime.now(UTC), tick=True).start()
            # To the instant, whatever this thread has waited for: processes must not differ by milliseconds.
            is_now = time.time() - time.monotonic() - true_offset
            traveller.shift(timedelta(seconds=wanted - is_now))
            off = wanted
        time.sleep(LOOK_SECONDS)


if "FAKE_CLOCK" in os.environ:
    threading.Thread(target=follow, args=(Path(os.environ["FAKE_CLOCK"]),), daemon=True).start()
