"""What to do about a failure: in words, on which page, and by one press where a change of the task's settings does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.domain.wording import duration

Way = Literal["", "task", "secrets", "workers", "models", "budgets"]

_MIB = 1024**2
_LONGEST_TIMEOUT, _LONGEST_ANSWER_SECONDS = 604_800.0, 3600.0
_LARGEST_LIMIT, _MOST_PROCESSES, _MOST_TURNS, _LONGEST_KEPT = 65_536 * _MIB, 4096, 200, 10 * _MIB
_CODE = frozenset({"shell", "python"})

_READ_AND_MEND = "Read the end of its log, mend the task, then run it again."

_BY_CAUSE: Mapping[str, tuple[str, Way]] = {
    "away": ("See whether {} is up, then run it again.", ""),
    "dns": ("Check how its name is written in the task. If it is right, see whether its name server answers.", "task"),
    "network": ("See whether the worker has a network and a name server, then run it again.", "workers"),
    "no_network": ("Let it reach the network in the task, then run it again.", "task"),
    "tls": ("See whether its certificate is out of date or made by nobody that is trusted.", ""),
    "access": ("Give it a key or a password that {} takes, then run it again.", "secrets"),
    "not_found": ("Check the address in the task.", "task"),
    "too_often": ("Run it again later. If that happens often, spread the schedules that ask {}.", ""),
    "server_error": ("Run it again later. If it stays, tell who runs {}.", ""),
    "protocol": ("Check the address in the task, and its port.", "task"),
    "redirects": ("Check the address in the task: it may have moved.", "task"),
    "no_distribution": ("Check the name and the version of the package in the task.", "task"),
    "no_package": ("Add it to the packages of the task, then run it again.", "task"),
    "no_command": ("Install it where the workers run, or use a program that is there.", "task"),
    "no_variable": ("Set it in the task, as a variable or as a secret that it uses.", "task"),
    "timeout": ("Raise its time limit or give it less to do, then run it again.", "task"),
    "memory": ("Raise its memory limit or let it read less at once, then run it again.", "task"),
    "disk": ("Raise its limit of files or let it write less, then run it again.", "task"),
    "processes": ("Raise its limit of processes or let it start fewer at once, then run it again.", "task"),
    "read_only": ("Let it write into the folder it starts in; what is in artifacts/ there is kept.", "task"),
    "permission": ("Let it use the folder it starts in, and start a script of its own with bash or python.", "task"),
    "no_file": ("Check the path: it starts in a folder of its own, with the files of the task alone.", "task"),
    "not_json": ("Look at what it was given: an error page instead of data often reads like this.", "task"),
    "syntax": ("Correct the code at the line that is named, then run it again.", "task"),
}
"""By the cause that was recognised; `{}` is the host or package it is about, and left out where that is not known."""

_BY_REASON: Mapping[str, tuple[str, Way]] = {
    "exit_code": (_READ_AND_MEND, "task"),
    "crash": (_READ_AND_MEND, "task"),
    "breaker": ("See under Workers and queues what is left alone, then run it again.", "workers"),
    "http_status": ("Look at the answer in its log, then run it again.", ""),
    "expectation": ("Look at the answer in its log; if it is right, change what the task expects.", "task"),
    "contract": ("See below what was not met; if the work is right, change what must be true.", "task"),
    "too_large": ("Raise its size limit, or ask for less.", "task"),
    "settings": ("Correct the task, then run it again.", "task"),
    "inputs": ("Correct the placeholder in the task, then run it again.", "task"),
    "variables": ("Correct the variable in the task, then run it again.", "task"),
    "condition": ("Correct the condition of the step, then run it again.", "task"),
    "files": ("Look at the files of the task, then run it again.", "task"),
    "output": ("Let the code write what can be taken, then run it again.", "task"),
    "requirements": ("Look at the packages of the task, then run it again.", "task"),
    "sandbox": ("See what the workers can do, then run it again.", "workers"),
    "no_secret": ("", "secrets"),  # its sentence says what to do
    "secret": ("Set the secret, then run it again.", "secrets"),
    "wrong_key": ("Put the right key file back, then run it again.", ""),
    "no_isolation": ("See what the workers can do, or ask for less isolation in the task.", "workers"),
    "no_engine": ("Install the engine, or choose another in the task.", "task"),
    "no_owner": ("Copy the task: the copy is yours.", "task"),
    "no_space": ("Make room on the disk, then run it again.", "workers"),
    "inner_address": ("Let an administrator allow the address, or ask another one.", "task"),
    "no_model": ("", "models"),  # its sentence says what to do
    "model_key": ("Give the model a key that works, test it there, then run it again.", "models"),
    "no_such_model": ("Write the model's name as its provider has it, test it there, then run it again.", "models"),
    "quota": ("Fill up the account at the provider, or choose another model, then run it again.", "models"),
    "rate_limited": ("Run it again later. If that happens often, spread the schedules that ask the same host.", ""),
    "model_busy": ("Run it again later, or choose another model.", "task"),
    "model_away": ("See in Models whether it answers, then run it again.", "models"),
    "model_timeout": ("See in Models how long it takes, or give it less at once.", "models"),
    "model_nonsense": ("See in Models whether its address is right, then run it again.", "models"),
    "model_refused": ("Say in the task what it is for, or choose another model.", "task"),
    "context_too_long": ("Let it read less at once, or choose a model that takes longer texts.", "task"),
    "cost_cap": ("Raise its cap and let it go on, or let it do less.", "task"),
    "budget": ("Raise the budget or wait for its next period, then run it again.", "budgets"),
    "plan": ("Wait for the next day or month, or ask there for a larger plan; then run it again.", "budgets"),
    "max_turns": ("Allow it more turns in the task, or give it less to do; then run it again.", "task"),
    "only_a_plan": ("Say in the task what the result must be, and tick the tools it needs.", "task"),
    "empty_answer": ("Say in the task what the answer must be, or choose another model.", "task"),
    "answer_cut": ("Ask for a shorter answer, or let it write files.", "task"),
    "lost": ("Run it again. If that happens each time, it may use more memory than its worker has.", "workers"),
    "database": ("Run it again once the database is back.", ""),
    "no_end": ("Let the job say how it ended, or raise its time limit.", "task"),
    "pinged_fail": ("See on its own machine what the job says.", ""),
    "runs_elsewhere": ("Start the job on its own machine; it tells Carillon by its pings.", "task"),
    "restored": ("Run it again, if it still matters.", ""),
    "address": ("Correct the address in the task, then run it again.", "task"),
    "history": ("Run it again from the start.", ""),
    "engine": ("See what its worker logged, and what its sentence says; then run it again.", "workers"),
    "engine_error": ("Run it again. If that happens each time, report it with what its worker logged.", "workers"),
    "no_ping": ("See on its own machine whether the job ran.", ""),
}

_ALIKE = {"refused": "away", "reset": "away", "unreachable": "away"}

_EXIT_CODES: Mapping[int, str] = {
    2: "By exit code 2 most programs say that they were called in a way they do not know.",
    126: "Exit code 126 says that a program was found and may not be started.",
    127: "Exit code 127 says that a program was not found.",
    130: "It was interrupted, as by Ctrl+C.",
    131: "It was ended from outside, as by Ctrl+\\.",
    132: "A program used an instruction that this processor does not have.",
    134: "A program gave itself up: it found an error that it can't go on with.",
    135: "A program used memory in a way that the machine refuses.",
    136: "A program calculated something that can't be calculated, such as a division by zero.",
    137: "It was killed at once; most often the machine had no memory left for it.",
    139: "A program touched memory that is not its own: an error in it, or in a library it uses.",
    141: "A program wrote to another one that had ended already.",
    143: "It was asked to end from outside.",
    153: "A file grew larger than it may.",
    159: "A program tried what the sandbox does not let it do.",
}
"""What an exit code tells where its text does not: above 128 it is a signal (128 + its number)."""


def advice(kind: str, target: str, reason: str) -> tuple[str, Way]:
    """Return what to do next about a failure in a sentence, and on which page; empty where nothing is known."""
    is_of_model = reason.startswith("model_")  # that its host is away is no reason to look elsewhere than in Models
    of_cause = None if is_of_model else _BY_CAUSE.get(kind)
    alike = _BY_CAUSE.get(_ALIKE.get(reason, reason))
    words, way = of_cause or _BY_REASON.get(reason) or alike or ("Read its log, then run it again.", "")
    return words.format(target or "that host"), way


def of_blocked(reason: str) -> tuple[str, Way]:
    """Return the same for a run that was held back before it began."""
    return _BY_REASON.get(reason, ("Mend what is named here, then run it again.", ""))


def exit_code(code: int | None) -> str:
    """Say what an exit code means, "" for one that every program uses as it likes."""
    return "" if code is None else _EXIT_CODES.get(code, "")


def refined(kind: str, definition: Mapping[str, Any], step: str) -> str:
    """Return the kind of a cause as the task explains it: without a network of its own a program finds no name."""
    place = _place(definition, step)
    is_cut_off = place.engine in _CODE and not place.settings.get("network")
    return "no_network" if is_cut_off and kind in {"network", "dns"} else kind


# --- by one press


@dataclass(frozen=True)
class Change:
    """A change that may mend it: `label` says on a button what is done, `definition` is the task's with it made."""

    label: str
    definition: dict[str, Any]


