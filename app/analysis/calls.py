"""What a tool call was: which kind of tool, whether it went wrong, which texts it carried."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.analysis.clauses import listed
from app.domain.thread import ToolCall

_HOUSEKEEPING = listed(
    "complete finish done ask wait sleep todo todos think thinking plan memory answer title notify_user idle"
)
_BESIDE = listed("user task tasks update the final list read write")
_CODE = listed(
    "python repl exec execute execution code interpreter shell bash terminal command commands sql notebook jupyter "
    "script node cmd powershell zsh console sandbox run compute solver calculator"
)
_NET = listed(
    "web http https fetch url urls browser browse browsing scrape scraper crawl crawler request requests api weather "
    "forecast mail email gmail outlook imap smtp sms slack teams telegram whatsapp discord webhook tweet twitter "
    "publish download upload ftp sftp github gitlab jira notion confluence hubspot salesforce shopify stripe maps geo "
    "geocode rss feed news stock stocks market quote flight flights hotel message messages post push pull_request "
    "calendar drive sheets linkedin wordpress trello asana zendesk tide tides timetable departures traffic currency"
)
_SEARCH_AT_HOME = listed("file files document documents knowledge local vault memory code directory")
_WRITES = listed("create write save edit replace patch insert update str append")
_TEXT_KEYS = (
    "file_text",
    "file_contents",
    "contents",
    "content",
    "new_str",
    "new_string",
    "insert_text",
    "patch",
    "text",
)
_CODE_KEYS = ("code", "command", "cmd", "script", "input", "source", "sql", "query", "program")
_PATH_KEYS = ("path", "file_path", "filepath", "filename", "file_name", "file", "target_file", "notebook_path")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FAILED_LINE = re.compile(
    r"\s*(?:error\b|fatal\b|failed\b|failure\b|traceback \(|exception\b|[\w.]{0,60}(?:Error|Exception): "
    r"|(?:http(?:/\d(?:\.\d)?)? ?(?:status|error)? ?:?)?\s*[45]\d\d (?:[a-z]|$)|.{0,120}(?:no such file or directory"
    r"|command not found|permission denied|not recognized as an internal))",
    re.IGNORECASE,
)
_DEPTH = 5
_HTTP_ERROR = 400


def words(name: str) -> set[str]:
    """Return the words of a tool's name: `sendMail`, `send_mail` and `send-mail` are the same two."""
    return {part.lower() for part in _WORD.findall(name)}


def has_failed(call: ToolCall) -> bool:
    """Whether a call went wrong, as the export says or as its output reads."""
    if call.has_failed:
        return True
    told = _told(parsed(call.output))
    if told is not None:
        return told
    if call.has_failed is False:
        return False
    lines = [line for line in call.output[:20_000].splitlines() if line.strip()]
    return bool(lines) and any(_FAILED_LINE.match(line[:200]) for line in (lines[0], lines[-1]))


def parsed(text: str) -> Any:
    """Return the object an output is, None if it is another text."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _told(value: Any, depth: int = 0) -> bool | None:
    """Whether a result says that it failed; None where it says nothing."""
    if not isinstance(value, Mapping) or depth > _DEPTH:
        return None
    for key in ("success", "ok"):
        if isinstance(value.get(key), bool):
            return not value[key]
    for key in ("returncode", "exit_code", "exitCode", "exit_status"):
        if isinstance(value.get(key), int):
            return bool(value[key])
    if isinstance(value.get("error"), str | Mapping) and value["error"]:
        return True
    for key in ("status", "status_code", "statusCode"):
        if isinstance(value.get(key), int) and not isinstance(value[key], bool) and value[key] >= _HTTP_ERROR:
            return True
    inner = (_told(item, depth + 1) for item in value.values())
    return next((found for found in inner if found is not None), None)


def is_housekeeping(call: ToolCall) -> bool:
    """Whether a tool only steers the conversation: asks, waits, says that it is done."""
    parts = words(call.name)
    return bool(parts & _HOUSEKEEPING) and parts <= _HOUSEKEEPING | _BESIDE


def writes_files(call: ToolCall) -> bool:
    """Whether a tool puts text into a file: makes one, or changes one."""
    return (
        bool(words(call.name) & _WRITES)
        and bool(path_of(call))
        and bool(_texts(call, _TEXT_KEYS) or "edit" in words(call.name))
    )


def runs_code(call: ToolCall) -> bool:
    """Whether a call ran code, a command or a query."""
    parts = words(call.name)
    if writes_files(call) or is_housekeeping(call):
        return False
    if any(isinstance(call.arguments.get(key), str) for key in ("code", "sql", "cmd", "script")):
        return True
    if parts & {"web", "search", "browser", "browse"}:
        return False
    return bool(parts & _CODE)


def is_shell(call: ToolCall) -> bool:
    """Whether a call ran commands of a shell."""
    return runs_code(call) and (
        bool(words(call.name) & {"shell", "bash", "terminal", "command", "commands", "cmd", "zsh", "powershell"})
        or any(key in call.arguments for key in ("command", "cmd"))
    )


def reaches_out(call: ToolCall) -> bool:
    """Whether a tool talks with something outside: the web, mail, a service."""
    parts = words(call.name)
    if runs_code(call) or writes_files(call) or is_housekeeping(call):
        return False
    if parts & {"search"} and not parts & _SEARCH_AT_HOME:
        return True
    return bool(parts & _NET) or any(url.startswith(("http://", "https://")) for _, url in texts(call.arguments))


def path_of(call: ToolCall) -> str:
    """Return the path a tool was given, empty without one."""
    return next((value for key in _PATH_KEYS if isinstance(value := call.arguments.get(key), str)), "")


def code_of(call: ToolCall) -> list[str]:
    """Return the code and the commands a call ran."""
    return _texts(call, _CODE_KEYS) if runs_code(call) else []


def written_of(call: ToolCall) -> list[str]:
    """Return the text that a call put into a file."""
    return _texts(call, _TEXT_KEYS) if writes_files(call) else []


def _texts(call: ToolCall, keys: tuple[str, ...]) -> list[str]:
    return [value for key in keys if isinstance(value := call.arguments.get(key), str) and value.strip()]


def texts(value: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Return every text in JSON with the name of the field it stands in."""
    if isinstance(value, str):
        yield key, value
    elif depth > _DEPTH:
        return
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from texts(item, str(name), depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item, key, depth + 1)
