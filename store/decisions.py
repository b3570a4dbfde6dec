"""Decisions: each is one row, one state change, one audit entry and one owed wake-up, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import Action, ActionState
from coco.audit import AuditKind
from coco.decisions import Verdict, after, check_shown, checked_reason
from coco.errors import Conflict, InvalidInput
from coco.requests import ProviderResponse
from store import approvals, audit, events, wakeups
from store.owned import own
from store.runs import FINAL_RUN_STATES, get_run
from store.tables import ActionRow, ApprovalRow, DecisionRow, ReadRow, utc_now

Build = Callable[[str, Mapping[str, Any], ProviderResponse | None], Action]
"""(operation, arguments, attested response to the prior read) -> the exact action. Raises InvalidInput."""

_AUDIT = {
    Verdict.APPROVE: AuditKind.ACTION_APPROVED,
    Verdict.REJECT: AuditKind.ACTION_REJECTED,
    Verdict.EDIT: AuditKind.ACTION_EDITED,
    Verdict.HAPPENED: AuditKind.ACTION_SETTLED,
    Verdict.DID_NOT_HAPPEN: AuditKind.ACTION_SETTLED,
}


async def decide(
    session: AsyncSession,
    user_id: UUID,
    action_id: UUID,
    verdict: Verdict,
    shown_digest: str,
    reason: str = "",
    *,
    by: UUID | None = None,
) -> ActionRow:
    """Writes what the authenticated owner said of one action; `shown_digest` is the digest the page showed.

    With `by`, what somebody of a team said who may decide on it (store.team_decisions). Settling verdicts leave the
    action's state to the control side, which owns its credits and audit.
    Raises NotFound, InvalidInput (a rejection without reason), Conflict (late, doubled, or another digest).
    """
    if verdict is Verdict.EDIT:
        raise InvalidInput("An edit carries new arguments; use edit.")
    row = await _locked_for_decision(session, user_id, action_id)
    return await _write(session, row, verdict, shown_digest, checked_reason(verdict, reason), by=by)


async def complete(session: AsyncSession, user_id: UUID, action_id: UUID, shown_digest: str, *, by: UUID) -> ActionRow:
    """Approves an action whose approvals satisfy its rules, after `by` gave theirs; else it goes on waiting.

    Needs a session of the action's owner. The database judges the approvals by itself. Raises NotFound, Conflict.
    """
    row = await _locked_for_decision(session, user_id, action_id)
    after(ActionState(row.state), Verdict.APPROVE)
    check_shown(shown_digest, row.digest)
    mine = [item for item in await approvals.given(session, action_id) if item.person_id == by]
    if not mine:
        raise Conflict("Nothing was approved: there is no approval by this person.")
    if not (await approvals.standing(session, action_id)).is_approved:
        await _tell_in_part(session, row, mine[0])
        return row
    return await _write(session, row, Verdict.APPROVE, shown_digest, "", by=by)


async def edit(
    session: AsyncSession,
    user_id: UUID,
    action_id: UUID,
    shown_digest: str,
    arguments: Mapping[str, Any],
    operation: str | None,
    build: Build,
) -> ActionRow:
    """Replaces a pending action by an edited one that waits for its own approval; both are kept.

    `operation` may change what is done; the result is gated as what it became. The edited action must be about the
    record whose value was read. Raises NotFound, InvalidInput, Conflict.
    """
    row = await _locked_for_decision(session, user_id, action_id)
    after(ActionState(row.state), Verdict.EDIT)
    check_shown(shown_digest, row.digest)
    wanted = operation or row.operation
    read = await session.get(ReadRow, row.prior_read_id) if row.prior_read_id else None
    action = build(wanted, arguments, ProviderResponse.model_validate(read.response) if read else None)
    if action.prior is not None and (read is None or action.prior.request.digest() != read.request_digest):
        raise InvalidInput(
            "Nothing was changed: the edit is about another record or needs a value that was not read. "
            "Reject this action and start a new run for it."
        )
    digest = action.digest()
    if digest == row.digest:
        raise InvalidInput("Nothing was changed: the edit is the same as what is there.")
    await _write(session, row, Verdict.EDIT, shown_digest, "")
    edited = ActionRow(
        user_id=user_id,
        run_id=row.run_id,
        workflow_id=row.workflow_id,
        connection_id=row.connection_id,
        key=row.key,
        version=await next_version(session, row),
        position=row.position,
        supersedes=row.id,
        origin="edit",
        operation=wanted,
        arguments=dict(arguments),
        body=action.as_json(),
        digest=digest,
        prior_read_id=row.prior_read_id if action.prior is not None else None,
        why=row.why,
    )
    session.add(edited)
    await session.flush()
    await events.tell(session, user_id, "action", run_id=row.run_id, body={"id": str(edited.id), "state": "pending"})
    return edited


async def next_version(session: AsyncSession, row: ActionRow) -> int:
    """The version that follows every version of this proposal."""
    newest = await session.execute(
        select(func.max(ActionRow.version)).where(col(ActionRow.run_id) == row.run_id, col(ActionRow.key) == row.key)
    )
    return int(newest.scalar_one()) + 1


async def _locked_for_decision(session: AsyncSession, user_id: UUID, action_id: UUID) -> ActionRow:
    row = await own(session, ActionRow, action_id, user_id, "action")
    run = await get_run(session, user_id, row.run_id, lock=True)
    row = await own(session, ActionRow, action_id, user_id, "action", lock=True)
    ended = run.state in FINAL_RUN_STATES
    if row.state == ActionState.PENDING and (ended or run.cancel_requested_at is not None):
        raise Conflict("Nothing was changed: its run was cancelled or has ended.")
    return row


async def _write(
    session: AsyncSession, row: ActionRow, verdict: Verdict, shown_digest: str, reason: str, *, by: UUID | None = None
) -> ActionRow:
    state = after(ActionState(row.state), verdict)
    check_shown(shown_digest, row.digest)
    stage = "settle" if verdict in {Verdict.HAPPENED, Verdict.DID_NOT_HAPPEN} else "gate"
    if stage == "settle" and await _settled(session, row.id):
        raise Conflict("Nothing was changed: it was already settled.")
    # Somebody else's approval was recorded in a session of theirs, and judged with the others (`complete`).
    if verdict is Verdict.APPROVE and by is None and not await _enough(session, row, shown_digest):
        return row
    decision = DecisionRow(
        user_id=row.user_id,
        run_id=row.run_id,
        action_id=row.id,
        verdict=verdict.value,
        stage=stage,
        digest=shown_digest,
        reason=reason,
        by_id=by if by != row.user_id else None,
    )
    session.add(decision)
    await session.flush()
    if stage == "gate":
        await session.execute(
            update(ActionRow).where(col(ActionRow.id) == row.id).values(state=state.value, updated_at=utc_now())
        )
        row.state = state.value
    await audit.append(
        session,
        row.user_id,
        _AUDIT[verdict],
        actor=f"user:{by or row.user_id}",
        run_id=row.run_id,
        action_id=row.id,
        body={
            "decision": str(decision.id),
            "verdict": verdict.value,
            "digest": shown_digest,
            "reason": reason,
            "operation": row.operation,
            "summary": row.body["preview"]["summary"],
            "record": row.body["preview"]["record"],
            "before": row.body["preview"]["before"],
            "after": row.body["preview"]["after"],
            "message": row.body["preview"]["body"],
        }
        | (await _by_whom(session, row, decision)),
    )
    await events.tell(session, row.user_id, "action", run_id=row.run_id, body={"id": str(row.id), "state": row.state})
    await wakeups.owe(session, row.user_id, row.run_id)
    return row


async def _enough(session: AsyncSession, row: ActionRow, shown_digest: str) -> bool:
    """Whether the owner's approval decides. Where a rule asks for more it is recorded, and the action goes on waiting.

    Where the others have approved already the rule is satisfied, whoever's click comes last.
    """
    ruled, enough = await approvals.standing(session, row.id)
    if not ruled:
        return True
    mine = any(one.person_id == row.user_id for one in await approvals.given(session, row.id))
    if mine and enough:
        return True
    approval = await approvals.record(session, row.user_id, row, shown_digest)
    if (await approvals.standing(session, row.id)).is_approved:
        return True
    await _tell_in_part(session, row, approval)
    return False


async def _tell_in_part(session: AsyncSession, row: ActionRow, approval: ApprovalRow) -> None:
    await audit.append(
        session,
        row.user_id,
        AuditKind.ACTION_APPROVED_IN_PART,
        actor=f"user:{approval.person_id}",
        run_id=row.run_id,
        action_id=row.id,
        body={
            "approval": str(approval.id),
            "for": str(approval.counts_for),
            "digest": approval.digest,
            "summary": row.body["preview"]["summary"],
            "approvals": await approvals.by_whom(session, row.id),
        },
    )
    await events.tell(session, row.user_id, "action", run_id=row.run_id, body={"id": str(row.id), "state": row.state})


async def _by_whom(session: AsyncSession, row: ActionRow, decision: DecisionRow) -> dict[str, Any]:
    """Every person who approved, and for whom, where a rule asks for people or one of a team decided; or who of a team
    rejected."""
    if decision.verdict == Verdict.APPROVE:
        people = await approvals.by_whom(session, row.id)
        return {"approvals": people} if people else {}
    if decision.by_id is None:
        return {}
    return {"decided_by": {"user": str(decision.by_id)}}


async def _settled(session: AsyncSession, action_id: UUID) -> bool:
    found = await session.execute(
        select(col(DecisionRow.id)).where(col(DecisionRow.action_id) == action_id, col(DecisionRow.stage) == "settle")
    )
    return found.first() is not None
