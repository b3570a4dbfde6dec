"""How far runs have come, and what holds them: for their cards, the inbox and the list of runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from coco.connections import ConnectionState
from store.runs import FINAL_RUN_STATES
from store.tables import ActionRow, Connection, EffectRow, Pace, Run, Workflow, utc_now

BROKEN = frozenset({ConnectionState.NEEDS_RECONNECTION.value, ConnectionState.REVOKED.value})
"""States of a connection that has to be connected again."""


class Progress(BaseModel):
    """Of the actions that are to be carried out: those approved, and what became of them."""

    total: int = 0
    done: int = 0
    failed: int = 0
    unknown: int = 0
    """It is not known whether they took place; a person says."""
    abandoned_sendings: int = 0
    """Begun more than a minute ago, with no answer kept. Where their sender died, this is said of them within ten
    minutes of their beginning: that their outcome is unknown."""

    @property
    def left(self) -> int:
        return self.total - self.done - self.failed - self.unknown


class HeldBy(BaseModel):
    """A connection that holds a run up."""

    connection_id: UUID
    title: str
    connector: str
    state: str
    """needs_reconnection | revoked | read_only | throttled | failing"""
    until: datetime | None = None
    """When the provider is asked again; for `throttled` and `failing`."""


_PROGRESS = {
    ActionState.APPROVED.value: "total",
    ActionState.DONE.value: "done",
    ActionState.FAILED.value: "failed",
    ActionState.OUTCOME_UNKNOWN.value: "unknown",
}


async def progress(session: AsyncSession, user_id: UUID, run_ids: Sequence[UUID]) -> dict[UUID, Progress]:
    """By run."""
    found = {run_id: Progress() for run_id in run_ids}
    counts = await session.execute(
        select(col(ActionRow.run_id), col(ActionRow.state), func.count())
        .where(col(ActionRow.user_id) == user_id, col(ActionRow.run_id).in_(run_ids))
        .where(col(ActionRow.state).in_(list(_PROGRESS)))
        .group_by(col(ActionRow.run_id), col(ActionRow.state))
    )
    for run_id, state, count in counts:
        told = found[run_id]
        told.total += count
        name = _PROGRESS[state]
        if name != "total":
            setattr(told, name, getattr(told, name) + count)
    stuck = await session.execute(
        select(col(ActionRow.run_id), func.count())
        .join(EffectRow, col(EffectRow.action_id) == col(ActionRow.id))
        .where(col(ActionRow.user_id) == user_id, col(ActionRow.run_id).in_(run_ids))
        .where(col(ActionRow.state) == ActionState.APPROVED.value, col(EffectRow.state) == "sending")
        .where(col(EffectRow.started_at) < func.now() - func.make_interval(0, 0, 0, 0, 0, 1))
        .group_by(col(ActionRow.run_id))
    )
    for run_id, count in stuck:
        found[run_id].abandoned_sendings = count
    return found


async def held_by(
    session: AsyncSession, user_id: UUID, pairs: Sequence[tuple[Run, Workflow]]
) -> dict[UUID, list[HeldBy]]:
    """By run that has not ended: connections that hold its open actions or its planning."""
    going = [(run, workflow) for run, workflow in pairs if run.state not in FINAL_RUN_STATES]
    if not going:
        return {}
    rows = (await session.execute(select(Connection).where(col(Connection.user_id) == user_id))).scalars()
    connections = {row.id: row for row in rows}
    waiting = await session.execute(
        select(Pace).where(col(Pace.user_id) == user_id, col(Pace.blocked_until) > utc_now())
    )
    paces = {row.connection_id: row for row in waiting.scalars()}
    acting: dict[UUID, dict[UUID, bool]] = {}
    wanted = await session.execute(
        select(
            col(ActionRow.run_id),
            col(ActionRow.connection_id),
            func.bool_or(col(ActionRow.state) == ActionState.APPROVED.value),
        )
        .where(col(ActionRow.user_id) == user_id, col(ActionRow.run_id).in_([run.id for run, _ in going]))
        .where(col(ActionRow.state).in_([ActionState.PENDING.value, ActionState.APPROVED.value]))
        .group_by(col(ActionRow.run_id), col(ActionRow.connection_id))
    )
    for run_id, connection_id, approved in wanted:
        acting.setdefault(run_id, {})[connection_id] = bool(approved)
    found: dict[UUID, list[HeldBy]] = {}
    for run, workflow in going:
        acts = acting.get(run.id, {})
        given = [UUID(item) for item in workflow.connections]
        planning = run.state in {"starting", "planning", "asking", "needs_reconnection"} or run.replan
        for connection_id in dict.fromkeys([*given, *acts]):
            row = connections.get(connection_id)
            if row is not None and (told := _held(row, run, acts, planning, paces.get(connection_id))) is not None:
                found.setdefault(run.id, []).append(told)
    return found


def broke_during(connection: Connection, run: Run) -> bool:
    """Whether a connection that is broken was not yet when the run began."""
    return connection.broken_at is not None and connection.broken_at >= run.created_at


def _held(row: Connection, run: Run, acts: dict[UUID, bool], planning: bool, pace: Pace | None) -> HeldBy | None:
    about = {"connection_id": row.id, "title": row.title, "connector": row.connector}
    broke = broke_during(row, run)
    if row.state in BROKEN and (row.id in acts or (planning and (broke or run.state == "needs_reconnection"))):
        return HeldBy(**about, state=row.state)
    if row.state == ConnectionState.READ_ONLY and acts.get(row.id):
        return HeldBy(**about, state=row.state)
    busy = run.state in {"planning", "working"} and (planning or row.id in acts)
    if pace is not None and busy and row.state not in BROKEN:
        return HeldBy(**about, state=pace.reason, until=pace.blocked_until)
    return None
