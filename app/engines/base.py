"""The seam of engines: what an engine is handed, what it emits, what it answers."""

import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel

from app.core.registry import Registry
from app.domain import agents
from app.domain.contracts import Delivery

Lane = Literal["io", "code"]
SEVERAL = "steps"
"""What stands where others name their engine: in the definition, and on the row, of a task with several steps."""
Level = Literal["debug", "info", "warn", "error"]


@dataclass(frozen=True)
class Limits:
    """What one attempt may use."""

    timeout_seconds: float = 3600.0
    memory_bytes: int = 512 * 1024 * 1024
    disk_bytes: int = 256 * 1024 * 1024
    processes: int = 64
    log_bytes: int = 10 * 1024 * 1024
    grace_seconds: float = 5.0


ModelChoice = agents.ModelChoice
Provider = agents.Provider


@dataclass(frozen=True)
class Checkpoint:
    """Where to go on from: what the engine had emitted with `CheckpointReached`, and the files of the workspace.

    `files` maps the path within the workspace to where its content lies now.
    """

    after: str
    state: Mapping[str, Any]
    files: Mapping[str, Path]


@dataclass(frozen=True)
class RunRequest:
    """All an engine gets to know of an attempt. `secrets` are the named ones the task uses, in clear.

    `cost_cap_micros` is the cap raised for this run, None: as the task says. `spent_micros` is what this run and the
    runs it goes on from have cost so far; `most_micros` is what a budget lets it spend from now on, None: as its cap
    says.

    `variables` are those of the task with their values for this run, as JSON holds them. In a rehearsal nothing that
    changes something outside is sent: it is emitted as `EffectHeld`.

    `step` is the name of the step of a task that has several: then `inputs` are the outputs of the steps before it, by
    name, and the engine answers with outputs of its own. It is empty for a task of one engine; there `inputs` hold what
    its engine is handed by its own name, as reports are (domain/reporting.Order).
    """

    run_id: int
    attempt: int
    idempotency_key: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    files: Mapping[str, Path]
    workspace: Path
    limits: Limits
    min_isolation: int = 1
    planned_at: str = ""
    task_name: str = ""
    model: ModelChoice | None = None
    checkpoint: Checkpoint | None = None
    cost_cap_micros: int | None = None
    spent_micros: int = 0
    most_micros: int | None = None
    step: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    is_rehearsal: bool = False


# --- what an engine emits while it works


@dataclass(frozen=True)
class StepStarted:
    """A part of the attempt begins: `prepare`, `run` or `collect`, or a turn of an agent."""

    name: str


@dataclass(frozen=True)
class StepEnded:
    """A part of the attempt is over; `detail` is at most one short line.

    `facts` are small numbers for the page: a turn has `tokens_in`, `tokens_out`, and `cost_micros` if a price is known.
    """

    name: str
    is_ok: bool = True
    detail: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LogWritten:
    """One line of the log, without its line break; ANSI colours are kept.

    A very long line comes in pieces of one level; `is_cut` says that the line goes on in the next one.
    """

    text: str
    level: Level = "info"
    is_cut: bool = False


@dataclass(frozen=True)
class IsolationChosen:
    """How the code of this attempt is confined: level 0 to 3 and the controls that hold."""

    level: int
    controls: Mapping[str, str]


@dataclass(frozen=True)
class PackagesHeld:
    """What the code of this attempt runs with: the version of Python, and those of its packages by name."""

    python: str
    packages: Mapping[str, str]


@dataclass(frozen=True)
class ArtifactMade:
    """A file to keep. `path` is a regular file the engine has checked (no link, inside the workspace)."""

    name: str
    path: Path
    media_type: str = "application/octet-stream"


@dataclass(frozen=True)
class CostIncurred:
    """Something was used that costs money: so many millionths of a US dollar."""

    micros: int


@dataclass(frozen=True)
class EffectHeld:
    """What a rehearsal did not send: `words` say what would have gone where, `content` is what it would have held."""

    words: str
    content: str = ""


@dataclass(frozen=True)
class CheckpointReached:
    """The work can go on from here later, in another attempt or run: `state` (JSON) and the files of `workspace`.

    It is stored when `emit` returns, which blocks meanwhile; nothing may change the files until then. Files named in
    `besides` are not kept.
    """

    after: str
    state: Mapping[str, Any]
    workspace: Path
    besides: frozenset[str] = frozenset()


@dataclass(frozen=True)
class FilesLeft:
    """What a step leaves in `workspace` for the next one, but `besides`; it is read when `emit` returns."""

    workspace: Path
    besides: frozenset[str] = frozenset()


