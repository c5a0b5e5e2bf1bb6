"""The settings of steps written anew: variables and secrets by name, in Python, in the shell and in requests."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.analysis.replay import python_code, python_names, secrets_in, shell_code
from app.analysis.replay.python_code import Where, put_in
from app.analysis.replay.value import Value

_REACHES = re.compile(
    r"https?://|^[ \t]*(?:import|from)[ \t]+(?:[\w.]+,[ \t]*){0,20}"
    r"(?:requests|httpx|aiohttp|urllib|socket|ssl|paramiko|ftplib|smtplib|imaplib|boto3"
    r"|stripe|openai|anthropic|slack_sdk|googleapiclient|psycopg2?|pymysql|yfinance|feedparser|websockets?)\b"
    r"|\b(?:curl|wget|git (?:clone|pull|push|fetch)|ssh|scp|sftp|rsync|psql|mysql|aws|gcloud|openssl s_client)\b",
    re.MULTILINE,
)
_PLOTS = re.compile(r"\bmatplotlib\b|\bseaborn\b")
_NAMED = re.compile(r"(?:--([a-z][\w-]{1,30})[= ]|[?&]([A-Za-z]\w{1,30})=)[\"']?")
"""What a command or an address calls the value that follows."""

_GOES_ON = re.compile(r"[\w-]")
_PLACEHOLDER = re.compile(r"\{\{")


def hints(programs: Iterable[str], found: Sequence[Value]) -> dict[str, str]:
    """Return what the programs call the literals."""
    names: dict[str, str] = {}
    literals = {one.literal for one in found if one.kind not in {"file", "url"}}
    lengths = {len(literal) for literal in literals}
    for code in programs if literals else ():
        for literal, name in python_names.hints(code, found).items():
            names.setdefault(literal, name)
        for hit in _NAMED.finditer(code):
            follows = {code[hit.end() : hit.end() + length] for length in lengths} & literals
            for literal in follows:
                if not _GOES_ON.match(code, hit.end() + len(literal)):
                    names.setdefault(literal, hit[1] or hit[2])
    return names


def with_name(value: Value, name: str) -> Value:
    """Return a value by its name."""
    return replace(value, name=name)


class Pen:
    """Writes variables and secrets by name in place of their literals; remembers which it used, and what must stay."""

    def __init__(self, values: Sequence[Value], secrets: Sequence[Value]) -> None:
        self.values, self.secrets = values, secrets
        self._hidden = frozenset(secrets)
        self.used: set[str] = set()
        self.notes: list[str] = []

    # --- programs

    def program(self, engine: str, code: str, env: Sequence[str]) -> dict[str, Any]:
        """Return the settings of a program."""
        text, found = self._shell(code) if engine == "shell" else self._python(code)
        used = set(found)
        named = [one.name for one in self.secrets if one in used]
        named = list(dict.fromkeys([*named, *(name for name in env if secrets_in.CREDENTIAL.search(name))]))
        plain = dict.fromkeys((name for name in env if not secrets_in.CREDENTIAL.search(name)), "")
        plain = {name: "" for name in plain if name not in set(named)}
        if _PLOTS.search(code):
            plain["MPLBACKEND"] = "Agg"
        key = "script" if engine == "shell" else "code"
        return {key: text, "secrets": named, "env": plain, "network": bool(_REACHES.search(code))}

    def _python(self, code: str) -> tuple[str, list[Value]]:
        code, inner = self._scripts_inside(code)
        wheres = [Where(one, f'carillon.variables()["{one.name}"]') for one in self.values]
        wheres += [Where(one, f'os.environ["{one.name}"]') for one in self.secrets]
        text, found = python_code.placed(code, wheres, self._shell)
        self.used |= {one.name for one in found if one not in self._hidden}
        head = ["import carillon"] if "carillon.variables()" in text and "import carillon" not in text else []
        head += ["import os"] if 'os.environ["' in text and not re.search(r"^import os\b", text, re.MULTILINE) else []
        return _headed(text, head), [*found, *inner]

    def _scripts_inside(self, code: str) -> tuple[str, list[Value]]:
        """Write variables into scripts that the program runs, and into programs that it lays down."""
        found: list[Value] = []

        def script(hit: re.Match[str]) -> str:
            text, own = self._shell(hit[2])
            if '"""' in text:
                return hit[0]
            found.extend(own)
            return f"{hit[1]}{text}{hit[3]}"

        def program(hit: re.Match[str]) -> str:
            text, own = self._python(hit[3]) if hit[2] == "py" else self._shell(hit[3])
            found.extend(own)
            return f"{hit[1]}{text}{hit[4]}"

        code = re.sub(
            r'(subprocess\.run\(\["bash", "-c", r""")([^"]*+(?:"(?!"")[^"]*+)*+)("""\], check=True\))', script, code
        )
        return re.sub(
            r"(Path\('[\w.-]+\.(py|sh|bash)'\)\.write_text\('''\\\n)([^']*+(?:'(?!'')[^']*+)*+)(''', encoding)",
            program,
            code,
        ), found

    def _shell(self, script: str) -> tuple[str, list[Value]]:
        spots = [(one, f"VAR_{one.name.upper()}") for one in self.values] + [(one, one.name) for one in self.secrets]
        text, found, stayed = shell_code.placed(script, spots, self._python)
        self.used |= {one.name for one in found if one not in self._hidden}
        written = set(found)
        self.notes += [
            f"“{one.literal}” stands inside a program within a script: change it there by hand."
            for one in stayed
            if one not in self._hidden and one not in written
        ]
        return text, found

    # --- requests

    def request(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a request: a secret signs it in, others and variables stand as placeholders."""
        made, _ = secrets_in.of_request(given, self.secrets)
        if any(_PLACEHOLDER.search(str(made.get(name, ""))) for name in ("url", "body")):
            self.notes.append(
                "A request has “{{” in it, which stands for a variable here: look at its address and body."
            )
        settings: dict[str, Any] = {
            "method": made["method"],
            "url": self._address(str(made["url"]), is_free="auth_secret" not in made),
        }
        settings["headers"] = {name: self.filled(value) for name, value in made["headers"].items()}
        if made.get("body"):
            settings["body"] = self.filled(self._body(str(made["body"])))
        return settings | {
            name: made[name] for name in ("auth", "auth_secret", "auth_header", "save_as") if name in made
        }

    def _address(self, url: str, *, is_free: bool) -> str:
        """Return an address with placeholders. Who is asked stays written out, unless all of it is a variable and no
        secret goes there.
        """
        whole = next((one for one in self.values if one.kind == "url" and one.literal == url), None)
        if whole and is_free:
            self.used.add(whole.name)
            return f"{{{{ {whole.name} }}}}"
        origin = re.match(r"[a-z]+://[^/?#]*", url)
        at = origin.end() if origin else 0
        return url[:at] + self.filled(url[at:], but={"url"})

    def _body(self, body: str) -> str:
        """Return a JSON body in which a text that is a variable as a whole is written as JSON, whatever is in it."""
        if not _is_json(body):
            return body
        for one in self.values:
            quoted = json.dumps(one.literal, ensure_ascii=False)
            if quoted in body:
                body = body.replace(quoted, f"{{{{ {one.name} | text | json }}}}")
                self.used.add(one.name)
        return body

    def filled(self, text: str, but: Collection[str] = ()) -> str:
        """Return a text with placeholders for the literals in it, `but` those of some kinds."""
        for one in self.secrets:
            text = text.replace(one.literal, f"{{{{ secrets.{one.name} }}}}")
        for one in (value for value in self.values if value.kind not in but and value.literal in text):
            new = "".join(
                part if part.startswith("{{") or one.literal not in part else self._in_plain(part, one)
                for part in re.split(r"(\{\{[^{}]*\}\})", text)
            )
            if new != text:
                self.used.add(one.name)
            text = new
        return text

    def _in_plain(self, text: str, one: Value) -> str:
        if one.number is not None and not re.search(rf"[=/]{re.escape(one.literal)}(?:&|/|$)", text):
            return text
        return put_in(one, f"{{{{ {one.name} }}}}", text)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _headed(code: str, head: list[str]) -> str:
    """Put imports before a program, behind those of `__future__`."""
    if not head:
        return code
    lines = code.split("\n")
    at = max((number for number, line in enumerate(lines, start=1) if line.startswith("from __future__")), default=0)
    return "\n".join([*lines[:at], *head, *lines[at:]])


def as_pattern(name: str, values: Sequence[Value]) -> str:
    """Return the name of a file that a run keeps: a star for what differs from run to run."""
    for one in values:
        name = put_in(one, "*", name) if one.expression else name
    return name


def secrets_of(settings: Mapping[str, Any]) -> list[str]:
    """Return the names of secrets that settings ask for."""
    single = settings.get("auth_secret")
    inside = re.findall(r"\{\{ secrets\.(\w+)", json.dumps(settings))
    return [*(settings.get("secrets") or ()), *([single] if single else ()), *inside]
