"""What somebody asked for that no step of a replay does: files never made, mails never sent, answers in words."""

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from app.analysis.base import Analysis
from app.analysis.clauses import clauses, is_denied, listed
from app.analysis.masking import masked
from app.analysis.replay.blocks import Block
from app.analysis.replay.cells import base
from app.analysis.replay.doings import Doing
from app.analysis.replay.looks import called
from app.analysis.replay.missing import Lacking
from app.analysis.replay.python_names import nodes_of, tree_of
from app.domain.thread import Thread

_READ, _LONGEST = 20_000, 300
_SEND = re.compile(
    r"\b(?:e-?mail|mail|message|text|notify|ping) (?:it|them|me|us|him|her|this|that|the|everyone)\b"
    r"|\b(?:maile?|simse) (?:es|sie|mir|uns|das|die|den)\b",
    re.IGNORECASE,
)
_SENDS = re.compile(
    r"\b(?:send|post|share|drop|schick\w{0,2}|sende\w?|poste\w?|envo(?:ie|yer|yez)\w{0,4}|env[ií]a\w{0,5}"
    r"|m[aá]nda\w{0,5})\b",
    re.IGNORECASE,
)
_CHANNEL = re.compile(
    r"\b(?:slack|teams|telegram|discord|whatsapp|sms|e-?mail|mail|inbox|postfach|correo|courriel)\b|(?<!\w)#[a-z][\w-]+",
    re.IGNORECASE,
)
_DELIVERS = re.compile(
    r"smtplib|sendmail|sendgrid|mailgun|twilio|slack|webhook|telegram|discord|\.post\(|\bmail -s"
    r"|\bcurl\b[^\n]{0,300}(?: -d\b| --data|-X ?(?:POST|PUT))",
    re.IGNORECASE,
)
_COMPUTING = (
    ast.Compare, ast.BinOp, ast.AugAssign, ast.comprehension, ast.For, ast.While, ast.If, ast.Match, ast.FunctionDef,
)  # fmt: skip
_COMPUTES = listed(
    "sum min max mean median std count sort sorted sort_values nlargest nsmallest groupby agg pivot_table merge join "
    "query filter map apply resample rolling diff pct_change drop_duplicates between gt ge lt le run system popen "
    "check_output execute"
)
_FETCHES = listed("curl wget http https cat echo head cd ls mkdir set export sleep")
_WRITES = re.compile(
    r"\b(?:save|write|export|store|creat|produc|generat|append|update"
    r"|speicher|schreib|erstell|erzeug|enregistr|[ée]cri|gu[aá]rd|escrib|crea)\w*\b[^.;!?\n]{0,120}$"
    r"|\b(?:as|into|als|nach|dans|en)[ \t]+[\"'`“„«]?$",
    re.IGNORECASE,
)
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_LONG_ANSWER, _MOST_SIZES = 240, 3


def undone(
    thread: Thread,
    analysis: Analysis,
    steps: Sequence[Mapping[str, Any]],
    blocks: Sequence[Block],
    used: Collection[str],
    outputs: Collection[str],
    files: Sequence[str],
    lacking: Sequence[Lacking],
) -> list[str]:
    """Return each thing that was asked for and that no step does, in few words; nothing where there are no steps.

    `used` are the labels of variables that steps take, `outputs` names of files that they make, `files` those they are
    given.
    """
    if not steps:
        return []
    told = json.dumps([step["settings"] for step in steps], ensure_ascii=False).lower()
    has_unseen = any(re.search(r"\.(?:py|sh|js|rb|r|pl)$", name, re.IGNORECASE) for name in files)
    found = [] if has_unseen else [*_files(analysis, told, {*map(base, outputs), *map(base, files)})]
    people = [] if has_unseen else list(_people(analysis, told, used))
    found += [f"mail to {who}" for who in people]
    tools = [one for one in lacking if not any(who.lower() in one.what.lower() for who in people)]
    found += [f"writing {one.what}" if one.tool == "create_file" else f"what {one.tool} did" for one in tools]
    if not people and not lacking and not has_unseen and not _delivers(steps, told):
        found += list(_sendings(thread, analysis))
    found += [] if has_unseen else _calls(thread, analysis, told, used)
    if not any(_computes(one) for block in blocks for one in block.doings):
        if sizes := list(_sizes(analysis, told, used)):
            found.append(f"comparing with {', '.join(sizes[:_MOST_SIZES])}")
        if _is_told_in_words(thread, blocks):
            found.append("the answer in words")
    return list(dict.fromkeys(found))


