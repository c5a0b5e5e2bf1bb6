"""The replay of a thread: steps, variables, expectations, what it needs, what is lacking, and what was left out."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.analysis import masking, secrets
from app.analysis.base import Analysis
from app.analysis.code import Fragment, variables
from app.analysis.replay import blocks, cells, expecting, keeping, missing, packages, places, secrets_in, writing
from app.analysis.replay.blocks import Block
from app.analysis.replay.cells import base
from app.analysis.replay.doings import MOST_LETTERS, Doing, doings, within
from app.analysis.replay.keeping import Dropped, Kept
from app.analysis.replay.looks import selects
from app.analysis.replay.missing import Lacking
from app.analysis.replay.python_names import forget
from app.analysis.replay.undone import undone
from app.analysis.replay.value import Value
from app.analysis.replay.values import named, values
from app.domain.thread import Thread

TOO_LONG = "Its code is too long or too nested to be replayed: let an agent do it, or write the steps by hand."
_PROGRAMS = frozenset({"python", "shell"})


@dataclass(frozen=True)
class Replay:
    """What can be done again, and what can't. `steps`, `variables` and `contract` are as a definition has them.

    `files` are names of files the task must be given, `secrets` and `env` names it must be told. `lacking` are tools
    that nothing here stands in for; `problems` sentences about what keeps it from running as it is, `notes` about what
    to look at. `undone` is what was asked for and no step does. `evidence` are the numbers of the messages for each
    step by name.
    """

    steps: tuple[dict[str, Any], ...] = ()
    variables: tuple[dict[str, Any], ...] = ()
    contract: tuple[dict[str, Any], ...] = ()
    packages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    lacking: tuple[Lacking, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    evidence: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether the steps do all that the thread did."""
        return bool(self.steps) and not self.lacking and not self.problems and not self.undone


def replay(thread: Thread, analysis: Analysis) -> Replay:
    """Return what of a thread runs again without a model, offline. No secret of the thread stands in it."""
    try:
        return _replayed(thread, analysis)
    except (TooLong, RecursionError):
        return Replay(problems=(TOO_LONG,))
    finally:
        forget()


def _replayed(thread: Thread, analysis: Analysis) -> Replay:
    raw = secrets.known(thread, analysis)
    all_done = doings(thread)
    done = within(all_done)
    asked, quarantined = missing.without_injected(done, thread, analysis)
    kept = keeping.kept(asked)
    laid = places.Laid.of(asked)
    plan = _Plan(thread, analysis, raw, kept, laid, blocks.joined(kept))
    made = plan.made(done)
    if len(done) < len(all_done):
        left_out = f"It did more than is replayed: what comes from message {all_done[-1].message + 1} on is left out."
        made = replace(made, problems=(left_out, *made.problems))
    dropped = sorted(
        [*quarantined, *kept.dropped, *missing.unused_files(kept, laid, plan.blocks)], key=lambda one: one.message
    )
    return _masked(made, dropped, raw)


def _masked(made: Replay, dropped: Iterable[Dropped], raw: tuple[str, ...]) -> Replay:
    """Return the replay with any secret that is left shown by its last letters only."""
    fields = {
        name: masking.hidden(getattr(made, name), raw)
        for name in ("steps", "variables", "contract", "problems", "notes", "undone")
    }
    told = tuple(
        Dropped(one.message, masking.masked(one.what, raw), masking.masked(one.reason, raw)) for one in dropped
    )
    lacking = tuple(Lacking(one.message, one.tool, masking.masked(one.what, raw), one.advice) for one in made.lacking)
    return Replay(
        **{name: tuple(value) for name, value in fields.items()}, packages=made.packages, files=made.files,
        secrets=made.secrets, env=made.env, lacking=lacking, dropped=told, evidence=made.evidence,
    )  # fmt: skip


def request_text(given: Mapping[str, Any]) -> str:
    """Return all of the settings of a request in which something may stand by name."""
    headers = "\n".join(f"{name}: {value}" for name, value in given["headers"].items())
    return f"{given['url']}\n{headers}\n{given.get('body', '')}"


class TooLong(Exception):
    """The code of the steps would have more letters than is done with."""


