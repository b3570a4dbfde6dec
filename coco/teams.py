"""Teams: the roles in one, and what each of them may do. What is not in the table, nobody may.

The database says the same at every write (store.migrations.privileges_teams); here is what pages and the API say
before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from coco.errors import InvalidInput

INVITATION_LASTS = timedelta(days=7)
MAX_NAME = 200


class Role(StrEnum):
    """What somebody is in a team. Persisted; never renamed."""

    OWNER = "owner"
    ADMIN = "admin"
    APPROVER = "approver"
    MEMBER = "member"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """What a role may let somebody do."""

    SEE = "see the team, its members and its shared workflows"
    RUNS = "see the runs and cards of shared workflows"
    SHARE = "share a workflow of one's own"
    START = "start a run of a shared workflow"
    APPROVE = "decide on actions of shared workflows"
    MANAGE = "invite people, change roles, remove people, take workflows out of the team"
    AUDIT = "read the audit entries of everything that is shared, and of the team"


_WORKING = frozenset({Permission.SEE, Permission.RUNS, Permission.SHARE, Permission.START})

PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.OWNER: frozenset(Permission),
        Role.ADMIN: frozenset(Permission),
        Role.APPROVER: _WORKING | {Permission.APPROVE},
        Role.MEMBER: _WORKING,
        Role.AUDITOR: frozenset({Permission.SEE, Permission.RUNS, Permission.AUDIT}),
    }
)

_RANK = {Role.OWNER: 3, Role.ADMIN: 2}


def may(role: Role | None, permission: Permission) -> bool:
    """Whether somebody with this role may. None: no member."""
    return role is not None and permission in PERMISSIONS[role]


def rank(role: Role) -> int:
    """An owner stands above an admin, an admin above everybody else."""
    return _RANK.get(role, 1)


def may_give(by: Role | None, role: Role) -> bool:
    """Whether `by` may invite somebody as `role`: nobody makes another more than they are themselves."""
    return by is not None and may(by, Permission.MANAGE) and rank(role) <= rank(by)


def may_change(by: Role | None, before: Role, after: Role) -> bool:
    """Whether `by` may make a member who is `before` an `after`. Nobody touches who stands above them."""
    return may_give(by, before) and may_give(by, after)


def checked_name(name: str) -> str:
    """A team's name as it is kept. Raises InvalidInput."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or any(ord(c) < 32 for c in name):
        raise InvalidInput(f"name: between 1 and {MAX_NAME} characters on one line")
    return name
