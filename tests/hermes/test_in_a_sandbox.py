"""Hermes where it belongs: inside a real sandbox of each kind, with nothing but the gateway's socket."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.names import PLAN
from sandbox.container import GID, UID, Limits, Sandbox, SandboxSpec, SandboxUnavailable, detect
from sandbox.gateway.token import write_token
from store.tables import Refusal
from tests.conftest import Postgres
from tests.demo_fixture import Demo
from tests.gateway.harness import a_stage
from tests.hermes.test_hermes import Desk, InSandbox, demo
from tests.sandbox.conftest import KINDS, skip_or_fail
from tests.temporal_server import TemporalServer
from workers.codec import data_converter
from workers.keyring import KeyRing

__all__ = ["demo"]


async def of_kind(kind: str, deployment: str, folder: Path) -> Sandbox:
    """What makes real sandboxes of that kind; without it, the test is skipped, or fails where it is required."""
    try:
        return await detect(kind, deployment=deployment, state_dir=folder / "sandboxes")
    except SandboxUnavailable as error:
        skip_or_fail(str(error))
        raise


@pytest.mark.parametrize("kind", KINDS)
async def test_it_boots_plans_and_stops_inside(
    kind: str,
    postgres: Postgres,
    temporal: TemporalServer,
    demo: Demo,
    short_dir: Path,
) -> None:
    folder, deployment = short_dir / uuid4().hex[:8], f"test-{secrets.token_hex(4)}"
    sandbox = await of_kind(kind, deployment, folder)
    async with a_stage(postgres, folder, temporal.address) as stage:
        person = await stage.person()
        write_token(person.folder, person.token)
        volume = folder / "volumes" / str(person.user_id)
        volume.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(volume, UID, GID)
        spec = SandboxSpec(
            user_id=str(person.user_id),
            deployment=deployment,
            volume=volume.resolve(),
            gateway_dir=person.folder.resolve(),
            limits=Limits(memory_mb=512, cpus=1.0, pids=128, tmp_mb=64),
        )
        user = str(person.user_id)
        await sandbox.start(spec)
        try:
            for _ in range(400):
                log = await sandbox.logs(user)
                if "ready" in log or not await sandbox.alive(user):
                    break
                await asyncio.sleep(0.1)
            assert "ready" in log, log
            client = await Client.connect(
                temporal.address, data_converter=data_converter(KeyRing(postgres.control, postgres.master))
            )
            queue = f"control-{uuid4().hex[:8]}"
            desk = Desk(stage, person, None, client, queue, demo)  # type: ignore[arg-type]
            await desk.connect()
            async with Worker(
                client, task_queue=queue, workflows=[InSandbox], workflow_runner=UnsandboxedWorkflowRunner()
            ):
                run = await desk.new_run("enrich_tagged_contacts", {"tag": "design partner candidate"})
                output = await desk.task(run.id, PLAN, run_id=str(run.id), revision=1)
            assert output["proposals"] > 0
            assert await person.rows(Refusal) == []
            log = await sandbox.logs(user)
            assert not any(secret in log for secret in (demo.api_key, demo.smtp_password, person.token))
        finally:
            await sandbox.stop(user)
        assert not await sandbox.alive(user)
