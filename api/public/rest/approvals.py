"""Four eyes: the rule of a workflow, and what people of a team say of actions that are not theirs."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.public import team_deciding
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Digest, Given, Told
from coco.approvals import ApprovalRule, ApproverRole
from coco.decisions import Verdict
from store import approvals, team_decisions, views

router = APIRouter(tags=["approvals"])


class RuleIn(Given):
    people: Literal[1, 2] = 1
    role: Literal["approver", "admin"] | None = None
    """The least role that counts; none: everybody who may decide on the workflow."""
    not_requester: bool = False
    """Whether a yes of who asked for the action does not count: who started its run, and who edited it."""


class RuleOut(Told):
    people: int
    role: ApproverRole | None
    not_requester: bool
    says: str
    """The rule in words."""


class WaitingOut(Told):
    user_id: UUID
    """Whose run it is."""
    run: views.RunView
    actions: list[views.ActionView]


class ApproveInTeam(Given):
    digest: Digest
    delegation_id: UUID | None = None
    """By a delegation to the caller: the approval then counts for who gave it."""


class RejectInTeam(Given):
    digest: Digest
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


def _out(rule: ApprovalRule) -> RuleOut:
    return RuleOut(**rule.model_dump(), says=str(rule))


@router.get("/workflows/{workflow_id}/approval-rule")
async def get_rule(workflow_id: UUID, user: BearerUser, parts: PartsDep) -> RuleOut:
    """What approving an action of the workflow takes."""
    async with parts.reading(user.user_id) as session:
        return _out(await approvals.rule_of(session, user.user_id, workflow_id))


@router.put("/workflows/{workflow_id}/approval-rule")
async def set_rule(workflow_id: UUID, body: RuleIn, user: BearerUser, parts: PartsDep) -> RuleOut:
    """Sets it. A tighter rule counts at once, for cards that wait too; a looser one for runs that start after it."""
    async with parts.writing(user.user_id) as session:
        rule = ApprovalRule(**body.model_dump())
        await approvals.set_rule(session, user.user_id, workflow_id, rule)
        return _out(await approvals.rule_of(session, user.user_id, workflow_id))


@router.get("/teams/{team_id}/waiting")
async def list_waiting(team_id: UUID, user: BearerUser, parts: PartsDep) -> list[WaitingOut]:
    """Actions of the team's shared workflows that wait for the caller, by run, oldest first."""
    async with parts.team(user.user_id, team_id) as session:
        found = await team_decisions.waiting(session, user.user_id, team_id)
    return [WaitingOut(user_id=one.owner, run=one.run, actions=one.actions) for one in found]


@router.post("/teams/{team_id}/actions/{action_id}/approve")
async def approve(
    team_id: UUID, action_id: UUID, body: ApproveInTeam, user: BearerUser, parts: PartsDep
) -> views.ActionView:
    """One person's yes to exactly the action with this digest. It goes on waiting where its rule asks for more."""
    said = team_deciding.Said(Verdict.APPROVE, body.digest, delegation_id=body.delegation_id)
    return await team_deciding.decide(parts, user.user_id, team_id, action_id, said)


@router.post("/teams/{team_id}/actions/{action_id}/reject")
async def reject(
    team_id: UUID, action_id: UUID, body: RejectInTeam, user: BearerUser, parts: PartsDep
) -> views.ActionView:
    """Rejects it, with the reason that is kept. One rejection rejects."""
    said = team_deciding.Said(Verdict.REJECT, body.digest, body.reason)
    return await team_deciding.decide(parts, user.user_id, team_id, action_id, said)