def change(kind: str, target: str, sentence: str, step: str, definition: Mapping[str, Any]) -> Change | None:
    """Return the one change of a task's definition that mends such a failure, None where none does or may.

    `kind` and `target` are those of its cause, `step` the part of the task that failed, empty in a task of one part.
    """
    make = _CHANGES.get(kind)
    if make is None:
        return None
    found = make(_place(definition, step, target, sentence))
    return None if found is None else Change(f"{found[0]} and run again", found[1])


def more_memory(definition: Mapping[str, Any]) -> Change | None:
    """Return the change that keeps a run away from its memory limit, None where there is no more to be had."""
    found = _CHANGES["memory"](_place(definition, ""))
    return None if found is None else Change(*found)


@dataclass(frozen=True)
class _Place:
    """Where a change is made: in a definition, or in one step of it."""

    definition: Mapping[str, Any]
    part: Mapping[str, Any] | None
    target: str
    sentence: str

    @property
    def engine(self) -> str:
        return str((self.part or self.definition)["engine"])

    @property
    def settings(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.part or self.definition)["settings"]
        return found

    def with_settings(self, **values: Any) -> dict[str, Any]:
        return self._with(settings={**self.settings, **values})

    def with_limit(self, name: str, value: float) -> dict[str, Any]:
        return {**self.definition, "limits": {**self.definition["limits"], name: value}}

    def _with(self, **values: Any) -> dict[str, Any]:
        if self.part is None:
            return {**self.definition, **values}
        steps = [{**one, **values} if one is self.part else one for one in self.definition["steps"]]
        return {**self.definition, "steps": steps}


