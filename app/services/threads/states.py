"""What a proposed task needs, each with its state: present, missing, unreachable, or not looked at yet."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from app.analysis.replay.secrets_in import CREDENTIAL
from app.models.threads import Finding
from app.services.threads.review import Review, value_of

State = Literal["present", "missing", "unreachable", "unknown", "asked"]
Fix = Literal["", "upload", "secret", "look"]


@dataclass(frozen=True)
class Need:
    """Something a run needs: `kind` is file, api, tool, env or package; `fix` is how a person can help.

    `finding` is where it stands in the thread, None for what the steps alone need.
    """

    kind: str
    name: str
    state: State
    sentence: str
    fix: Fix = ""
    finding: Finding | None = None


def needs(review: Review) -> list[Need]:
    """Return all that the proposed task needs, dropped findings among it."""
    rows = [
        one for one in review.findings if one.kind == "dependency" and (one.source == "rules" or one.state != "found")
    ]
    found = [_need(review, row) for row in rows]
    named = {(one.kind, one.name) for one in found}
    return found + [one for one in _of_steps(review) if (one.kind, one.name) not in named]


def _of_steps(review: Review) -> Iterator[Need]:
    made = review.proposal.made
    for name in (*made.secrets, *made.env):
        yield _variable(review, name, None)
    for name in made.files:
        yield _file(review, name, None)


def _need(review: Review, row: Finding) -> Need:
    value = value_of(row)
    kind, name = str(value["kind"]), str(value["name"])
    match kind:
        case "file":
            return _file(review, name, row)
        case "env":
            return _variable(review, name, row)
        case "tool":
            return _tool(review, name, row)
    if kind == "api" and not review.proposal.requires["network"]:
        return Need(kind, name, "missing", "Not allowed: the task has no network.", "", row)
    if row.seen:
        return Need(kind, name, row.seen["state"], row.seen["sentence"], "look", row)
    sentence = "Not asked yet." if kind == "api" else "Is installed when the task first runs."
    return Need(kind, name, "unknown", sentence, "look", row)


def _file(review: Review, name: str, row: Finding | None) -> Need:
    plain = name.replace("\\", "/").rpartition("/")[2]
    if plain in review.held:
        return Need("file", name, "present", "Kept with the task.", "", row)
    is_suspicious = plain in review.proposal.suspicious
    sentence = "Gives orders to a model: not taken over." if is_suspicious else "Its content is not in the export."
    return Need("file", name, "missing", sentence, "upload", row)


def _variable(review: Review, name: str, row: Finding | None) -> Need:
    if name in review.vault_names:
        return Need("env", name, "present", "In the vault.", "", row)
    if review.moved.get(name) in review.vault_names:
        return Need("env", name, "present", f"In the vault as {review.moved[name]}.", "", row)
    if CREDENTIAL.search(name):
        return Need("env", name, "missing", "Not in the vault.", "secret", row)
    return Need("env", name, "missing", "Has no value yet. Set it in the step that reads it.", "", row)


def _tool(review: Review, name: str, row: Finding) -> Need:
    made = review.proposal.made
    lacking = next((one for one in made.lacking if one.tool == name), None)
    if lacking:
        return Need("tool", name, "missing", lacking.advice, "", row)
    return Need("tool", name, "present", "The steps do this." if made.steps else "An agent does this.", "", row)
