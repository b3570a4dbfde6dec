"""Fetching one row of one user."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from coco.errors import NotFound

T = TypeVar("T", bound=SQLModel)


async def own(
    session: AsyncSession, table: type[T], row_id: UUID, user_id: UUID, what: str, *, lock: bool = False
) -> T:
    """The row with that id, when it is this user's; with `lock`, held until the transaction ends.

    Raises NotFound alike for a missing row and for another user's. The user is compared here too, so that a session
    opened without row-level security would still not leak.
    """
    columns = table.__table__.c  # type: ignore[attr-defined]
    query = select(table).where(columns.id == row_id, columns.user_id == user_id)
    if lock:
        query = query.with_for_update()
    row = (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()
    if row is None:
        raise NotFound(f"There is no such {what}.")
    return row
