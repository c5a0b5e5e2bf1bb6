"""The task that a thread asks for, as far as a person left what was found: three ways to do it, each a definition."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from app.analysis import masking
from app.analysis.base import Analysis, Finding
from app.analysis.injection import suspicion
from app.analysis.replay import Replay, Way, compare, replay
from app.analysis.replay.costs import Kind, Price
from app.analysis.replay.doings import doings
from app.analysis.replay.expecting import files as file_checks
from app.analysis.replay.expecting import is_weak
from app.analysis.replay.plan import request_text
from app.analysis.replay.secrets_in import named as secret_names
from app.analysis.replay.value import Value
from app.analysis.replay.values import named
from app.analysis.unseen import without
from app.domain import localtime
from app.domain.contracts.patterns import mentions
from app.domain.thread import Attachment, Thread
from app.domain.variables import Variable, problem

LONGEST_NAME = 80
REPAIR_CENTS = 50
_UNITS = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))
_FIGURES = re.compile(r"\d[\d.,' ]*")
_FOLDER = re.compile(r"^.*[/\\]")


@dataclass(frozen=True)
class Proposal:
    """What is proposed for a thread; `analysis` holds what a person left of the findings, as they changed it.

    `changed` says by what a value stood for in the thread what a person put in its place: value and kind.
    """

    thread: Thread
    analysis: Analysis
    changed: Mapping[str, Mapping[str, str]]
    replays: Callable[[Thread, Analysis], Replay] = replay

    @cached_property
    def made(self) -> Replay:
        """The steps that need no model."""
        return self.replays(self.thread, self.analysis)

    @cached_property
    def requires(self) -> Mapping[str, bool]:
        """What a run may do: network and code_execution; and whether somebody should approve it."""
        found: Mapping[str, bool] = self.analysis.value("requires") or {}
        return {name: bool(found.get(name)) for name in ("network", "code_execution", "approval")}

    @cached_property
    def hosts(self) -> list[str]:
        """The hosts it may ask."""
        return list(dict.fromkeys(str(one["name"]).lower() for one in self.of("api")))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the dependencies of one kind."""
        return [one.value for one in self.analysis.of("dependency") if one.value["kind"] == kind]

    @property
    def is_open(self) -> bool:
        """Whether a step runs code that could reach any host."""
        return self.requires["network"] and any(one["settings"].get("network") for one in self.made.steps)

    def ways(self, price: Price | None) -> tuple[Way, Way, Way]:
        """Return replay, hybrid and agent with what each costs and takes; `price` is that of the team's model."""
        return compare(self.thread, self.made, self.analysis, price)

    def when(self, home: str, now: datetime) -> tuple[str, str]:
        """Return the rule of the schedule as it may be typed, and its zone: `home` if none was said.

        The rule is empty for none, and for a single time that is over `now` (aware).
        """
        found: Mapping[str, Any] = self.analysis.value("schedule") or {}
        zone = str(found.get("timezone") or home)
        return ("" if _is_over(found, zone, now) else _rule(found)), zone

    # --- variables

    @cached_property
    def variables(self) -> list[dict[str, Any]]:
        """All variables, those of the steps first, as a definition has them."""
        own = [self._as_changed(dict(one)) for one in self.made.variables]
        known, taken = {one["label"] for one in own}, {one["name"] for one in own}
        more = [self._as_changed(one) for one in self._said if one["label"] not in known]
        for one in more:
            while one["name"] in taken:
                one["name"] = f"{one['name']}_too"
            taken.add(one["name"])
        return own + more

    @cached_property
    def _said(self) -> list[dict[str, Any]]:
        """The variables that the person's words have, by the names that replay would give them."""
        found = {}
        for one in self.analysis.of("variable"):
            said, kind = str(one.value["value"]), str(one.value["kind"])
            found[said] = Value("", said, kind, said, str(one.value.get("expression") or ""))
        names = named(found.values(), {said: said for said, one in found.items() if one.kind in {"text", "entity"}})
        return [dict(replace(one, name=names[said]).as_variable()) for said, one in found.items()]

    def _as_changed(self, variable: dict[str, Any]) -> dict[str, Any]:
        given = self.changed.get(variable["label"], {})
        variable |= {name: given[name] for name in ("value", "kind") if given.get(name)}
        if "value" in problem(Variable.of(variable), ()):
            variable["kind"] = "text"  # as it was said: "21 days" is no number
        return variable

    # --- definitions

    def files(self) -> dict[str, str]:
        """Return the files that the export itself holds, which the task is given: content by name."""
        wanted = {*self.made.files, *(one.value["name"] for one in self.analysis.of("dependency"))}
        names = {_FOLDER.sub("", str(one)) for one in wanted}
        secrets = self.analysis.secrets or ()
        held = [one for one in self._held if one.name in names and one.name not in self.suspicious]
        return {one.name: masking.masked(one.text, secrets) for one in held}

    @property
    def _held(self) -> list[Attachment]:
        return [one for message in self.thread.messages for one in message.attachments if one.text.strip()]

    @cached_property
    def suspicious(self) -> frozenset[str]:
        """The files of the export that give orders to a model: no agent is handed them."""
        return frozenset(one.name for one in self._held if suspicion(one.text))

    def secret_name(self, value: str) -> str:
        """Return the name under which the steps would ask for a secret of the thread."""
        return self._secret_names.get(value) or next(
            (one.name for one in secret_names([value], self._texts)), "API_KEY"
        )

    @cached_property
    def _secret_names(self) -> dict[str, str]:
        """The names of all secrets of the thread, no name twice."""
        return {one.literal: one.name for one in secret_names(self.analysis.secrets or (), self._texts)}

    @cached_property
    def _texts(self) -> list[str]:
        done = [request_text(one.settings) if one.settings else one.text for one in doings(self.thread)]
        texts = [text for call in self.thread.calls for text in _texts(call.arguments)]
        return [*done, *texts, *(message.text for message in self.thread.messages)]

    def definition(self, kind: Kind, name: str, objective: str, proof: str = "") -> dict[str, Any]:
        """Return the definition of one of the ways, without its schedule; `proof` are words its answer must have."""
        made = self._agent(name, objective) if kind == "agent" else self._steps(name)
        if words := proof.replace("{{", "{ {").strip():
            check = {"kind": "pattern", "of": "answer", "pattern": mentions(words), "is_absent": False}
            made["contract"] = [*made["contract"], {**check, "is_optional": False}]
        repair = {"repair": {"model": "", "cost_cap_cents": REPAIR_CENTS}} if kind == "hybrid" else {}
        return {**made, **repair, "limits": {}, "policy": {}, "min_isolation": 1, "files": []}

    def _steps(self, name: str) -> dict[str, Any]:
        used = [_labelled(one) for one in self.variables if one["name"] in self.used]
        return {
            "name": name, "engine": "steps", "settings": {}, "steps": [self._narrowed(one) for one in self.made.steps],
            "variables": used, "contract": list(self.made.contract),
        }  # fmt: skip

    @cached_property
    def used(self) -> frozenset[str]:
        """The names of the variables that the steps take."""
        return frozenset(str(one["name"]) for one in self.made.variables)

    def proves(self, kind: Kind) -> bool:
        """Whether the contract of one of the ways says more than that there was an answer."""
        return any(not is_weak(one) for one in self.definition(kind, "", "")["contract"])

    def _narrowed(self, step: dict[str, Any]) -> dict[str, Any]:
        """Return a step without the network where a person, or nothing in the thread, allows it."""
        settings = step["settings"]
        is_narrow = not self.requires["network"] and "network" in settings
        return {**step, "settings": {**settings, "network": False}} if is_narrow else step

    def _agent(self, name: str, objective: str) -> dict[str, Any]:
        """Return a task of an agent: it may ask the hosts that were found by http_get, and nobody where none were."""
        runs, files = self.requires["code_execution"], [*self.made.files, *self.files()]
        has_network = self.requires["network"] and bool(self.hosts)
        tools = ["http_get"] if has_network else []
        tools += ["python"] if runs else []
        tools += ["read_file"] if files or runs else []
        left = self.made.undone
        makes = [one for one in self.variables if one["kind"] == "file" and f"writing {one['label']}" in left]
        is_writing = bool(makes) or any(one["kind"] == "file" for one in self.made.contract)
        tools += ["write_file"] if is_writing or runs else []
        prompt, variables = self._prompt(objective, files)
        settings = {
            "prompt": prompt, "model": "", "tools": tools, "allowed_hosts": self.hosts if has_network else [],
            "requirements": list(self.made.packages) if runs else [], "secrets": [], "env": {},
            "network": False,  # its code asks nobody: http_get asks the hosts
        }  # fmt: skip
        contract = [{"kind": "answer", "min_length": 1, "is_optional": False}]
        contract += file_checks(f"{{{{ {one['name']} }}}}" for one in makes if one in variables)
        return {
            "name": name, "engine": "agent", "settings": settings, "steps": [],
            "variables": [_labelled(one) for one in variables], "contract": contract,
        }  # fmt: skip

    def _prompt(self, objective: str, files: Sequence[str]) -> tuple[str, list[dict[str, Any]]]:
        """Return the objective with placeholders where values stand, and the variables that it names."""
        text = masking.masked(objective, self.analysis.secrets or ()).replace("{{", "{ {")
        used, marks = [], {}
        for index, one in enumerate(sorted(self.variables, key=lambda one: -len(one["label"]))):
            if (found := re.sub(rf"(?<!\w){re.escape(one['label'])}(?!\w)", f"\0{index}\0", text)) != text:
                text, marks[f"\0{index}\0"] = found, f"{{{{ {one['name']} }}}}"
                used.append(one)
        for mark, placeholder in marks.items():
            text = text.replace(mark, placeholder)
        given = f"\n\nFiles that are there: {', '.join(dict.fromkeys(files))}." if files else ""
        return f"{text}{given}", used


