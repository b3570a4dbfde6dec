"""Credits: the balance, the ledger, what they were used for, and budgets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Cursor, Given, Limit, Told
from coco.credits import MAX_TOP_UP, Period
from store import budgets, views
from store.usage import MAX_DAYS, UsageView, usage

router = APIRouter(tags=["credits"])


class Credits(Told):
    balance: int
    reserved: int
    available: int


class BudgetIn(Given):
    workflow_id: UUID | None = None
    """None for all workflows together."""
    period: Period
    """Days and months are those of UTC."""
    credits: Annotated[int, Field(ge=0, le=MAX_TOP_UP)]


class BudgetOut(Told):
    id: UUID
    workflow_id: UUID | None
    period: Period
    credits: int
    committed: int
    """Used, or set aside for approved actions on their way, in the current period."""


@router.get("/credits")
async def credits_(user: BearerUser, parts: PartsDep) -> Credits:
    """The balance. `reserved` is set aside for approved actions on their way."""
    async with parts.reading(user.user_id) as session:
        found = await views.balance(session, user.user_id)
    return Credits(balance=found.balance, reserved=found.reserved, available=found.available)


@router.get("/credits/ledger")
async def ledger(
    user: BearerUser, parts: PartsDep, cursor: Cursor = None, limit: Limit = 50
) -> views.Page[views.LedgerView]:
    """Every movement of credits, newest first; the postings of each sum to zero."""
    async with parts.reading(user.user_id) as session:
        return await views.ledger(session, user.user_id, cursor=cursor, limit=limit)


@router.get("/credits/usage")
async def used(user: BearerUser, parts: PartsDep, days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = 30) -> UsageView:
    """What was used in the last days, by day, workflow and item."""
    async with parts.reading(user.user_id) as session:
        return await usage(session, user.user_id, days=days, now=datetime.now(UTC))


@router.get("/credits/budgets")
async def list_budgets(user: BearerUser, parts: PartsDep) -> list[BudgetOut]:
    """The budgets, with what is committed of each."""
    async with parts.reading(user.user_id) as session:
        return [
            BudgetOut(**row.model_dump(exclude={"user_id"}), committed=committed)
            for row, committed in await budgets.standing(session, user.user_id, datetime.now(UTC))
        ]


@router.put("/credits/budgets")
async def put_budget(body: BudgetIn, user: BearerUser, parts: PartsDep) -> BudgetOut:
    """Sets the most that a workflow, or all together, may use in a period. A run beyond it waits."""
    async with parts.writing(user.user_id) as session:
        row = await budgets.put(session, user.user_id, body.workflow_id, body.period, body.credits)
        committed = await budgets.committed(session, user.user_id, row.workflow_id, body.period, datetime.now(UTC))
    return BudgetOut(**row.model_dump(exclude={"user_id"}), committed=committed)


@router.delete("/credits/budgets/{budget_id}", status_code=204)
async def remove_budget(budget_id: UUID, user: BearerUser, parts: PartsDep) -> None:
    """Takes a budget away."""
    async with parts.writing(user.user_id) as session:
        await budgets.remove(session, user.user_id, budget_id)
