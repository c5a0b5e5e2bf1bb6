"""Who may do what: six roles, the right each action asks for, and how far a program's token reaches."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["viewer", "runner", "approver", "editor", "admin", "owner"]
Action = Literal["see", "run", "decide", "edit", "manage", "audit", "members", "own"]
Scope = Literal["read", "run", "write", "admin"]

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

SCOPES: dict[Scope, tuple[Action, ...]] = {
    "read": ("see",),
    "run": ("run", "decide"),
    "write": ("edit",),
    "admin": ("manage", "audit", "members", "own"),
}
"""What a token may do with each scope, as far as its person's role goes; every token may read."""

SCOPE_LABELS: dict[Scope, str] = {
    "read": "see tasks, runs and logs",
    "run": "start, cancel and decide runs",
    "write": "create and change tasks and schedules",
    "admin": "set secrets and settings, manage members and tokens",
}


@dataclass(frozen=True)
class Actor:
    """A person acting in a team, with the role they have there; through a program only within its token's `scopes`."""

    person_id: int
    team_id: int
    role: Role
    scopes: frozenset[str] | None = None

    @property
    def token_team_id(self) -> int | None:
        """The team to which a program is bound; None for a person, who may look at all of theirs."""
        return None if self.scopes is None else self.team_id

    def may(self, action: Action) -> bool:
        """Whether this person may do `action` in this team, here."""
        return can(self.role, action) and (self.scopes is None or reaches(self.scopes, action))


def can(role: Role | None, action: Action) -> bool:
    """Whether a member with `role` may do `action`; without a role nothing is allowed."""
    return role in _MAY[action]


def may_give(giver: Role, role: Role) -> bool:
    """Whether `giver` may hand out `role`: owners any, admins up to editor."""
    if giver == "owner":
        return True
    return giver == "admin" and role in {"viewer", "runner", "approver", "editor"}


def scope_of(action: Action) -> Scope:
    """Return the scope a token needs for `action`."""
    return next(scope for scope, actions in SCOPES.items() if action in actions)


def reaches(scopes: Collection[str], action: Action) -> bool:
    """Whether a token with `scopes` may be used for `action`, whatever its person may."""
    return action == "see" or scope_of(action) in scopes


def scopes_for(role: Role) -> tuple[Scope, ...]:
    """Return the scopes that are of any use to a member with `role`."""
    return tuple(scope for scope, actions in SCOPES.items() if any(can(role, action) for action in actions))
