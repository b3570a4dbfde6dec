"""Digests in Postgres: written by the control side when a run comes to rest, seen by its owner."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import Action, ActionState
from coco.audit import AuditKind
from coco.digests import ALONE, Digest, Item, Part, digest_of
from coco.errors import NotFound
from store import events, trust
from store.tables import (
    ActionRow,
    AuditRow,
    DecisionRow,
    DigestRow,
    EvaluationRow,
    GuardrailRow,
    Notice,
    Run,
    UndoRow,
    Workflow,
    utc_now,
)


class DigestView(BaseModel):
    """A digest, and whether its owner has seen it as it is now."""

    digest: Digest
    at: datetime
    seen_at: datetime | None


async def write(session: AsyncSession, user_id: UUID, run_id: UUID) -> Digest | None:
    """Writes the run's digest as of now; None for a run in which no guardrail judged anything.

    Its owner is told, once, when something ran alone or will; what only waits is in the inbox. Call it as the control
    side, when the run has come to rest.
    """
    run = await session.get_one(Run, run_id)
    judged = select(EvaluationRow.action_id).join(ActionRow, col(ActionRow.id) == col(EvaluationRow.action_id))  # type: ignore[call-overload]
    if (await session.execute(judged.where(col(ActionRow.run_id) == run_id).limit(1))).first() is None:
        return None
    if await session.scalar(select(func.count()).where(col(UndoRow.run_id) == run_id)):
        return None
    workflow = await session.get_one(Workflow, run.workflow_id)
    items = await _items(session, user_id, run_id)
    digest = digest_of(run_id, run.workflow_id, workflow.title, await _started_by(session, user_id, run_id), items)
    before = await session.get(DigestRow, run_id, populate_existing=True)
    same = before is not None and Digest.model_validate(before.body).alone == digest.alone
    if same and before is not None and Digest.model_validate(before.body) == digest:
        return digest
    values: dict[str, Any] = {"body": digest.model_dump(mode="json")}
    if not same:
        values |= {"at": utc_now(), "seen_at": None}
    row = insert(DigestRow).values(
        run_id=run_id, user_id=user_id, workflow_id=run.workflow_id, **({"at": utc_now(), "seen_at": None} | values)
    )
    await session.execute(row.on_conflict_do_update(index_elements=["run_id"], set_=values))
    if not same:
        told = {"headline": digest.headline, "counts": {part.value: count for part, count in digest.counts.items()}}
        await events.tell(session, user_id, "digest", run_id=run_id, body=told | {"link": digest.link})
    return digest


async def _items(session: AsyncSession, user_id: UUID, run_id: UUID) -> list[Item]:
    rows = await session.execute(
        select(ActionRow)
        .where(col(ActionRow.run_id) == run_id, col(ActionRow.user_id) == user_id)
        .order_by(col(ActionRow.position), col(ActionRow.version))
    )
    decided = set(
        (await session.execute(select(col(DecisionRow.action_id)).where(col(DecisionRow.run_id) == run_id))).scalars()
    )
    now = await trust.database_now(session)
    items: list[Item] = []
    for action in rows.scalars():
        body = Action.model_validate(action.body)
        state = ActionState(action.state)
        values: dict[str, Any] = {}
        if state in ALONE and action.id not in decided and (proof := await trust.proof_of(session, action)):
            values = {"part": ALONE[state], "credits": body.credits, "guardrail": _named(proof[0])}
        elif state is ActionState.PENDING:
            notice = await session.get(Notice, action.id)
            rule = await session.get(GuardrailRow, (notice.guardrail_id, notice.guardrail_version)) if notice else None
            told = notice is not None and rule is not None and rule.state == "confirmed" and now < notice.not_before
            values = {"part": Part.WAITING}
            if told and notice is not None and rule is not None:
                values = {"part": Part.TOLD, "guardrail": _named(rule), "not_before": notice.not_before}
        if values:
            items.append(
                Item(
                    action_id=action.id,
                    summary=body.preview.summary,
                    record=body.preview.record,
                    link=f"/runs/{run_id}#action-{action.id}",
                    **values,
                )
            )
    return items


def _named(rule: GuardrailRow) -> str:
    return f"{rule.reading} (version {rule.version})"


async def _started_by(session: AsyncSession, user_id: UUID, run_id: UUID) -> str:
    found = await session.execute(
        select(col(AuditRow.actor))
        .where(col(AuditRow.user_id) == user_id, col(AuditRow.run_id) == run_id)
        .where(col(AuditRow.kind) == AuditKind.RUN_STARTED.value)
        .limit(1)
    )
    return str(found.scalar_one_or_none() or "user").partition(":")[0]


# -- what the owner sees -----------------------------------------------------------------------------------------------


async def listed(
    session: AsyncSession, user_id: UUID, *, unseen: bool = False, before: datetime | None = None, limit: int = 50
) -> list[DigestView]:
    """A user's digests, newest first; `before` is the `at` to go on below."""
    query = select(DigestRow).where(col(DigestRow.user_id) == user_id)
    if unseen:
        query = query.where(col(DigestRow.seen_at).is_(None))
    if before is not None:
        query = query.where(col(DigestRow.at) < before)
    rows = await session.execute(query.order_by(col(DigestRow.at).desc(), col(DigestRow.run_id).desc()).limit(limit))
    return [_view(row) for row in rows.scalars()]


async def seen(session: AsyncSession, user_id: UUID, run_id: UUID) -> DigestView:
    """Its owner has seen it. Repeating it changes nothing. Raises NotFound."""
    row = await session.get(DigestRow, run_id, populate_existing=True)
    if row is None or row.user_id != user_id:
        raise NotFound("There is no such digest.")
    if row.seen_at is None:
        await session.execute(
            text("UPDATE digests SET seen_at = now() WHERE run_id = :r AND user_id = :u"), {"r": run_id, "u": user_id}
        )
        await session.refresh(row)
    return _view(row)


def _view(row: DigestRow) -> DigestView:
    return DigestView(digest=Digest.model_validate(row.body), at=row.at, seen_at=row.seen_at)
