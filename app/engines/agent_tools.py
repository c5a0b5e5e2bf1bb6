"""The tools of agents: what a task does not allow is not offered, and refused if it is called all the same."""

import asyncio
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import urljoin

from pydantic import BaseModel, Field, ValidationError

from app.domain import agents
from app.domain.redaction import Redactor
from app.engines import code
from app.engines.agent_settings import AgentSettings
from app.engines.base import Cancellation, Emission, Emit, IsolationChosen, LogWritten, RunRequest
from app.infra import environments, fetch, sandbox, sandbox_files, workspace
from app.infra.addresses import Failure, read_target
from app.infra.llm import Call, Offer

T = TypeVar("T")

LONGEST_RESULT = 40_000
"""A model is shown so many letters of what a tool answers; of a longer answer the middle is left out."""

_LONGEST_LINE = 300
_MOST_FILES = 200
_REDIRECTS = 5
_HTTP_SECONDS = 30.0
_WRITTEN_BYTES = 4 * 1024 * 1024
_GRACE_SECONDS = 1.0
"""A program of an agent ends within this when the run is stopped."""

_threads = {
    "code": ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="agent-code"),
    "io": ThreadPoolExecutor(16, thread_name_prefix="agent-io"),
}
"""Where tools block. A thread is there only from the first time it is needed, and never for a model that thinks."""


class _HttpGet(BaseModel):
    url: str = Field(max_length=4000, description="The whole address, with https://")


class _Python(BaseModel):
    code: str = Field(max_length=100_000, description="The program. What it prints is the result.")


class _Shell(BaseModel):
    script: str = Field(max_length=100_000, description="The script, for bash. What it prints is the result.")


class _ReadFile(BaseModel):
    path: str = Field(max_length=400, description="A path in the workspace, like data/july.csv")


class _WriteFile(BaseModel):
    path: str = Field(max_length=400, description="A path in the workspace, like report.md")
    text: str = Field(description="The whole content of the file")


class _ListFiles(BaseModel):
    pass


_ABOUT: dict[str, tuple[str, type[BaseModel], str]] = {
    "http_get": ("Read a web page or an API by GET.", _HttpGet, "io"),
    "python": ("Run a Python program in the workspace and read what it prints.", _Python, "code"),
    "shell": ("Run a bash script in the workspace and read what it prints.", _Shell, "code"),
    "read_file": ("Read a text file of the workspace.", _ReadFile, "io"),
    "write_file": ("Write a text file into the workspace; it is kept as a result.", _WriteFile, "io"),
    "list_files": ("List the files of the workspace with their sizes in bytes.", _ListFiles, "io"),
}
_FILES = {"read_file", "write_file"}


class Refused(Exception):
    """The tool does not do it; the message is what the model is told."""


