"""Hermes as a process of its own, with a real gateway, real Temporal and a real provider."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from sqlmodel import col
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.connectors.base import ConnectionInfo
from activities.names import PERFORM, PLAN, PerformInput, PerformOutput, PlanInput, PlanOutput
from activities.trusted import TrustedActivities
from coco.gateway_protocol import Credential
from coco.names import sandbox_queue, temporal_workflow_id
from coco.sealing import fingerprint, seal
from sandbox.gateway.token import write_token
from store import runs
from store.tables import ActionRow, PlanDraftRow, ReadRow, Refusal, Run, SandboxRow, SealedCredential, Workflow, utc_now
from tests.conftest import Postgres
from tests.demo_fixture import Demo, start_demo
from tests.gateway.harness import SIGNING_KEY, Person, Stage, a_stage
from tests.temporal_server import TemporalServer
from workers.codec import data_converter
from workers.keyring import KeyRing

ROOT = Path(__file__).resolve().parents[2]


@workflow.defn(name="test.in_sandbox", sandboxed=False)
class InSandbox:
    """One activity in a user's sandbox."""

    @workflow.run
    async def run(self, name: str, queue: str, message: dict[str, Any]) -> dict[str, Any]:
        argument = PlanInput.model_validate(message) if name == PLAN else PerformInput.model_validate(message)
        result: PlanOutput | PerformOutput = await workflow.execute_activity(
            name,
            argument,
            result_type=PlanOutput if name == PLAN else PerformOutput,
            task_queue=queue,
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=6),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return result.model_dump(mode="json")


class Hermes:
    """The process."""

    def __init__(self, person: Person, data: Path) -> None:
        data.mkdir(exist_ok=True)
        self.data = data
        self.log = data.parent / f"hermes-{uuid4().hex[:6]}.log"
        # Nothing of this process's environment: inside a sandbox there is none either.
        environment = {
            "PATH": os.environ["PATH"],
            "COCO_GATEWAY_DIR": str(person.folder),
            "COCO_DATA_DIR": str(data),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers.hermes"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )

    async def ready(self) -> None:
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text())
            if "ready" in self.log.read_text():
                return
            await asyncio.sleep(0.05)
        raise RuntimeError("Hermes did not come up: " + self.log.read_text())

    async def ended(self) -> int:
        return await asyncio.to_thread(self.process.wait, 60)

    async def stop(self) -> None:
        # In a thread: the gateway that it says goodbye to lives in this loop.
        if self.process.poll() is None:
            self.process.terminate()
            await asyncio.to_thread(self.process.wait, 30)


class Desk:
    """A person with Hermes at work, the demo workspace connected, and a control side that hands out tasks."""

    def __init__(self, stage: Stage, person: Person, hermes: Hermes, client: Client, queue: str, demo: Demo) -> None:
        self.stage, self.person, self.hermes, self.client, self.queue, self.demo = (
            stage,
            person,
            hermes,
            client,
            queue,
            demo,
        )
        self.crm: ConnectionInfo | None = None
        self.mail: ConnectionInfo | None = None

    async def connect(self) -> None:
        self.crm = await self.person.connect("hubspot", self.demo.http)
        settings = {"from_address": "ada@example.com", "from_name": "Ada"}
        self.mail = await self.person.connect("smtp", f"smtp://{self.demo.smtp_host}:{self.demo.smtp_port}", settings)
        await self.seal(self.crm.id, Credential(scheme="bearer", secret=self.demo.api_key))
        password = Credential(scheme="password", username=self.demo.smtp_user, secret=self.demo.smtp_password)
        await self.seal(self.mail.id, password)

    async def seal(self, connection_id: UUID, credential: Credential) -> None:
        [row] = await self.person.rows(SandboxRow)
        assert row.public_key is not None
        async with self.stage.postgres.gateway.user(self.person.user_id) as session:
            await session.execute(
                insert(SealedCredential).values(
                    user_id=self.person.user_id,
                    connection_id=connection_id,
                    sealed=seal(row.public_key, credential),
                    fingerprint=fingerprint(credential, self.stage.postgres.master),
                    created_at=utc_now(),
                )
            )

    async def new_run(self, playbook: str, params: dict[str, Any]) -> Run:
        assert self.crm is not None
        assert self.mail is not None
        workflow_row = Workflow(
            user_id=self.person.user_id,
            title="Test",
            playbook=playbook,
            params=params,
            connections=[str(self.crm.id), str(self.mail.id)],
        )
        async with self.stage.postgres.api.user(self.person.user_id) as session:
            session.add(workflow_row)
            await session.flush()
            run = await runs.create_run(session, self.person.user_id, workflow_row.id)
        await self.person.set_run(run.id, state="planning")
        return run

    async def task(self, run: UUID, name: str, /, **message: Any) -> dict[str, Any]:
        handle = await self.client.start_workflow(
            "test.in_sandbox",
            args=[name, sandbox_queue(self.person.user_id), message],
            id=temporal_workflow_id(self.person.user_id, run),
            task_queue=self.queue,
            result_type=dict,
        )
        result: dict[str, Any] = await handle.result()
        return result

    async def failing(self, run: UUID, name: str, /, **message: Any) -> ApplicationError:
        with pytest.raises(WorkflowFailureError) as caught:
            await self.task(run, name, **message)
        assert isinstance(caught.value.cause, ActivityError)
        assert isinstance(caught.value.cause.cause, ApplicationError)
        return caught.value.cause.cause


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with start_demo(tmp_path_factory.mktemp("workspace")) as running:
        yield running


