"""Start the web server alone: pages on threads and streams beside them, in one process."""

import argparse
import gc
import socket
from importlib import import_module

import uvicorn

from app.cli import listener, prepared
from app.infra import fetch, processes
from app.settings import read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `up` hands over."""
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    settings = read()
    prepared.refuse_if_not(settings)
    fetch.configure(settings)
    taken = socket.socket(fileno=args.fd) if args.fd is not None else listener.take(settings)
    gc.disable()  # nothing of what is loaded now goes away again
    doors = import_module("wsgi")  # makes the application
    doors.app.test_client().get("/login")  # warms templates and database
    _spare_the_collector()
    config = uvicorn.Config(
        doors.asgi,
        http="httptools",
        loop="uvloop",
        ws="none",
        access_log=False,
        log_config=None,
        log_level="warning",
        proxy_headers=False,  # the application counts CARILLON_TRUSTED_PROXIES itself
        server_header=False,
        # Streams end at once, browsers come back by themselves; requests and downloads may come to their end.
        timeout_graceful_shutdown=max(1, round(settings.stop_grace_seconds)),
    )
    processes.say_ready()  # who asks from now on waits in the socket for the moment that is left
    uvicorn.Server(config).run([taken])
    return 0


def _spare_the_collector() -> None:
    """Keep what is loaded out of garbage collection: pages p99 28-37 ms without this, 4-5 ms with it."""
    gc.collect()
    gc.freeze()
    gc.enable()
