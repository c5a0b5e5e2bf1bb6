"""Things done, joined into the steps of a task: cells that share state become one program that runs alone."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.analysis.replay import notebook
from app.analysis.replay.doings import Doing
from app.analysis.replay.keeping import Kept
from app.analysis.replay.places import Laid, leaves, moved
from app.analysis.replay.values import slug

_PYTHON = re.compile(r"\b(?:python[\d.]*|pip[\d.]*|pytest|jupyter|ipython)\b")
_SCRIPT = re.compile(r"\b(?:python[\d.]*|bash|sh|node)[ \t]+(?:-u[ \t]+)?(?:\S*/)?([\w-]+)\.\w+")
_STATE = re.compile(r"(?:^|[;&\n])[ \t]*(?:export[ \t]|source[ \t]|\.[ \t]|[A-Za-z_]\w*=[^\s;&]*[ \t]*(?:$|[;\n]))")
_SHOW = re.compile(r"^([ \t]*)(?:plt|pyplot)\.show\([^)\n]*\)", re.MULTILINE)
LONGEST_NAME = 40
USUAL = {
    "pd": "import pandas as pd",
    "np": "import numpy as np",
    "plt": "import matplotlib.pyplot as plt",
    "sns": "import seaborn as sns",
} | {
    name: f"import {name}"
    for name in sys.stdlib_module_names
    if name not in {"datetime", "time", "this", "antigravity"}
}
"""Imports that a thread need not show: the names can mean nothing else."""


@dataclass
class Block:
    """What becomes one step: one request, one script, or cells (and scripts between them) that share their state."""

    kind: str
    doings: list[Doing] = field(default_factory=list)
    makes: set[str] = field(default_factory=set)

    @property
    def last(self) -> Doing:
        """The last of what was done."""
        return self.doings[-1]


def joined(kept: Kept) -> list[Block]:
    """Return the blocks in the order they run."""
    blocks: list[Block] = []
    for one in kept.doings:
        if one.kind == "python":
            _add_cell(blocks, one, kept)
        elif one.kind == "shell" and blocks and blocks[-1].kind == "shell" and _keeps_state(blocks[-1].last):
            before = blocks[-1].doings.pop()
            blocks[-1].doings.append(replace(one, text=f"{before.text}\n{one.text}"))
        elif one.kind in {"shell", "http"} and (one.text or one.settings):
            blocks.append(Block(one.kind, [one]))
    return blocks


def _keeps_state(one: Doing) -> bool:
    """Whether commands leave something to those after them in the same shell: a folder, or a variable."""
    return leaves(one.text) or bool(_STATE.search(one.text))


def _add_cell(blocks: list[Block], one: Doing, kept: Kept) -> None:
    cell = kept.cells[one.number]
    before = next((block for block in reversed(blocks) if block.kind == "python"), None)
    is_next = before is not None and blocks[-1] is before
    if before is None or not (is_next or cell.needs & before.makes):
        blocks.append(Block("python", [one], set(cell.makes)))
        return
    at = blocks.index(before)
    between = blocks[at + 1 :]
    del blocks[at:]
    # requests go first; a script may read what the cells before it wrote, so it runs within the program
    blocks += [block for block in between if block.kind == "http"]
    inside = [done for block in between if block.kind == "shell" for done in block.doings]
    blocks.append(Block("python", [*before.doings, *inside, one], before.makes | cell.makes))


def code_of(block: Block, laid: Laid, kept: Kept) -> tuple[str, str]:
    """Return the engine of a block and its code or script; requests have none."""
    if block.kind == "http":
        return "http", ""
    if block.kind == "shell" and not _runs_python(block):
        one = block.last
        names = laid.wanted(one.text, one.number)
        files = "".join(_heredoc(name, laid.known(name, one.number) or "") for name in names)
        return "shell", f"set -e\n{files}{moved(one.text, is_shell=True)}\n"
    numbers = {one.number for one in block.doings}
    wanted = {name: one.number for one in block.doings for name in laid.wanted(one.text, one.number)}
    written = [_written(name, laid.known(name, number) or "") for name, number in wanted.items()]
    lines = [USUAL[name] for name in sorted({name for name, one in kept.lacking if one.number in numbers} & set(USUAL))]
    lines += ["from pathlib import Path"] if written else []
    lines += ["import subprocess"] if any(one.kind == "shell" for one in block.doings) else []
    lines += [*written, ""] if written else []
    lines += [_part(one, number) for number, one in enumerate(block.doings, start=1)]
    return "python", "\n".join(lines).strip("\n") + "\n"


def _runs_python(block: Block) -> bool:
    return any(bool(_PYTHON.search(one.text)) for one in block.doings)


def _part(one: Doing, number: int) -> str:
    if one.kind == "shell":
        script = moved(one.text, is_shell=True)
        literal = f'r"""{script}\n"""' if '"""' not in script else repr(script)
        return f'subprocess.run(["bash", "-c", {literal}], check=True)'
    code = notebook.shows_last(notebook.without_glances(one.text))
    if "savefig" not in code:
        code = _SHOW.sub(rf'\1plt.savefig("figure_{number}.png")', code)
    return moved(code, is_shell=False)


def _written(name: str, content: str) -> str:
    """Return Python that lays down a file."""
    content = moved(content, is_shell=not name.endswith(".py")) if name.endswith((".py", ".sh", ".bash")) else content
    plain = content if content.endswith("\n") else content + "\n"
    if "'''" not in plain and "\\" not in plain:
        return f"Path({name!r}).write_text('''\\\n{plain}''', encoding=\"utf-8\")"
    if "'''" not in plain:
        return f"Path({name!r}).write_text(r'''{plain}''', encoding=\"utf-8\")"
    return f'Path({name!r}).write_text({plain!r}, encoding="utf-8")'


def _heredoc(name: str, content: str) -> str:
    mark = "END_OF_FILE"
    content = moved(content, is_shell=True) if name.endswith((".sh", ".bash")) else content
    plain = content if content.endswith("\n") else content + "\n"
    return f"cat > {name} <<'{mark}'\n{plain}{mark}\n"


def named(blocks: Sequence[Block], kept: Kept) -> list[str]:
    """Return a name for each step: what it writes, runs or asks; no name twice."""
    names: list[str] = []
    for block in blocks:
        name = _name(block, kept)[: LONGEST_NAME - 3].strip("_") or block.kind
        number, plain = 2, name
        while name in names:
            name, number = f"{plain}_{number}", number + 1
        names.append(name)
    return names


def _name(block: Block, kept: Kept) -> str:
    one = block.last
    if block.kind == "http":
        host = re.sub(r"^https?://(?:www\.|api\.)?", "", one.settings["url"]).partition("/")[0].partition("?")[0]
        host = host.partition(":")[0]
        name = slug(host.rpartition(".")[0] or host)
        return f"{one.settings['method'].lower()}_{name or 'address'}"
    if block.kind == "shell":
        script = _SCRIPT.search(one.text)
        first = re.match(r"\s*([A-Za-z][\w-]*)", one.text)
        return slug(script[1]) if script else slug(first[1] if first else "script") or "script"
    written = [
        name for done in block.doings if done.number in kept.cells for name in sorted(kept.cells[done.number].writes)
    ]
    stem = slug(re.sub(r"[\d_-]{4,}", "_", written[-1].rpartition(".")[0])) if written else ""
    return f"make_{stem}" if stem else "compute"
