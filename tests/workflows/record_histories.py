"""Records the histories that the suite replays: `python -m tests.workflows.record_histories VERSION`.

Run it when a release changes the workflow, into a folder of that version's name. Folders of earlier versions stay as
they are: they are what still runs at somebody's place.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from coco.names import temporal_workflow_id
from tests.conftest import Cluster, fresh
from tests.temporal_server import TemporalServer
from tests.workflows.harness import a_world
from tests.workflows.scenarios import SCENARIOS

HISTORIES = Path(__file__).resolve().parent.parent / "histories"


async def record(cluster: Cluster, server: TemporalServer, folder: Path) -> None:
    for name, scenario in SCENARIOS.items():
        async with (
            fresh(cluster) as postgres,
            a_world(
                postgres,
                server,
                plan=scenario.plan,
                perform=scenario.perform,
                read_facts=scenario.read_facts,
                tuning=scenario.tuning,
                encrypted=False,
            ) as world,
        ):
            run_id = await scenario.drive(world)
            workflow_id = temporal_workflow_id(world.user_id, run_id)
            executions = [item async for item in world.client.list_workflows(f"WorkflowId = '{workflow_id}'")]
            first = min(executions, key=lambda item: item.start_time)
            handle = world.client.get_workflow_handle(workflow_id, run_id=first.run_id)
            history = json.loads((await handle.fetch_history()).to_json())
            document = {"workflow_id": workflow_id, "history": _without_traces(history)}
            (folder / f"{name}.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")


def _without_traces(value: Any) -> Any:
    """Stack traces name the recording machine's folders, and replay does not read them."""
    if isinstance(value, dict):
        return {key: _without_traces(item) for key, item in value.items() if key != "stackTrace"}
    if isinstance(value, list):
        return [_without_traces(item) for item in value]
    return value


def main() -> None:
    folder = HISTORIES / sys.argv[1]
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="coco-r-") as place:
        cluster = Cluster(Path(place) / "pg")
        (Path(place) / "t").mkdir()
        try:
            with TemporalServer.start(Path(place) / "t") as server:
                asyncio.run(record(cluster, server, folder))
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
