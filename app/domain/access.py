"""Who may do what: six roles, and the right each action asks for."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["viewer", "runner", "approver", "editor", "admin", "owner"]
Action = Literal["see", "run", "decide", "edit", "manage", "audit", "members", "own"]

ROLES: tuple[Role, ...] = get_args(Role)
ACTIONS: tuple[Action, ...] = get_args(Action)

# The table of ARCHITECTURE: rows are actions, so that a new right is one line.
_MAY: dict[Action, frozenset[Role]] = {
    "see": frozenset(ROLES),
    "run": frozenset({"runner", "approver", "editor", "admin", "owner"}),
    "decide": frozenset({"approver", "admin", "owner"}),
    "edit": frozenset({"editor", "admin", "owner"}),
    "manage": frozenset({"admin", "owner"}),
    "audit": frozenset({"admin", "owner"}),
    "members": frozenset({"admin", "owner"}),
    "own": frozenset({"owner"}),
}

LABELS: dict[Action, str] = {
    "see": "see tasks and runs",
    "run": "start and cancel runs",
    "decide": "decide approvals",
    "edit": "create and change tasks and schedules",
    "manage": "set secrets and settings",
    "audit": "see the audit",
    "members": "manage members",
    "own": "change the team itself",
}


@dataclass(frozen=True)
class Actor:
    """A person acting in a team, with the role they have there."""

    person_id: int
    team_id: int
    role: Role

    def may(self, action: Action) -> bool:
        """Whether this person may do `action` in this team."""
        return can(self.role, action)


def can(role: Role | None, action: Action) -> bool:
    """Whether a member with `role` may do `action`; without a role nothing is allowed."""
    return role in _MAY[action]


def may_give(giver: Role, role: Role) -> bool:
    """Whether `giver` may hand out `role`: owners any, admins up to editor."""
    if giver == "owner":
        return True
    return giver == "admin" and role in {"viewer", "runner", "approver", "editor"}
