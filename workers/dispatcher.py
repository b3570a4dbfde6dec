"""Delivers wake-ups: the outbox of starts and signals, until Temporal has acknowledged each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta
from uuid import UUID

import psycopg
from sqlalchemy import select, update
from sqlmodel import col
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from coco.names import (
    CONTROL_QUEUE,
    RUN_WORKFLOW,
    SEARCH_USER,
    SEARCH_WORKFLOW,
    WAKE_SIGNAL,
    temporal_workflow_id,
)
from store import results, runs, wakeups
from store.database import Database
from store.tables import Run, Wakeup, utc_now
from workflows.run import RunInput

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
BATCH = 100
MAX_BACK_OFF = 60


class Dispatcher:
    """Runs beside the worker. Several may run: rows are claimed with SKIP LOCKED."""

    def __init__(self, database: Database, client: Client, tuning: RunInput) -> None:
        self._db = database
        self._client = client
        self._tuning = tuning
        self._due = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. A failure of Postgres or Temporal is logged and tried again."""
        listener = asyncio.create_task(self._listen())
        try:
            while True:
                try:
                    if await self.deliver_due():
                        continue
                except Exception:
                    log.exception("wake-ups could not be delivered; trying again")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._due.wait(), POLL_SECONDS)
                self._due.clear()
        finally:
            listener.cancel()

    async def _listen(self) -> None:
        """Hears of new wake-ups at once; the poll covers what it misses."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._db.dsn, autocommit=True) as connection:
                    await connection.execute("LISTEN coco_wakeups")
                    async for _ in connection.notifies():
                        self._due.set()
            except psycopg.Error:
                log.warning("the connection that listens for wake-ups was lost; polling meanwhile")
            await asyncio.sleep(POLL_SECONDS)

    async def deliver_due(self) -> int:
        """Delivers one batch; how many rows were looked at."""
        async with self._db.system() as session:
            rows = (
                (
                    await session.execute(
                        select(Wakeup)
                        .where(col(Wakeup.delivered_at).is_(None), col(Wakeup.next_attempt_at) <= utc_now())
                        .order_by(col(Wakeup.created_at))
                        .limit(BATCH)
                        .with_for_update(skip_locked=True)
                    )
                )
                .scalars()
                .all()
            )
            outcomes = await asyncio.gather(*(self._tried(row) for row in rows))
            for row, delivered in zip(rows, outcomes, strict=True):
                now = utc_now()
                pause = timedelta(seconds=min(MAX_BACK_OFF, 2**row.attempts))
                await session.execute(
                    update(Wakeup)
                    .where(col(Wakeup.id) == row.id)
                    .values(
                        delivered_at=now if delivered else None,
                        attempts=row.attempts + 1,
                        next_attempt_at=now + pause,
                    )
                )
            return len(rows)

    async def _tried(self, row: Wakeup) -> bool:
        """Delivers one; what goes wrong with it holds up none of the others, who may be other people's."""
        try:
            return await self._deliver(row)
        except RPCError as error:
            log.warning("a wake-up was not acknowledged and will be sent again: %s", error.status.name)
        except Exception:
            log.exception("a wake-up of user %s could not be delivered; it will be tried again", row.user_id)
        return False

    async def _deliver(self, row: Wakeup) -> bool:
        """Signals the run, starting it where it does not run yet: one call covers early, late and first."""
        async with self._db.user(row.user_id) as session:
            run = await session.get(Run, row.run_id)
            if run is not None and run.state in runs.FINAL_RUN_STATES:
                # No workflow is there any more to record what a person settles now.
                await results.close_left_over(session, row.user_id, row.run_id)
        if run is None or run.state in runs.FINAL_RUN_STATES:
            return True
        workflow_id = temporal_workflow_id(row.user_id, row.run_id)
        try:
            await self._client.start_workflow(
                RUN_WORKFLOW,
                self._tuning,
                id=workflow_id,
                task_queue=CONTROL_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                start_signal=WAKE_SIGNAL,
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(SearchAttributeKey.for_keyword(SEARCH_USER), str(row.user_id)),
                        SearchAttributePair(SearchAttributeKey.for_keyword(SEARCH_WORKFLOW), str(run.workflow_id)),
                    ]
                ),
                rpc_timeout=timedelta(seconds=10),
            )
        except WorkflowAlreadyStartedError:
            return await self._closed(row.user_id, row.run_id, workflow_id)
        return True

    async def _closed(self, user_id: UUID, run_id: UUID, workflow_id: str) -> bool:
        """Its execution is over. Where the run has not ended with it, somebody ended it in Temporal: say so."""
        description = await self._client.get_workflow_handle(workflow_id).describe()
        if description.status is WorkflowExecutionStatus.RUNNING:
            return False
        async with self._db.user(user_id) as session:
            await results.close_left_over(session, user_id, run_id)
            await runs.finish(session, user_id, run_id, "failed", "An operator ended it.")
        return True

    async def owe_every_pending_run(self) -> int:
        """At start: every run that has not ended is owed a look, so that nothing waits on a lost signal."""
        async with self._db.system() as session:
            owners = (await session.execute(select(col(Wakeup.user_id), col(Wakeup.run_id)).distinct())).all()
        count = 0
        for user_id, run_id in owners:
            async with self._db.user(user_id) as session:
                run = await session.get(Run, run_id)
                if run is not None and run.state not in runs.FINAL_RUN_STATES:
                    await wakeups.owe(session, user_id, run_id)
                    count += 1
        return count
