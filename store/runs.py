"""Runs: starting one, showing where it stands, ending it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from coco.audit import AuditKind
from coco.errors import Conflict, InvalidInput
from store import audit, events, wakeups
from store.owned import own
from store.tables import ActionRow, EffectRow, QuestionRow, Run, Workflow, utc_now

FINAL_RUN_STATES = frozenset({"done", "cancelled", "failed"})
MAX_GOAL = 500


async def create_run(
    session: AsyncSession,
    user_id: UUID,
    workflow_id: UUID,
    goal: str = "",
    *,
    run_id: UUID | None = None,
    actor: str | None = None,
    requested_by: UUID | None = None,
) -> Run:
    """A new run of a workflow, owed its start; `run_id` where the caller derives it from an idempotency key,
    `actor` where it is no person who starts it, `requested_by` where it is another than the user.

    Raises NotFound for a workflow that is not this user's, Conflict for an archived one, InvalidInput for a long goal.
    """
    if len(goal) > MAX_GOAL:
        raise InvalidInput(f"The goal is longer than {MAX_GOAL} characters.")
    workflow = await own(session, Workflow, workflow_id, user_id, "workflow")
    if workflow.archived_at is not None:
        raise Conflict("This workflow is archived; nothing was started.")
    run = Run(
        id=run_id or uuid4(),
        user_id=user_id,
        workflow_id=workflow_id,
        goal=goal or workflow.title,
        requested_by=requested_by,
    )
    session.add(run)
    await session.flush()
    await audit.append(
        session,
        user_id,
        AuditKind.RUN_STARTED,
        actor=actor or f"user:{requested_by or user_id}",
        run_id=run.id,
        body={"workflow": str(workflow_id), "title": workflow.title, "playbook": workflow.playbook},
    )
    await events.tell(session, user_id, "run", run_id=run.id, body={"state": run.state})
    await wakeups.owe(session, user_id, run.id, "start")
    return run


def is_taken(error: IntegrityError) -> bool:
    """Whether a run was not made because there is one with its id, which the session may not see."""
    told = getattr(error.orig, "diag", None)
    return (getattr(told, "sqlstate", None), getattr(told, "table_name", None)) == ("23505", "runs")


async def get_run(session: AsyncSession, user_id: UUID, run_id: UUID, *, lock: bool = False) -> Run:
    """A user's run. Raises NotFound. With `lock`, holds its row until the transaction ends."""
    return await own(session, Run, run_id, user_id, "run", lock=lock)


async def set_state(session: AsyncSession, user_id: UUID, run_id: UUID, state: str, reason: str = "") -> None:
    """Shows where a run stands; a finished run stays as it ended."""
    run = await get_run(session, user_id, run_id, lock=True)
    if run.state in FINAL_RUN_STATES or (run.state, run.reason) == (state, reason):
        return
    await session.execute(
        update(Run).where(col(Run.id) == run_id).values(state=state, reason=reason, updated_at=utc_now())
    )
    await events.tell(session, user_id, "run", run_id=run_id, body={"state": state, "reason": reason})


async def look_again(session: AsyncSession, user_id: UUID) -> None:
    """Wakes every run of a user that has not ended: something that some of them may wait for has come."""
    rows = await session.execute(
        select(col(Run.id)).where(col(Run.user_id) == user_id, col(Run.state).not_in(FINAL_RUN_STATES))
    )
    for run_id in rows.scalars().all():
        await wakeups.owe(session, user_id, run_id)


async def cancel(session: AsyncSession, user_id: UUID, run_id: UUID, *, actor: str | None = None) -> None:
    """Cancels a run and every approval that has not begun to execute; what is already on its way is recorded.

    Raises NotFound, or Conflict when the run has ended. Repeating it changes nothing.
    """
    run = await get_run(session, user_id, run_id, lock=True)
    if run.cancel_requested_at is not None:
        return
    if run.state in FINAL_RUN_STATES:
        raise Conflict(f"Nothing was changed: the run is already {run.state}.")
    await session.execute(update(Run).where(col(Run.id) == run_id).values(cancel_requested_at=utc_now()))
    begun = select(col(EffectRow.action_id)).where(
        col(EffectRow.user_id) == user_id, col(EffectRow.state) != "turned_away"
    )
    cancelled = (
        await session.execute(
            update(ActionRow)
            .where(col(ActionRow.run_id) == run_id, col(ActionRow.user_id) == user_id)
            .where(col(ActionRow.state).in_([ActionState.PENDING, ActionState.APPROVED]))
            .where(col(ActionRow.id).not_in(begun))
            .values(state=ActionState.CANCELLED.value, updated_at=utc_now())
            .returning(col(ActionRow.id))
        )
    ).scalars()
    await audit.append(
        session,
        user_id,
        AuditKind.RUN_CANCELLED,
        actor=actor or f"user:{user_id}",
        run_id=run_id,
        body={"actions": sorted(str(item) for item in cancelled)},
    )
    await events.tell(session, user_id, "run", run_id=run_id, body={"state": "cancelling"})
    await wakeups.owe(session, user_id, run_id)


