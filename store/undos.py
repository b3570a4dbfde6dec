"""Which run takes an action back, or follows what it sent, and how that stands. Read queries, each for one user."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from store.tables import ActionRow, UndoRow


class UndoKind(StrEnum):
    """What a later action does to an earlier one. Persisted; never renamed."""

    UNDO = "undo"
    """It takes it back."""
    FOLLOW_UP = "follow_up"
    """It is one more message, where nothing takes back what was sent."""

    def key(self, action_id: UUID) -> str:
        """The key that every version of the proposal has in its run."""
        return f"{self.value.replace('_', '-')}:{action_id}"

    def keys(self, action_id: UUID) -> tuple[str, str]:
        """The same, and what is left of it once that run is past its time (store.migrations.privileges_retention)."""
        key = self.key(action_id)
        return key, f"erased:{hashlib.sha256(key.encode()).hexdigest()}"


NOTHING_CAME_OF_IT = frozenset(
    {ActionState.REJECTED, ActionState.FAILED, ActionState.CANCELLED, ActionState.DRIFTED, ActionState.SUPERSEDED}
)
"""States of a proposal's newest version after which another may be made: certainly nothing happened."""


@dataclass(frozen=True)
class Later:
    """What takes an action back, or follows it."""

    run_id: UUID
    proposal: ActionRow
    """Its newest version."""

    @property
    def state(self) -> ActionState:
        return ActionState(self.proposal.state)

    @property
    def came_to_nothing(self) -> bool:
        return self.state in NOTHING_CAME_OF_IT


async def later(
    session: AsyncSession, user_id: UUID, action_ids: Iterable[UUID], kind: UndoKind = UndoKind.UNDO
) -> dict[UUID, Later]:
    """By action: the newest run that takes it back (or follows it), of those that have one."""
    rows = await session.execute(
        select(col(UndoRow.action_id), col(UndoRow.run_id))
        .where(col(UndoRow.user_id) == user_id, col(UndoRow.kind) == kind.value)
        .where(col(UndoRow.action_id).in_(list(action_ids)))
        .order_by(col(UndoRow.at), col(UndoRow.run_id))
    )
    runs = {row.action_id: row.run_id for row in rows}
    proposals = await session.execute(
        select(ActionRow)
        .where(col(ActionRow.user_id) == user_id, col(ActionRow.run_id).in_(set(runs.values())))
        .where(col(ActionRow.key).in_([key for action_id in runs for key in kind.keys(action_id)]))
        .order_by(col(ActionRow.version))
    )
    newest = {(row.run_id, row.key): row for row in proposals.scalars()}
    return {
        action_id: Later(run_id, newest[run_id, key])
        for action_id, run_id in runs.items()
        for key in kind.keys(action_id)
        if (run_id, key) in newest
    }


async def takes_back(session: AsyncSession, user_id: UUID, run_id: UUID) -> bool:
    """Whether a run is there to take back what others did."""
    query = select(col(UndoRow.run_id)).where(col(UndoRow.run_id) == run_id, col(UndoRow.user_id) == user_id)
    return (await session.execute(query.where(col(UndoRow.kind) == UndoKind.UNDO.value).limit(1))).first() is not None


async def earlier(
    session: AsyncSession, user_id: UUID, rows: Iterable[ActionRow]
) -> dict[UUID, tuple[UndoKind, ActionRow]]:
    """By action, of those that take another back or follow it: how, and that other one."""
    given = list(rows)
    links = await session.execute(
        select(UndoRow, ActionRow)
        .join(ActionRow, col(ActionRow.id) == col(UndoRow.action_id))
        .where(col(UndoRow.user_id) == user_id, col(UndoRow.run_id).in_({row.run_id for row in given}))
    )
    by_key = {
        (link.run_id, key): (UndoKind(link.kind), action)
        for link, action in links
        for key in UndoKind(link.kind).keys(link.action_id)
    }
    return {row.id: by_key[row.run_id, row.key] for row in given if (row.run_id, row.key) in by_key}


async def is_undo(session: AsyncSession, action: ActionRow) -> bool:
    """Whether an action takes another back."""
    found = (await earlier(session, action.user_id, [action])).get(action.id)
    return found is not None and found[0] is UndoKind.UNDO