@asynccontextmanager
async def a_desk(postgres: Postgres, temporal: TemporalServer, demo: Demo, folder: Path) -> AsyncIterator[Desk]:
    async with a_stage(postgres, folder / uuid4().hex[:8], temporal.address) as stage:
        person = await stage.person()
        write_token(person.folder, person.token)
        queue = f"control-{uuid4().hex[:8]}"
        converter = data_converter(KeyRing(postgres.control, postgres.master))
        client = await Client.connect(temporal.address, data_converter=converter)
        hermes = Hermes(person, folder / f"data-{uuid4().hex[:6]}")
        try:
            await hermes.ready()
            desk = Desk(stage, person, hermes, client, queue, demo)
            await desk.connect()
            async with Worker(
                client, task_queue=queue, workflows=[InSandbox], workflow_runner=UnsandboxedWorkflowRunner()
            ):
                yield desk
        finally:
            await hermes.stop()


@pytest.fixture(scope="module")
async def desk(module_postgres: Postgres, temporal: TemporalServer, demo: Demo, short_dir: Path) -> AsyncIterator[Desk]:
    async with a_desk(module_postgres, temporal, demo, short_dir) as made:
        yield made


async def test_it_plans_from_attested_reads_and_the_control_side_makes_actions_of_it(desk: Desk) -> None:
    run = await desk.new_run("enrich_tagged_contacts", {"tag": "design partner candidate"})
    output = await desk.task(run.id, PLAN, run_id=str(run.id), revision=1)
    assert output["proposals"] > 0
    async with desk.stage.postgres.control.user(desk.person.user_id) as session:
        draft = (await session.execute(select(PlanDraftRow).where(col(PlanDraftRow.run_id) == run.id))).scalar_one()
    assert len(draft.body["proposals"]) == output["proposals"]
    kept = {str(row.id) for row in await desk.person.rows(ReadRow)}
    assert {proposal["prior_read"] for proposal in draft.body["proposals"]} <= kept
    assert desk.demo.requests() == []

    async def nothing(_: UUID) -> None: ...

    trusted = TrustedActivities(desk.stage.postgres.control, SIGNING_KEY, nothing, grant_seconds=600)
    from activities.names import AcceptPlanInput

    await trusted.accept_plan(AcceptPlanInput(user_id=desk.person.user_id, run_id=run.id, revision=1))
    rows = [row for row in await desk.person.rows(ActionRow) if row.run_id == run.id]
    assert len(rows) == output["proposals"]


async def test_it_carries_out_an_approved_field_write_and_a_mail(desk: Desk) -> None:
    run = await desk.new_run("enrich_tagged_contacts", {"tag": "design partner candidate"})
    await desk.task(run.id, PLAN, run_id=str(run.id), revision=1)

    async def nothing(_: UUID) -> None: ...

    from activities.names import AcceptPlanInput

    trusted = TrustedActivities(desk.stage.postgres.control, SIGNING_KEY, nothing, grant_seconds=600)
    await trusted.accept_plan(AcceptPlanInput(user_id=desk.person.user_id, run_id=run.id, revision=1))
    row = next(row for row in await desk.person.rows(ActionRow) if row.run_id == run.id)
    await desk.person.set_run(run.id, state="working")
    grant = await desk.person.grant(row)
    before = len(desk.demo.requests())
    for _ in range(2):
        output = await desk.task(run.id, PERFORM, action_id=str(row.id), grant=grant)
        assert output == {"action_id": str(row.id), "state": "done"}
    [write] = desk.demo.requests()[before:]
    assert (write["method"], write["path"]) == ("PATCH", row.body["request"]["target"])
    assert write["body"] == row.body["request"]["body"]

    assert desk.mail is not None
    arguments = {"to": ["grace@example.com"], "subject": "Hello", "body": "Hi", "key": uuid4().hex}
    mail = await desk.person.propose(run, desk.mail, "email.send", arguments)
    output = await desk.task(run.id, PERFORM, action_id=str(mail.id), grant=await desk.person.grant(mail))
    assert output["state"] == "done"
    assert [item["subject"] for item in desk.demo.outbox()] == ["Hello"]