async def pause(session: AsyncSession, user_id: UUID, run_id: UUID) -> None:
    """None of its actions begins from now on; what is on its way is seen through. Repeating it changes nothing.

    The gateway looks at the run's row when an action begins: a pause that has committed holds whatever else happens.
    Raises NotFound, or Conflict when the run has ended or is being cancelled.
    """
    run = await get_run(session, user_id, run_id, lock=True)
    if run.state in FINAL_RUN_STATES or run.cancel_requested_at is not None:
        raise Conflict("Nothing was changed: the run has ended or is being cancelled.")
    if run.paused_at is None:
        await _set_paused(session, user_id, run_id, AuditKind.RUN_PAUSED, utc_now())


async def resume(session: AsyncSession, user_id: UUID, run_id: UUID) -> None:
    """Goes on where it was. Repeating it changes nothing. Raises NotFound, Conflict when the run has ended."""
    run = await get_run(session, user_id, run_id, lock=True)
    if run.state in FINAL_RUN_STATES:
        raise Conflict(f"Nothing was changed: the run is already {run.state}.")
    if run.paused_at is not None:
        await _set_paused(session, user_id, run_id, AuditKind.RUN_RESUMED, None)


async def _set_paused(
    session: AsyncSession, user_id: UUID, run_id: UUID, kind: AuditKind, moment: datetime | None
) -> None:
    await session.execute(update(Run).where(col(Run.id) == run_id).values(paused_at=moment))
    await audit.append(session, user_id, kind, actor=f"user:{user_id}", run_id=run_id, body={})
    await events.tell(session, user_id, "run", run_id=run_id, body={"paused": moment is not None})
    await wakeups.owe(session, user_id, run_id)


async def finish(session: AsyncSession, user_id: UUID, run_id: UUID, state: str, reason: str) -> None:
    """Ends a run, once."""
    run = await get_run(session, user_id, run_id, lock=True)
    if run.state in FINAL_RUN_STATES:
        return
    now = utc_now()
    await session.execute(
        update(Run).where(col(Run.id) == run_id).values(state=state, reason=reason, updated_at=now, finished_at=now)
    )
    await session.execute(
        update(ActionRow)
        .where(col(ActionRow.run_id) == run_id, col(ActionRow.state) == ActionState.PENDING.value)
        .values(state=ActionState.CANCELLED.value, updated_at=now)
    )
    await audit.append(
        session,
        user_id,
        AuditKind.RUN_FINISHED,
        actor="system",
        run_id=run_id,
        body={"state": state, "reason": reason},
    )
    await events.tell(session, user_id, "run", run_id=run_id, body={"state": state, "reason": reason})


async def answer(session: AsyncSession, user_id: UUID, question_id: UUID, text: str) -> None:
    """Keeps the answer to a clarifying question, and wakes the run.

    Raises NotFound, InvalidInput for an empty or unoffered answer, Conflict when it was answered or the run ended.
    """
    text = text.strip()
    question = await own(session, QuestionRow, question_id, user_id, "question", lock=True)
    run = await get_run(session, user_id, question.run_id)
    if run.state in FINAL_RUN_STATES or run.cancel_requested_at is not None:
        raise Conflict("Nothing was changed: the run has ended.")
    if question.answer is not None:
        if question.answer == text:
            return
        raise Conflict("Nothing was changed: this question is already answered.")
    if not text or len(text) > 500 or "\0" in text:
        raise InvalidInput("An answer has between 1 and 500 characters.")
    if question.options and text not in question.options:
        raise InvalidInput("Choose one of the answers offered.")
    await session.execute(
        update(QuestionRow).where(col(QuestionRow.id) == question_id).values(answer=text, answered_at=utc_now())
    )
    await audit.append(
        session,
        user_id,
        AuditKind.QUESTION_ANSWERED,
        actor=f"user:{user_id}",
        run_id=question.run_id,
        body={"question": question.text, "answer": text},
    )
    await events.tell(session, user_id, "question", run_id=question.run_id, body={"key": question.key})
    await wakeups.owe(session, user_id, question.run_id)
