"""Actions: what waits for a person, and the person's decision on each."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.public import deciding
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Cursor, Digest, Given, Limit
from coco.actions import ActionState
from coco.decisions import Verdict
from store import views

router = APIRouter(tags=["actions"])


class Approve(Given):
    digest: Digest


class Reject(Given):
    digest: Digest
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class Edit(Given):
    digest: Digest
    arguments: dict[str, Any]
    operation: Annotated[str | None, Field(max_length=80)] = None
    """Another operation of the same connector, where the edit changes what is done."""


class Settle(Given):
    happened: bool
    digest: Digest | None = None


@router.get("/actions")
async def list_actions(
    user: BearerUser,
    parts: PartsDep,
    state: Annotated[list[ActionState] | None, Query(description="By default, those that wait for a person.")] = None,
    run_id: Annotated[UUID | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> views.Page[views.ActionView]:
    """The inbox: actions that wait for approval, or whose outcome a person must settle."""
    states = [item.value for item in state] if state else views.ATTENTION
    async with parts.reading(user.user_id) as session:
        return await views.actions(session, user.user_id, states=states, run_id=run_id, cursor=cursor, limit=limit)


@router.get("/actions/{action_id}")
async def get_action(action_id: UUID, user: BearerUser, parts: PartsDep) -> views.ActionView:
    """One action."""
    async with parts.reading(user.user_id) as session:
        return await views.action(session, user.user_id, action_id)


@router.post("/actions/{action_id}/approve")
async def approve(action_id: UUID, body: Approve, user: BearerUser, parts: PartsDep) -> views.ActionView:
    """Approves exactly the action with this digest."""
    return await deciding.decide(parts, user.user_id, action_id, Verdict.APPROVE, body.digest)


@router.post("/actions/{action_id}/reject")
async def reject(action_id: UUID, body: Reject, user: BearerUser, parts: PartsDep) -> views.ActionView:
    """Rejects it, with the reason that is kept."""
    return await deciding.decide(parts, user.user_id, action_id, Verdict.REJECT, body.digest, body.reason)


@router.post("/actions/{action_id}/edit", status_code=201)
async def edit(action_id: UUID, body: Edit, user: BearerUser, parts: PartsDep) -> views.ActionView:
    """Replaces it by an edited one, which waits for its own approval; the answer is the new action."""
    return await deciding.edit(parts, user.user_id, action_id, body.digest, body.arguments, body.operation)


@router.post("/actions/{action_id}/settle")
async def settle(action_id: UUID, body: Settle, user: BearerUser, parts: PartsDep) -> views.ActionView:
    """Says whether an action with unknown outcome took effect."""
    return await deciding.settle(parts, user.user_id, action_id, happened=body.happened, shown_digest=body.digest)
