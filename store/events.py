"""Events: what watching pages are told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store.tables import Event, utc_now


async def tell(
    session: AsyncSession, user_id: UUID, kind: str, *, run_id: UUID | None = None, body: dict[str, Any] | None = None
) -> None:
    """Records an event; listeners hear of it when the transaction commits."""
    # Without asking for its id back: the gateway may write events, and not read them.
    row = insert(Event).values(user_id=user_id, run_id=run_id, kind=kind, body=body or {}, at=utc_now())
    await session.execute(row.inline())
