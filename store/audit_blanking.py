"""Taking the content out of audit entries, oldest first: what a deletion and the end of a time of keeping share.

From the beginning on, so that an entry which names others as blanked is blanked itself only once those are named again:
after each batch the chain holds.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind, entry_hash
from store import audit, locks
from store.tables import AuditRow

STAY = (AuditKind.ACCOUNT_DELETION.value, AuditKind.ACCOUNT_ERASED.value, AuditKind.CONTENT_EXPIRED.value)
"""Kinds that are never blanked: what they hold is numbers and hashes."""


async def blank_oldest(
    session: AsyncSession, user_id: UUID, which: Select[Any], *, why: str, batch: int
) -> dict[str, str]:
    """Blanks the oldest `batch` entries that `which` selects, already blanked ones for another reason included; the
    hash of what is left of each, by its number.

    The caller appends an entry of an announcing kind with them, in the same transaction. Holds the chain's lock.
    """
    await locks.until_commit(session, f"audit:{user_id}")
    found = await session.execute(
        which.where(col(AuditRow.user_id) == user_id, col(AuditRow.kind).not_in(STAY))
        .order_by(col(AuditRow.seq))
        .limit(batch)
    )
    numbers = list(found.scalars())
    if not numbers:
        return {}
    await session.execute(text("SELECT coco_blank_audit(:numbers, :why)"), {"numbers": numbers, "why": why})
    rows = await session.execute(
        select(AuditRow)
        .where(col(AuditRow.user_id) == user_id, col(AuditRow.seq).in_(numbers))
        .execution_options(populate_existing=True)
    )
    return {str(row.seq): entry_hash(audit.to_entry(row)) for row in rows.scalars()}