async def test_a_refusal_is_final_and_names_its_code_only(desk: Desk) -> None:
    assert desk.crm is not None
    run = await desk.new_run("enrich_tagged_contacts", {"tag": "x"})
    row = await desk.person.propose(run, desk.crm, "contacts.create", {"properties": {"email": "n@example.com"}})
    grant = await desk.person.grant(row)
    async with desk.stage.postgres.api.user(desk.person.user_id) as session:
        await runs.cancel(session, desk.person.user_id, run.id)
    error = await desk.failing(run.id, PERFORM, action_id=str(row.id), grant=grant)
    assert (error.type, error.non_retryable) == ("run_cancelled", True)


async def test_a_grant_for_another_action_is_refused(desk: Desk) -> None:
    assert desk.crm is not None
    run = await desk.new_run("enrich_tagged_contacts", {"tag": "x"})
    rows = [
        await desk.person.propose(run, desk.crm, "contacts.create", {"properties": {"email": f"n{n}@example.com"}})
        for n in range(2)
    ]
    await desk.person.approve(rows[0])
    other = await desk.person.grant(rows[1])
    before = len(desk.demo.requests())
    error = await desk.failing(run.id, PERFORM, action_id=str(rows[0].id), grant=other)
    assert (error.type, error.non_retryable) == ("grant_mismatch", True)
    assert len(desk.demo.requests()) == before


async def test_a_provider_that_is_down_is_tried_again_later(desk: Desk) -> None:
    run = await desk.new_run("enrich_tagged_contacts", {"tag": "design partner candidate"})
    desk.demo.control(do="status", status=503, method="POST", times=20)
    error = await desk.failing(run.id, PLAN, run_id=str(run.id), revision=1)
    desk.demo.control(do="clear")
    assert (error.type, error.non_retryable) == ("unavailable", False)


async def test_an_unknown_playbook_says_so_for_the_runs_owner(desk: Desk) -> None:
    run = await desk.new_run("no_such_playbook", {})
    error = await desk.failing(run.id, PLAN, run_id=str(run.id), revision=1)
    assert error.non_retryable
    assert "no playbook" in error.message


async def test_nothing_secret_is_in_its_log_its_arguments_or_on_its_volume(desk: Desk) -> None:
    secrets = [desk.demo.api_key, desk.demo.smtp_password, desk.person.token]
    texts = [desk.hermes.log.read_bytes(), Path(f"/proc/{desk.hermes.process.pid}/cmdline").read_bytes()]
    texts.append(Path(f"/proc/{desk.hermes.process.pid}/environ").read_bytes())
    for text in texts:
        assert not any(secret.encode() in text for secret in secrets)


async def test_it_asks_for_nothing_that_is_refused(desk: Desk) -> None:
    refused = {row.detail["method"] for row in await desk.person.rows(Refusal)}
    assert refused <= {"Send", "FetchAction"}


async def test_it_ends_when_its_token_is_rotated_away(
    postgres: Postgres, temporal: TemporalServer, demo: Demo, short_dir: Path
) -> None:
    async with a_desk(postgres, temporal, demo, short_dir) as made:
        await made.person.rotate()
        assert await made.hermes.ended() == 3
        assert "token was replaced" in made.hermes.log.read_text()


async def test_it_does_not_start_with_a_wrong_token(
    postgres: Postgres, temporal: TemporalServer, short_dir: Path
) -> None:
    async with a_stage(postgres, short_dir / uuid4().hex[:8], temporal.address) as stage:
        person = await stage.person()
        write_token(person.folder, "x" * 43)
        hermes = Hermes(person, short_dir / f"data-{uuid4().hex[:6]}")
        assert await hermes.ended() == 3
        assert "Traceback" not in hermes.log.read_text()


async def test_it_stops_on_sigterm_and_starts_again_with_the_same_keys(
    postgres: Postgres, temporal: TemporalServer, demo: Demo, short_dir: Path
) -> None:
    async with a_desk(postgres, temporal, demo, short_dir) as made:
        [row] = await made.person.rows(SandboxRow)
        made.hermes.process.send_signal(signal.SIGTERM)
        assert await made.hermes.ended() == 0
        assert "Traceback" not in made.hermes.log.read_text()
        write_token(made.person.folder, await made.person.rotate())
        again = Hermes(made.person, made.hermes.data)
        try:
            await again.ready()
        finally:
            await again.stop()
        [after] = await made.person.rows(SandboxRow)
        assert after.public_key == row.public_key


async def test_it_goes_on_when_the_gateway_comes_back(
    postgres: Postgres, temporal: TemporalServer, demo: Demo, short_dir: Path
) -> None:
    async with a_desk(postgres, temporal, demo, short_dir) as made:
        assert made.stage.gateway is not None
        await made.stage.gateway.close(made.person.user_id)
        await asyncio.sleep(1)
        await made.stage.gateway.listen(made.person.user_id)
        run = await made.new_run("enrich_tagged_contacts", {"tag": "design partner candidate"})
        output = await made.task(run.id, PLAN, run_id=str(run.id), revision=1)
        assert output["proposals"] > 0
