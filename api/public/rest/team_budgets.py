"""Budgets of teams, by REST."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Given, Told
from coco.credits import MAX_TOP_UP, Period
from store import team_budgets

router = APIRouter(tags=["teams"])


class TeamBudgetIn(Given):
    period: Period
    """`day` or `month`, of UTC."""
    credits: Annotated[int, Field(ge=0, le=MAX_TOP_UP)]


class TeamBudgetOut(Told):
    period: Period
    credits: int
    committed: int
    """Used, or set aside, by shared workflows of all members in the current period."""
    set_by: UUID
    updated_at: datetime


@router.get("/teams/{team_id}/budgets")
async def list_team_budgets(team_id: UUID, user: BearerUser, parts: PartsDep) -> list[TeamBudgetOut]:
    """What all workflows shared with the team may use together, and how much of it they have."""
    async with parts.reading(user.user_id) as session:
        found = await team_budgets.listed(session, user.user_id, team_id, datetime.now(UTC))
    return [TeamBudgetOut(**row.model_dump(exclude={"team_id"}), committed=committed) for row, committed in found]


@router.put("/teams/{team_id}/budgets", status_code=204)
async def put_team_budget(team_id: UUID, body: TeamBudgetIn, user: BearerUser, parts: PartsDep) -> None:
    """Sets the most that all shared workflows may use together in a period; for owners and admins. A run beyond it
    waits."""
    async with parts.writing(user.user_id) as session:
        await team_budgets.put(session, user.user_id, team_id, body.period, body.credits)


@router.delete("/teams/{team_id}/budgets/{period}", status_code=204)
async def remove_team_budget(team_id: UUID, period: Period, user: BearerUser, parts: PartsDep) -> None:
    """Takes a budget away; for owners and admins."""
    async with parts.writing(user.user_id) as session:
        await team_budgets.put(session, user.user_id, team_id, period, None)
