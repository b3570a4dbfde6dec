"""What a schedule starts: one short workflow that has a run made, and ends.

So Temporal's overlap policy is about these moments only: a run that waits for an approval holds up no later one.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities import names
    from coco.names import CONTROL_QUEUE, SCHEDULED_WORKFLOW, parse_scheduled_id


@workflow.defn(name=SCHEDULED_WORKFLOW)
class ScheduledWorkflow:
    """Takes and hands on nothing: whose schedule it is says the workflow id, and Postgres says the rest."""

    @workflow.run
    async def run(self) -> None:
        if parse_scheduled_id(workflow.info().workflow_id) is None:
            return  # started by hand, under an id that no schedule makes
        await workflow.execute_activity(
            names.START_SCHEDULED,
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=timedelta(seconds=60),
            schedule_to_close_timeout=timedelta(hours=1),
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30)),
        )
