"""Refusals: what the gateway said no to, with its audit entry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from coco.audit import AuditKind
from coco.errors import Code
from store import audit
from store.tables import Refusal


async def record(
    session: AsyncSession,
    user_id: UUID,
    front: str,
    code: Code,
    detail: dict[str, Any],
    *,
    run_id: UUID | None = None,
    action_id: UUID | None = None,
) -> None:
    """One refused request. `detail` holds no body and no credential."""
    row = Refusal(user_id=user_id, front=front, code=code.value, detail=detail)
    session.add(row)
    await session.flush()
    await audit.append(
        session,
        user_id,
        AuditKind.REQUEST_REFUSED,
        actor="system",
        run_id=run_id,
        action_id=action_id,
        body={"refusal": str(row.id), "front": front, "code": code.value, "detail": detail},
    )
