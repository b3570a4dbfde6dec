"""The audit table: appends to a user's chain, and reads it back for verification."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import GENESIS, AuditEntry, AuditKind, entry_hash
from store.tables import AuditRow, utc_now


async def append(
    session: AsyncSession,
    user_id: UUID,
    kind: AuditKind,
    *,
    actor: str,
    body: dict[str, Any],
    run_id: UUID | None = None,
    action_id: UUID | None = None,
    once: bool = False,
) -> bool:
    """Appends one entry in the caller's transaction, so that it exists exactly when what it records does.

    With `once`, an entry of this kind for this action is written at most one time; False says it was there.
    Holds a lock on the user's chain until the transaction ends.
    """
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('audit:' || :u, 0))"), {"u": str(user_id)}
    )
    if once:
        existing = await session.execute(
            select(col(AuditRow.seq))
            .where(col(AuditRow.user_id) == user_id, col(AuditRow.kind) == kind.value)
            .where(col(AuditRow.action_id) == action_id, col(AuditRow.once))
        )
        if existing.first() is not None:
            return False
    last = (
        await session.execute(
            select(col(AuditRow.seq), col(AuditRow.hash))
            .where(col(AuditRow.user_id) == user_id)
            .order_by(col(AuditRow.seq).desc())
            .limit(1)
        )
    ).first()
    entry = AuditEntry(
        user_id=user_id,
        seq=(last.seq + 1) if last else 1,
        at=utc_now(),
        kind=kind,
        actor=actor,
        run_id=run_id,
        action_id=action_id,
        body=body,
        prev_hash=last.hash if last else GENESIS,
    )
    session.add(AuditRow(**entry.model_dump(exclude={"kind"}), kind=kind.value, hash=entry_hash(entry), once=once))
    await session.flush()
    return True


def to_entry(row: AuditRow) -> AuditEntry:
    """The entry as it was hashed."""
    return AuditEntry(**row.model_dump(exclude={"hash", "once", "kind"}), kind=AuditKind(row.kind))


async def chain(session: AsyncSession, user_id: UUID) -> AsyncIterator[tuple[AuditEntry, str]]:
    """A user's entries in order, each with its stored hash."""
    rows = await session.stream_scalars(
        select(AuditRow).where(col(AuditRow.user_id) == user_id).order_by(col(AuditRow.seq))
    )
    async for row in rows:
        yield to_entry(row), row.hash
