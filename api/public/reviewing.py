"""What an owner says afterwards of actions that ran alone, and the proposal that takes one back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from activities.compensation import compensation
from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from api.public.parts import Parts
from coco.actions import Action
from coco.requests import ProviderResponse
from coco.trust import ReviewVerdict
from store import trust, undoing
from store.tables import ActionRow, Connection


@dataclass(frozen=True)
class Reviewed:
    taken_back: bool
    """Whether the workflow was graduated until now."""
    undo_run_id: UUID | None
    """The run that waits for approval of what takes the action back."""


async def reviewed(parts: Parts, user_id: UUID, action_id: UUID, verdict: ReviewVerdict, reason: str) -> Reviewed:
    """Keeps the verdict, with all that follows from it. Raises NotFound, Conflict, InvalidInput."""
    async with parts.writing(user_id) as session:
        done = await trust.review(session, user_id, action_id, verdict, reason, undo=undo_of)
        run_id = await undoing.undone_by(session, user_id, action_id) if verdict is ReviewVerdict.UNDO else None
    return Reviewed(done, run_id)


async def undo(parts: Parts, user_id: UUID, action_id: UUID) -> UUID:
    """Proposes what takes an action back, whoever had approved it; the run that waits for approval of that.

    Raises NotFound, Conflict, InvalidInput where nothing takes it back.
    """
    async with parts.writing(user_id) as session:
        return (await undoing.propose(session, user_id, action_id, undo_of)).id


def undo_of(connection: Connection, row: ActionRow, read: ProviderResponse | None) -> undoing.Undo:
    """The exact action that takes another back. Raises InvalidInput where there is none."""
    found = compensation(Action.model_validate(row.body), row.arguments, read)
    info = ConnectionInfo(
        id=connection.id, connector=connection.connector, title=connection.title, settings=connection.settings
    )
    built = connector(connection.connector).gated(found.operation).build(info, found.arguments, found.response)
    return undoing.Undo(action=built, arguments=found.arguments, note=found.note)