@dataclass
class Toolbox:
    """The tools of one attempt, working in `room` until `until` (monotonic).

    `written` is what write_file wrote, `used` how often each tool did what it was asked.
    """

    settings: AgentSettings
    request: RunRequest
    room: sandbox.Room
    emit: Emit
    cancellation: Cancellation
    until: float
    redactor: Redactor
    written: list[str] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)

    @property
    def allowed(self) -> tuple[str, ...]:
        """The names of the tools that the task allows."""
        listed = ("list_files",) if _FILES & set(self.settings.tools) else ()
        return (*self.settings.tools, *listed)

    def offers(self) -> list[Offer]:
        """Return the tools as the model is told of them."""
        return [Offer(name, _ABOUT[name][0], _ABOUT[name][1].model_json_schema()) for name in self.allowed]

    async def use(self, call: Call) -> str:
        """Use a tool and return what the model is told, without secrets. Whatever a tool says, the run goes on."""
        self.emit(LogWritten(f"→ {call.name} {_written(call)}"[:_LONGEST_LINE]))
        try:
            arguments = self._checked(call)
            pool = _threads[_ABOUT[call.name][2]]
            told = self._shown(await threaded(lambda: getattr(self, f"_{call.name}")(arguments), pool))
        except (Refused, workspace.NoSuchFile, OSError, ValueError) as error:
            told = self._shown(str(error))
            self.emit(LogWritten(f"← {told}"[:_LONGEST_LINE], "warn"))
        else:
            self.used[call.name] = self.used.get(call.name, 0) + 1
            self.emit(LogWritten(f"← {_excerpt(told)}"[:_LONGEST_LINE], "debug"))
        return _middle_left_out(told)

    def _shown(self, text: str) -> str:
        """Return a text as the model is shown it: without secrets."""
        return self.redactor.redact(agents.storable(text))

    def _beginning(self, content: bytes, size: int) -> str:
        """Return the beginning of a longer text; what may be half a secret at its end is left out."""
        text = content.decode("utf-8", "replace")
        if size <= len(content):
            return text
        return f"{text[: self.redactor.unfinished(text)]}\n[The first {len(content)} of {size} bytes.]"

    def _checked(self, call: Call) -> Any:
        if call.name not in _ABOUT:
            raise Refused(f"There is no tool named {call.name[:60]}. Go on without it.")
        if call.name not in self.allowed:
            raise Refused(f"The tool {call.name} is not allowed in this task. Go on without it.")
        if call.arguments is None:
            raise Refused("The arguments are not a JSON object. Call the tool again with valid JSON.")
        try:
            return _ABOUT[call.name][1].model_validate(dict(call.arguments))
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise Refused(f"The arguments of {call.name} are wrong: {where}: {problem['msg']}.") from None

    # --- the tools, each on a thread

    def _list_files(self, _: _ListFiles) -> str:
        found = workspace.listing(self.room.host, _MOST_FILES + 1)
        lines = [f"{name} ({size})" for name, size in found[:_MOST_FILES]]
        return "\n".join([*lines, *(["and more"] if len(found) > _MOST_FILES else [])]) or "There are no files."

    def _read_file(self, given: _ReadFile) -> str:
        content, size = workspace.read(self.room.host, given.path, 4 * LONGEST_RESULT)
        if b"\0" in content:
            raise Refused(f"{given.path} is no text: {size} bytes.")
        return self._beginning(content, size)

    def _write_file(self, given: _WriteFile) -> str:
        content = agents.storable(given.text).encode()
        limit = self.request.limits.disk_bytes
        if len(content) > _WRITTEN_BYTES or sandbox_files.used_bytes(self.room.host, limit) + len(content) > limit:
            raise Refused(f"{given.path} is too large for the workspace.")
        workspace.write(self.room.host, given.path, content, self.room.uid)
        name = given.path.removeprefix("./")
        self.written = [*(one for one in self.written if one != name), name]
        return f"Wrote {len(content)} bytes to {name}."

    def _http_get(self, given: _HttpGet) -> str:
        url = given.url
        for _ in range(_REDIRECTS + 1):
            answer = self._asked(url)
            location = answer.headers.get("location")
            if answer.status not in {301, 302, 303, 307, 308} or not location:
                break
            url = urljoin(url, location)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        head = f"{answer.status} {answer.phrase}, {kind or 'no type'}, {answer.size} bytes"
        if b"\0" in answer.body:
            return f"{head}\n[Not text, so it is not shown.]"
        return f"{head}\n\n{self._beginning(answer.body, answer.size)}"

    def _asked(self, url: str) -> fetch.Answer:
        try:
            host = read_target(url).host
            if not _may_ask(host, self.settings.allowed_hosts):
                raise Refused(f"This task may not ask {host}. Allowed are: {', '.join(self.settings.allowed_hosts)}.")
            ask = fetch.Request("GET", url, timeout_seconds=_HTTP_SECONDS, keep_bytes=4 * LONGEST_RESULT, redirects=0)
            call = fetch.Call(ask)
            self.cancellation.on_now(call.stop)
            return call.answer()
        except Failure as failure:
            raise Refused(failure.message) from None
        except fetch.Stopped:
            raise Refused("Stopped.") from None

    def _python(self, given: _Python) -> str:
        return self._ran(code.Program({}, ("python", "-c", given.code), ()))

    def _shell(self, given: _Shell) -> str:
        return self._ran(code.Program({}, ("bash", "-c", given.script)))

    def _ran(self, program: code.Program) -> str:
        limits = replace(self.request.limits, grace_seconds=min(self.request.limits.grace_seconds, _GRACE_SECONDS))
        request = replace(self.request, limits=limits)
        attempt = _Listening(program, self.settings, request, self.emit, self.cancellation, self.until)
        try:
            with code.packages(attempt) as folder:
                ending = code.run_program(attempt, self.room, folder)
        except (sandbox.SandboxUnavailable, environments.NotBuilt) as error:
            raise Refused(f"The program could not be started: {error}") from None
        cause = "" if ending.cause == "exit" else f", ended for its {ending.cause}"
        return "".join([*attempt.pieces, f"[exit code {ending.exit_code}{cause}]"])


@dataclass
class _Listening(code.Attempt):
    """A program of an agent: what it writes goes into the log and to the model."""

    pieces: list[str] = field(default_factory=list)

    def on_line(self, stream: str, text: str, is_cut: bool) -> None:
        """Take a line of what it writes; the pieces of a long one are put together again."""
        self.emit(LogWritten(text, "warn" if stream == "err" else "debug", is_cut))
        self.pieces.append(text if is_cut else f"{text}\n")


def isolation() -> Emission:
    """Return how the programs of agents are confined here."""
    return IsolationChosen(sandbox.level(), sandbox.isolation()["controls"])  # type: ignore[arg-type]  # JSON of our own


async def threaded(work: Callable[[], T], pool: ThreadPoolExecutor = _threads["io"]) -> T:
    """Do blocking work on a thread. Whoever is cancelled meanwhile waits for its end, as it still uses the files."""
    begun = pool.submit(work)
    done = asyncio.wrap_future(begun)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        if not begun.cancel():
            await asyncio.wait([done])
        raise


def _may_ask(host: str, allowed: tuple[str, ...]) -> bool:
    return not allowed or any(
        host == one.strip("[]") or (one.startswith("*.") and host.endswith(one[1:])) for one in allowed
    )


def _written(call: Call) -> str:
    if call.arguments is None:
        return call.written
    if len(call.arguments) == 1:
        (value,) = call.arguments.values()
        return " ".join(str(value).split())
    return json.dumps(call.arguments, ensure_ascii=False)


def _excerpt(told: str) -> str:
    lines = [line for line in told.splitlines() if line.strip()]
    more = f" … ({len(lines)} lines)" if len(lines) > 1 else ""
    return (lines[0] if lines else "nothing")[: _LONGEST_LINE - 40] + more


def _middle_left_out(text: str) -> str:
    if len(text) <= LONGEST_RESULT:
        return text
    half = LONGEST_RESULT // 2
    return f"{text[:half]}\n[… {len(text) - LONGEST_RESULT} letters are left out …]\n{text[-half:]}"
