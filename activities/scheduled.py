"""The trusted activity behind a schedule: makes the run that is due, once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

from temporalio import activity

from activities import names
from coco.names import parse_scheduled_id
from store import runs
from store.database import Database
from store.tables import Run, ScheduleRow, Workflow


class ScheduledActivities:
    """Lives as long as the control worker."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[Callable[..., Any]]:
        """Every activity, for the worker."""
        return [self.start_scheduled]

    @activity.defn(name=names.START_SCHEDULED)
    async def start_scheduled(self) -> None:
        """Starts a run of the schedule's workflow, where both are still in force. The run's id follows from the moment
        that the schedule fired for, so that a second try starts nothing again."""
        workflow_id = activity.info().workflow_id or ""
        parsed = parse_scheduled_id(workflow_id)
        if parsed is None:
            return
        user_id, schedule_id = parsed
        run_id = UUID(bytes=hashlib.sha256(f"coco scheduled {workflow_id}".encode()).digest()[:16], version=5)
        async with self._db.user(user_id) as session:
            schedule = await session.get(ScheduleRow, schedule_id)
            if schedule is None or schedule.user_id != user_id or schedule.state != "active":
                return
            workflow = await session.get(Workflow, schedule.workflow_id)
            if workflow is None or workflow.archived_at is not None or await session.get(Run, run_id) is not None:
                return
            await runs.create_run(
                session, user_id, schedule.workflow_id, run_id=run_id, actor=f"schedule:{schedule_id}"
            )
