"""Minting: a grant row for an approved action, inserted by the control role against what covers it: a person's
decision, or a guardrail's verdict taken in the same transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import Action, ActionState
from coco.connections import check_usable
from coco.decisions import Verdict
from coco.errors import Code, Refused
from coco.grants import GrantClaims, GrantedBy
from store import approvals
from store.credits import reserve
from store.owned import own
from store.runs import get_run
from store.tables import ActionRow, Connection, DecisionRow, EffectRow, EvaluationRow, GrantRow

MIN_LEFT = timedelta(seconds=60)
"""A grant with less than this left is not handed out again."""
MOST_NAMED = 20
"""People named in a grant. Where two suffice there are rarely more; the action's entries name all of them."""


async def mint(
    session: AsyncSession,
    user_id: UUID,
    run_id: UUID,
    action_id: UUID,
    lifetime: int,
    *,
    verdict: EvaluationRow | None = None,
) -> GrantClaims | None:
    """The claims of a grant for an approved action: a new one, or the live one that is there already.

    Where a sending has begun, its own grant is returned, so that asking again can only replay; where it was turned
    away, its own too while that lasts. None where the gateway's record is complete and nothing needs sending.
    `verdict` is a guardrail's, for an action that nobody approved; the database checks it and counts it against the
    lease. Raises NotFound, or Refused: RUN_CANCELLED, RUN_PAUSED, CONNECTION_UNUSABLE, FORBIDDEN (no approval covers
    the action as it is), CREDITS.
    """
    run = await get_run(session, user_id, run_id, lock=True)
    action = await own(session, ActionRow, action_id, user_id, "action", lock=True)
    effect = await session.get(EffectRow, action_id)
    earlier = await session.get_one(GrantRow, effect.jti) if effect is not None else None
    if earlier is not None and effect is not None and effect.state != "turned_away":
        return await _claims(session, earlier, action) if effect.state == "sending" else None
    if run.cancel_requested_at is not None:
        raise Refused("the run was cancelled", code=Code.RUN_CANCELLED)
    if run.paused_at is not None:
        raise Refused("the run is paused", code=Code.RUN_PAUSED)
    connection = await own(session, Connection, action.connection_id, user_id, "connection")
    check_usable(connection.state, gated=True)
    decision = (
        await session.execute(
            select(DecisionRow).where(
                col(DecisionRow.action_id) == action_id,
                col(DecisionRow.user_id) == user_id,
                col(DecisionRow.verdict) == Verdict.APPROVE.value,
            )
        )
    ).scalar_one_or_none()
    body = Action.model_validate(action.body)
    proof = decision or verdict
    covered = proof is not None and proof.digest == action.digest == body.digest()
    if proof is None or not covered or action.state != ActionState.APPROVED or action.run_id != run_id:
        raise Refused("no approval covers this action", code=Code.FORBIDDEN)
    ruled, enough = await approvals.standing(session, action_id)
    if decision is not None and not enough:
        raise Refused("the approvals are not what the rule of the workflow asks for", code=Code.FORBIDDEN)
    now = datetime.now(UTC).replace(microsecond=0)
    live = (
        await session.execute(
            select(GrantRow)
            .where(col(GrantRow.action_id) == action_id, col(GrantRow.spent_at).is_(None))
            .where(col(GrantRow.expires_at) > now + MIN_LEFT)
            .where(*(getattr(GrantRow, name) == value for name, value in _granter(proof).items()))
            .order_by(col(GrantRow.issued_at))
        )
    ).scalars()
    # A guardrail's grant from before a rule that asks for people is not handed out again; a new one is refused below.
    again = decision is not None or not ruled
    if again and earlier is not None and earlier.expires_at > now + MIN_LEFT:
        return await _claims(session, earlier, action)
    row = (live.first() if again else None) or await _insert(session, action, body, proof, now, lifetime)
    return await _claims(session, row, action)


async def _insert(
    session: AsyncSession,
    action: ActionRow,
    body: Action,
    proof: DecisionRow | EvaluationRow,
    now: datetime,
    lifetime: int,
) -> GrantRow:
    await reserve(session, action.user_id, action.id, body.credits)
    row = GrantRow(
        user_id=action.user_id,
        run_id=action.run_id,
        action_id=action.id,
        digest=action.digest,
        prior_digest=body.prior_digest(),
        **_granter(proof),
        credits=body.credits,
        issued_at=now,
        expires_at=now + timedelta(seconds=lifetime),
    )
    session.add(row)
    await session.flush()
    return row


def _granter(proof: DecisionRow | EvaluationRow) -> dict[str, Any]:
    """The columns that say who opened the gate."""
    if isinstance(proof, DecisionRow):
        return {"decision_id": proof.id}
    return {"guardrail_id": proof.guardrail_id, "guardrail_version": proof.guardrail_version}


async def _claims(session: AsyncSession, row: GrantRow, action: ActionRow) -> GrantClaims:
    if row.decision_id is not None:
        people = [UUID(one["by"]) for one in await approvals.by_whom(session, action.id)]
        by = GrantedBy(kind="decision", id=row.decision_id, people=tuple(people[:MOST_NAMED]))
    else:
        assert row.guardrail_id is not None
        by = GrantedBy(kind="guardrail", id=row.guardrail_id, version=row.guardrail_version)
    return GrantClaims(
        jti=row.jti,
        user=row.user_id,
        workflow=action.workflow_id,
        run=row.run_id,
        action=row.action_id,
        digest=row.digest,
        prior=row.prior_digest,
        by=by,
        credits=row.credits,
        iat=int(row.issued_at.timestamp()),
        exp=int(row.expires_at.timestamp()),
    )
