"""What script and Python tasks share: their settings, and the way through prepare, run and collect."""

import mimetypes
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.domain import headroom
from app.domain.expressions import as_text
from app.domain.wording import duration
from app.engines.base import (
    ArtifactMade,
    Cancellation,
    Done,
    EffectHeld,
    Emit,
    FilesLeft,
    IsolationChosen,
    LogWritten,
    Outcome,
    PackagesHeld,
    RunRequest,
    StepEnded,
    StepStarted,
)
from app.engines.exchange import AGAIN, Exchange, Unusable
from app.infra import environments, sandbox, sandbox_files
from app.infra.sandbox_run import Bell

_KEPT = "artifacts/*"
"""Whatever a run leaves in this folder is kept."""

MOST_PRINTED = 1024 * 1024
"""So many letters of what a program prints are its answer."""

CUT_OFF = "In a rehearsal the network of a program is closed."
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_TAKEN = {"BASHOPTS", "EUID", "IFS", "OPTIND", "PPID", "SHELLOPTS", "UID"}
_PATH = "/usr/local/bin:/usr/bin:/bin"
_SIGNALLED = 128


class CodeSettings(BaseModel):
    """What script and Python tasks both can set."""

    model_config = ConfigDict(frozen=True)

    secrets: list[str] = Field([], max_length=50, description="Each is there as a variable of its own name.")
    env: dict[str, str] = Field({}, max_length=100, description="Variables, one NAME=value a line.")
    network: bool = Field(
        False, description="Lets it reach everything this machine can reach, inner addresses included."
    )
    artifacts: list[Annotated[str, Field(max_length=200)]] = Field(
        [], max_length=50, description="Files to keep besides those in artifacts/, like report.csv or out/*.png."
    )

    @field_validator("secrets")
    @classmethod
    def _check_secrets(cls, names: list[str]) -> list[str]:
        for name in names:
            _check_variable(name)
        return names

    @field_validator("env")
    @classmethod
    def _check_env(cls, env: dict[str, str]) -> dict[str, str]:
        for name, value in env.items():
            _check_variable(name)
            if "\0" in value:
                raise ValueError(f"The value of {name} has a letter that no variable can hold.")
        return env


def _check_variable(name: str) -> None:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"“{name}” can't be the name of a variable. Use letters, digits and _.")
    if name in _TAKEN or name.startswith("CARILLON_"):
        raise ValueError(f"The name {name} is taken. Choose another one.")


@dataclass(frozen=True)
class Program:
    """What an engine makes of its settings: files to write, and the command to run beside them.

    `requirements` are Python packages; None for a program that needs no Python. `is_called_again` says that it may end
    with exit code 75 after it has saved, to be called again.
    """

    texts: Mapping[str, str]
    argv: tuple[str, ...]
    requirements: tuple[str, ...] | None = None
    is_called_again: bool = False


@dataclass
class Attempt:
    """One attempt on its way through the steps. An agent makes one for each program it runs."""

    program: Program
    settings: CodeSettings
    request: RunRequest
    emit: Emit
    cancellation: Cancellation
    until: float
    printed: list[str] = field(default_factory=list)
    letters: int = 0

    @property
    def is_cut_off(self) -> bool:
        """Whether it would reach the network, but for being a rehearsal."""
        return self.request.is_rehearsal and self.settings.network

    def is_stopped(self) -> bool:
        """Whether to stop here, between two steps."""
        return bool(self.cancellation.mode)

    def on_line(self, stream: str, text: str, is_cut: bool) -> None:
        """Take a line of what it writes."""
        self.emit(LogWritten(text, "warn" if stream == "err" else "info", is_cut))
        if stream == "out" and self.letters <= MOST_PRINTED:
            self.printed.append(text if is_cut else f"{text}\n")
            self.letters += len(text) + 1

    def on_start(self, running: sandbox.Running) -> None:
        """Let a request to stop reach what has been started."""
        self.cancellation.on_now(running.stop)


def carry_out(
    program: Program, settings: CodeSettings, request: RunRequest, emit: Emit, cancellation: Cancellation
) -> Outcome:
    """Run a program in the sandbox and say how it ended."""
    until = time.monotonic() + request.limits.timeout_seconds
    attempt = Attempt(program, settings, request, emit, cancellation, until)
    try:
        if refusal := refused(request.min_isolation):
            return refusal
        found = sandbox.isolation()
        emit(IsolationChosen(sandbox.level(), found["controls"]))  # type: ignore[arg-type]  # JSON of our own making
        return _through_steps(attempt)
    except environments.NotBuilt as error:
        return _not_built(attempt, error.ending)
    except sandbox.SandboxUnavailable as error:
        return _no_sandbox(request, str(error))


