"""The packages a program needs: what it imports, by the names they are installed by, with versions the thread shows."""

import ast
import re
import sys
from collections.abc import Iterable

from app.analysis.code import DISTRIBUTIONS, installed
from app.analysis.replay.doings import Doing
from app.analysis.replay.python_names import nodes_of, tree_of

_SHOWN = re.compile(r"(?<![\w.-])([A-Za-z][\w.-]{1,60}?)(?:==|-)(\d+(?:\.\d+){1,3}(?:[a-z]+\d+)?)(?![\w.])")
_BUILT = re.compile(r"Successfully installed ([^\n]+)|Requirement already satisfied: ([^\n]+)")
_PINNED = re.compile(r"(?<![\w.-])([A-Za-z][\w.-]*)(?:\[[\w,]+\])?[ \t]*([=<>~!]=?[ \t]*[\w.*]+)")
_HELPERS = (
    (re.compile(r"\b(?:read_excel|to_excel|ExcelWriter)\("), "pandas", "openpyxl"),
    (re.compile(r"\b(?:read_parquet|to_parquet)\("), "pandas", "pyarrow"),
    (re.compile(r"\bread_html\("), "pandas", "lxml"),
    (re.compile(r"\bto_markdown\("), "pandas", "tabulate"),
    (re.compile(r"BeautifulSoup\([^)]{0,300}[\"']lxml[\"']"), "beautifulsoup4", "lxml"),
)
_OURS = {"carillon", "google.colab", "IPython", "ipykernel"}
_COMMON = {"opencv-python": "opencv-python-headless"}
"""Distributions that need a screen, and those that do not."""


def packages(code: str, own: Iterable[str], done: Iterable[Doing], *, but_imported: bool = True) -> list[str]:
    """Return the packages `code` needs, one a line of a requirements file; `own` are modules the task brings itself.

    Without `but_imported` all that was installed is needed: there are programs that the thread does not show.
    """
    seen = list(done)
    asked = _asked(seen)
    versions = _versions(seen)
    names = [_distribution(root, asked) for root in _imported(code) if root not in set(own)]
    names += [helper for shape, needs, helper in _HELPERS if needs in names and shape.search(code)]
    known = {name.lower() for name in names}
    names += [] if but_imported else [one for one in asked if one not in known]
    return sorted({_line(name, asked, versions) for name in names}, key=str.lower)


def _imported(code: str) -> list[str]:
    found: dict[str, None] = {}
    for piece in code.split("\f"):  # one program each
        for node in nodes_of(tree_of(piece) or ast.Module([], [])):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in names:
                root = name.partition(".")[0]
                if root and root not in sys.stdlib_module_names and not {root, name} & _OURS:
                    found[root] = None
    return list(found)


def _distribution(root: str, asked: dict[str, str]) -> str:
    known = (*DISTRIBUTIONS.get(root, ()), root, root.replace("_", "-"))
    there = next((one for one in known if one.lower() in asked), known[0])
    return _COMMON.get(there, there)


def _asked(done: Iterable[Doing]) -> dict[str, str]:
    """Return what was installed by name in small letters: with the version asked for, or without."""
    found: dict[str, str] = {}
    for one in done:
        pinned = {hit[1].lower(): hit[2].replace(" ", "") for hit in _PINNED.finditer(one.installs)}
        for name in installed(one.installs):
            found[name.lower()] = pinned.get(name.lower(), found.get(name.lower(), ""))
    return found


def _versions(done: Iterable[Doing]) -> dict[str, str]:
    """Return the versions that installing told of."""
    told = (hit[1] or hit[2] for one in done for hit in _BUILT.finditer(one.output))
    return {hit[1].lower().replace("_", "-"): hit[2] for line in told for hit in _SHOWN.finditer(line)}


def _line(name: str, asked: dict[str, str], versions: dict[str, str]) -> str:
    pinned = asked.get(name.lower(), "")
    version = versions.get(name.lower().replace("_", "-"), "")
    return f"{name}{pinned}" if pinned else f"{name}=={version}" if version else name


def of_step(code: str, required: Iterable[str]) -> list[str]:
    """Return those of the packages that one program needs: all of them where it runs others."""
    if "subprocess" in code or "write_text(" in code:
        return list(required)
    roots = _imported(code)
    names = {*packages(code, (), ()), *roots, *(_distribution(root, {}) for root in roots)}
    known = {name.lower() for name in names}
    return [line for line in required if re.split(r"[=<>~!]", line)[0].lower() in known]
