"""Digests: one account of each run in which something ran alone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.public.identity import BearerUser
from api.public.parts import PartsDep
from store import digests
from store.digests import DigestView

router = APIRouter(tags=["digests"])


@router.get("/digests")
async def list_digests(
    user: BearerUser,
    parts: PartsDep,
    unseen: bool = False,
    before: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> list[DigestView]:
    """What ran alone and what was left, by run, newest first; `before` is the `at` to go on below."""
    async with parts.reading(user.user_id) as session:
        return await digests.listed(session, user.user_id, unseen=unseen, before=before, limit=limit)


@router.post("/digests/{run_id}/seen")
async def digest_seen(run_id: UUID, user: BearerUser, parts: PartsDep) -> DigestView:
    """The owner has seen it as it is now; it is unseen again when more runs alone."""
    async with parts.writing(user.user_id) as session:
        return await digests.seen(session, user.user_id, run_id)
