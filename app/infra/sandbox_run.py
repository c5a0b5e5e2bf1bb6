"""One job under way: started, listened to, watched, and ended with all that came out of it."""

import contextlib
import fcntl
import os
import secrets
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from app.infra import sandbox_cgroups, sandbox_files, sandbox_tree
from app.infra.sandbox_job import Cause, Ending, Isolation, Job, SandboxUnavailable
from app.infra.sandbox_levels import Confinement
from app.infra.sandbox_output import OnLine, Output
from app.infra.sandbox_spawner import Spawner

_PIECE = 256 * 1024
_PIPE_BYTES = 1024 * 1024
_LOOK_SECONDS = 0.25
_CLOSE = 0.75
"""From this share of the memory limit on it is measured as exactly as it can be."""
_LAST_SECONDS = 2.0
"""After the kill: how long the kernel gets to end the tree, and we to read what it wrote."""
_MARK = "CARILLON_MARK"


Bell = tuple[int, Callable[[], None]]


@dataclass
class Place:
    """What one job holds of this machine while it runs."""

    isolation: Isolation
    confinement: Confinement
    spawner: Spawner
    cgroups: Path | None = None
    uid: int = 0


@dataclass
class _End:
    """Why and when a job is ended before it ends by itself."""

    cause: Cause = "exit"
    kill_at: float = field(default=float("inf"))


