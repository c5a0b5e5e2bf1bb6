"""Cells as a notebook has them: magic lines taken out, and the parts of a cell that are needed."""

import ast
import re
from collections import Counter
from dataclasses import dataclass

from app.analysis.replay.looks import is_glance, is_result, loaded
from app.analysis.replay.python_names import tree_of

_PIP = re.compile(r"^[ \t]*[!%][ \t]*(?:python3?[ \t]+-m[ \t]+)?pip3?[ \t]+install\b[^\n]*$", re.MULTILINE)
_BANG = re.compile(r"^([ \t]*)(?:(\w+)[ \t]*=[ \t]*)?!(?!=)[ \t]*([^\n]+)$")
_MAGIC = re.compile(r"^[ \t]*%[ \t]*\w[^\n]*$")
_CELL_MAGIC = re.compile(r"^\s*%%[ \t]*(\w+)[^\n]*\n?")
_LINE = re.compile(
    r"(?:<cell line: |Cell In\[\d+\], line |(?<!-)--+> ?"
    r"|(?:<string>|<stdin>|<ipython-input[^>\n]{0,100}>)\"?, line )(\d+)"
)


@dataclass(frozen=True)
class Clean:
    """A cell as plain Python, or as a script of the shell; `installs` are its lines that install packages."""

    code: str
    installs: str = ""
    is_script: bool = False


def is_python(code: str) -> bool:
    """Whether the text is Python."""
    return tree_of(code) is not None


def _body(code: str) -> list[ast.stmt]:
    tree = tree_of(code)
    return tree.body if tree else []


def clean(code: str) -> Clean:
    """Return a cell without what only a notebook understands; commands behind `!` become calls of the shell."""
    code = code.replace("\r\n", "\n")
    whole = _CELL_MAGIC.match(code)
    if whole and whole[1] in {"bash", "sh", "script"}:
        return Clean(code[whole.end() :], is_script=True)
    code = code[whole.end() :] if whole else code
    installs = "\n".join(hit[0].strip().lstrip("!%").strip() for hit in _PIP.finditer(code))
    lines = [_line(line) for line in _PIP.sub("", code).split("\n")]
    plain = "\n".join(line for line in lines if line is not None).strip("\n")
    needs_import = any("subprocess.run(" in line for line in lines if line) and "import subprocess" not in plain
    return Clean("import subprocess\n" + plain if needs_import else plain, installs)


def _line(line: str) -> str | None:
    if hit := _BANG.match(line):
        indent, target, command = hit[1], hit[2], hit[3].strip()
        text = _quoted(command)
        if target:
            more = "capture_output=True, text=True"
            return f"{indent}{target} = subprocess.run({text}, shell=True, check=True, {more}).stdout.splitlines()"
        return f"{indent}subprocess.run({text}, shell=True, check=True)"
    if _MAGIC.match(line):
        return None
    return line


def _quoted(command: str) -> str:
    """Return a command of a notebook as Python: `{name}` in it stands for a value, as `$name` may."""
    if re.search(r"(?<!\$)\{\w+\}", command):
        return "f" + repr(command)
    return repr(command)


def worked_part(code: str, output: str) -> str:
    """Return what of a failed cell had run before the line that failed; empty where that is not told."""
    lines = [int(one) for one in _LINE.findall(output)]
    if not is_python(code):
        return ""
    if not lines:  # imports stand first: only one that failed itself is known not to have worked
        return "" if re.search(r"ImportError|ModuleNotFoundError|SyntaxError", output) else imports_only(code)
    done = [one for one in _body(code) if (one.end_lineno or one.lineno) < lines[0]]
    return _joined(code, done)


def imports_only(code: str) -> str:
    """Return the imports of a cell."""
    return _joined(code, [one for one in _body(code) if isinstance(one, ast.Import | ast.ImportFrom)])


def without_glances(code: str) -> str:
    """Return a cell without the statements that only look, at least one of them where there is nothing else."""
    tree = tree_of(code)
    body, whole = (tree.body, loaded(tree)) if tree else ([], set())
    glances = [one for one in body if is_glance(one, whole) and not (one is body[0] and _is_docstring(one))]
    if not glances:
        return code
    lines = code.split("\n")
    used = Counter(number for one in body for number in _lines_of(one))
    alone = [one for one in glances if all(used[number] == 1 for number in _lines_of(one))]
    gone = {number for one in alone for number in _lines_of(one)}
    return "\n".join(line for number, line in enumerate(lines, start=1) if number not in gone).strip("\n")


def _is_docstring(one: ast.stmt) -> bool:
    return isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)


def _lines_of(one: ast.stmt) -> range:
    return range(one.lineno, (one.end_lineno or one.lineno) + 1)


def _joined(code: str, statements: list[ast.stmt]) -> str:
    lines = code.encode().split(b"\n")
    return b"\n".join(_source(lines, one) for one in statements).decode()


def _source(lines: list[bytes], one: ast.stmt) -> bytes:
    """Return the source of a statement; its columns count bytes."""
    own = lines[one.lineno - 1 : one.end_lineno]
    own[-1] = own[-1][: one.end_col_offset]
    own[0] = own[0][one.col_offset :]
    return b"\n".join(own)


def shows_last(code: str) -> str:
    """Return a cell that prints what a notebook would have shown: the value of its last line."""
    body = _body(code)
    if not body or not isinstance(body[-1], ast.Expr):
        return code
    value = body[-1].value
    is_quiet = isinstance(value, ast.Call) and not is_result(value)
    if isinstance(value, ast.Constant) or is_quiet or is_glance(body[-1]):
        return code
    lines = code.split("\n")
    first, start, end = body[-1].lineno - 1, body[-1].col_offset, body[-1].end_lineno or body[-1].lineno
    text = "\n".join(lines[first:end]).encode()
    tail = (
        len("\n".join(lines[first : end - 1]).encode()) + (1 if end - 1 > first else 0) + (body[-1].end_col_offset or 0)
    )
    shown = text[:start].decode() + f"print({text[start:tail].decode()})" + text[tail:].decode()
    return "\n".join([*lines[:first], shown, *lines[end:]])