def _computes(one: Doing) -> bool:
    """Whether something done compares, counts together or changes data, and does not only fetch and show it."""
    if one.kind != "python":
        commands = re.split(r"&&|\|\|?|[;\n]", one.text) if one.kind == "shell" else []
        return any(command.split()[0] not in _FETCHES for command in commands if command.strip())
    tree = tree_of(one.text)
    return tree is None or any(
        isinstance(node, _COMPUTING) or (isinstance(node, ast.Call) and called(node) in _COMPUTES)
        for node in nodes_of(tree)
    )


def _files(analysis: Analysis, told: str, there: Collection[str]) -> Iterator[str]:
    """Yield what is not done with files that were named, that nobody gives and no step makes or names."""
    given = {base(str(one.value["name"])) for one in analysis.of("dependency") if one.value["kind"] == "file"}
    given |= {base(str(one.value)) for one in analysis.of("attachment")}
    for one in analysis.of("variable"):
        name = base(str(one.value["value"]))
        if one.value["kind"] != "file" or name in given or name in there or name.lower() in told:
            continue
        words, ending = re.findall(r"[^\W\d_]{2,}", name.lower()), name.rpartition(".")[2].lower()
        is_dated = bool(re.search(r"\d", name)) and all(word in told for word in words)
        is_computed = re.search(rf"[}}%+]\s*(?:\w\s*)?\\?[\"']?\.{re.escape(ending)}\b", told)  # f"{stem}.csv"
        if not is_dated and not is_computed:
            before = [said.excerpt.partition(name)[0] for said in one.evidence]
            yield f"writing {name}" if any(map(_WRITES.search, before)) else f"anything with {name}"


def _people(analysis: Analysis, told: str, used: Collection[str]) -> Iterator[str]:
    for one in analysis.of("variable"):
        who = str(one.value["value"])
        if one.value["kind"] == "email" and who not in used and who.lower() not in told:
            yield who


def _calls(thread: Thread, analysis: Analysis, told: str, used: Collection[str]) -> Iterator[str]:
    """Yield the hosts that a person named and that no step asks."""
    said = "\n".join(message.text[:_READ] for message in thread.messages if message.role == "user").lower()
    asked = told + " ".join(used).lower()
    for one in analysis.of("dependency"):
        host = str(one.value["name"]).lower()
        if one.value["kind"] == "api" and host in said and host not in asked:
            yield f"a call to {host}"


def _sizes(analysis: Analysis, told: str, used: Collection[str]) -> Iterator[str]:
    """Yield the limits and counts that somebody named and that no step has."""
    for one in analysis.of("variable"):
        size = str(one.value["value"])
        if one.value["kind"] in {"number", "money"} and size not in used and size.lower() not in told:
            yield size


def _delivers(steps: Sequence[Mapping[str, Any]], told: str) -> bool:
    methods = {step["settings"].get("method", "GET") for step in steps}
    return bool(methods - {"GET", "HEAD", "OPTIONS"}) or bool(_DELIVERS.search(told))


def _sendings(thread: Thread, analysis: Analysis) -> Iterator[str]:
    """Yield the clauses in which a person asks for something to be sent to them or others."""
    for message in thread.messages:
        if message.role != "user":
            continue
        text = message.text[:_READ]
        for start, clause in clauses(text):
            hit = _SEND.search(clause[:_LONGEST]) or (_SENDS.search(clause) if _CHANNEL.search(clause) else None)
            if hit and not is_denied(text, start + hit.start()):
                yield f"“{masked(' '.join(clause[hit.start() :].split())[:80], analysis.secrets or ())}”"


def _is_told_in_words(thread: Thread, blocks: Sequence[Block]) -> bool:
    """Whether the agent's reply to what was asked has figures that no answer of a server has, or is long."""
    done = [one for block in blocks for one in block.doings]
    first = max(one.message for one in done)
    answers = "\n".join(one.output for one in done)
    said = [message.text for message in thread.messages[first:] if message.role == "assistant" and message.text.strip()]
    reply = said[0] if said else ""
    known = answers + "\n".join(message.text for message in thread.messages if message.role == "user")
    return len(reply) > _LONG_ANSWER or any(hit[0] not in known for hit in _FIGURE.finditer(reply))
