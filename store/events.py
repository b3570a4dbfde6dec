"""Events: what watching pages are told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from store.tables import Event


async def tell(
    session: AsyncSession, user_id: UUID, kind: str, *, run_id: UUID | None = None, body: dict[str, Any] | None = None
) -> None:
    """Records an event; listeners hear of it when the transaction commits."""
    session.add(Event(user_id=user_id, run_id=run_id, kind=kind, body=body or {}))
    await session.flush()