def _place(definition: Mapping[str, Any], step: str, target: str = "", sentence: str = "") -> _Place:
    part = next((one for one in definition.get("steps") or () if one["name"] == step), None)
    return _Place(definition, part, target, sentence)


_Made = tuple[str, dict[str, Any]] | None


def _time(place: _Place) -> _Made:
    """A step may take as long as itself and the task allow; so both are raised where a step is too slow."""
    limit = place.definition["limits"]["timeout_seconds"]
    is_of_task = place.part is None or place.sentence.startswith("The task reached")
    before = limit if is_of_task or place.part is None else min(limit, place.part.get("timeout_seconds", limit))
    after = min(before * 2, _LONGEST_TIMEOUT)
    if after <= before:
        return None
    made = place.with_limit("timeout_seconds", max(limit, after))
    if place.part is not None and not is_of_task:
        slow = {**place.part, "timeout_seconds": max(after, place.part.get("timeout_seconds", after))}
        made["steps"] = [slow if one is place.part else one for one in made["steps"]]
    return f"Raise its time limit to {duration(after)}", made


def _limit(name: str, words: str, most: int, unit: int = 1, unit_name: str = "") -> Callable[[_Place], _Made]:
    def make(place: _Place) -> _Made:
        before = place.definition["limits"].get(name)
        if not before or before >= most:
            return None
        after = min(int(before) * 2, most)
        return f"Raise its {words} to {after // unit:,}{unit_name}", place.with_limit(name, after)

    return make


