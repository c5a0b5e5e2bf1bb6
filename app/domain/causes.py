"""What a failure comes from: known texts of engines, programs, hosts and providers, in one table read downward."""

import re
from dataclasses import dataclass

_DEFAULT_PORTS = frozenset({"80", "443"})
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


@dataclass(frozen=True)
class Cause:
    """A cause: its stable `kind`, a short `title`, and the `target` it is about (a host, model, package, secret …).

    `is_own` says that it lies in the task itself: the same cause in another task is another trouble. `is_whole` says
    that it needs no target: it is one and the same wherever it shows.
    """

    kind: str
    title: str
    target: str = ""
    is_own: bool = False
    is_whole: bool = False


@dataclass(frozen=True)
class Rule:
    """One known cause. `needles` are lower-case; any of them in the text makes it this one.

    `title` is filled with the target; where there is none `nameless` stands. A rule without a title has no target, one
    without `nameless` holds only with one. `target` finds it: its first group that matched. `is_host`: the target is
    the host that the text names.
    """

    kind: str
    title: str
    nameless: str
    needles: tuple[str, ...]
    target: re.Pattern[str] | None = None
    is_host: bool = False
    is_own: bool = False

    def cause(self, text: str) -> Cause | None:
        """Return what this rule makes of a text with one of its needles, None where that is something else."""
        target = host(text) if self.is_host else _first(self.target, text) if self.target else ""
        if not target and not self.nameless:
            return None
        title = self.title.format(target) if target else self.nameless
        return Cause(self.kind, title, target, self.is_own, is_whole=not (self.title or self.is_own))


def recognise(reason: str, text: str) -> Cause | None:
    """Return the cause of a failure from its reason and what was said of it, None for one that is not known."""
    rule = _BY_REASON.get(reason)
    if rule:
        return rule.cause(text)
    lowered = text.lower()
    if cause := _first_of(_BEFORE_STATUS, text, lowered):
        return cause
    if (status := status_of(lowered)) is not None:
        return _of_status(status, host(text))
    return _first_of(_AFTER_STATUS, text, lowered) or _OF_TASK.get(reason)


def _first_of(rules: tuple[Rule, ...], text: str, lowered: str) -> Cause | None:
    for rule in rules:
        if any(needle in lowered for needle in rule.needles) and (cause := rule.cause(text)):
            return cause
    return None


def status_of(lowered: str) -> int | None:
    """Return the HTTP status that a text in lower case tells of, None if it tells of none."""
    for needle, pattern in _STATUSES:
        if needle in lowered and (found := pattern.search(lowered)):
            return int(found[1])
    return None


def host(text: str) -> str:
    """Return the host a text names, lower-case and with its port where that is none of the web's, "" without one."""
    for needle, pattern in _HOSTS:
        if needle in text and (found := pattern.search(text)):
            groups = [part for part in found.groups() if part]
            name = groups[0].lower().strip("[]‘'\"(").rstrip(".:,;")
            port = groups[1] if len(groups) > 1 else ""
            if not port and name.count(":") == 1:
                name, _, port = name.partition(":")
            name = "localhost" if name in _LOOPBACK else name
            return f"{name}:{port}" if port and port not in _DEFAULT_PORTS else name
    return ""


def _first(pattern: re.Pattern[str] | None, text: str) -> str:
    found = pattern.search(text) if pattern else None
    return next((part for part in found.groups() if part), "") if found else ""


# --- hosts

_NAME = r"([\w.-]+|\[[0-9A-Fa-f:.]+\])"

_HOSTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (needle, re.compile(pattern))
    for needle, pattern in (
        # Carillon's own sentences, of requests, agents and their tools.
        ("refused the conn", r"(\S+) refused the connection"),
        ("an't be reached at", r"an't be reached at (?:\w+://)?(?:[^\s/@]*@)?([\w.-]+(?::\d+)?)"),
        ("an't be reached:", r"(\S+) can't be reached:"),
        ("broke off the conn", r"(\S+) broke off the connection"),
        ("sent nothing for", r"(\S+) sent nothing for"),
        ("did not accept a c", r"(\S+) did not accept a connection"),
        ("did not answer ", r"(\S+) did not answer (?:within|in HTTP)"),
        ("no host named", r"no host named (\S+)"),
        ("could not be looked", r"The name (\S+) could not be looked up"),
        ("certificate of", r"certificate of (\S+) can't be trusted"),
        ("could be made:", r"connection to (\S+) could be made"),
        (" answered ", r"(\S+) answered \d{3}\b"),
        (" redirects ", r"(\S+) redirects "),
        ("is an inner address", r"(\S+) is an inner address"),
        (" times in a row", r"(\S+) failed \d+ times in a row"),
        # Libraries and programs.
        ("host='", r"host='([^']+)', port='?(\d+)"),
        (
            " port ",
            r"(?:onnect to|onnection to|to host)(?: server at)? [\"']?" + _NAME + r"[\"']?(?: \([^)]+\))?,? port (\d+)",
        ),
        ("onnect to host ", r"onnect to host " + _NAME + r":(\d+)"),
        ("resolve", r"resolve (?:host address |host:? |address )?[\"'‘“]?" + _NAME),
        ("onnecting to ", r"onnecting to " + _NAME + r"(?: \([^)]*\))?(?:\|[^|]*\|)?:(\d+)"),
        ("/dev/tcp/", r"/dev/tcp/" + _NAME + r"/(\d+)"),
        (" E", r"\b(?:ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH) " + _NAME + r"(?::(\d+))?"),
        ("server on '", r"server on '" + _NAME + r"(?::(\d+))?'"),
        ("all failed (", r"all failed \('([^']+)', (\d+)"),
        (": [Errno", _NAME + r":(\d{2,5}): \[Errno"),
        ("://", r"\b\w+://(?:[^\s/@'\"]*@)?" + _NAME + r"(?::(\d+))?"),
        ("@", r"\b[\w.-]+@" + _NAME + r": Permission denied"),
    )
)  # fmt: skip

# --- HTTP statuses

_STATUSES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (needle, re.compile(pattern))
    for needle, pattern in (
        (" answered ", r" answered ([45]\d\d)\b"),
        (" error: ", r"\b([45]\d\d) (?:client|server) error: "),  # requests
        ("http error ", r"\bhttp error ([45]\d\d)\b"),  # urllib
        (" error '", r"\b(?:client|server) error '([45]\d\d)\b"),  # httpx
        ("returned error: ", r"\breturned error: ([45]\d\d)\b"),  # curl, git
        (" error ", r" error ([45]\d\d): "),  # wget
        ("status", r"\bstatus(?:[ _]code)?[=: ]+([45]\d\d)\b"),  # axios, aiohttp
    )
)
"""How programs and libraries write a status, in lower case."""

_DOWN = frozenset({502, 503, 504, 520, 521, 522, 523, 524})
"""By these the door of a host says that what stands behind it is away."""

_NO_ACCESS = frozenset({401, 403, 407})
_NOT_THERE = frozenset({404, 410})
_TOO_OFTEN = 429
_SERVER_ERROR = 500


def _of_status(status: int, name: str) -> Cause:
    if status in _DOWN:
        return _titled("away", _AWAY, name)
    if status in _NO_ACCESS:
        return _titled("access", "{} refuses access", name)
    if status in _NOT_THERE:
        return _titled("not_found", "{} has nothing at that address", name)
    if status == _TOO_OFTEN:
        return _titled("too_often", "{} is asked too often", name)
    if status >= _SERVER_ERROR:
        return _titled("server_error", "{} answers with an error of its own", name)
    return _titled(f"http_{status}", f"{{}} refuses the request ({status})", name)


def _titled(kind: str, title: str, name: str) -> Cause:
    return Cause(kind, title.format(name or "A host"), name)


_AWAY = "{} is not available"

# --- reasons that say it all


def _named(
    kind: str, title: str, nameless: str, target: str = "", *, is_host: bool = False, is_own: bool = False
) -> Rule:
    return Rule(kind, title, nameless, (), re.compile(target) if target else None, is_host, is_own)


