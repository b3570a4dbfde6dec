"""Taking back what actions did: a run of its own whose proposals wait for approval like any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from coco.actions import ActionState
from coco.audit import AuditKind
from coco.errors import Conflict, InvalidInput
from coco.plans import PlanCard
from store import audit, events, wakeups, ways_back
from store.owned import own
from store.runs import FINAL_RUN_STATES, get_run
from store.tables import ActionRow, Run, UndoRow
from store.undos import UndoKind
from store.ways_back import Builders, Undo, Way


async def propose(session: AsyncSession, user_id: UUID, action_id: UUID, builders: Builders) -> Run:
    """A run that waits for approval of what takes the action back, linked to it. Call it as the API, for its owner.

    Raises NotFound, Conflict where it did not take place or is being taken back already, InvalidInput where nothing
    takes it back.
    """
    action, way = await _way(session, user_id, action_id, builders)
    if way.undo is None:
        if way.back is not None and not way.back.came_to_nothing:
            raise Conflict("Nothing was changed: there is a proposal already that takes this back.")
        raise InvalidInput(way.why_not)
    card = PlanCard(
        goal=f"Take back: {_summary(action)}"[:500],
        steps=("Take back what the action did",),
        reasoning=_why(action, way.undo),
    )
    return await _start(session, UndoKind.UNDO, card, [(action, way.undo)], {"undoes": str(action_id)})


async def propose_follow_up(session: AsyncSession, user_id: UUID, action_id: UUID, builders: Builders) -> Run:
    """A run that waits with one more message to the people that one was sent to, linked to it.

    Raises NotFound, Conflict where nothing was sent or it is followed already, InvalidInput where it is no message to
    people.
    """
    action, way = await _way(session, user_id, action_id, builders)
    if way.follow_up is None:
        raise InvalidInput("Nothing was proposed: only what was written to people is followed by a message.")
    if not way.can_follow:
        raise Conflict("Nothing was changed: there is a proposal already that follows this.")
    card = PlanCard(
        goal=f"Follow up: {_summary(action)}"[:500],
        steps=("Write to the same people once more",),
        reasoning=_follows(action),
    )
    return await _start(session, UndoKind.FOLLOW_UP, card, [(action, way.follow_up)], {"follows": str(action_id)})


async def propose_all(session: AsyncSession, user_id: UUID, run_id: UUID, builders: Builders) -> Run:
    """A run with one card that takes back everything that a finished run did and that can be taken back, the newest
    first. What has no way back is named on it with the reason, and what was sent with a draft.

    Raises NotFound, Conflict where the run goes on or is taken back already, InvalidInput where nothing takes any of
    it back.
    """
    run = await get_run(session, user_id, run_id, lock=True)
    if run.state not in FINAL_RUN_STATES:
        raise Conflict("Nothing was changed: the run goes on. Cancel it first, or wait until it has ended.")
    found = await ways_back.of_run(session, user_id, run_id, builders, lock=True)
    if not found:
        raise InvalidInput("Nothing was changed: this run did nothing that could be taken back.")
    able = [(way.action, way.undo) for way in found if way.undo is not None]
    if not able and any(way.back for way in found):
        raise Conflict("Nothing was changed: what can be taken back of this run is taken back already, or proposed.")
    if not able:
        raise InvalidInput(f"Nothing was changed: nothing of it can be taken back. {found[0].why_not}")
    without = [way for way in found if way.why_not]
    card = PlanCard(
        goal=f"Take back: {run.goal}"[:500],
        steps=("Take back what the run did, the newest first, one after the other",),
        reasoning=f"It takes back {len(able)} of {len(found)} actions of run {run.id}.",
        drafts=tuple(way.follow_up.draft for way in without if way.follow_up is not None),
        set_aside=tuple(f"{_summary(way.action)}: {way.why_not}"[:500] for way in without),
    )
    body = {"undoes_run": str(run.id), "undoes": [str(action.id) for action, _ in able]}
    return await _start(session, UndoKind.UNDO, card, able, body)


async def _way(session: AsyncSession, user_id: UUID, action_id: UUID, builders: Builders) -> tuple[ActionRow, Way]:
    """The action, held until the transaction ends, and the way back. Raises NotFound, Conflict."""
    action = await own(session, ActionRow, action_id, user_id, "action", lock=True)
    if action.state != ActionState.DONE:
        raise Conflict(f"Nothing was changed: this action did not take place; it is {action.state}.")
    [way] = await ways_back.of_actions(session, user_id, [action], builders)
    return action, way


def _summary(action: ActionRow) -> str:
    return str(action.body["preview"]["summary"])


def _why(action: ActionRow, undo: Undo) -> str:
    return f"It takes back “{_summary(action)}”, action {action.id}. {undo.note}".strip()


def _follows(action: ActionRow) -> str:
    return f"It follows “{_summary(action)}”, action {action.id}, which stays sent. Edit it before you approve it."


async def _start(
    session: AsyncSession,
    kind: UndoKind,
    card: PlanCard,
    proposed: Sequence[tuple[ActionRow, Undo]],
    told: dict[str, Any],
) -> Run:
    """The run with its proposals, in their order. All are of one workflow."""
    first = proposed[0][0]
    user_id, workflow_id = first.user_id, first.workflow_id
    run = Run(
        user_id=user_id,
        workflow_id=workflow_id,
        goal=card.goal,
        card=card.model_dump(mode="json"),
        # Planned already: there is nothing for the sandbox to propose.
        revision=1,
    )
    session.add(run)
    await session.flush()
    for position, (action, undo) in enumerate(proposed):
        session.add(UndoRow(action_id=action.id, run_id=run.id, user_id=user_id, kind=kind.value))
        session.add(
            ActionRow(
                user_id=user_id,
                run_id=run.id,
                workflow_id=workflow_id,
                connection_id=action.connection_id,
                key=kind.key(action.id),
                position=position,
                # No guardrail covers it: the database lets them cover plans alone.
                origin=kind.value,
                operation=undo.action.operation,
                arguments=undo.arguments,
                body=undo.action.as_json(),
                digest=undo.action.digest(),
                # A follow-up shows what was read before what it follows; with that read it can be edited.
                prior_read_id=action.prior_read_id if kind is UndoKind.FOLLOW_UP and undo.action.prior else None,
                why=_why(action, undo) if kind is UndoKind.UNDO else _follows(action),
            )
        )
    await session.flush()
    await audit.append(
        session,
        user_id,
        AuditKind.RUN_STARTED,
        actor=f"user:{user_id}",
        run_id=run.id,
        action_id=first.id if len(proposed) == 1 else None,
        body={"workflow": str(workflow_id), "title": card.goal, **told},
    )
    await events.tell(session, user_id, "run", run_id=run.id, body={"state": run.state})
    await wakeups.owe(session, user_id, run.id, "start")
    return run
