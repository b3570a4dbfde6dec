"""The activity feed and the credits."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Cursor, Limit, Told
from coco.errors import InvalidInput
from store import views

router = APIRouter(tags=["records"])


class Credits(Told):
    balance: int
    reserved: int
    available: int


@router.get("/activity")
async def activity(
    user: BearerUser,
    parts: PartsDep,
    run_id: Annotated[UUID | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> views.Page[views.ActivityView]:
    """The audit entries, newest first."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidInput("cursor: give back the `next` of the page before")
    async with parts.reading(user.user_id) as session:
        return await views.activity(
            session, user.user_id, before=int(cursor) if cursor else None, run_id=run_id, limit=limit
        )


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
    """Every credit given and debited, newest first."""
    async with parts.reading(user.user_id) as session:
        return await views.ledger(session, user.user_id, cursor=cursor, limit=limit)
