"""What pages show of work done without asking: digests, leases that ended, what may be let run alone. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from coco.audit import AuditKind
from coco.trust import TrustLevel
from store.owned import own
from store.tables import ActionRow, AuditRow, GrantRow, GuardrailRow, Hook, Lease, Workflow


@dataclass(frozen=True)
class Digest:
    """What a workflow did without asking, and what it waits for."""

    workflow_id: UUID
    title: str
    done: int
    failed: int
    """Sent and not carried out, or with an outcome that nobody knows."""
    waiting: int
    """Its actions that wait for the owner now."""


@dataclass(frozen=True)
class Fallen:
    """A workflow that Coco itself took back, with the reason."""

    workflow_id: UUID
    title: str
    at: datetime
    reason: str


async def digests(
    session: AsyncSession, user_id: UUID, since: datetime, *, workflow_id: UUID | None = None
) -> list[Digest]:
    """By workflow that runs alone now, or did since then; by title."""
    alone = (
        select(col(ActionRow.workflow_id), col(ActionRow.state), func.count().label("number"))
        .where(col(ActionRow.user_id) == user_id)
        .where(
            exists().where(
                col(GrantRow.action_id) == col(ActionRow.id),
                col(GrantRow.guardrail_id).is_not(None),
                col(GrantRow.spent_at) >= since,
            )
        )
        .group_by(col(ActionRow.workflow_id), col(ActionRow.state))
    )
    sent: dict[UUID, dict[str, int]] = {}
    for row in (await session.execute(alone)).all():
        sent.setdefault(row[0], {})[row[1]] = row[2]
    query = (
        select(Workflow)
        .where(col(Workflow.user_id) == user_id)
        .where((col(Workflow.trust_level) == TrustLevel.AUTONOMOUS.value) | col(Workflow.id).in_(list(sent)))
        .order_by(col(Workflow.title), col(Workflow.id))
    )
    if workflow_id is not None:
        query = query.where(col(Workflow.id) == workflow_id)
    named = list((await session.execute(query)).scalars())
    pending = await session.execute(
        select(col(ActionRow.workflow_id), func.count())
        .where(col(ActionRow.user_id) == user_id, col(ActionRow.state) == ActionState.PENDING.value)
        .where(col(ActionRow.workflow_id).in_([one.id for one in named]))
        .group_by(col(ActionRow.workflow_id))
    )
    waiting = {row[0]: row[1] for row in pending.all()}
    return [
        Digest(
            workflow_id=one.id,
            title=one.title,
            done=sent.get(one.id, {}).get(ActionState.DONE.value, 0),
            failed=sum(
                sent.get(one.id, {}).get(state.value, 0) for state in (ActionState.FAILED, ActionState.OUTCOME_UNKNOWN)
            ),
            waiting=waiting.get(one.id, 0),
        )
        for one in named
    ]


async def last_ended(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> Lease | None:
    """The lease that ended last."""
    rows = await session.execute(
        select(Lease)
        .where(col(Lease.workflow_id) == workflow_id, col(Lease.user_id) == user_id, col(Lease.state) == "ended")
        .order_by(col(Lease.ended_at).desc())
        .limit(1)
    )
    return rows.scalar_one_or_none()


async def fallen(session: AsyncSession, user_id: UUID, since: datetime) -> list[Fallen]:
    """Workflows that ask for each action again since then because Coco itself ended their lease; newest first."""
    entries = await session.execute(
        select(AuditRow)
        .where(col(AuditRow.user_id) == user_id, col(AuditRow.kind) == AuditKind.WORKFLOW_TAKEN_BACK.value)
        .where(col(AuditRow.at) >= since, col(AuditRow.actor) == "system")
        .order_by(col(AuditRow.seq).desc())
    )
    newest: dict[UUID, AuditRow] = {}
    for entry in entries.scalars():
        newest.setdefault(UUID(entry.body["workflow"]), entry)
    rows = await session.execute(
        select(Workflow)
        .where(col(Workflow.user_id) == user_id, col(Workflow.id).in_(list(newest)))
        .where(col(Workflow.archived_at).is_(None), col(Workflow.trust_level) == TrustLevel.APPROVE_EACH.value)
    )
    found = [Fallen(one.id, one.title, newest[one.id].at, newest[one.id].body["reason"]) for one in rows.scalars()]
    return sorted(found, key=lambda one: one.at, reverse=True)


async def candidates(session: AsyncSession, user_id: UUID) -> list[Workflow]:
    """Workflows that ask for each action and have a guardrail in force; the oldest first."""
    rows = await session.execute(
        select(Workflow)
        .where(col(Workflow.user_id) == user_id, col(Workflow.archived_at).is_(None))
        .where(col(Workflow.trust_level) == TrustLevel.APPROVE_EACH.value)
        .where(
            exists().where(
                col(GuardrailRow.workflow_id) == col(Workflow.id),
                col(GuardrailRow.user_id) == user_id,
                col(GuardrailRow.state) == "confirmed",
            )
        )
        .order_by(col(Workflow.created_at), col(Workflow.id))
    )
    return list(rows.scalars())


async def hooks(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> list[Hook]:
    """A workflow's webhooks that still start runs, oldest first. Raises NotFound."""
    await own(session, Workflow, workflow_id, user_id, "workflow")
    rows = await session.execute(
        select(Hook)
        .where(col(Hook.workflow_id) == workflow_id, col(Hook.user_id) == user_id, col(Hook.state) == "active")
        .order_by(col(Hook.created_at), col(Hook.id))
    )
    return list(rows.scalars())
