"""What code and commands need: packages, files, hosts and environment variables. They are read, never run."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from app.analysis.calls import code_of, has_failed, is_shell, path_of, written_of
from app.analysis.clauses import listed
from app.domain.thread import Thread

SCANNED = 200_000
_FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+#-]{0,20})[^\n]{0,80}\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
_LANGUAGES = listed(
    "python py python3 bash sh shell zsh console javascript js typescript ts node r ruby sql go php powershell"
)
_SHELLS = {"bash", "sh", "shell", "zsh", "console", "powershell"}
_CODE_FILE = re.compile(r"\.(?:py|ipynb|js|mjs|cjs|ts|tsx|jsx|sh|bash|rb|r|go|php|ps1|sql|java|rs)$", re.IGNORECASE)

_IMPORT = re.compile(r"^[ \t]*import[ \t]+([A-Za-z_][\w. ,\t]{0,300}?)[ \t]*(?:;|#|\\n|$)", re.MULTILINE)
_FROM = re.compile(r"(?:^|;|\s-c[ \t]*[\"'])[ \t]*from[ \t]+([A-Za-z_][\w.]{0,100})[ \t]+import\b", re.MULTILINE)
_INLINE = re.compile(
    r"(?:;|\s-c[ \t]*[\"'])[ \t]*import[ \t]+([A-Za-z_][\w.]{0,60}(?:[ \t]*,[ \t]*[A-Za-z_][\w.]{0,60}){0,10})"
)
_REQUIRE = re.compile(r"(?:\brequire|\bimport)\(\s?[\"'`]([^\"'`\n]{1,100})[\"'`]")
_ES_IMPORT = re.compile(
    r"^[ \t]*(?:import|export)\b[^\n'\"();]{0,200}?\bfrom[ \t]*[\"']([^\"'\n]{1,100})[\"']"
    r"|^[ \t]*import[ \t]+[\"']([^\"'\n]{1,100})[\"']",
    re.MULTILINE,
)
_LIBRARY = re.compile(r"\b(?:library|requireNamespace|install\.packages)\(\s?[\"']?([A-Za-z][\w.]{1,40})[\"']?")
_INSTALL = re.compile(
    r"\b(?:pip[\d.]{0,4}|uv|pipx|poetry|conda|mamba|npm|pnpm|yarn|bun|pdm|cargo|gem|composer|go)[ \t]+(?:pip[ \t]+)?"
    r"(?:install|add|require|get|i)\b((?:[ \t]+(?:\"[^\"\n]{1,120}\"|'[^'\n]{1,120}'|[^\s;&|<>\\)`\"']{1,120})){0,40})"
)
_PACKAGE = re.compile(r"@?[A-Za-z0-9][\w./-]{0,80}")
_NO_NAME = ("git+", "./", "http:", "https:")
_NO_NAME_AT_END = (".txt", ".whl", ".gz", ".toml")
_FLAG_WITH_VALUE = {
    "-r",
    "-c",
    "-i",
    "-t",
    "--index-url",
    "--extra-index-url",
    "--target",
    "--prefix",
    "--channel",
    "--requirement",
    "-n",
    "--name",
}
_MISSING = re.compile(
    r"(?:No module named|Cannot find (?:module|package)|there is no package called)[ '\"‘]{1,3}([\w@/.-]{1,80})"
)
_IMPORTED_AS = re.compile(r"\bas[ \t]+(\w{1,40})\b")
# an edit shows a name without its import
_USED = re.compile(
    r"(?<![\w.'\"])(requests|httpx|aiohttp|pd|np|plt|sns|yaml|boto3|paramiko|openpyxl|stripe|bs4|sqlalchemy"
    r"|psycopg2?)\.[a-z]\w*[.(]"
)
_ALIASES = {"pd": "pandas", "np": "numpy", "plt": "matplotlib", "sns": "seaborn"}
_NODE = listed(
    "fs path http https os crypto child_process util url stream zlib events readline assert buffer net tls dns "
    "process timers perf_hooks worker_threads querystring string_decoder vm cluster dgram tty v8 module"
)
_NO_PACKAGE = {"google.colab", "IPython", "ipykernel", "__main__", "pip", "setuptools"}
DISTRIBUTIONS = {
    name: tuple(known.split(","))
    for name, _, known in (
        pair.partition("=")
        for pair in listed(
            "yaml=pyyaml cv2=opencv-python,opencv-python-headless,opencv-contrib-python PIL=pillow "
            "bs4=beautifulsoup4 sklearn=scikit-learn skimage=scikit-image dotenv=python-dotenv "
            "dateutil=python-dateutil docx=python-docx pptx=python-pptx fitz=pymupdf psycopg2=psycopg2-binary,psycopg2 "
            "MySQLdb=mysqlclient Crypto=pycryptodome jwt=pyjwt serial=pyserial magic=python-magic "
            "telegram=python-telegram-bot git=gitpython github=pygithub gitlab=python-gitlab slack_sdk=slack-sdk "
            "googleapiclient=google-api-python-client attr=attrs usb=pyusb zmq=pyzmq OpenSSL=pyopenssl "
            "discord=discord.py kafka=kafka-python ruamel=ruamel.yaml Levenshtein=python-levenshtein,levenshtein "
            "mysql=mysql-connector-python wx=wxpython"
        )
    )
}
"""The names packages are installed by, where those they are imported by differ."""

_PYTHON_ENV = re.compile(
    r"\b(?:os\.)?(?:environ(?:\.get)?[\[(]|getenv\(|ENV\[|ENV\.fetch\(|Sys\.getenv\()\s?[\"']([A-Za-z_]\w{1,80})[\"']"
)
_JS_ENV = re.compile(r"\b(?:process|import\.meta|Deno|Bun)\.env(?:\.get\([\"']|\.|\[[\"'])([A-Za-z_]\w{1,80})")
_SHELL_ENV = re.compile(r"(?<!\\)\$\{?([A-Z][A-Z0-9_]{2,80})\b")
_ASSIGNED = re.compile(
    r"(?:^|[;&|\n]|\b(?:do|then|local|declare|readonly|for"
    r"|read))[ \t]{0,8}([A-Z][A-Z0-9_]{2,80})(?:=(?![\"']?\$\{?\1\b)|[ \t]+in\b|[ \t]*$)",
    re.MULTILINE,
)
_ORDINARY = listed(
    "HOME PATH USER PWD OLDPWD SHELL TMPDIR TMP TEMP LANG LC_ALL HOSTNAME RANDOM SECONDS LINENO UID EUID PPID IFS "
    "EDITOR TERM LOGNAME PYTHONPATH VIRTUAL_ENV BASH_SOURCE FUNCNAME PIPESTATUS BASHPID OSTYPE COLUMNS LINES "
    "NODE_ENV DISPLAY"
)
_COMMENT = re.compile(r"^[ \t]*(?:#(?!!)|//|--[ \t])[^\n]*", re.MULTILINE)


@dataclass(frozen=True)
class Fragment:
    """A piece of code as it was run, written to a file or shown. `is_sound`: it did not fail."""

    message: int
    text: str
    is_shell: bool
    is_sound: bool
    was_run: bool
    output: str = ""


def fragments(thread: Thread) -> list[Fragment]:
    """Return the code of a thread in its order: what ran, what was written into code files, what was shown."""
    found = []
    for number, message in enumerate(thread.messages):
        if message.role == "assistant":
            found += [
                Fragment(number, hit[2], hit[1].lower() in _SHELLS, True, False)
                for hit in _FENCE.finditer(message.text[:SCANNED])
                if hit[1].lower() in _LANGUAGES
            ]
        for call in message.calls:
            sound = not has_failed(call)
            found += [
                Fragment(number, text[:SCANNED], is_shell(call), sound, True, call.output[:SCANNED])
                for text in code_of(call)
            ]
            if _CODE_FILE.search(path_of(call)):
                found += [
                    Fragment(number, text[:SCANNED], path_of(call).endswith((".sh", ".bash")), sound, False)
                    for text in written_of(call)
                ]
    return found


def was_shown(thread: Thread) -> bool:
    """Whether the agent gave code as its answer."""
    return any(
        hit[1].lower() in _LANGUAGES
        for message in thread.messages
        if message.role == "assistant"
        for hit in _FENCE.finditer(message.text[:SCANNED])
    )


def without_comments(text: str) -> str:
    """Return code without the lines that are comments only."""
    return _COMMENT.sub("", text)


def imported(fragment: Fragment) -> Iterator[str]:
    """Return what a piece of code imports beyond the standard libraries, by the name it is imported as."""
    text = fragment.text.replace("\\n", "\n") if "\n" not in fragment.text else fragment.text
    for hit in _IMPORT.finditer(text):
        yield from (root for part in hit[1].split(",") if (root := _python(part)))
    for hit in _INLINE.finditer(text):
        yield from (root for part in hit[1].split(",") if (root := _python(part)))
    for hit in _FROM.finditer(text):
        if root := _python(hit[1]):
            yield root
    for shape in (_REQUIRE, _ES_IMPORT):
        for hit in shape.finditer(text):
            if name := _javascript(next(group for group in hit.groups() if group)):
                yield name
    for hit in _LIBRARY.finditer(text):
        yield hit[1]
    if not fragment.is_shell:
        others = set(_IMPORTED_AS.findall(text))  # what is imported as pd says its own name
        used = (hit[1] for hit in _USED.finditer(without_comments(text)) if hit[1] not in others)
        yield from (_ALIASES.get(name, name) for name in used)


def _python(part: str) -> str:
    name = part.partition(" as ")[0].strip().partition(" ")[0]
    root = name.partition(".")[0]
    is_none = root in sys.stdlib_module_names or {root, name} & _NO_PACKAGE
    return "" if is_none or not root.isidentifier() else root


def _javascript(name: str) -> str:
    if name.startswith((".", "/", "node:", "#", "http")) or name.partition("/")[0] in _NODE:
        return ""
    return "/".join(name.split("/")[:2]) if name.startswith("@") else name.partition("/")[0]


def installed(text: str) -> Iterator[str]:
    """Return the packages that commands install, without their versions."""
    for hit in _INSTALL.finditer(text):
        skip = False
        for word in hit[1].split():
            if skip or word.startswith("-"):
                skip = word in _FLAG_WITH_VALUE
                continue
            plain = word.strip("\"'")
            name = _PACKAGE.match(plain)
            if name and not plain.startswith(_NO_NAME) and not plain.endswith(_NO_NAME_AT_END):
                yield name[0].rstrip(".")


def missed(output: str) -> set[str]:
    """Return the modules that an output says it did not find."""
    return {hit[1].partition(".")[0] for hit in _MISSING.finditer(output)}


def variables(fragment: Fragment) -> Iterator[str]:
    """Return the environment variables a piece of code asks for."""
    for shape in (_PYTHON_ENV, _JS_ENV):
        yield from (hit[1] for hit in shape.finditer(fragment.text) if hit[1] not in _ORDINARY)
    if fragment.is_shell:
        own = {hit[1] for hit in _ASSIGNED.finditer(fragment.text)}
        yield from (hit[1] for hit in _SHELL_ENV.finditer(fragment.text) if hit[1] not in own | _ORDINARY)
