"""Four eyes: how many people must approve an action of a workflow, who they may be, and whether they have.

The database judges the same way at the mint (store.migrations.privileges_approvals); here is what pages and the API say
before it. An approval counts for one person: a delegate's counts for the one it was given for, and for nobody else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations
from uuid import UUID

from pydantic import field_validator

from coco.errors import InvalidInput
from coco.requests import Frozen

LONGEST_DELEGATION = timedelta(days=90)


class ApproverRole(StrEnum):
    """What somebody may be for a workflow who may decide on it at all. Persisted; never renamed."""

    APPROVER = "approver"
    ADMIN = "admin"
    OWNER = "owner"


_RANK = {ApproverRole.APPROVER: 1, ApproverRole.ADMIN: 2, ApproverRole.OWNER: 3}


class ApprovalRule(Frozen):
    """What approving an action of a workflow takes. By itself: one person who may decide."""

    people: int = 1
    """1 or 2, who are not the same."""
    role: ApproverRole | None = None
    """The least role that counts; none where everybody counts who may decide."""
    not_requester: bool = False
    """An approval by, or for, whoever asked for the action does not count: who started its run, and who edited it."""

    @field_validator("people")
    @classmethod
    def _one_or_two(cls, people: int) -> int:
        if people not in (1, 2):
            raise ValueError("an approval takes one person or two")
        return people

    @field_validator("role")
    @classmethod
    def _a_role_to_ask_for(cls, role: ApproverRole | None) -> ApproverRole | None:
        if role is ApproverRole.OWNER:
            raise ValueError("a rule asks for an approver or an admin")
        return role

    @property
    def is_plain(self) -> bool:
        """Whether the owner's own approval is enough."""
        return self == ApprovalRule()

    def __str__(self) -> str:
        who = {None: "", ApproverRole.APPROVER: " with the role approver", ApproverRole.ADMIN: " with the role admin"}
        text = ("one person" if self.people == 1 else "two people") + who[self.role]
        return text + (", not whoever asked for it" if self.not_requester else "")


class Approval(Frozen):
    """One person's yes to one exact action."""

    person: UUID
    counts_for: UUID
    """The person themselves, or the one who delegated to them."""
    digest: str


def suffices(role: ApproverRole | None, least: ApproverRole | None) -> bool:
    """Whether somebody's role is enough. Nobody without a role decides."""
    return role is not None and (least is None or _RANK[role] >= _RANK[least])


def is_satisfied(
    rule: ApprovalRule,
    approvals: Collection[Approval],
    *,
    digest: str,
    requesters: Collection[UUID],
    roles: Mapping[UUID, ApproverRole],
) -> bool:
    """Whether these approvals are what the rule asks for, of the action with `digest`: `missing` is none."""
    return missing(rule, approvals, digest=digest, requesters=requesters, roles=roles) == 0


def missing(
    rule: ApprovalRule,
    approvals: Collection[Approval],
    *,
    digest: str,
    requesters: Collection[UUID],
    roles: Mapping[UUID, ApproverRole],
) -> int:
    """How many more people the rule asks for, of the action with `digest`.

    `requesters` asked for it: whoever started its run, and whoever edited it. `roles` are those of now: who is not in
    it counts for nothing, whatever they said before.
    """
    sides = [
        {item.person, item.counts_for}
        for item in approvals
        if item.digest == digest
        and suffices(roles.get(item.person), rule.role)
        and suffices(roles.get(item.counts_for), rule.role)
        and not (rule.not_requester and {item.person, item.counts_for} & set(requesters))
    ]
    if rule.people == 2 and any(one.isdisjoint(other) for one, other in combinations(sides, 2)):
        return 0
    return rule.people - 1 if sides else rule.people


def check_possible(rule: ApprovalRule, requester: UUID, roles: Mapping[UUID, ApproverRole]) -> None:
    """Raises InvalidInput for a rule that nobody could satisfy: nothing of its workflow would ever be approved."""
    count = sum(
        suffices(role, rule.role) and not (rule.not_requester and person == requester) for person, role in roles.items()
    )
    if count < rule.people:
        raise InvalidInput(
            f"This rule asks for {rule}, and only {count} of those who may decide on this workflow would count. "
            "Share it with more people who may approve, or choose another rule."
        )


def check_delegation(by: UUID, to: UUID, start: datetime, end: datetime) -> None:
    """Raises InvalidInput: a delegation is to somebody else, and ends within 90 days of its start."""
    if by == to:
        raise InvalidInput("A delegation is to somebody else.")
    if start.tzinfo is None or end.tzinfo is None:
        raise InvalidInput("The times of a delegation need a time zone.")
    if not start < end <= start + LONGEST_DELEGATION:
        raise InvalidInput("A delegation ends after it starts, and at most 90 days later.")
