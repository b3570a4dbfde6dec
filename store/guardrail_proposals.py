"""Sentences for which an owner asked a language model to propose a rule. A proposal covers nothing: what comes of it is
a guardrail's version that waits for its owner's confirmation, like any other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.errors import InvalidInput, Later
from store import asked_reads, audit, guardrails
from store.owned import own
from store.tables import GuardrailRow, Workflow, utc_now
from store.tables_asking import GuardrailProposal

PER_MINUTE = 5
"""Of one account: each is a call on its bill."""


async def open_one(
    session: AsyncSession,
    user_id: UUID,
    workflow_id: UUID,
    sentence: str,
    asks: list[dict[str, Any]],
    guardrail_id: UUID | None,
) -> GuardrailProposal:
    """A proposal nobody was asked for yet. Raises NotFound, InvalidInput, Later (five within a minute)."""
    await own(session, Workflow, workflow_id, user_id, "workflow", lock=True)
    if len(sentence) > guardrails.MAX_SENTENCE:
        raise InvalidInput(f"A guardrail has at most {guardrails.MAX_SENTENCE:,} characters; this one has more.")
    if guardrail_id is not None:
        await guardrails.get(session, user_id, guardrail_id)
    recent = col(GuardrailProposal.created_at) > utc_now() - timedelta(minutes=1)
    found = await session.execute(
        select(func.count()).select_from(GuardrailProposal).where(col(GuardrailProposal.user_id) == user_id, recent)
    )
    if found.scalar_one() >= PER_MINUTE:
        raise Later("A model was asked for five rules within a minute.", 60)
    row = GuardrailProposal(
        user_id=user_id, workflow_id=workflow_id, guardrail_id=guardrail_id, sentence=sentence, asks=asks
    )
    session.add(row)
    await session.flush()
    return row


async def get(session: AsyncSession, user_id: UUID, proposal_id: UUID, *, lock: bool = False) -> GuardrailProposal:
    """One. Raises NotFound."""
    return await own(session, GuardrailProposal, proposal_id, user_id, "proposal", lock=lock)


async def listed(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> list[GuardrailProposal]:
    """A workflow's, newest first, fifty at most. Raises NotFound."""
    await own(session, Workflow, workflow_id, user_id, "workflow")
    rows = await session.execute(
        select(GuardrailProposal)
        .where(col(GuardrailProposal.user_id) == user_id, col(GuardrailProposal.workflow_id) == workflow_id)
        .order_by(col(GuardrailProposal.created_at).desc(), col(GuardrailProposal.id))
        .limit(50)
    )
    return list(rows.scalars())


async def was_asked(session: AsyncSession, row: GuardrailProposal, count: int) -> None:
    """Notes that the first `count` of those to ask were asked, or passed over."""
    await session.execute(update(GuardrailProposal).where(col(GuardrailProposal.id) == row.id).values(asked=count))
    row.asked = count


async def became(session: AsyncSession, row: GuardrailProposal, rule: GuardrailRow) -> None:
    """It ended in a guardrail's version."""
    await _end(session, row, state="proposed", guardrail_id=rule.id, version=rule.version)


async def came_to_nothing(
    session: AsyncSession, row: GuardrailProposal, reason: str, model_calls: list[dict[str, Any]]
) -> None:
    """No rule came of it, and the chain says why."""
    await _end(session, row, state="refused", reason=reason)
    body = {"workflow": str(row.workflow_id), "sentence": row.sentence, "reason": reason, "model_calls": model_calls}
    await audit.append(session, row.user_id, AuditKind.GUARDRAIL_NOT_PROPOSED, actor=f"user:{row.user_id}", body=body)


async def _end(session: AsyncSession, row: GuardrailProposal, **values: Any) -> None:
    await session.execute(
        update(GuardrailProposal).where(col(GuardrailProposal.id) == row.id).values(finished_at=utc_now(), **values)
    )
    await session.refresh(row)
    await asked_reads.forget(session, row.user_id, row.id)