class Running:
    """A job that has been started. Use it as a context: whatever happens, nothing of it is left."""

    def __init__(self, job: Job, place: Place) -> None:
        self._job, self._place = job, place
        self._mark = secrets.token_hex(8)
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._is_stop_asked = self._is_closed = False
        self._end = _End()
        self._next_look = self._started + _LOOK_SECONDS
        self._most_bytes = 0
        self._cgroup: Path | None = None
        self._status = self._pidfd = -1
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def stop(self) -> None:
        """Ask it to end, with a grace. Any thread may call this, at any time."""
        with self._lock:
            self._is_stop_asked = True
            if not self._is_closed:
                os.eventfd_write(self._bell, 1)

    def wait(
        self, on_line: OnLine, *, until: float, grace_seconds: float, log_bytes: int, bell: Bell | None = None
    ) -> Ending:
        """Listen until it is over; `until` (monotonic) is its deadline. Raises SandboxUnavailable if it never began.

        `bell` is a descriptor of ours through which the code can call, and what is to be done then.
        """
        assert self._process
        output = Output(on_line, log_bytes)
        with selectors.DefaultSelector() as selector:
            self._listen(selector)
            if bell:
                selector.register(bell[0], selectors.EVENT_READ, bell[1])
            exited_at = None
            while exited_at is None or (self._open(selector) and time.monotonic() < exited_at + _LAST_SECONDS):
                for key, _ in selector.select(self._pause(until, exited_at)):
                    exited_at = self._hear(selector, key, output) or exited_at
                if exited_at is None:
                    self._watch(until, grace_seconds)
                    if time.monotonic() > self._end.kill_at + _LAST_SECONDS:
                        break  # the kernel does not let go of a process; it can do no more than wait
        last_line = output.close()
        code = self._exit_code(last_line)
        return Ending(self._cause(), code, time.monotonic() - self._started, last_line, self._most_bytes)

    def close(self) -> None:
        """End what is left of it and give back what it held."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            os.close(self._bell)
        if self._process:
            if self._process.poll() is None:
                self._kill()
            self._sweep()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                if stream:
                    stream.close()
        for descriptor in (self._status, self._pidfd):
            if descriptor >= 0:
                os.close(descriptor)
        if self._cgroup:
            sandbox_cgroups.remove(self._cgroup)

    # --- start

    def _start(self) -> "subprocess.Popen[bytes]":
        if self._place.cgroups:
            self._cgroup = sandbox_cgroups.make(self._place.cgroups, self._mark, self._job)
        self._status, status = os.pipe()
        job = self._marked()
        command = self._place.confinement.command(job, self._place.uid, status, self._cgroup)
        held = [status, *command.descriptors]
        try:
            process = self._place.spawner.spawn(
                command.argv, env=command.env, descriptors=held, has_input=bool(command.spec)
            )
        except OSError as error:
            raise SandboxUnavailable(f"The sandbox could not be started: {error.strerror}.") from error
        finally:
            for descriptor in held:
                os.close(descriptor)
        if process.stdin:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(command.spec)
        return process

    def _marked(self) -> Job:
        """Return the job with a mark in its environment, by which what escapes its tree is found."""
        return Job(**{**self._job.__dict__, "env": {**self._job.env, _MARK: self._mark}})

    # --- listen

    def _listen(self, selector: selectors.BaseSelector) -> None:
        assert self._process
        for stream, name in ((self._process.stdout, "out"), (self._process.stderr, "err")):
            assert stream
            os.set_blocking(stream.fileno(), False)
            with contextlib.suppress(OSError):
                _set_pipe_size(stream.fileno())
            selector.register(stream.fileno(), selectors.EVENT_READ, name)
        selector.register(self._bell, selectors.EVENT_READ, "bell")
        self._pidfd = os.pidfd_open(self._process.pid)
        selector.register(self._pidfd, selectors.EVENT_READ, "exit")

    @staticmethod
    def _open(selector: selectors.BaseSelector) -> bool:
        return any(key.data in {"out", "err"} for key in selector.get_map().values())

    def _hear(self, selector: selectors.BaseSelector, key: selectors.SelectorKey, output: Output) -> float | None:
        """Take what one source has to say; returns when the process ended, if that was it."""
        if callable(key.data):
            key.data()
            return None
        if key.data == "exit":
            assert self._process
            self._process.wait()
            selector.unregister(key.fd)
            return time.monotonic()
        if key.data == "bell":
            os.eventfd_read(self._bell)
            return None
        try:
            piece = os.read(key.fd, _PIECE)
        except BlockingIOError:
            return None
        if piece:
            output.feed(key.data, piece)
        else:
            selector.unregister(key.fd)
        return None

    def _pause(self, until: float, exited_at: float | None) -> float:
        now = time.monotonic()
        if exited_at is not None:
            return max(0.0, exited_at + _LAST_SECONDS - now)
        kill_at = self._end.kill_at if self._end.kill_at > now else now + 0.1
        return max(0.0, min(self._next_look, kill_at, until if self._end.cause == "exit" else kill_at) - now)

    # --- watch

    def _watch(self, until: float, grace_seconds: float) -> None:
        now = time.monotonic()
        if self._end.cause == "exit":
            if self._is_stop_asked:
                self._ask("stopped", grace_seconds)
            elif now >= until:
                self._ask("timeout", grace_seconds)
            elif now >= self._next_look and (cause := self._over_limit()):
                self._ask(cause, 0.0)
        if now >= self._end.kill_at:
            self._kill()

    def _ask(self, cause: Cause, grace_seconds: float) -> None:
        assert self._process
        self._end = _End(cause, time.monotonic() + grace_seconds)
        if grace_seconds > 0:
            sandbox_tree.send(self._inner(), signal.SIGTERM)
        else:
            self._kill()

    def _over_limit(self) -> Cause | None:
        """Measure the tree; a measure that takes long is taken less often."""
        assert self._process
        began = time.monotonic()
        cause: Cause | None = None
        pids, limit = sandbox_tree.descendants(self._process.pid), self._job.memory_bytes
        used = sandbox_tree.memory_bytes(pids, int(limit * _CLOSE))
        self._most_bytes = max(self._most_bytes, used, sandbox_tree.highest_bytes(pids))
        if used > limit and not self._cgroup:
            cause = "memory"
        if self._is_over_disk():
            cause = "disk"
        now = time.monotonic()
        self._next_look = now + max(_LOOK_SECONDS, 10 * (now - began))
        return cause

    # --- end

    def _inner(self) -> list[int]:
        """Return the processes of the code: all below those that set the sandbox up."""
        assert self._process
        below = sandbox_tree.descendants(self._process.pid)
        return below if self._place.confinement.level < 2 else below[1:]  # noqa: PLR2004 the first is bubblewrap's own

    def _kill(self) -> None:
        """Kill the tree. With a process namespace its first process takes all others along."""
        assert self._process
        sandbox_tree.end_below(self._process.pid)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def _sweep(self) -> None:
        """Without a process namespace: end what has slipped away from its ancestors."""
        assert self._process
        try:
            self._process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            return
        if self._place.confinement.level < 2:  # noqa: PLR2004 the levels with a namespace
            sandbox_tree.send(sandbox_tree.with_mark(f"{_MARK}={self._mark}"), signal.SIGKILL)

    def _exit_code(self, last_line: str) -> int:
        assert self._process
        code = self._process.poll()
        if code is None:
            return 137
        if self._end.cause == "exit" and not self._has_begun():
            raise SandboxUnavailable(f"The sandbox could not be set up: {last_line or f'exit code {code}'}")
        return code if code >= 0 else 128 - code

    def _has_begun(self) -> bool:
        """Whether the code was reached: the sandbox tells its exit code only then, unless it was killed."""
        assert self._process
        if self._process.returncode and self._process.returncode < 0:
            return True
        os.set_blocking(self._status, False)
        told = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._status, 4096):
                told += piece
        return b'"exit-code"' in told

    def _cause(self) -> Cause:
        if self._end.cause != "exit":
            return self._end.cause
        if self._cgroup and sandbox_cgroups.is_out_of_memory(self._cgroup):
            return "memory"
        return "disk" if self._is_over_disk() else "exit"

    def _is_over_disk(self) -> bool:
        most = self._job.disk_bytes
        return sum(sandbox_files.used_bytes(folder, most) for folder in (self._job.workspace, *self._job.writes)) > most


def _set_pipe_size(descriptor: int) -> None:
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
