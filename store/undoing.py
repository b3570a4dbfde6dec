"""Taking back what an action did: a run of its own with one proposal, which waits for approval like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import Action, ActionState
from coco.audit import AuditKind
from coco.errors import Conflict
from coco.plans import PlanCard
from coco.requests import Frozen, ProviderResponse
from store import audit, events, wakeups
from store.owned import own
from store.tables import ActionRow, Connection, ReadRow, Run, UndoRow


class Undo(Frozen):
    """The exact action that takes another back, and what it was made from."""

    action: Action
    arguments: dict[str, Any]
    note: str = ""


Build = Callable[[Connection, ActionRow, ProviderResponse | None], Undo]
"""(connection, the action that took place, the attested response to the read before it). Raises InvalidInput."""


async def propose(session: AsyncSession, user_id: UUID, action_id: UUID, build: Build) -> Run:
    """A run that waits for approval of what takes the action back, linked to it. Call it as the API, for its owner.

    Raises NotFound, Conflict where it did not take place or is being taken back already, InvalidInput where nothing
    takes it back.
    """
    action = await own(session, ActionRow, action_id, user_id, "action", lock=True)
    if action.state != ActionState.DONE:
        raise Conflict(f"Nothing was changed: this action did not take place; it is {action.state}.")
    if await session.get(UndoRow, action_id) is not None:
        raise Conflict("Nothing was changed: there is a proposal already that takes this back.")
    connection = await own(session, Connection, action.connection_id, user_id, "connection")
    read = await session.get(ReadRow, action.prior_read_id) if action.prior_read_id else None
    undo = build(connection, action, ProviderResponse.model_validate(read.response) if read else None)
    summary = action.body["preview"]["summary"]
    why = f"It takes back “{summary}”, action {action.id}. {undo.note}".strip()
    card = PlanCard(goal=f"Take back: {summary}"[:500], steps=("Set the values from before again",), reasoning=why)
    run = Run(
        user_id=user_id,
        workflow_id=action.workflow_id,
        goal=card.goal,
        card=card.model_dump(mode="json"),
        # Planned already: there is nothing for the sandbox to propose.
        revision=1,
    )
    session.add(run)
    await session.flush()
    session.add(UndoRow(action_id=action_id, run_id=run.id, user_id=user_id))
    proposal = ActionRow(
        user_id=user_id,
        run_id=run.id,
        workflow_id=action.workflow_id,
        connection_id=action.connection_id,
        key=f"undo:{action.id}",
        origin="undo",
        operation=undo.action.operation,
        arguments=undo.arguments,
        body=undo.action.as_json(),
        digest=undo.action.digest(),
        why=why,
    )
    session.add(proposal)
    await session.flush()
    await audit.append(
        session,
        user_id,
        AuditKind.RUN_STARTED,
        actor=f"user:{user_id}",
        run_id=run.id,
        action_id=action_id,
        body={"workflow": str(action.workflow_id), "title": card.goal, "undoes": str(action_id)},
    )
    await events.tell(session, user_id, "run", run_id=run.id, body={"state": run.state})
    await wakeups.owe(session, user_id, run.id, "start")
    return run


async def undone_by(session: AsyncSession, user_id: UUID, action_id: UUID) -> UUID | None:
    """The run that takes an action back."""
    found = await session.execute(
        select(col(UndoRow.run_id)).where(col(UndoRow.action_id) == action_id, col(UndoRow.user_id) == user_id)
    )
    return found.scalar_one_or_none()


async def undone_among(session: AsyncSession, user_id: UUID, action_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Which of some actions are taken back, or are proposed to be: action -> the run that does it."""
    rows = await session.execute(
        select(col(UndoRow.action_id), col(UndoRow.run_id)).where(
            col(UndoRow.user_id) == user_id, col(UndoRow.action_id).in_(list(action_ids))
        )
    )
    return {row.action_id: row.run_id for row in rows}
