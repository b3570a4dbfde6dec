"""Four eyes: the rules of workflows, and the approvals that people give. All by the API's role.

What satisfies a rule is judged in the database (store.migrations.privileges_approvals), which also refuses a decision
and a grant that the approvals do not bear out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.approval_standing import ApprovalFacts, Given
from coco.approvals import ApprovalRule, ApproverRole, check_possible
from coco.audit import AuditKind
from coco.errors import Code, Conflict, Refused
from store import audit
from store.owned import own
from store.tables import ActionRow, ApprovalRow, ApprovalRuleRow, DecisionRow, DelegationRow, Workflow


class Standing(NamedTuple):
    """How an action stands with its workflow's rules."""

    is_ruled: bool
    """A rule asks for more than its owner's decision."""
    is_approved: bool
    """The approvals satisfy every rule that it must; true where none asks for anything."""


async def rule_of(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> ApprovalRule:
    """The rule in force of a user's workflow. Raises NotFound."""
    await own(session, Workflow, workflow_id, user_id, "workflow")
    found = await session.execute(
        select(ApprovalRuleRow)
        .where(col(ApprovalRuleRow.workflow_id) == workflow_id, col(ApprovalRuleRow.user_id) == user_id)
        .order_by(col(ApprovalRuleRow.version).desc())
        .limit(1)
    )
    row = found.scalar_one_or_none()
    if row is None:
        return ApprovalRule()
    role = ApproverRole(row.role) if row.role is not None else None
    return ApprovalRule(people=row.people, role=role, not_requester=row.not_requester)


async def set_rule(session: AsyncSession, user_id: UUID, workflow_id: UUID, rule: ApprovalRule) -> None:
    """Sets the rule of a user's workflow, as its next version; the same one again changes nothing.

    A tighter rule counts at once, a looser one for runs that start after it. Raises NotFound, InvalidInput for a rule
    that those who may decide could not satisfy, Refused (FORBIDDEN) where they do not administer the workflow in its
    team.
    """
    await own(session, Workflow, workflow_id, user_id, "workflow", lock=True)
    before = await rule_of(session, user_id, workflow_id)
    if before == rule:
        return
    roles = await approvers(session, workflow_id)
    if roles.get(user_id) not in {ApproverRole.OWNER, ApproverRole.ADMIN}:
        raise Refused("only its owner or an admin sets the rule of a workflow", code=Code.FORBIDDEN)
    check_possible(rule, user_id, roles)
    version = await session.execute(
        select(func.coalesce(func.max(ApprovalRuleRow.version), 0)).where(
            col(ApprovalRuleRow.workflow_id) == workflow_id
        )
    )
    number = int(version.scalar_one()) + 1
    session.add(
        ApprovalRuleRow(
            workflow_id=workflow_id,
            version=number,
            user_id=user_id,
            people=rule.people,
            role=rule.role.value if rule.role else None,
            not_requester=rule.not_requester,
            set_by=user_id,
        )
    )
    await session.flush()
    body = {"workflow": str(workflow_id), "version": number}
    body |= {"from": before.model_dump(mode="json"), "to": rule.model_dump(mode="json")}
    await audit.append(session, user_id, AuditKind.APPROVAL_RULE_SET, actor=f"user:{user_id}", body=body)


async def approvers(session: AsyncSession, workflow_id: UUID) -> dict[UUID, ApproverRole]:
    """Who may decide on the session's user's workflow, by which role."""
    rows = await session.execute(text("SELECT person_id, role FROM coco_my_approvers(:w)"), {"w": workflow_id})
    return {row.person_id: ApproverRole(row.role) for row in rows}


async def standing(session: AsyncSession, action_id: UUID) -> Standing:
    """How an action of the session's user stands; an action that is not theirs is not approved."""
    row = (
        await session.execute(text("SELECT is_ruled, is_approved FROM coco_my_approval(:a)"), {"a": action_id})
    ).one_or_none()
    return Standing(row.is_ruled, row.is_approved) if row is not None else Standing(True, False)


async def given(session: AsyncSession, action_id: UUID) -> list[ApprovalRow]:
    """The approvals of an action that the session's user may see, oldest first. Some may not count any more."""
    found = await session.execute(
        select(ApprovalRow).where(col(ApprovalRow.action_id) == action_id).order_by(col(ApprovalRow.at))
    )
    return list(found.scalars())


async def facts(session: AsyncSession, action_ids: Sequence[UUID]) -> dict[UUID, ApprovalFacts]:
    """What there is to tell of some actions' approvals, to whose they are and to who sees their runs in a team.

    An action that a rule asks nothing of, and that only its owner decided on, is not in it.
    """
    if not action_ids:
        return {}
    rows = await session.execute(_FACTS, {"ids": list(action_ids)})
    return {row["action_id"]: ApprovalFacts.model_validate({**row}) for row in rows.mappings()}


async def by_whom(session: AsyncSession, action_id: UUID) -> list[dict[str, Any]]:
    """Every person whose approval of an action counts, and for whom: what its entries say. Empty where nobody's but
    its owner's decision was asked for.

    By their accounts and not by name: the entry is in another's chain, where the end of theirs removes nothing.
    """
    found = (await facts(session, [action_id])).get(action_id)
    return [_told(one) for one in found.given if one.holds] if found else []


async def called(session: AsyncSession, action_ids: Sequence[UUID]) -> dict[str, str]:
    """The names, by account, of those who approved or rejected some actions that the session's person sees."""
    found = await facts(session, action_ids)
    given = [one for told in found.values() for one in told.given]
    names = {str(one.person): one.name for one in given} | {str(one.counts_for): one.for_name for one in given}
    decided = await session.execute(
        select(col(DecisionRow.action_id), col(DecisionRow.by_id)).where(
            col(DecisionRow.action_id).in_(list(found)),
            col(DecisionRow.stage) == "gate",
            col(DecisionRow.by_id).is_not(None),
        )
    )
    for action_id, by in decided:
        names[str(by)] = found[action_id].decided_by or names.get(str(by), "")
    return {account: name for account, name in names.items() if name}


def _told(one: Given) -> dict[str, Any]:
    told = {"by": str(one.person), "at": one.at.isoformat()}
    return told | ({"for": str(one.counts_for)} if one.person != one.counts_for else {})


async def record(
    session: AsyncSession, person: UUID, action: ActionRow, shown_digest: str, delegation: DelegationRow | None = None
) -> ApprovalRow:
    """One person's approval, in a session of that person; with `delegation`, for who gave it.

    Decides nothing by itself. Raises Conflict where they, or whom they stand for, approved already; Refused
    (FORBIDDEN) where the database does not take it: no role, a delegation that does not run, another digest.
    """
    row = ApprovalRow(
        user_id=action.user_id,
        run_id=action.run_id,
        action_id=action.id,
        digest=shown_digest,
        person_id=person,
        counts_for=delegation.user_id if delegation else person,
        delegation_id=delegation.id if delegation else None,
    )
    try:
        async with session.begin_nested():
            session.add(row)
            await session.flush()
    except IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "sqlstate", None) == _UNIQUE_VIOLATION:
            raise Conflict(
                "Nothing was changed: this person's approval is there already; somebody else's is needed."
            ) from error
        raise Refused("this approval does not count here", code=Code.FORBIDDEN) from error
    return row


_UNIQUE_VIOLATION = "23505"
_FACTS = text(
    "SELECT action_id, viewer, rules, given, asked_for, roles, decided_by "
    "FROM coco_approval_facts(CAST(:ids AS uuid[]))"
)
