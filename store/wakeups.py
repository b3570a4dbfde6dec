"""The outbox of signals: written in the same transaction as what they announce."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from store.tables import Wakeup


async def owe(session: AsyncSession, user_id: UUID, run_id: UUID, kind: str = "wake") -> UUID:
    """Notes that a run is owed a signal (`wake`) or its start (`start`); a dispatcher delivers it."""
    wakeup = Wakeup(user_id=user_id, run_id=run_id, kind=kind)
    session.add(wakeup)
    await session.flush()
    return wakeup.id