def _network(place: _Place) -> _Made:
    if place.engine not in _CODE or place.settings.get("network"):
        return None
    return "Let it reach the network", place.with_settings(network=True)


def _package(place: _Place) -> _Made:
    package = _PACKAGES.get(place.target)
    if place.engine != "python" or package is None:
        return None
    return f"Add {package} to its packages", place.with_settings(
        requirements=[*(place.settings.get("requirements") or ()), package]
    )


def _turns(place: _Place) -> _Made:
    before = place.settings.get("max_turns", 20)
    if place.engine != "agent" or before >= _MOST_TURNS:
        return None
    after = min(before * 2, _MOST_TURNS)
    return f"Allow it {after} turns", place.with_settings(max_turns=after)


def _size(place: _Place) -> _Made:
    before = place.settings.get("max_bytes", _LONGEST_KEPT)
    if place.engine != "http" or before >= _LONGEST_KEPT:
        return None
    after = min(before * 10, _LONGEST_KEPT)
    return f"Let it keep {after / _MIB:.3g} MiB", place.with_settings(max_bytes=after)


def _patience(place: _Place) -> _Made:
    before = place.settings.get("timeout_seconds", 30.0)
    if place.engine != "http" or "did not answer within" not in place.sentence or before >= _LONGEST_ANSWER_SECONDS:
        return None
    after = min(before * 2, _LONGEST_ANSWER_SECONDS)
    return f"Wait up to {duration(after)} for the answer", place.with_settings(timeout_seconds=after)


_CHANGES: Mapping[str, Callable[[_Place], _Made]] = {
    "timeout": _time,
    "memory": _limit("memory_bytes", "memory limit", _LARGEST_LIMIT, _MIB, " MiB"),
    "disk": _limit("disk_bytes", "limit of files", _LARGEST_LIMIT, _MIB, " MiB"),
    "processes": _limit("processes", "limit of processes", _MOST_PROCESSES),
    "no_network": _network,
    "no_package": _package,
    "max_turns": _turns,
    "too_large": _size,
    "away": _patience,
}

_PACKAGES: Mapping[str, str] = {
    **{name: name for name in (
        "aiohttp", "anthropic", "boto3", "httpx", "jinja2", "lxml", "matplotlib", "numpy", "openai", "openpyxl",
        "pandas", "polars", "psycopg", "pyarrow", "pydantic", "pymongo", "redis", "requests", "rich", "scipy",
        "sqlalchemy", "tabulate", "tenacity", "tqdm", "xlsxwriter",
    )},
    "PIL": "pillow", "bs4": "beautifulsoup4", "cv2": "opencv-python-headless", "dateutil": "python-dateutil",
    "docx": "python-docx", "dotenv": "python-dotenv", "feedparser": "feedparser", "fitz": "pymupdf",
    "psycopg2": "psycopg2-binary", "sklearn": "scikit-learn", "slack_sdk": "slack-sdk", "yaml": "pyyaml",
}  # fmt: skip
"""Packages by the module they bring. Only these are offered: whoever takes the name of a module for that of a package
may install somebody else's code.
"""