Emission = (
    StepStarted
    | StepEnded
    | LogWritten
    | IsolationChosen
    | PackagesHeld
    | ArtifactMade
    | CostIncurred
    | EffectHeld
    | CheckpointReached
    | FilesLeft
)
Emit = Callable[[Emission], None]

# --- what an engine answers

OutcomeState = Literal["succeeded", "failed", "timed_out", "cancelled", "blocked", "unmet", "degraded"]


@dataclass(frozen=True)
class Done:
    """What work has done, for the contract of its task.

    `answer` is what an agent or a server said, or a program printed; None: it has none. `is_cut` says that it is only
    the beginning. `tools` counts those an agent has used, `deliveries` are requests that change something outside.
    """

    answer: str | None = None
    is_cut: bool = False
    tools: Mapping[str, int] = field(default_factory=dict)
    deliveries: tuple[Delivery, ...] = ()
    has_price: bool = True


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    `reason` is a code (`ok`, `exit_code`, `http_status`, `timeout`, `memory`, `no_isolation` …), `sentence` says it
    to a person. `error_class` steers the retry: `transient` may pass, `permanent` will not, `rate_limited` carries
    `retry_after_seconds`, `crash` is a death of the code. `facts` are small values for the page (status, bytes,
    exit_code). `outputs` (JSON) are what a step hands to those after it, `done` is what the contract is held against.
    """

    state: OutcomeState
    reason: str
    sentence: str
    error_class: Literal["", "transient", "permanent", "rate_limited", "crash"] = ""
    retry_after_seconds: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    done: Done = field(default_factory=Done)


class Cancellation:
    """A request to stop that an engine hears at once: `is_set`, `wait(timeout)`, or a callback.

    `mode` is `now` or `after_step`; `reason` is `person`, `overlap`, `shutdown` or `lease_lost`.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self.mode = ""
        self.reason = ""

    def ask(self, reason: str, mode: str = "now") -> None:
        """Ask to stop. A later `now` overrides an earlier `after_step`, and is never taken back by one."""
        with self._lock:
            if self.is_now and mode != "now":
                return
            self.mode, self.reason = mode, reason
            callbacks = list(self._callbacks) if mode == "now" else []
            if mode == "now":
                self._event.set()
        for callback in callbacks:
            callback()

    @property
    def is_now(self) -> bool:
        """Whether to stop at once."""
        return self._event.is_set()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait until asked to stop at once; whether it was asked."""
        return self._event.wait(timeout_seconds)

    def on_now(self, callback: Callable[[], None]) -> None:
        """Call `callback` when asked to stop at once, or now if that was already asked."""
        with self._lock:
            self._callbacks.append(callback)
            already = self._event.is_set()
        if already:
            callback()


class Engine(Protocol):
    """What carries out a run. It knows no rows; user code runs only in the sandbox."""

    name: str
    label: str
    lane: Lane
    settings_schema: type[BaseModel]

    def run(self, request: RunRequest, emit: Emit, cancellation: Cancellation) -> Outcome:
        """Do the work and answer how it ended. Never raises for what the work does; a bug may raise."""
        ...


@runtime_checkable
class AsyncEngine(Protocol):
    """An engine that mostly waits: beside `run` it works as a task on the worker's one loop, without a thread."""

    def run_async(self, request: RunRequest, emit: Emit, cancellation: Cancellation) -> Awaitable[Outcome]:
        """Do as `Engine.run`; whatever blocks goes to a thread."""
        ...


engines: Registry[Engine] = Registry("engine")


_NEVER_FILLED = frozenset({
    "method", "auth", "auth_secret", "auth_header", "secrets", "model", "tools", "allowed_hosts", "network",
    "cost_cap_cents", "mail_to",
})  # fmt: skip
"""Settings that say what a step may do: what another step has put out must not decide that."""


def fillable(engine: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those settings of a task or step in which placeholders count; of code its variables, never its source."""
    if engines[engine].lane == "code":
        return {name: value for name, value in settings.items() if name == "env"}
    return {name: value for name, value in settings.items() if name not in _NEVER_FILLED}


def takes_secrets(engine: str, setting: str) -> bool:
    """Whether `{{ secrets.NAME }}` may stand in a setting: in a request, or in the variables of a program."""
    return setting in ({"url", "headers", "body"} if engine == "http" else {"env"})


def lane_of(definition: Mapping[str, Any]) -> Lane:
    """Return the lane of a task's runs: `code` if any of its engines has that one, or is not installed."""
    names = [step["engine"] for step in definition.get("steps") or ()] or [definition["engine"]]
    return "io" if all(name in engines and engines[name].lane == "io" for name in names) else "code"
