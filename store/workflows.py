"""Workflows: what a user set up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.tiers import Limit
from store import audit, tiers, trust
from store.owned import own
from store.tables import Connection, Workflow, utc_now


async def create(
    session: AsyncSession,
    user_id: UUID,
    *,
    title: str,
    playbook: str,
    params: dict[str, Any],
    connections: list[UUID],
) -> Workflow:
    """A new workflow, at trust level `approve_each`. Arguments are validated by the caller.

    Raises NotFound for a connection that is not this user's, Refused (TIER) where there is no room for one more.
    """
    await tiers.check_room(session, user_id, Limit.WORKFLOWS)
    for connection_id in connections:
        await own(session, Connection, connection_id, user_id, "connection")
    row = Workflow(
        user_id=user_id,
        title=title,
        playbook=playbook,
        params=params,
        connections=[str(connection_id) for connection_id in connections],
    )
    session.add(row)
    await session.flush()
    await audit.append(
        session,
        user_id,
        AuditKind.WORKFLOW_CREATED,
        actor=f"user:{user_id}",
        body={"workflow": str(row.id), "title": title, "playbook": playbook, "params": params},
    )
    return row


async def listed(session: AsyncSession, user_id: UUID, *, archived: bool = False) -> list[Workflow]:
    """A user's workflows, newest first; the archived ones only when asked for."""
    query = select(Workflow).where(col(Workflow.user_id) == user_id)
    if not archived:
        query = query.where(col(Workflow.archived_at).is_(None))
    return list((await session.execute(query.order_by(col(Workflow.created_at).desc(), col(Workflow.id)))).scalars())


async def get(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> Workflow:
    """One workflow. Raises NotFound."""
    return await own(session, Workflow, workflow_id, user_id, "workflow")


async def archive(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> Workflow:
    """No new run of it starts any more; runs in flight go on, by approval. Repeating it changes nothing.

    Raises NotFound.
    """
    row = await own(session, Workflow, workflow_id, user_id, "workflow")
    await trust.take_back(session, user_id, workflow_id, "It was archived.", actor=f"user:{user_id}")
    row = await own(session, Workflow, workflow_id, user_id, "workflow", lock=True)
    if row.archived_at is None:
        now = utc_now()
        await session.execute(update(Workflow).where(col(Workflow.id) == workflow_id).values(archived_at=now))
        row.archived_at = now
        await audit.append(
            session,
            user_id,
            AuditKind.WORKFLOW_ARCHIVED,
            actor=f"user:{user_id}",
            body={"workflow": str(workflow_id), "title": row.title},
        )
    return row
