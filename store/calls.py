"""Calls: each request that the gateway carried to a provider, or tried to. Counted, with nothing of its content."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from store.tables import CallRow

Kind = Literal["read", "prior", "send", "check"]
Outcome = Literal[
    "answered", "done", "failed", "unknown", "turned_away", "throttled", "no_answer", "refused", "dropped"
]
"""`refused`: the provider refused the credential. `dropped`: the answer came after the connection was revoked."""


async def note(
    session: AsyncSession,
    user_id: UUID,
    connection_id: UUID,
    kind: Kind,
    *,
    operation: str,
    method: str,
    path: str,
    status: int | None,
    outcome: Outcome,
    seconds: float,
    run_id: UUID | None = None,
    action_id: UUID | None = None,
) -> None:
    """One call. `path` is the manifest's template, since a path itself may name what was read."""
    session.add(
        CallRow(
            user_id=user_id,
            connection_id=connection_id,
            run_id=run_id,
            action_id=action_id,
            kind=kind,
            operation=operation,
            method=method,
            path=path,
            status=status,
            outcome=outcome,
            milliseconds=round(seconds * 1000),
        )
    )
    await session.flush()


async def of_connection(
    session: AsyncSession, user_id: UUID, connection_id: UUID, *, before: int | None = None, limit: int = 50
) -> tuple[list[CallRow], int | None]:
    """(a connection's calls, newest first; the id to go on below, None at the end)."""
    query = (
        select(CallRow)
        .where(col(CallRow.user_id) == user_id, col(CallRow.connection_id) == connection_id)
        .order_by(col(CallRow.id).desc())
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(col(CallRow.id) < before)
    rows = list((await session.execute(query)).scalars())
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None
