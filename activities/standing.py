"""Where a run stands beside its decisions: what holds its actions, and whether its connections carry anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from coco.connections import ConnectionState
from store import credits, pacing
from store.run_standing import BROKEN, broke_during
from store.tables import ActionRow, Connection, EffectRow, Run, Workflow, utc_now


@dataclass(frozen=True)
class Standing:
    """Read fresh from Postgres."""

    blocked: tuple[UUID, ...]
    """Approved actions that may not begin: the run is paused, their connection does not write, or credits lack."""
    broken: bool
    """Something that the run needs from now on has to be connected again."""
    unreadable: bool
    """Some connection of the workflow has to be connected again, whether or not the run needs it."""
    wait_seconds: float
    """How long the provider that asks for the longest pause wants to be left alone."""
    short: str
    """Why approved actions wait for credits; empty where none does."""
    short_until: datetime | None
    """When a budget's next period lets the first of them go on by itself."""


async def standing(session: AsyncSession, run: Run, workflow: Workflow) -> Standing:
    """Of one run."""
    open_actions = (
        await session.execute(
            select(
                col(ActionRow.id),
                col(ActionRow.state),
                col(ActionRow.connection_id),
                col(EffectRow.state),
                col(ActionRow.body)["credits"].as_integer(),
            )
            .outerjoin(EffectRow, col(EffectRow.action_id) == col(ActionRow.id))
            .where(col(ActionRow.run_id) == run.id)
            .where(col(ActionRow.state).in_([ActionState.PENDING.value, ActionState.APPROVED.value]))
        )
    ).all()
    given = {UUID(item) for item in workflow.connections}
    ids = given | {row[2] for row in open_actions}
    found = await session.execute(
        select(Connection).where(col(Connection.user_id) == run.user_id, col(Connection.id).in_(ids))
    )
    connections = {row.id: row for row in found.scalars()}
    broken = {key for key, row in connections.items() if row.state in BROKEN}
    planning = run.revision == 0 or run.replan or run.state in {"starting", "planning", "asking"}
    since = {key for key in broken & given if broke_during(connections[key], run)}
    to_begin = [row for row in open_actions if row[1] == ActionState.APPROVED and row[3] in {None, "turned_away"}]
    costs = {row[0]: row[4] for row in to_begin}
    short = await credits.shortages(session, run.user_id, run.workflow_id, costs, utc_now())
    return Standing(
        blocked=tuple(row[0] for row in to_begin if _may_not_begin(run, connections[row[2]]) or row[0] in short),
        short=next((item.why for item in short.values()), ""),
        short_until=min((item.until for item in short.values() if item.until is not None), default=None),
        broken=(planning and bool(since)) or any(row[2] in broken for row in open_actions),
        unreadable=bool(broken & given),
        wait_seconds=await wait_of(session, run.user_id, list(ids)),
    )


async def is_blocked(session: AsyncSession, run: Run, action: ActionRow) -> bool:
    """Whether an approved action may not begin now, and will wait."""
    connection = await session.get_one(Connection, action.connection_id, populate_existing=True)
    if _may_not_begin(run, connection):
        return True
    costs = {action.id: int(action.body["credits"])}
    return bool(await credits.shortages(session, run.user_id, run.workflow_id, costs, utc_now()))


async def wait_of(session: AsyncSession, user_id: UUID, connection_ids: Sequence[UUID]) -> float:
    """Seconds until the slowest of the connections may be asked again."""
    waits = await pacing.waiting(session, user_id, list(connection_ids))
    return max((seconds for seconds, _ in waits.values()), default=0.0)


def _may_not_begin(run: Run, connection: Connection) -> bool:
    return run.paused_at is not None or connection.state != ConnectionState.ACTIVE