_MODEL = (
    r"(?:^|: )([^:“]+?) (?:refused its key|is overloaded|had an error of its own|did not answer in time|"
    r"broke off before|answered |says it used)"
)
_BY_REASON: dict[str, Rule] = {
    "no_secret": _named("no_secret", "The secret {} is not set", "A secret is not set", r"[Ss]ecret ([\w.-]+)"),
    "secret": _named("secret", "The secret {} can't be used", "A secret can't be used", r"[Ss]ecret ([\w.-]+)"),
    "wrong_key": _named("wrong_key", "", "The key file does not open the secrets"),
    "no_space": _named("no_space", "", "The disk of Carillon is full"),
    "no_isolation": _named("no_isolation", "", "No worker confines code as the task asks"),
    "sandbox": _named("sandbox", "", "The sandbox can't be set up"),
    "no_engine": _named("no_engine", "The engine {} is not installed", "An engine is not installed", r"named (\S+) is"),
    "database": _named("database", "", "The database was away"),
    "lost": _named("lost", "", "A worker vanished"),
    "plan": _named("plan", "", "The plan allows no more"),
    "budget": _named("budget", "Out of budget: {}", "A budget is used up", r"Out of budget: (.+?) has "),
    "inner_address": _named("inner_address", "{} is an inner address", "An inner address is asked", is_host=True),
    "breaker": _named("away", _AWAY, "A host is not available", is_host=True),
    "no_model": _named("no_model", "The model {} is gone", "No model is set up", r"[Tt]he model (.+?) is not there"),
    "model_key": _named("model_key", "{} refuses its key", "A model refuses its key", _MODEL),
    "no_such_model": _named("no_such_model", "There is no model {}", "A model is not known", r"no model ([^\s:]+\w)"),
    "quota": _named("quota", "The account of {} is used up", "An account is used up", r"account of (.+?) has used"),
    "model_busy": _named("model_away", _AWAY, "A model is not available", _MODEL),
    "model_timeout": _named("model_away", _AWAY, "A model is not available", _MODEL),
    "model_nonsense": _named("model_nonsense", "{} answers what can't be read", "A model answers nonsense", _MODEL),
}  # fmt: skip

_OF_TASK = {
    reason: Cause(reason, title, is_own=True)
    for reason, title in {
        "timeout": "It reaches its time limit",
        "memory": "It needs more memory than it may use",
        "disk": "Its files are more than they may be",
        "contract": "What must be true is not",
        "expectation": "The answer is not as expected",
        "too_large": "The answer is too long",
        "cost_cap": "It reaches its cost cap",
        "max_turns": "It needs more turns than it may take",
        "only_a_plan": "It only says what it would do",
        "empty_answer": "It ends without an answer",
        "answer_cut": "Its answer is cut off",
        "context_too_long": "The work is too long for its model",
        "model_refused": "The model declines to do it",
        "output": "Its output can't be taken",
        "files": "A file of the task is not usable",
        "inputs": "A placeholder can't be filled",
        "variables": "A variable has no value",
        "condition": "A condition can't be decided",
        "settings": "Its settings no longer hold",
        "no_ping": "Its ping did not come",
        "no_end": "It does not say how it ended",
    }.items()
}
"""Reasons that lie in the task itself, where the text tells of nothing else."""

# --- texts

_BEFORE_STATUS: tuple[Rule, ...] = (
    Rule("timeout", "", "It reaches its time limit", ("its time limit of",), is_own=True),
    Rule(
        "network", "", "There is no network where it runs",
        ("no name server answers", "temporary failure in name resolution", "errno -3]", "eai_again",
         "network is unreachable", "errno 101]", "enetunreach"),
    ),
    Rule(
        "dns", "The name {} can't be looked up", "A name can't be looked up",
        ("there is no host named", "could not be looked up", "name or service not known", "could not resolve host",
         "unable to resolve host", "failed to resolve", "nodename nor servname", "getaddrinfo enotfound", "errno -2]",
         "no address associated with hostname", "could not translate host name", "name does not resolve"),
        is_host=True,
    ),
    Rule(
        "access", "{} refuses access", "A host refuses access",
        ("permission denied (publickey", "password authentication failed", "access denied for user",
         "authentication failed for", "invalid username or password", "host key verification failed"),
        is_host=True,
    ),
    Rule(
        "away", _AWAY, "A host is not available",
        ("eof occurred in violation of protocol", "unexpected eof while reading", "unexpected_eof_while_reading"),
        is_host=True,
    ),
    Rule(
        "tls", "No secure connection to {} can be made", "No secure connection can be made",
        ("the certificate of", "no secure connection to", "certificate_verify_failed", "certificate verify failed",
         "ssl certificate problem", "self-signed certificate", "self signed certificate", "cert_has_expired",
         "[ssl:", "[ssl]", "curl: (35)", "curl: (60)", "sslerror"),
        is_host=True,
    ),
    Rule(
        "away", _AWAY, "A host is not available",
        ("refused the connection", "can't be reached", "broke off", "sent nothing for", "did not accept a connection",
         "did not answer within", "connection refused", "econnrefused", "errno 111]", "connection reset",
         "econnreset", "errno 104]", "connection aborted", "remote end closed", "no route to host", "errno 113]",
         "ehostunreach", "connection timed out", "connect timeout", "read timed out", "connecttimeout", "readtimeout",
         "urlopen error timed out", "errno 110]", "etimedout", "socket hang up", "server disconnected",
         "all connection attempts failed", "connect call failed", "empty reply from server", "failed to connect to",
         "couldn't connect to server", "curl: (7)", "curl: (28)", "curl: (52)", "curl: (56)", "incompleteread",
         "timeouterror: timed out", "timeouterror: the read operation timed out", "connectionerror"),
        is_host=True,
    ),
    Rule("protocol", "{} does not answer in HTTP", "A host does not answer in HTTP",
         ("did not answer in http", "is not packed the way", "badstatusline"), is_host=True),
    Rule("redirects", "{} redirects too often", "A host redirects too often",
         ("redirects more than", "redirects to something", "exceeded 30 redirects", "maximum (50) redirects"),
         is_host=True),
    Rule("too_often", "{} is asked too often", "A host is asked too often", ("is asked too often",),
         re.compile(r"(?:^|: )([^:“]+?) is asked too often")),
)  # fmt: skip

