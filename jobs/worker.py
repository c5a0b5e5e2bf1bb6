"""The worker process: warm, never a fork a run. Two lanes of slots take runs, others upkeep and threads."""

import os
import shutil
import signal
import socket
import sys
import threading
import time
import uuid
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
from flask import Flask
from rq import Worker as RqWorker

from app import bootstrap
from app.infra import database, fetch, processes, queues, redis, sandbox, sandbox_tree
from app.infra.storage import Storage
from app.infra.writer import Writer
from app.services import room, workers
from app.services.execution.perform import Tools
from app.services.threads import reading
from app.services.unit import Work, batch
from app.settings import Settings
from jobs import runs, upkeep
from jobs.keeper import Keeper
from jobs.lanes import Lane, on_thread
from jobs.runs import Here
from jobs.webhooks import Postman

log = structlog.get_logger()

HEARTBEAT_SECONDS = 30.0
RECYCLE_BYTES = 1536 * 1024 * 1024
"""A worker that has grown to this size drains and ends; the supervisor starts a fresh one."""

_TICK_SECONDS = 0.5
_ROOM_SECONDS = 2.0
_SWITCH_SECONDS = 0.001
"""A job goes through three threads until it is claimed; Python's own 5 ms for each switch would be most of its wait."""
_AWAY_SECONDS = 1.0
_NICENESS = 5
"""Behind clock and web where cores are short: what is due is on record and pages answer whatever the runs do."""


class Registration(RqWorker):
    """This process in RQ's list of workers, where RQ's tools look. RQ's loop, forks and registries are not used."""

    job_class = queues.SafeJob
    queue_class = queues.SafeQueue


