"""What an owner says afterwards of actions that took place, and the proposals that take them back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from activities import compensation as compensating
from activities.compensation import compensation
from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from api.public.parts import Parts
from coco.actions import Action
from coco.errors import InvalidInput
from coco.requests import ProviderResponse
from coco.trust import ReviewVerdict
from store import trust, undoing, undos, ways_back
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
        done = await trust.review(session, user_id, action_id, verdict, reason, undo=BUILDERS)
        proposed = (await undos.later(session, user_id, [action_id])).get(action_id)
    return Reviewed(done, proposed.run_id if proposed and verdict is ReviewVerdict.UNDO else None)


async def undo(parts: Parts, user_id: UUID, action_id: UUID) -> UUID:
    """Proposes what takes an action back, whoever had approved it; the run that waits for approval of that.

    Raises NotFound, Conflict, InvalidInput where nothing takes it back.
    """
    async with parts.writing(user_id) as session:
        return (await undoing.propose(session, user_id, action_id, BUILDERS)).id


async def follow_up(parts: Parts, user_id: UUID, action_id: UUID) -> UUID:
    """Proposes one more message to the people that one was sent to; the run in which it waits.

    Raises NotFound, Conflict, InvalidInput where it was no message to people.
    """
    async with parts.writing(user_id) as session:
        return (await undoing.propose_follow_up(session, user_id, action_id, BUILDERS)).id


async def revert(parts: Parts, user_id: UUID, run_id: UUID) -> UUID:
    """Proposes what takes back all that a finished run did; the run that waits for approval of that.

    Raises NotFound, Conflict, InvalidInput where nothing takes any of it back.
    """
    async with parts.writing(user_id) as session:
        return (await undoing.propose_all(session, user_id, run_id, BUILDERS)).id


def undo_of(
    connection: Connection, row: ActionRow, before: ProviderResponse | None, after: ProviderResponse | None
) -> ways_back.Undo:
    """The exact action that takes another back. Raises InvalidInput where there is none."""
    found = compensation(Action.model_validate(row.body), row.arguments, before, after)
    return ways_back.Undo(
        action=_built(connection, found), arguments=found.arguments, note=found.note, left=found.response
    )


def follow_up_of(
    connection: Connection, row: ActionRow, before: ProviderResponse | None, after: ProviderResponse | None
) -> ways_back.FollowUp | None:
    """One more message to the people that one was sent to; None where there is none."""
    found = compensating.follow_up(Action.model_validate(row.body), row.arguments, before, after)
    if found is None:
        return None
    try:
        action = _built(connection, found)
    except InvalidInput:
        return None
    draft = compensating.draft_of(action, found.arguments)
    return ways_back.FollowUp(action=action, arguments=found.arguments, left=found.response, draft=draft)


def _built(connection: Connection, found: compensating.Compensation) -> Action:
    info = ConnectionInfo(
        id=connection.id, connector=connection.connector, title=connection.title, settings=connection.settings
    )
    return connector(connection.connector).gated(found.operation).build(info, found.arguments, found.response)


BUILDERS = ways_back.Builders(undo=undo_of, follow_up=follow_up_of)
