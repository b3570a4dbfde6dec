"""From approval to recorded result, through every part, against a floor of plain Temporal on the same server.

`python -m bench.approval [RUNS]`. The floor is a workflow that waits for a signal, runs one activity and ends: what any
durable workflow pays. The ratio says what the gate, the grant, the gateway and the sandbox add.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.conftest import Cluster
from tests.stack import Person, Stack, a_stack


@activity.defn
async def nothing() -> None:
    """The floor's activity."""


@workflow.defn
class Floor:
    """Waits for a signal, runs one activity, ends."""

    def __init__(self) -> None:
        self._go = False

    @workflow.signal
    def go(self) -> None:
        self._go = True

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._go)
        await workflow.execute_activity(nothing, start_to_close_timeout=timedelta(seconds=10))


async def floor(address: str, runs: int) -> list[float]:
    """Seconds from signal to end, once per run, each parked for a while first."""
    client = await Client.connect(address)
    taken = []
    async with Worker(
        client,
        task_queue="floor",
        workflows=[Floor],
        activities=[nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        for _ in range(runs):
            handle = await client.start_workflow(Floor.run, id=f"floor-{uuid4()}", task_queue="floor")
            await asyncio.sleep(0.5)
            began = time.perf_counter()
            await handle.signal(Floor.go)
            await handle.result()
            taken.append(time.perf_counter() - began)
    return taken


def approvals(stack: Stack, person: Person, runs: int) -> list[float]:
    """Seconds from the approving request to the recorded result, for one field write each."""
    assert stack.settings.database_url is not None
    workflow_id = person.workflow("enrich_tagged_contacts", tag="customer", limit=runs)
    run_id = person.start(workflow_id)
    card = person.until(run_id, "waiting")
    taken = []
    with psycopg.connect(stack.settings.database_url.get_secret_value(), autocommit=True) as owner:
        for action in card["actions"][:runs]:
            time.sleep(0.5)
            began = time.perf_counter()
            person.approve(action)
            while True:
                row = owner.execute("SELECT state FROM actions WHERE id = %s", (action["id"],)).fetchone()
                if row is not None and row[0] == "done":
                    break
                time.sleep(0.002)
            taken.append(time.perf_counter() - began)
    return taken


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory(prefix="coco-b-") as place:
        cluster = Cluster(Path(place) / "pg")
        try:
            for kind in ("docker", "bubblewrap"):
                with a_stack(Path(place) / kind, cluster.create(), cluster.master, sandbox=kind) as stack:
                    person = stack.sign_up()
                    ours = approvals(stack, person, runs)
                    plain = asyncio.run(floor(stack.temporal.address, len(ours)))
                    report(kind, ours, plain)
        finally:
            cluster.stop()


def report(kind: str, ours: list[float], plain: list[float]) -> None:
    median, base = statistics.median(ours), statistics.median(plain)
    print(
        f"{kind}: approval to recorded result {median * 1000:.0f} ms at the median ({max(ours) * 1000:.0f} ms at most, "
        f"{len(ours)} actions); plain Temporal, signal to end: {base * 1000:.0f} ms; ratio {median / base:.1f}"
    )


if __name__ == "__main__":
    main()
