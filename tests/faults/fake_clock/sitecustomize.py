"""Sets the clock of the process that Python starts here: as many seconds off as the file FAKE_CLOCK says, at any time."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

LOOK_SECONDS = 0.02


def follow(path):
    """Set the clock whenever the file says something else; the monotonic clock goes on as it does on any machine."""
    off = 0.0
    traveller = None
    while True:
        wanted = float(path.read_text() or 0)
        if wanted != off:
            if traveller is None:
                traveller = time_machine.travel(datetime.now(UTC), tick=True).start()
            traveller.shift(timedelta(seconds=wanted - off))
            off = wanted
        time.sleep(LOOK_SECONDS)


if "FAKE_CLOCK" in os.environ:
    threading.Thread(target=follow, args=(Path(os.environ["FAKE_CLOCK"]),), daemon=True).start()