class Worker:
    """One worker process, from its arrival to the end of its last run."""

    def __init__(self, settings: Settings, app: Flask) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:4]}"
        self._settings = settings
        self._writer: Writer[Work] = Writer(batch)
        self._keeper = Keeper(settings, self.name, self._writer)
        self._workspaces = settings.data_dir / "workspaces" / self.name
        storage, vault = Storage(settings.data_dir / "files"), app.extensions["vault"]
        tools = Tools(self._writer, vault, storage, self._workspaces, self._keeper.on_news, partial(runs.report, app))
        self._here = Here(self._keeper, tools)
        runs.work_here(self._here)
        self._lanes = [
            Lane(queues.IO, settings.io_slots, partial(_begin, queues.IO)),
            Lane(queues.CODE, settings.code_slots, partial(_begin, queues.CODE)),
            Lane(queues.UPKEEP, 1, on_thread(partial(upkeep.carry_out, app))),
            Lane(queues.THREADS, 1, on_thread(partial(upkeep.carry_out, app))),
        ]
        self._wants_end = threading.Event()
        self._wants_end_now = threading.Event()
        self._postman = Postman(settings, vault, self._wants_end)
        self._is_patient = False
        self._registration: Registration | None = None
        self._registered_at = 0.0
        self._looked_at = 0.0

    def work(self) -> int:
        """Carry out runs until told to stop; returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGUSR1, self._on_dismissal)
        _sweep(self._workspaces.parent)
        self._workspaces.mkdir(parents=True, mode=0o700)
        self._arrive()
        self._keeper.start()
        for lane in self._lanes:
            lane.start()
        self._postman.start()
        log.info("worker_ready", worker=self.name)
        processes.say_ready()
        while not self._wants_end.wait(_TICK_SECONDS):
            self._register()
            self._look_for_room()
            if sandbox_tree.highest_bytes([os.getpid()]) > RECYCLE_BYTES:
                log.info("worker_recycles", worker=self.name)
                break
        self._drain()
        return 0

    def _arrive(self) -> None:
        while not self._wants_end.is_set():
            try:
                workers.arrive(self._introduction())
            except database.Away:
                log.warning("worker_waits_for_database")
                self._wants_end.wait(_AWAY_SECONDS)
            else:
                return

    def _introduction(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "io_slots": self._settings.io_slots,
            "code_slots": self._settings.code_slots,
            "busy": 0,
            "isolation": sandbox.isolation(),
        }

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._wants_end.is_set() and not self._is_patient:
            self._wants_end_now.set()
        self._is_patient = False
        self._wants_end.set()

    def _on_dismissal(self, _number: int, _frame: FrameType | None) -> None:
        """There are more workers than are needed: what this one has begun may take as long as it likes."""
        self._is_patient = not self._wants_end.is_set()
        self._wants_end.set()

    def _look_for_room(self) -> None:
        if time.monotonic() - self._looked_at >= _ROOM_SECONDS:
            self._looked_at = time.monotonic()
            room.look()

    # --- RQ's list

    def _register(self) -> None:
        if time.monotonic() - self._registered_at < HEARTBEAT_SECONDS and self._registration:
            return
        with suppress(*redis.Away, OSError, ValueError):
            if self._registration is None:
                names = [lane.queue for lane in self._lanes]
                self._registration = Registration(names, name=self.name, connection=redis.client())
                self._registration.register_birth()  # type: ignore[no-untyped-call]  # RQ's own
            self._registration.heartbeat(int(HEARTBEAT_SECONDS * 3))
            self._registered_at = time.monotonic()

    # --- the end

    def _drain(self) -> None:
        """Take nothing more; let runs end within the grace, then ask them to stop: they go back into the queue."""
        for lane in self._lanes:
            lane.stop_taking()
        reading.stop()
        with suppress(Exception):  # the database may be away; the work below must happen all the same
            workers.drain(self.name)
        while self._is_busy and self._is_patient:
            time.sleep(_TICK_SECONDS)
        self._wait_until_idle(self._settings.stop_grace_seconds)
        self._keeper.ask_all("shutdown")
        deadline = time.monotonic() + self._settings.stop_grace_seconds
        while self._is_busy and time.monotonic() < deadline:
            time.sleep(0.02)
        self._here.loop.close()
        self._keeper.close()
        self._writer.close()
        with suppress(Exception):
            workers.leave(self.name)
        with suppress(*redis.Away, OSError):
            if self._registration:
                self._registration.register_death()  # type: ignore[no-untyped-call]  # RQ's own
        sandbox.stop()
        shutil.rmtree(self._workspaces, ignore_errors=True)
        log.info("worker_gone", worker=self.name, left=self._keeper.count)

    def _wait_until_idle(self, grace_seconds: float) -> None:
        deadline = time.monotonic() + grace_seconds
        while self._is_busy and time.monotonic() < deadline and not self._wants_end_now.wait(0.02):
            pass

    @property
    def _is_busy(self) -> bool:
        """Whether runs are under way, from the moment they are taken from their queue; upkeep may end anywhere."""
        return not all(lane.is_idle for lane in self._lanes if lane.queue in queues.RUN_QUEUES)


def main(settings: Settings) -> int:
    """Run a worker process; returns its exit code."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    os.nice(_NICENESS)
    app = bootstrap.start(settings)
    fetch.configure(settings)
    sandbox.start(settings)
    return Worker(settings, app).work()


def _begin(lane: str, jobs: list[str], is_behind: bool, slots: Executor) -> "list[Future[None]]":
    found = [run for job in jobs if (run := queues.parse(job))]
    bad = [_refused(job) for job in jobs if not queues.parse(job)]
    return bad + (runs.begin(found, lane, slots, is_behind=is_behind) if found else [])


def _refused(job: str) -> "Future[None]":
    refused = Future[None]()
    refused.set_exception(ValueError(f"{job!r} is not the id of a run's job."))
    return refused


def _sweep(workspaces: Path) -> None:
    """Remove what workers of this host left that were killed; a name ends in the pid and four letters."""
    host = socket.gethostname()
    for folder in workspaces.glob(f"{host}-*"):
        pid = folder.name.removeprefix(f"{host}-").partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
