"""Recording what became of an action: state, credits, audit and event, in one transaction, once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import Action, ActionState
from coco.audit import AuditKind
from coco.decisions import Verdict
from coco.errors import Code
from store import audit, events, trust, undos
from store.audit_particulars import particulars
from store.credits import release, settle
from store.runs import get_run
from store.tables import ActionRow, DecisionRow, EffectRow, GrantRow, utc_now

_KINDS = {
    ActionState.DONE: AuditKind.ACTION_DONE,
    ActionState.FAILED: AuditKind.ACTION_FAILED,
    ActionState.DRIFTED: AuditKind.ACTION_DRIFTED,
    ActionState.OUTCOME_UNKNOWN: AuditKind.ACTION_OUTCOME_UNKNOWN,
    ActionState.CANCELLED: AuditKind.ACTION_FAILED,
}


async def close(
    session: AsyncSession, action: ActionRow, state: ActionState, outcome: dict[str, Any], card: dict[str, Any] | None
) -> None:
    """Moves an approved (or unknown) action to what became of it.

    Done debits its credits; an unknown outcome keeps them set aside; everything else gives them back. The audit entry
    names who approved it and when (for a guardrail: the rule, its version, the facts and the verdict in full) and the
    grant that was minted from that, what changed with the prior value, what it cost, the card it was on with questions
    and answers, and where to look.
    """
    body = Action.model_validate(action.body)
    items = [{"item": f"{body.connector} {body.operation}", "credits": body.credits}]
    cost = 0
    if state is ActionState.DONE:
        cost = await settle(session, action.user_id, action.id, items)
    elif state is not ActionState.OUTCOME_UNKNOWN:
        await release(session, action.user_id, action.id)
    await session.execute(
        update(ActionRow)
        .where(col(ActionRow.id) == action.id)
        .values(state=state.value, outcome=outcome, updated_at=utc_now())
    )
    approval = await approval_of(session, action.id)
    proof = None if approval else await trust.proof_of(session, action)
    person = approval.by_id if approval and approval.by_id else action.user_id
    by = f"guardrail:{proof[0].id}@{proof[0].version}" if proof else f"user:{person}"
    settled = await settled_as(session, action.id)
    grant = (
        (
            await session.execute(
                select(GrantRow)
                .where(col(GrantRow.action_id) == action.id, col(GrantRow.spent_at).is_not(None))
                .order_by(col(GrantRow.spent_at))
            )
        )
        .scalars()
        .first()
    )
    await audit.append(
        session,
        action.user_id,
        _KINDS[state],
        actor=by,
        run_id=action.run_id,
        action_id=action.id,
        once=True,
        body={
            "operation": body.operation,
            "connector": body.connector,
            "connection": body.connection,
            "summary": body.preview.summary,
            "record": body.preview.record,
            "digest": action.digest,
            "request_digest": body.request.digest(),
            "prior": body.prior.value if body.prior else None,
            "before": body.preview.before,
            "after": body.preview.after,
            "message": body.preview.body,
            "reversibility": body.reversibility.value,
            "credits": {"total": cost, "items": items if cost else []},
            "approved_by": by if approval or proof else None,
            "approved_at": approval.at.isoformat() if approval else proof[1].at.isoformat() if proof else None,
            "guardrail": trust.described(*proof) if proof else None,
            "decision": str(approval.id) if approval else None,
            "grant": str(grant.jti) if grant else None,
            "settled": settled,
            "outcome": outcome,
            "why": action.why,
            "card": card,
            **await _earlier(session, action),
            **await particulars(session, action, body, grant, outcome),
        },
    )
    await events.tell(
        session, action.user_id, "action", run_id=action.run_id, body={"id": str(action.id), "state": state.value}
    )


async def _earlier(session: AsyncSession, action: ActionRow) -> dict[str, str]:
    """`undoes` or `follows`: the id of the action that this one takes back, or follows."""
    found = (await undos.earlier(session, action.user_id, [action])).get(action.id)
    if found is None:
        return {}
    return {"undoes" if found[0] is undos.UndoKind.UNDO else "follows": str(found[1].id)}


async def close_left_over(session: AsyncSession, user_id: UUID, run_id: UUID) -> None:
    """What a run that ends (or has ended) leaves open: no action stays approved, unrecorded or with credits held.

    The workflow normally leaves nothing. Where an operator ended it, or an error did, what the gateway's record shows
    is recorded here; what has not begun is cancelled, and cannot begin: the gateway looks at the action under the
    same lock. A person may still settle an unknown outcome later; call this again then.
    """
    run = await get_run(session, user_id, run_id, lock=True)
    rows = (
        await session.execute(
            select(ActionRow)
            .where(col(ActionRow.run_id) == run_id, col(ActionRow.user_id) == user_id)
            .order_by(col(ActionRow.position), col(ActionRow.version))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).scalars()
    for action in list(rows):
        if action.state == ActionState.APPROVED:
            effect = await session.get(EffectRow, action.id)
            state, outcome = _as_recorded(effect)
            await close(session, action, state, outcome, run.card)
        elif action.state == ActionState.OUTCOME_UNKNOWN:
            verdict = await settled_as(session, action.id)
            if verdict is not None:
                settled = ActionState.DONE if verdict == Verdict.HAPPENED else ActionState.FAILED
                await close(session, action, settled, (action.outcome or {}) | {"settled": verdict}, run.card)
        elif action.state != ActionState.DONE:
            # A grant may have set its credits aside before it came back to the inbox and was decided on there.
            await release(session, user_id, action.id)


def _as_recorded(effect: EffectRow | None) -> tuple[ActionState, dict[str, Any]]:
    if effect is None or effect.state == "turned_away":
        return ActionState.CANCELLED, {"sent": False, "code": Code.RUN_CANCELLED.value}
    states = {"done": ActionState.DONE, "failed": ActionState.FAILED}
    status = (effect.response or {}).get("status")
    return states.get(effect.state, ActionState.OUTCOME_UNKNOWN), {"sent": True, "status": status} | effect.detail


async def approval_of(session: AsyncSession, action_id: UUID) -> DecisionRow | None:
    """The approving decision of an action."""
    found = await session.execute(
        select(DecisionRow).where(
            col(DecisionRow.action_id) == action_id, col(DecisionRow.verdict) == Verdict.APPROVE.value
        )
    )
    return found.scalar_one_or_none()


async def settled_as(session: AsyncSession, action_id: UUID) -> str | None:
    """`happened` or `did_not_happen` where a person has settled an unknown outcome."""
    found = await session.execute(
        select(col(DecisionRow.verdict)).where(
            col(DecisionRow.action_id) == action_id, col(DecisionRow.stage) == "settle"
        )
    )
    return found.scalar_one_or_none()
