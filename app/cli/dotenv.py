"""The file `.env`: settings one a line, `NAME=value`. What the environment says wins."""

import os
import re
from collections.abc import MutableMapping
from pathlib import Path

from app.settings import SettingError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")
_QUOTES = "\"'"


def load(path: Path, environ: MutableMapping[str, str] | None = None) -> None:
    """Add to `environ` (default: the process's) what the file sets and it does not. Raises SettingError."""
    environ = os.environ if environ is None else environ
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} can't be read: {error}.") from error
    for name, value in parse(text, path).items():
        stem = name.removesuffix("_FILE")  # NAME and NAME_FILE are two ways to say one thing
        if stem not in environ and f"{stem}_FILE" not in environ:
            environ[name] = value


def parse(text: str, path: Path) -> dict[str, str]:
    """Return the settings of a file's text. A value is taken as it stands, without the quotes around it."""
    found = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if not match:
            raise SettingError(f"{path}, line {number}, is not NAME=value.")
        found[match[1]] = _bare(match[2])
    return found


def _bare(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES
    return value[1:-1] if is_quoted else re.split(r"\s#", f"{value} ", maxsplit=1)[0].strip()
