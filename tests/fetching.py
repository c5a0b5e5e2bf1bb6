"""Short ways to ask a web server through `app.infra.fetch`."""

import threading
import time

import pytest

from app.infra import fetch
from app.infra.addresses import Failure


def get(url, **given):
    return fetch.Call(fetch.Request("GET", url, **({"timeout_seconds": 5} | given))).answer()


def failure(url, **given):
    with pytest.raises(Failure) as caught:
        get(url, **given)
    return caught.value


def stopped_after(url, seconds=0.15):
    call = fetch.Call(fetch.Request("GET", url, timeout_seconds=8))
    threading.Timer(seconds, call.stop).start()
    started = time.monotonic()
    with pytest.raises(fetch.Stopped):
        call.answer()
    return time.monotonic() - started - seconds
