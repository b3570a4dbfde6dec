"""Brings schedules from Postgres to Temporal: what a row's revision is ahead of what was applied."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from sqlalchemy import select, update
from sqlmodel import col
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
)
from temporalio.service import RPCError, RPCStatusCode

from coco.names import CONTROL_QUEUE, SCHEDULED_WORKFLOW, temporal_schedule_id
from coco.schedules import Plan
from store.database import Database
from store.tables import ScheduleRow

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
BATCH = 50


class ScheduleKeeper:
    """Runs beside the worker. Several may run: rows are claimed with SKIP LOCKED."""

    def __init__(self, database: Database, client: Client) -> None:
        self._db = database
        self._client = client

    async def run(self) -> None:
        """Until cancelled. A failure of Postgres or Temporal is logged and tried again."""
        while True:
            try:
                if await self.apply_owed():
                    continue
            except Exception:
                log.exception("schedules could not be brought to Temporal; trying again")
            await asyncio.sleep(POLL_SECONDS)

    async def apply_owed(self) -> int:
        """Applies one batch; how many were applied. Raises RPCError where Temporal does not answer."""
        async with self._db.system() as session:
            rows = (
                (
                    await session.execute(
                        select(ScheduleRow)
                        .where(col(ScheduleRow.revision) > col(ScheduleRow.applied_revision))
                        .order_by(col(ScheduleRow.updated_at))
                        .limit(BATCH)
                        .with_for_update(skip_locked=True)
                    )
                )
                .scalars()
                .all()
            )
            for row in rows:
                await self._apply(row)
                await session.execute(
                    update(ScheduleRow).where(col(ScheduleRow.id) == row.id).values(applied_revision=row.revision)
                )
            return len(rows)

    async def _apply(self, row: ScheduleRow) -> None:
        """Idempotent: makes Temporal's schedule what the row says."""
        name = temporal_schedule_id(row.user_id, row.id)
        handle = self._client.get_schedule_handle(name)
        if row.state == "deleted":
            try:
                await handle.delete(rpc_timeout=timedelta(seconds=10))
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            return
        wanted = schedule_of(row)
        try:
            await self._client.create_schedule(name, wanted, rpc_timeout=timedelta(seconds=10))
        except ScheduleAlreadyRunningError:
            await handle.update(lambda _: ScheduleUpdate(schedule=wanted), rpc_timeout=timedelta(seconds=10))


def schedule_of(row: ScheduleRow) -> Schedule:
    """The row as Temporal takes it. Carries no words of the owner: they would lie there in plain text."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            SCHEDULED_WORKFLOW, id=temporal_schedule_id(row.user_id, row.id), task_queue=CONTROL_QUEUE
        ),
        spec=_spec(Plan.model_validate(row.plan), row.jitter_seconds),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(seconds=row.catch_up_seconds)
        ),
        state=ScheduleState(paused=row.state == "paused", note="paused by its owner" if row.state == "paused" else ""),
    )


def _spec(plan: Plan, jitter_seconds: int) -> ScheduleSpec:
    jitter = timedelta(seconds=jitter_seconds) if jitter_seconds else None
    if plan.kind == "interval":
        assert plan.seconds is not None
        return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=plan.seconds))], jitter=jitter)
    calendar = ScheduleCalendarSpec(
        hour=[ScheduleRange(plan.hour)],
        minute=[ScheduleRange(plan.minute)],
        # Temporal's week starts on Sunday.
        day_of_week=[ScheduleRange((day + 1) % 7) for day in plan.days] or [ScheduleRange(0, 6)],
        day_of_month=[ScheduleRange(plan.day_of_month)] if plan.day_of_month else [ScheduleRange(1, 31)],
    )
    return ScheduleSpec(calendars=[calendar], time_zone_name=plan.zone, jitter=jitter)