def of(
    thread: Thread,
    findings: Iterable[Finding],
    changed: Mapping[str, Mapping[str, str]],
    secrets: tuple[str, ...],
    replays: Callable[[Thread, Analysis], Replay] = replay,
) -> Proposal:
    """Return what is proposed for a thread by the findings that count; `replays` makes its steps, or knows them."""
    return Proposal(thread, Analysis(tuple(findings), secrets=secrets), changed, replays)


def suggested(ways: tuple[Way, Way, Way]) -> Kind | None:
    """Return the way that fits best and does all that was asked: steps that an agent repairs, steps alone, an agent.

    None where only an agent would do it all, and there is no model for it.
    """
    replay, hybrid, agent = ways
    if hybrid.is_possible:
        return "hybrid"
    return "replay" if replay.is_possible else "agent" if agent.is_possible else None


def chosen(ways: tuple[Way, Way, Way]) -> Kind:
    """Return the way that is taken if nobody chooses: the suggested one, else the steps there are."""
    return suggested(ways) or ("replay" if ways[0].steps else "agent")


def _labelled(variable: Mapping[str, Any]) -> dict[str, Any]:
    """Return a variable as a person reads it in the task: by its name, not by the value it had in the thread."""
    said = str(variable["label"])
    unit = _FIGURES.sub("", said).strip() if variable["kind"] in {"number", "money"} else ""
    label = str(variable["name"]).replace("_", " ").capitalize()
    return {**variable, "label": label, "help": f"In {unit}." if unit and unit != said else variable["help"]}


