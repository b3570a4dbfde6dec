"""The activity feed."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Cursor, Limit
from coco.errors import InvalidInput
from store import views

router = APIRouter(tags=["records"])


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
