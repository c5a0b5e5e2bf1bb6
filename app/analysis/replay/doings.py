"""What a thread really did, call by call: code, commands, requests, files written, and tools of other kinds."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Literal

from app.analysis.calls import code_of, has_failed, is_housekeeping, is_shell, parsed, path_of, runs_code, words
from app.analysis.calls import texts as texts_of
from app.analysis.clauses import listed
from app.analysis.replay import notebook, requests
from app.analysis.replay.documents import Ends
from app.domain import outputs
from app.domain.thread import Thread, ToolCall

Kind = Literal["python", "shell", "http", "file", "edit", "tool"]

MOST, MOST_LETTERS = 300, 200_000
"""Things done that are looked at, and their code in all; what comes after them is left out."""

_PART_LETTERS = 12
"""Each line, semicolon and comma counts as so many letters more: many tiny statements take long to read."""

_SHELLS = listed("bash sh zsh shell console terminal")
_PYTHONS = listed("python py python3 ipython repl jupyter notebook interpreter execute_code code")
_OTHERS = listed("javascript js node typescript ts ruby php sql perl go java csharp powershell r")
_FENCE = re.compile(r"^```[ \t]*(\w{1,12})[^\n]{0,40}\n(.*?)^```", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(
    r"^[ \t]*cat[ \t]*(?:>[ \t]*(?P<before>[^\s<>|&;]+)[ \t]*<<-?[ \t]*|<<-?[ \t]*)(?P<quote>['\"]?)(?P<mark>\w+)"
    r"(?P=quote)(?:[ \t]*>[ \t]*(?P<after>[^\s<>|&;]+))?[ \t]*\n",
    re.MULTILINE,
)
_INSTALL = re.compile(
    r"(?:sudo[ \t]+)?(?:python3?[ \t]+-m[ \t]+|uv[ \t]+)?pip3?[ \t]+install\b"
    r"(?:[^;&|\n]|(?<=>)&\d|&(?=>)|\|[ \t]{0,9}tail\b){0,1000}+(?:&&|;|\n|$)[ \t]*"
)
_SYSTEM = re.compile(r"\b(?:apt(?:-get)?|apk|yum|dnf|brew)[ \t]+(?:-\w+[ \t]+)*(?:install|add)\b([^;&|\n]*)")
_TROUBLE = re.compile(r"Traceback|\b\w*Error\b|doesn'?t work|not work|fehler|failed", re.IGNORECASE)


@dataclass(frozen=True)
class Doing:
    """One thing that was done. `text` is its code, script or content; `path` that of a file; `why` of a failure."""

    number: int
    message: int
    kind: Kind
    text: str = ""
    output: str = ""
    has_failed: bool = False
    name: str = ""
    path: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    installs: str = ""
    was_run: bool = True

    @property
    def why(self) -> str:
        """The last line of what a failed call said."""
        lines = [line.strip() for line in plain_output(self.output).splitlines() if line.strip()]
        return lines[-1][:120] if lines else ""


def doings(thread: Thread) -> list[Doing]:
    """Return what was done, in its order; code that was only shown counts where nothing was run at all. One more than
    `MOST` or `MOST_LETTERS` at most: `within` says whether it is all.
    """
    calls = ((number, call) for number, message in enumerate(thread.messages) for call in message.calls)
    found = _first(one for number, call in calls for one in _of(call, number))
    if not any(one.kind in {"python", "shell"} for one in found):
        found = sorted([*found, *_first(_shown(thread))], key=lambda one: one.message)
    return [_cleaned(number, one) for number, one in enumerate(found)]


def within(done: list[Doing]) -> list[Doing]:
    """Return of what was done as much as is looked at."""
    sums = accumulate(_weight(one.text) for one in done)
    return [one for one, so_far in zip(done[:MOST], sums, strict=False) if so_far <= MOST_LETTERS]


def _first(found: Iterable[Doing]) -> list[Doing]:
    """Return what comes first, up to the one that is too much."""
    first: list[Doing] = []
    letters = 0
    for one in found:
        first.append(one)
        letters += _weight(one.text)
        if len(first) > MOST or letters > MOST_LETTERS:
            break
    return first


def _weight(text: str) -> int:
    return len(text) + _PART_LETTERS * sum(map(text.count, "\n;,"))


def _cleaned(number: int, one: Doing) -> Doing:
    settings = outputs.clean(one.settings, _plain) if one.settings else {}
    return replace(
        one, number=number, text=_plain(one.text), output=_plain(one.output), name=_plain(one.name),
        path=_plain(one.path), installs=_plain(one.installs), settings=settings,
    )  # fmt: skip


def _plain(text: str) -> str:
    """Return a text with plain line ends, and without what no file can hold."""
    clean = text.encode("utf-8", "replace").decode().replace("\0", "")
    return clean.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ")


def plain_output(output: str) -> str:
    """Return what a program wrote, out of the JSON that some tools wrap it in."""
    inner = parsed(output)
    if not isinstance(inner, Mapping):
        return output
    keys = ("stdout", "output", "result", "text", "content", "stderr")
    said = [value for key in keys if isinstance(value := inner.get(key), str) and value.strip()]
    return "\n".join(said) if said else output


def _of(call: ToolCall, message: int) -> Iterator[Doing]:
    if is_housekeeping(call):
        return
    done = Doing(0, message, "tool", output=call.output, has_failed=has_failed(call), name=call.name)
    if written := _written(call, done):
        yield written
    elif code := _code(call):
        yield from _run(call, code, done)
    elif asked := requests.settings_of(call):
        for settings in asked:
            yield replace(done, kind="http", settings=settings, text=f"{settings['method']} {settings['url']}")
    else:
        yield replace(done, text=" ".join(text for _, text in texts_of(call.arguments))[:400])


def _written(call: ToolCall, done: Doing) -> Doing | None:
    """Return a call that wrote a file or changed one."""
    path, given = path_of(call), call.arguments
    if not path or (runs_code(call) and not _is_editor(given)):
        return None
    old, new = given.get("old_str", given.get("old_string")), given.get("new_str", given.get("new_string"))
    if isinstance(old, str) and isinstance(new, str):
        return replace(done, kind="edit", path=path, text=json.dumps([old, new]))
    for key in ("file_text", "file_contents", "contents", "content", "text"):
        if isinstance(given.get(key), str):
            return replace(done, kind="file", path=path, text=given[key])
    return None


def _is_editor(given: Mapping[str, Any]) -> bool:
    return given.get("command") in {"create", "str_replace", "insert"}


def _code(call: ToolCall) -> str:
    """Return what a call ran, commands given as a list too."""
    argv = call.arguments.get("command", call.arguments.get("cmd"))
    if isinstance(argv, list) and argv and all(isinstance(one, str) for one in argv):
        is_shell_of = argv[0].rpartition("/")[2] in _SHELLS and len(argv) > 2 and argv[1].startswith("-")  # noqa: PLR2004 bash -c text
        return argv[2] if is_shell_of else shlex.join(argv)
    return next(iter(code_of(call)), "")


def _run(call: ToolCall, code: str, done: Doing) -> Iterator[Doing]:
    said = str(call.arguments.get("language", call.arguments.get("lang", ""))).lower()
    if _weight(code) > MOST_LETTERS:
        yield replace(done, text=code)  # not read: it is more than is looked at
    elif said in _SHELLS or (not said and (is_shell(call) or isinstance(call.arguments.get("command"), list))):
        yield from _script(code, done)
    elif said in _OTHERS or "sql" in call.arguments or not (said or words(call.name) & _PYTHONS):
        yield replace(done, text=code)
    else:
        yield from _cell(code, done)


def _cell(code: str, done: Doing) -> Iterator[Doing]:
    """A cell of Python, without its magic lines; one that is a script of the shell becomes that."""
    clean = notebook.clean(code)
    if clean.is_script:
        yield from _script(clean.code, done)
    elif clean.code.strip() and not notebook.is_python(clean.code) and not done.has_failed:
        yield replace(done, text=code)
    else:
        yield replace(done, kind="python", text=clean.code, installs=clean.installs)


def _script(script: str, done: Doing) -> Iterator[Doing]:
    """A script of the shell: files it lays down first, packages it installs apart from what it does."""
    installs = "\n".join(hit[0] for hit in _INSTALL.finditer(script)) + "".join(
        hit[0] for hit in _SYSTEM.finditer(script)
    )
    rest = _INSTALL.sub("", script)
    left, at, ends = [], 0, Ends(rest)
    for hit, body, end in _documents(rest, ends):
        path = hit["before"] or hit["after"]
        if path and (hit["quote"] or not re.search(r"[$`]", body)):
            yield replace(done, kind="file", path=path, text=body, has_failed=False, output="")
            left.append(rest[at : hit.start()])
            at = end
    yield replace(done, kind="shell", text="".join([*left, rest[at:]]).strip(), installs=installs)


def _documents(script: str, ends: Ends) -> Iterator[tuple[re.Match[str], str, int]]:
    """Yield each document that a script hands to cat: how it begins, what is in it, and where it ends."""
    at = 0
    while hit := _HEREDOC.search(script, at):
        end = ends.after(hit["mark"], hit.end())
        at = end[1] if end else hit.end()
        if end:
            yield hit, script[hit.end() : end[0]], end[1]


def _shown(thread: Thread) -> Iterator[Doing]:
    """Code in the agent's words; it failed where the person says so next."""
    for number, message in enumerate(thread.messages):
        if message.role != "assistant":
            continue
        after = next((one.text for one in thread.messages[number + 1 :] if one.role == "user"), "")
        for hit in _FENCE.finditer(message.text[:100_000]):
            done = Doing(
                0, number, "tool", has_failed=bool(_TROUBLE.search(after[:400])), was_run=False, output=after[:400]
            )
            if hit[1].lower() in _SHELLS:
                yield from _script(hit[2], done)
            elif hit[1].lower() in _PYTHONS and notebook.is_python(notebook.clean(hit[2]).code):
                yield from _cell(hit[2], done)