def _is_over(found: Mapping[str, Any], zone: str, now: datetime) -> bool:
    if found.get("kind") != "once" or not found.get("at"):
        return False
    at = datetime.fromisoformat(str(found["at"]))
    return at.replace(tzinfo=at.tzinfo or localtime.zone(zone)) <= now


def _rule(found: Mapping[str, Any]) -> str:
    match found.get("kind"):
        case "cron":
            return str(found["cron"])
        case "rrule":
            hour, _, minute = str(found.get("time") or "").partition(":")
            has_time = not hour or "BYHOUR" in found["rrule"]
            return str(found["rrule"]) if has_time else f"{found['rrule']};BYHOUR={int(hour)};BYMINUTE={int(minute)}"
        case "interval":
            seconds = int(found["every_seconds"])
            size, unit = next(one for one in _UNITS if seconds % one[0] == 0)
            return f"every {seconds // size} {unit}"
        case "once":
            return str(found.get("at") or "").replace("T", " ")
    return ""


def name_of(title: str, objective: str) -> str:
    """Return a short name for the task: the title of the thread, else how its objective begins."""
    words = " ".join(without(title or objective).split())
    short = words if len(words) <= LONGEST_NAME else words[: LONGEST_NAME - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
    return short[:1].upper() + short[1:]


def _texts(given: Any) -> Iterable[str]:
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping | list | tuple):
        for one in given.values() if isinstance(given, Mapping) else given:
            yield from _texts(one)