_AFTER_STATUS: tuple[Rule, ...] = (
    Rule(
        "no_distribution", "There is no package {} as asked for", "A package is not there",
        ("no matching distribution", "invalid requirement", "could not find a version"),
        re.compile(r"(?:distribution found for|satisfies the requirement|nvalid requirement:?) ['\"]?([^\s'\"]+\w)"),
    ),
    Rule("no_package", "The Python package {} is missing", "A package is missing", ("no module named",),
         re.compile(r"[Nn]o module named '?(\w+)")),
    Rule("no_package", "The package {} is missing", "A package is missing",
         ("cannot find module '", "cannot find package '"),
         re.compile(r"annot find (?:module|package) '([^'/][^']*)'")),
    Rule("no_command", "The program {} is not there", "", ("command not found", ": not found", "file not found in"),
         re.compile(r"([\w./+-]+): command not found|: \d+: ([\w./+-]+): not found|exec: \"([^\"]+)\"")),
    Rule("no_variable", "The variable {} is not set", "", ("unbound variable", "not set", "keyerror: '"),
         re.compile(r"([A-Za-z_]\w*): (?:unbound|parameter (?:null or )?not set)|KeyError: '([A-Z][A-Z0-9_]{2,})'"),
         is_own=True),
    Rule("disk", "", "Its files are more than they may be",
         ("no space left on device", "disk quota exceeded", "errno 28]", "errno 122]", "enospc", "file size limit"),
         is_own=True),
    Rule("memory", "", "It needs more memory than it may use",
         ("memoryerror", "memory exhausted", "cannot allocate memory", "out of memory", "std::bad_alloc", "errno 12]",
          "enomem"),
         is_own=True),
    Rule("processes", "", "It starts more processes than it may",
         ("can't start new thread", "fork: retry", "resource temporarily unavailable", "cannot fork", "errno 11]"),
         is_own=True),
    Rule("read_only", "", "It writes where nothing may be written", ("read-only file system", "errno 30]", "erofs"),
         is_own=True),
    Rule("permission", "", "It may not do what it tries",
         ("permission denied", "permissionerror", "operation not permitted", "errno 13]", "errno 1]", "eacces"),
         is_own=True),
    Rule("no_file", "The file {} is not there", "A file is not there",
         ("no such file or directory", "filenotfounderror", "enoent"),
         re.compile(r"No such file or directory: b?'([^']+)'|([^\s:'\"‘“]+)['’]?: No such file|ENOENT[^']*'([^']+)'"),
         is_own=True),
    Rule("not_json", "", "What it reads is not JSON", ("jsondecodeerror", "jq: error", "parse error: ",
         "unexpected token", "is not valid json"), is_own=True),
    Rule("syntax", "", "Its code can't be read",
         ("syntaxerror", "indentationerror", "taberror", "syntax error near", "unexpected end of file",
          "syntax error:", "unterminated quoted string", "unexpected eof while looking"), is_own=True),
)  # fmt: skip
