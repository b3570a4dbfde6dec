"""The Temporal SDK's activity worker runs inside both kinds: on loopback, through the forwarder, to one unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from sandbox.container import Sandbox, SandboxSpec

INSIDE = """
import asyncio, os, signal, sys
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker
from sandbox.forwarder import forward

@activity.defn
async def whoami(greeting: str) -> str:
    return f"{greeting} from uid {os.getuid()} on {os.uname().nodename}"

async def main():
    async with forward() as port:
        client = await Client.connect(f"127.0.0.1:{port}")
        async with Worker(client, task_queue=sys.argv[1], activities=[whoami]):
            print("polling", flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


@workflow.defn
class Ask:
    @workflow.run
    async def run(self, queue: str) -> str:
        return await workflow.execute_activity(
            "whoami", "hello", task_queue=queue, result_type=str, start_to_close_timeout=timedelta(seconds=30)
        )


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[Client]:
    server = Path(sys.executable).parent / "temporal"
    if not server.exists():
        pytest.skip("the Temporal dev server is not installed")
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=str(server)) as environment:
        yield environment.client


@contextlib.asynccontextmanager
async def passage(socket_path: Path, target: str) -> AsyncIterator[None]:
    """What the gateway does, without its checks: carries each connection to the server."""
    host, _, port = target.rpartition(":")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    server = await asyncio.start_unix_server(serve, socket_path)
    socket_path.chmod(0o666)
    try:
        yield
    finally:
        server.close()


async def test_an_activity_runs_inside(
    sandbox: Sandbox, make_spec: Callable[..., SandboxSpec], temporal: Client
) -> None:
    queue = f"user-{uuid.uuid4()}"
    spec = make_spec(command=("python", "-c", INSIDE, queue))
    (spec.gateway_dir / "gateway.sock").unlink()
    target = temporal.service_client.config.target_host
    async with passage(spec.gateway_dir / "gateway.sock", target):
        await sandbox.start(spec)
        try:
            runner = UnsandboxedWorkflowRunner()
            async with Worker(temporal, task_queue="host", workflows=[Ask], workflow_runner=runner):
                answer = await temporal.execute_workflow(
                    Ask.run, queue, id=queue, task_queue="host", execution_timeout=timedelta(seconds=60)
                )
            assert answer == "hello from uid 10001 on sandbox", await sandbox.logs(spec.user_id)
        finally:
            print(await sandbox.logs(spec.user_id))
            await sandbox.stop(spec.user_id, kill=True)