def _through_steps(attempt: Attempt) -> Outcome:
    request, program = attempt.request, attempt.program
    with ExitStack() as stack:
        attempt.emit(StepStarted("prepare"))
        room = stack.enter_context(sandbox.room(request.workspace))
        environment = stack.enter_context(packages(attempt))
        if environment:
            attempt.emit(PackagesHeld(sandbox.interpreter().version, environments.installed(environment)))
        files = request.checkpoint.files if request.checkpoint else request.files
        exchange = Exchange(room, request, attempt.emit, frozenset(program.texts))
        exchange.make_folder()
        bell = stack.enter_context(exchange.bell()) if program.requirements is not None else None
        try:
            sandbox_files.prepare(room.host, room.uid, files, {**program.texts, **exchange.texts})
        except ValueError as error:
            return _ended(attempt, "prepare", Outcome("failed", "files", f"A file of the task: {error}.", "permanent"))
        attempt.emit(StepEnded("prepare", detail=count(len(files), "file") if files else ""))
        if attempt.is_stopped():
            return _cancelled(attempt, "Stopped before it ran.")
        attempt.emit(StepStarted("run"))
        try:
            ending, calls = _run(attempt, room, environment, exchange, bell)
            outcome = _outcome(attempt, ending)
            if outcome.state == "succeeded":
                done = Done("".join(attempt.printed), is_cut=attempt.letters > MOST_PRINTED)
                outcome = replace(outcome, outputs=exchange.outputs() if request.step else {}, done=done)
        except Unusable as error:
            return _ended(attempt, "run", Outcome("failed", "output", str(error), "permanent"))
        if ending.cause != "exit":
            return _ended(attempt, "run", outcome)
        times = f", called {calls} times" if calls > 1 else ""
        attempt.emit(StepEnded("run", not ending.exit_code, f"Exit code {ending.exit_code}{times}"))
        if attempt.is_stopped() and not ending.exit_code:
            return _cancelled(attempt, "Stopped after it ran; its files are not kept.")
        collect(attempt, room)
        if request.step:
            attempt.emit(FilesLeft(room.host, exchange.besides))
        return outcome


def _run(
    attempt: Attempt, room: sandbox.Room, environment: Path | None, exchange: Exchange, bell: Bell | None
) -> tuple[sandbox.Ending, int]:
    """Run the program, again each time it says that it has saved; returns how it ended and how often it was called.

    Raises Unusable when it saved nothing that can be kept.
    """
    seconds, most, calls = 0.0, 0, 0
    while True:
        ending = run_program(attempt, room, environment, exchange.variables, bell)
        seconds, most, calls = seconds + ending.seconds, max(most, ending.memory_bytes), calls + 1
        ending = replace(ending, seconds=seconds, memory_bytes=most)
        is_saved = ending.cause == "exit" and ending.exit_code == AGAIN and exchange.has_saved()
        if not (attempt.program.is_called_again and is_saved):
            return ending, calls
        exchange.store()
        if attempt.is_stopped():
            return replace(ending, cause="stopped"), calls


@contextmanager
def packages(attempt: Attempt) -> Iterator[Path | None]:
    """Hold the Python packages; None for a program without Python."""
    if attempt.program.requirements is None:
        yield None
        return
    workspace, cancellation = attempt.request.workspace, attempt.cancellation
    build = environments.Build(
        scratch=workspace.with_name(f"{workspace.name}-build"),
        until=attempt.until,
        on_line=attempt.on_line,
        on_start=attempt.on_start,
        is_stopped=lambda: cancellation.is_now,
    )
    with environments.held(attempt.program.requirements, build) as folder:
        yield folder


def run_program(
    attempt: Attempt,
    room: sandbox.Room,
    environment: Path | None,
    more: Mapping[str, str] | None = None,
    bell: Bell | None = None,
) -> sandbox.Ending:
    """Run the program in the room, with `more` variables. Raises SandboxUnavailable, and what answers `bell` raises."""
    limits = attempt.request.limits
    if attempt.is_cut_off:
        attempt.emit(EffectHeld(CUT_OFF))
    reads = (environment, *sandbox.interpreter().folders) if environment else ()
    job = sandbox.Job(
        attempt.program.argv,
        room.host,
        {**_variables(attempt, room, environment), **(more or {})},
        reads=reads,
        has_network=attempt.settings.network and not attempt.is_cut_off,
        memory_bytes=limits.memory_bytes,
        disk_bytes=limits.disk_bytes,
        processes=limits.processes,
    )
    with sandbox.begin(job, room.uid) as running:
        attempt.on_start(running)
        return running.wait(
            attempt.on_line,
            until=attempt.until,
            grace_seconds=limits.grace_seconds,
            log_bytes=limits.log_bytes,
            bell=bell,
        )


def _variables(attempt: Attempt, room: sandbox.Room, environment: Path | None) -> dict[str, str]:
    request = attempt.request
    return {
        "PATH": f"{environment}/bin:{_PATH}" if environment else _PATH,
        "HOME": str(room.inside),
        "USER": "carillon",
        "LOGNAME": "carillon",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **{f"VAR_{name.upper()}": as_text(value).replace("\0", "") for name, value in request.variables.items()},
        **attempt.settings.env,
        **{name: request.secrets[name] for name in attempt.settings.secrets},
        "CARILLON_RUN_ID": str(request.run_id),
        "CARILLON_PLANNED_AT": request.planned_at,
        "CARILLON_REHEARSAL": "1" if request.is_rehearsal else "",
        "CARILLON_TASK": request.task_name.replace("\0", ""),
    }


