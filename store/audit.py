"""The audit table: appends to a user's chain, and reads it back for verification."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import GENESIS, AuditEntry, AuditKind, entry_hash
from store import events, locks
from store.tables import ActionRow, AuditRow, Run, utc_now

_TOLD_ALREADY = frozenset(AuditKind) - {
    AuditKind.SIGN_UP,
    AuditKind.SIGN_IN,
    AuditKind.SIGN_IN_FAILED,
    AuditKind.WORKFLOW_CREATED,
    AuditKind.WORKFLOW_ARCHIVED,
    AuditKind.REQUEST_REFUSED,
    AuditKind.HISTORY_READ,
    AuditKind.TRUST_SETTINGS_CHANGED,
    AuditKind.ACTION_REVIEWED,
    AuditKind.SCHEDULE_CHANGED,
    AuditKind.HOOK_CHANGED,
    AuditKind.AUDIT_EXPORTED,
    AuditKind.ACCOUNT_DELETION,
    AuditKind.ACCOUNT_ERASED,
    AuditKind.CONTENT_EXPIRED,
}
"""Kinds whose writers tell watching pages themselves."""


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

    What an entry on a run or an action is about (`workflow`, `connection`, `operation`) is added where `body` does not
    say it. Times never go backwards within a chain, whatever the clocks of several hosts say. With `once`, an entry of
    this kind for this action is written at most one time; False says it was there. Holds a lock on the user's chain
    until the transaction ends.
    """
    await locks.until_commit(session, f"audit:{user_id}")
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
            select(col(AuditRow.seq), col(AuditRow.hash), col(AuditRow.at))
            .where(col(AuditRow.user_id) == user_id)
            .order_by(col(AuditRow.seq).desc())
            .limit(1)
        )
    ).first()
    entry = AuditEntry(
        user_id=user_id,
        seq=(last.seq + 1) if last else 1,
        at=max(utc_now(), last.at.astimezone(UTC)) if last else utc_now(),
        kind=kind,
        actor=actor,
        run_id=run_id,
        action_id=action_id,
        body=await _about(session, user_id, run_id, action_id) | body,
        prev_hash=last.hash if last else GENESIS,
    )
    session.add(AuditRow(**entry.model_dump(exclude={"kind"}), kind=kind.value, hash=entry_hash(entry), once=once))
    await session.flush()
    if kind not in _TOLD_ALREADY:
        await events.tell(session, user_id, "audit", run_id=run_id, body={"seq": entry.seq, "kind": kind.value})
    return True


async def _about(session: AsyncSession, user_id: UUID, run_id: UUID | None, action_id: UUID | None) -> dict[str, str]:
    """What an entry is about, as far as the ids tell; nothing for ids that are not this user's."""
    if action_id is not None:
        action = (
            await session.execute(
                select(col(ActionRow.workflow_id), col(ActionRow.connection_id), col(ActionRow.operation)).where(
                    col(ActionRow.id) == action_id, col(ActionRow.user_id) == user_id
                )
            )
        ).first()
        if action is not None:
            return {
                "workflow": str(action.workflow_id),
                "connection": str(action.connection_id),
                "operation": action.operation,
            }
    if run_id is not None:
        workflow = await session.execute(
            select(col(Run.workflow_id)).where(col(Run.id) == run_id, col(Run.user_id) == user_id)
        )
        found = workflow.scalar_one_or_none()
        if found is not None:
            return {"workflow": str(found)}
    return {}


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
