"""Versions of tasks as workers need them, kept in the process: none ever changes."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from app.domain import variables
from app.domain.graph import After
from app.domain.policy import Policy
from app.domain.variables import Variable
from app.models.tasks import TaskVersion


@dataclass(frozen=True)
class Definition:
    """A version of a task as a worker needs it; it never changes, so it is kept."""

    id: int
    team_id: int
    task_id: int
    name: str
    engine: str
    settings: dict[str, Any]
    limits: dict[str, Any]
    policy: Policy
    min_isolation: int
    files: list[int]
    steps: list[dict[str, Any]] = field(default_factory=list)  # none: a task of one engine
    timezone: str = "UTC"  # of its first schedule, in which its days of the week are meant
    variables: list[Variable] = field(default_factory=list)
    contract: list[dict[str, Any]] = field(default_factory=list)
    repair: dict[str, Any] = field(default_factory=dict)
    after: After = field(default_factory=After)
    is_scheduled: bool = False
    fills: bool = False  # whether placeholders count in its own settings: not in one stored before there were variables

    @cached_property
    def has_placeholders(self) -> bool:
        """Whether anything is to be filled in."""
        return "{{" in json.dumps([self.settings, self.steps, self.contract])

    @cached_property
    def names_previous(self) -> bool:
        """Whether anything of the run before may be filled in."""
        return "previous." in json.dumps([self.settings, self.steps, [(one.value, one.url) for one in self.variables]])


_definitions: dict[int, Definition] = {}


def definition(connection: sa.Connection, version_id: int) -> Definition:
    """Return a version of a task; the last few thousand are kept in the process."""
    if version_id not in _definitions:
        if len(_definitions) > 4000:  # noqa: PLR2004 a bound on memory
            _definitions.clear()
        row = connection.execute(
            sa.select(TaskVersion.team_id, TaskVersion.task_id, TaskVersion.definition).where(
                TaskVersion.id == version_id
            )
        ).one()
        content = row.definition
        _definitions[version_id] = Definition(
            version_id, row.team_id, row.task_id, content["name"], content["engine"], content["settings"],
            content.get("limits", {}), Policy.of(content.get("policy", {})), content.get("min_isolation", 1),
            content.get("files", []), content.get("steps", []),
            content["schedules"][0]["timezone"] if content.get("schedules") else "UTC",
            variables.all_of(content), content.get("contract", []),
            content.get("repair") or {}, After.of(content.get("after")), bool(content.get("schedules")),
            "variables" in content,
        )  # fmt: skip
    return _definitions[version_id]


def forget() -> None:
    """Forget all versions, as when this process turns to another database."""
    _definitions.clear()