def collect(attempt: Attempt, room: sandbox.Room) -> None:
    """Keep the files that a run leaves in artifacts/, and those its settings name."""
    attempt.emit(StepStarted("collect"))
    patterns = [_KEPT, *attempt.settings.artifacts]
    found = sandbox_files.collect(room.host, patterns, attempt.request.limits.disk_bytes)
    for sentence in found.refused:
        attempt.emit(LogWritten(sentence, "warn"))
    files = sandbox_files.bring(found.files, room.host, attempt.request.workspace)
    for name, path in files.items():
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        attempt.emit(ArtifactMade(name.removeprefix("artifacts/"), path, media_type))
    attempt.emit(StepEnded("collect", detail=count(len(files), "file") if files else ""))


# --- what became of it


def _outcome(attempt: Attempt, ending: sandbox.Ending) -> Outcome:
    limits = attempt.request.limits
    facts: dict[str, Any] = {"exit_code": ending.exit_code, "seconds": round(ending.seconds, 3)}
    if ending.memory_bytes:
        facts[headroom.FACT] = ending.memory_bytes
    match ending.cause:
        case "stopped":
            return Outcome("cancelled", attempt.cancellation.reason, "Stopped while it ran.", facts=facts)
        case "timeout":
            sentence = f"Stopped at its time limit of {limits.timeout_seconds:g} s."
            return Outcome("timed_out", "timeout", sentence, "transient", facts=facts)
        case "memory":
            sentence = f"Stopped: it used more than {_megabytes(limits.memory_bytes)} of memory."
            return Outcome("failed", "memory", sentence, "crash", facts=facts)
        case "disk":
            sentence = f"Stopped: its files are more than {_megabytes(limits.disk_bytes)}."
            return Outcome("failed", "disk", sentence, "permanent", facts=facts)
    if not ending.exit_code:
        return Outcome("succeeded", "ok", f"Worked in {duration(ending.seconds)}.", facts=facts)
    return _failed(ending, facts, f" {CUT_OFF}" if attempt.is_cut_off else "")


def _failed(ending: sandbox.Ending, facts: dict[str, Any], why: str) -> Outcome:
    last = (f" Last line: “{ending.last_line}”." if ending.last_line else "") + why
    number = ending.exit_code - _SIGNALLED
    if number > 0 and number in set(signal.Signals):
        sentence = f"Ended by the signal {signal.Signals(number).name}.{last}"
        return Outcome("failed", "crash", sentence, "crash", facts=facts)
    return Outcome("failed", "exit_code", f"Ended with exit code {ending.exit_code}.{last}", "transient", facts=facts)


def _not_built(attempt: Attempt, ending: sandbox.Ending) -> Outcome:
    if ending.cause in {"stopped", "timeout"}:
        return _ended(attempt, "prepare", _outcome(attempt, ending))
    why = ending.last_line if ending.cause == "exit" else f"they need too much {ending.cause}"
    is_hopeless = ending.cause != "exit" or "No matching distribution" in why or "Invalid requirement" in why
    sentence = f"The packages could not be installed: {why}"
    outcome = Outcome("failed", "requirements", sentence, "permanent" if is_hopeless else "transient")
    return _ended(attempt, "prepare", outcome)


def refused(wanted: int) -> Outcome | None:
    """Refuse a run that needs more than there is here; nothing is weakened silently."""
    if not sandbox.can_run():
        return Outcome("blocked", "no_isolation", sandbox.NO_SANDBOX, "permanent")
    if wanted <= sandbox.level():
        return None
    command = sandbox.isolation()["command"]
    help_words = f" Raise it on the worker: {command}." if command else ""
    sentence = f"This task needs isolation level {wanted}; this worker has {sandbox.level()}.{help_words}"
    return Outcome("blocked", "no_isolation", sentence, "permanent")


def _no_sandbox(request: RunRequest, why: str) -> Outcome:
    """The sandbox could not be set up: see what this machine gives now, and refuse or try again later."""
    sandbox.again()
    return refused(request.min_isolation) or Outcome("failed", "sandbox", why, "transient")


def _ended(attempt: Attempt, step: str, outcome: Outcome) -> Outcome:
    """Tell that a step went wrong; one that was stopped stays open and is closed as what became of the attempt."""
    attempt.emit(LogWritten(outcome.sentence, "error"))
    if outcome.state == "failed":
        attempt.emit(StepEnded(step, is_ok=False, detail=outcome.sentence))
    return outcome


def _cancelled(attempt: Attempt, sentence: str) -> Outcome:
    return Outcome("cancelled", attempt.cancellation.reason, sentence)


def _megabytes(count: int) -> str:
    return f"{count / 1024**2:.0f} MiB"


def count(number: int, noun: str) -> str:
    """Say how many of something there are: `1 file`, `3 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
