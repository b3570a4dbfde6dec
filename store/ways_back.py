"""How each action of a run that took place can be taken back, and how its taking back stands. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import Action, ActionState
from coco.errors import InvalidInput
from coco.plans import MessageDraft
from coco.requests import Frozen, ProviderResponse
from store.runs import get_run
from store.tables import ActionRow, Connection, EffectRow, ReadRow
from store.undos import Later, UndoKind, earlier, later


class Undo(Frozen):
    """The exact action that takes another back, or follows it, and what it was made from."""

    action: Action
    arguments: dict[str, Any]
    note: str = ""
    left: ProviderResponse | None = None
    """What the read before it would show, where nobody changed anything since."""


class FollowUp(Undo):
    """One more message to the people that one was sent to."""

    draft: MessageDraft
    """The same for reading."""


Build = Callable[[Connection, ActionRow, ProviderResponse | None, ProviderResponse | None], Undo]
"""(connection, the action that took place, the attested response to the read before it, the provider's response to the
action itself). Raises InvalidInput where nothing takes it back."""
Follow = Callable[[Connection, ActionRow, ProviderResponse | None, ProviderResponse | None], FollowUp | None]
"""The same, of what follows a message. None for what is no message to people."""


@dataclass(frozen=True)
class Builders:
    undo: Build
    follow_up: Follow


@dataclass(frozen=True)
class Way:
    """How one action that took place can be taken back, and how its taking back stands."""

    action: ActionRow
    undo: Undo | None = None
    """What can be proposed now; None where nothing takes it back, and while it is being taken back or is."""
    why_not: str = ""
    """Why nothing takes it back."""
    follow_up: FollowUp | None = None
    """Only where nothing takes it back."""
    back: Later | None = None
    """What was proposed last to take it back."""
    followed: Later | None = None
    """What was proposed last to follow it."""

    @property
    def stands(self) -> str:
        """`open`, `no_way_back`, or the state of what was proposed last."""
        if self.back is not None:
            return self.back.proposal.state
        return "no_way_back" if self.undo is None else "open"

    @property
    def can_follow(self) -> bool:
        return self.follow_up is not None and (self.followed is None or self.followed.came_to_nothing)


async def of_run(
    session: AsyncSession, user_id: UUID, run_id: UUID, builders: Builders, *, lock: bool = False
) -> list[Way]:
    """Every action of the run that took place, the newest first; with `lock`, held until the transaction ends.

    Raises NotFound.
    """
    await get_run(session, user_id, run_id)
    query = (
        select(ActionRow)
        .outerjoin(EffectRow, col(EffectRow.action_id) == col(ActionRow.id))
        .where(col(ActionRow.run_id) == run_id, col(ActionRow.user_id) == user_id)
        .where(col(ActionRow.state) == ActionState.DONE.value)
        .order_by(
            col(EffectRow.finished_at).desc().nulls_last(), col(ActionRow.position).desc(), col(ActionRow.id).desc()
        )
    )
    if lock:
        query = query.with_for_update(of=ActionRow)
    return await of_actions(session, user_id, list((await session.execute(query)).scalars()), builders)


async def of_actions(
    session: AsyncSession, user_id: UUID, actions: Sequence[ActionRow], builders: Builders
) -> list[Way]:
    """The same of some actions of one user that took place, in their order."""
    ids = [action.id for action in actions]
    backs = await later(session, user_id, ids)
    followed = await later(session, user_id, ids, UndoKind.FOLLOW_UP)
    kept = await _kept(session, user_id, actions, builders)
    found = []
    for action in actions:
        back = backs.get(action.id)
        if back is not None and not back.came_to_nothing:
            found.append(Way(action, back=back))
            continue
        parts = kept[action.id]
        try:
            found.append(Way(action, undo=builders.undo(*parts), back=back))
        except InvalidInput as error:
            follow_up = builders.follow_up(*parts)
            found.append(
                Way(action, why_not=error.message, follow_up=follow_up, back=back, followed=followed.get(action.id))
            )
    return found


Kept = tuple[Connection, ActionRow, ProviderResponse | None, ProviderResponse | None]


async def _kept(
    session: AsyncSession, user_id: UUID, actions: Sequence[ActionRow], builders: Builders
) -> dict[UUID, Kept]:
    """By action: its connection, itself, the response to the read before it, and the response to it."""
    connections = await session.execute(
        select(Connection).where(
            col(Connection.user_id) == user_id, col(Connection.id).in_({action.connection_id for action in actions})
        )
    )
    reads = await session.execute(
        select(ReadRow).where(
            col(ReadRow.user_id) == user_id, col(ReadRow.id).in_({action.prior_read_id for action in actions})
        )
    )
    effects = await session.execute(
        select(EffectRow).where(
            col(EffectRow.user_id) == user_id, col(EffectRow.action_id).in_([action.id for action in actions])
        )
    )
    of_connection = {row.id: row for row in connections.scalars()}
    before = {row.id: ProviderResponse.model_validate(row.response) for row in reads.scalars()}
    after = {row.action_id: ProviderResponse.model_validate(row.response) for row in effects.scalars() if row.response}
    shown = await _shown(
        session, user_id, [action for action in actions if action.origin == UndoKind.UNDO.value], builders
    )
    return {
        action.id: (
            of_connection[action.connection_id],
            action,
            before.get(action.prior_read_id) if action.prior_read_id else shown.get(action.id),
            after.get(action.id),
        )
        for action in actions
    }


async def _shown(
    session: AsyncSession, user_id: UUID, undos: Sequence[ActionRow], builders: Builders
) -> dict[UUID, ProviderResponse]:
    """What was taken for the value before actions that take others back: no read was made for these, and the gateway
    found it so before it sent them. It follows from what the others left."""
    if not undos:
        return {}
    originals = {undo_id: action for undo_id, (_, action) in (await earlier(session, user_id, undos)).items()}
    kept = await _kept(session, user_id, list(originals.values()), builders)
    found: dict[UUID, ProviderResponse] = {}
    for undo_id, action in originals.items():
        try:
            left = builders.undo(*kept[action.id]).left
        except InvalidInput:
            continue
        if left is not None:
            found[undo_id] = left
    return found