def _codes(found: Iterable[Block], laid: places.Laid, kept: Kept) -> Iterator[tuple[str, str]]:
    """Yield engine and code of each block. Raises TooLong: each holds the files that the agent wrote for it."""
    letters = 0
    for block in found:
        files = {name: one.number for one in block.doings for name in laid.wanted(one.text, one.number)}
        letters += sum(len(laid.known(name, number) or "") for name, number in files.items())
        letters += sum(len(one.text) for one in block.doings)
        if letters > 2 * MOST_LETTERS:
            raise TooLong
        yield blocks.code_of(block, laid, kept)


class _Plan:
    """What a replay is made of, on its way."""

    def __init__(
        self, thread: Thread, analysis: Analysis, raw: Sequence[str], kept: Kept, laid: places.Laid, found: list[Block]
    ) -> None:
        self.thread, self.analysis, self.kept, self.laid, self.blocks = thread, analysis, kept, laid, found
        self.names = blocks.named(found, kept)
        self.codes = list(_codes(found, laid, kept))
        self._left: dict[int, bool] = {}
        asked = [request_text(block.last.settings) for block in found if block.kind == "http"]
        texts = [code for _, code in self.codes] + asked
        self.texts = texts
        self.secrets = secrets_in.named(raw, texts)
        self.outputs = self._outputs()
        self.files = self._inputs()
        self.values = self._values("\n".join(texts))

    def _outputs(self) -> list[list[str]]:
        """Return the files that each block writes and that are kept."""
        found = []
        for block in self.blocks:
            names: list[str] = []
            for one in block.doings:
                if one.kind == "python":
                    names += sorted(self.kept.cells[one.number].writes)
                elif one.kind == "shell":
                    names += [base(path) for path in keeping.written(one.text)]
                    names += (
                        sorted(keeping.mentioned(one.text) - self._given()) if keeping.runs_scripts(one.text) else []
                    )
                elif one.settings.get("save_as"):
                    names.append(one.settings["save_as"])
            found.append(places.unique([name for name in names if places.is_data(name)]))
        for index, (_, code) in enumerate(self.codes):
            found[index] += [
                name for name in re.findall(r"savefig\([\"'](figure_\d+\.png)", code) if name not in found[index]
            ]
        return found

    def _given(self) -> set[str]:
        """Return the files that somebody gave, by what was understood of the thread."""
        named = [str(one.value["name"]) for one in self.analysis.of("dependency") if one.value["kind"] == "file"]
        attached = [one.name for message in self.thread.messages for one in message.attachments]
        return {base(name) for name in (*named, *attached)}

    def _inputs(self) -> list[str]:
        """Return the files that must be there before: read by what is kept, and made by none of it before."""
        made: set[str] = set()
        given = self._given()
        needed: list[str] = []
        for block, writes in zip(self.blocks, self.outputs, strict=True):
            for one in block.doings:
                reads = sorted(self.kept.cells[one.number].reads) if one.kind == "python" else []
                if one.kind == "shell":
                    reads = sorted((keeping.mentioned(one.text) & given) - set(writes))
                    needed += [name for name in keeping.scripts_of(one.text) if name not in self.laid.history]
                for name in self.laid.wanted(one.text, one.number):
                    if name.endswith(".py"):
                        reads += sorted(cells.read(self.laid.known(name, one.number) or "").reads)
                needed += [
                    name
                    for name in reads
                    if places.is_data(name) and name not in made and name not in self.laid.history
                ]
                made |= self.kept.cells[one.number].writes if one.kind == "python" else set()
            made |= set(writes)
        return places.unique(needed)

    def _values(self, text: str) -> list[Value]:
        found = values(self.thread, self.analysis, text)
        written = {name for names in self.outputs for name in names}
        fit = [
            one for one in found
            if one.kind != "file" or (one.literal in self.files) or (one.expression and one.literal in written)
        ]  # fmt: skip
        names = named(fit, writing.hints(self.texts, fit))
        return [writing.with_name(one, names[one.literal]) for one in fit]

    def made(self, done: Sequence[Doing]) -> Replay:
        """Return the replay."""
        pen = writing.Pen(self.values, self.secrets)
        programs = "\f".join(code for engine, code in self.codes if engine == "python")
        programs += "".join(
            f"\f{self.laid.known(name, len(done))}" for name in self.laid.history if name.endswith(".py")
        )
        own = [name.removesuffix(".py") for name in self.laid.history if name.endswith(".py")]
        is_all_seen = all(places.is_data(name) for name in self.files)
        required = packages.packages(programs, own, done, but_imported=is_all_seen)
        env = self._env()
        steps = [self._step(index, pen, required, env) for index in range(len(self.blocks))]
        contract = self._contract(pen)  # after the steps: it names the variables they use
        used = [one for one in self.values if one.name in pen.used]
        needs = places.unique([*(name for step in steps for name in writing.secrets_of(step["settings"]))])
        lacking = tuple(missing.lacking(self.kept, self.laid, self.blocks))
        return Replay(
            steps=tuple(steps),
            variables=tuple(one.as_variable() for one in used),
            contract=tuple(contract),
            packages=tuple(required),
            files=tuple(self.files),
            secrets=tuple(needs),
            env=tuple(name for name in env if not secrets_in.CREDENTIAL.search(name)),
            lacking=lacking,
            problems=(*missing.problems(self.kept, self.laid, self.blocks), *missing.copied(done, self.kept)),
            notes=tuple(places.unique(pen.notes)),
            undone=tuple(self._undone(steps, used, lacking)),
            evidence={
                name: tuple(sorted({one.message for one in block.doings}))
                for name, block in zip(self.names, self.blocks, strict=True)
            },
        )  # fmt: skip

    def _undone(self, steps: Sequence[dict[str, Any]], used: Sequence[Value], lacking: Sequence[Lacking]) -> list[str]:
        return undone(
            self.thread, self.analysis, steps, self.blocks, {one.label for one in used},
            {name for names in self.outputs for name in names}, self.files, lacking,
        )  # fmt: skip

    def _env(self) -> list[str]:
        """Return the variables of the environment that the code asks for."""
        found = []
        for engine, code in self.codes:
            found += list(variables(Fragment(0, code, engine == "shell" or "bash" in code, True, True)))
        known = {one.name for one in self.secrets}
        return [
            name for name in places.unique(found) if name not in known and not name.startswith(("VAR_", "CARILLON_"))
        ]

    def _step(self, index: int, pen: "writing.Pen", required: list[str], env: list[str]) -> dict[str, Any]:
        block, (engine, code), name = self.blocks[index], self.codes[index], self.names[index]
        if engine == "http":
            settings = pen.request(block.last.settings)
        else:
            words = set(re.findall(r"\w+", code)) if env else set()
            settings = pen.program(engine, code, [one for one in env if one in words])
            settings["artifacts"] = [
                self._folder(index, name) + writing.as_pattern(name, self.values) for name in self.outputs[index]
            ]
            if engine == "python":
                settings["requirements"] = required if len(self.blocks) == 1 else packages.of_step(code, required)
        return {
            "name": name, "engine": engine, "settings": settings, "condition": "", "is_optional": False,
            "timeout_seconds": 3600.0, "retries": 1 if engine == "http" else 0, "retry_delay_seconds": 10,
        }  # fmt: skip

    def _folder(self, index: int, name: str) -> str:
        """Return what stands before the name of a file that a block writes: a star where it is in some folder."""
        code = self.codes[index][1]
        is_below = f"/{name}" in code and re.search(rf"[\w}}]/{re.escape(name)}", code) is not None
        return "*" if is_below or self._leaves(index) else ""

    def _leaves(self, index: int) -> bool:
        if index not in self._left:
            self._left[index] = places.leaves(self.codes[index][1])
        return self._left[index]

    def _contract(self, pen: "writing.Pen") -> list[dict[str, Any]]:
        outputs = [(index, name) for index, names in enumerate(self.outputs) for name in names]
        made = {self._folder(index, name) + pen.filled(name): index for index, name in outputs}
        checks = expecting.files(made, [name for name, index in made.items() if selects(self.codes[index][1])])
        for name, block in zip(self.names, self.blocks, strict=True):
            if block.kind == "http":
                checks += expecting.of_request(name, block.last, missing.tells_body(block.last.name))
        if self.blocks and self.codes[-1][0] in _PROGRAMS:
            checks += expecting.printed(
                self._telling(),
                self.codes[-1][1],
                {one.literal: one.name for one in self.values if one.name in pen.used},
            )
        return checks

    def _telling(self) -> Doing:
        """Return the last thing of the last step that printed a result."""
        found = [one for one in self.blocks[-1].doings if one.kind != "python" or self.kept.cells[one.number].tells]
        return found[-1] if found else Doing(0, 0, "python")
