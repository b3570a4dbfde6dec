"""The decision row is the truth; a signal only wakes. Lost, doubled, late, early and forged ones are harmless."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities import names
from activities.names import PerformInput
from coco.decisions import Verdict
from coco.names import RUN_WORKFLOW, WAKE_SIGNAL, sandbox_queue, temporal_workflow_id
from store import wakeups
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import TUNING, World, a_world
from workflows.gate import GateInterceptor

TIMEOUT = timedelta(seconds=5)


@pytest.mark.parametrize("data", [None, '"approve"', '{"verdict":"approve","action":"all"}', "[1,2", "true"])
async def test_a_signal_sent_by_hand_opens_nothing(
    postgres: Postgres, temporal: TemporalServer, data: str | None
) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        arguments = ["--workflow-id", temporal_workflow_id(world.user_id, run_id), "--name", WAKE_SIGNAL]
        if data is not None:
            arguments += ["--input", data]
        sent = temporal.cli("workflow", "signal", *arguments)
        assert sent.returncode == 0 or "input" in sent.stderr.lower(), sent.stderr
        for name in ("approve", "decide", "grant"):
            await world.handle(run_id).signal(name, "approve")
        await world.settle_down(run_id)
        assert world.performed == []
        assert {row.state for row in await world.actions(run_id)} == {"pending"}
        # The run still listens to the real thing.
        first, second = await world.actions(run_id)
        await world.decide(first)
        await world.until_action(run_id, "contact-1", "done")
        await world.decide(second, Verdict.REJECT, "no")
        await world.until(run_id, "done")


async def test_a_lost_signal_is_sent_again(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(first, deliver=False)
        await world.decide(second, deliver=False)
        await world.settle_down(run_id)
        assert world.performed == []
        await world.deliver()
        await world.until(run_id, "done")
        assert len(world.performed) == 2


async def test_doubled_signals_execute_once(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        for row in await world.actions(run_id):
            await world.decide(row)
        for _ in range(20):
            await world.handle(run_id).signal(WAKE_SIGNAL)
        await world.until(run_id, "done")
        assert len(world.performed) == 2
        assert len(await world.audit("action_done")) == 2


async def test_a_signal_before_the_start_and_one_after_the_end(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start(deliver=False)
        async with postgres.api.user(world.user_id) as session:
            for _ in range(3):
                await wakeups.owe(session, world.user_id, run_id)
        await world.deliver()
        await world.until(run_id, "waiting")
        for row in await world.actions(run_id):
            await world.decide(row)
        await world.until(run_id, "done")
        await world.handle(run_id).result()
        async with postgres.api.user(world.user_id) as session:
            await wakeups.owe(session, world.user_id, run_id)
        await world.deliver()
        assert (await world.run(run_id)).state == "done"
        assert len(world.performed) == 2
        with postgres.connect() as owner:
            assert owner.execute("SELECT count(*) FROM wakeups WHERE delivered_at IS NULL").fetchone() == (0,)


async def test_a_workflow_started_by_hand_on_a_run_of_nobody_does_nothing(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(postgres, temporal) as world:
        started = temporal.cli(
            "workflow", "start", "--type", RUN_WORKFLOW, "--task-queue", "coco-control",
            "--workflow-id", "something-else", "--input", json.dumps(TUNING.model_dump()),
        )  # fmt: skip
        assert started.returncode == 0, started.stderr
        handle = world.client.get_workflow_handle("something-else")
        assert await asyncio.wait_for(handle.result(), 20) is None
        assert world.performed == []


async def test_continue_as_new_keeps_a_pending_approval(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal, tuning=TUNING.model_copy(update={"continue_after_events": 60})) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first = (await world.handle(run_id).describe()).run_id
        for _ in range(12):
            await world.handle(run_id).signal(WAKE_SIGNAL)
            await world.settle_down(run_id)
        description = await world.handle(run_id).describe()
        assert description.run_id != first, "it should have continued as new"
        assert world.performed == []
        for row in await world.actions(run_id):
            assert row.state == "pending"
            await world.decide(row)
        await world.until(run_id, "done")
        assert len(world.performed) == 2
        assert (await world.run(run_id)).revision == 1, "it planned again"


async def test_an_operators_cancel_is_the_owners_cancel(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.handle(run_id).cancel()
        await world.until(run_id, "cancelled")
        assert {row.state for row in await world.actions(run_id)} == {"cancelled"}
        [entry] = await world.audit("run_cancelled")
        assert entry.actor == "operator"


async def test_a_terminated_run_is_shown_as_ended(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.handle(run_id).terminate()
        await world.dispatcher.owe_every_pending_run()
        await world.deliver()
        run = await world.until(run_id, "failed")
        assert run.reason == "An operator ended it."
        assert {row.state for row in await world.actions(run_id)} == {"cancelled"}


async def test_a_start_owed_again_resumes_every_pending_run(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, _ = await world.actions(run_id)
        await world.decide(first, deliver=False)
        with postgres.connect() as owner:
            owner.execute("UPDATE wakeups SET delivered_at = now()")  # the signal was lost for good
        assert await world.dispatcher.owe_every_pending_run() == 1
        await world.deliver()
        await world.until_action(run_id, "contact-1", "done")


async def test_operators_can_filter_by_user_workflow_and_state(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        query = f"CocoUser = '{world.user_id}' AND CocoWorkflow = '{world.workflow_id}' AND CocoState = 'waiting'"
        for _ in range(100):
            found = [item.id async for item in world.client.list_workflows(query)]
            if found:
                break
        assert found == [temporal_workflow_id(world.user_id, run_id)]


@workflow.defn(name="test.careless")
class Careless:
    """A workflow whose author forgot the grant."""

    @workflow.run
    async def run(self, message: PerformInput) -> str:
        other = message.model_copy(update={"action_id": workflow.uuid4()})
        for attempt in (other, "nothing"):
            try:
                await workflow.execute_activity(
                    names.PERFORM, attempt, task_queue="sandbox:x", schedule_to_close_timeout=TIMEOUT
                )
            except ApplicationError:
                continue
            except ActivityError:
                return "it was started"
            else:
                return "it ran"
        return "refused"


async def test_no_author_can_forget_the_grant(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, _ = await world.actions(run_id)
        await world.decide(first)
        await world.until_action(run_id, "contact-1", "done")
        seen = len(world.performed)
        async with Worker(
            world.client,
            task_queue="careless",
            workflows=[Careless],
            interceptors=[GateInterceptor()],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            handle: WorkflowHandle[Careless, str] = await world.client.start_workflow(
                Careless.run,
                world.performed[0],
                id=temporal_workflow_id(world.user_id, world.workflow_id),
                task_queue="careless",
            )
            assert await handle.result() == "refused"
        assert len(world.performed) == seen
        assert sandbox_queue(world.user_id) != "careless"


async def test_history_holds_ciphertext(postgres: Postgres, temporal: TemporalServer) -> None:
    """What went through a run is nowhere in the server's database, nor in the history as the server gives it out."""

    async def failing(world: World, message: PerformInput) -> str:
        raise ApplicationError("MARKER-FAILURE", non_retryable=True, type="MarkerType")

    async with a_world(postgres, temporal, perform=failing) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        for row in await world.actions(run_id):
            await world.decide(row)
        await world.until(run_id, "done")
        history = (await world.handle(run_id).fetch_history()).to_json()
        assert base64.b64encode(b"binary/coco-encrypted").decode() in history
        for grant in world.performed:
            assert grant.grant.split(".")[1] not in history
        for secret in ("MARKER-FAILURE", "MARKER-REASON", "ada@example.com", "contacts.update"):
            assert secret not in history
        files = [path for path in temporal.database_file.parent.iterdir() if path.name.startswith("temporal.db")]
        content = b"".join(path.read_bytes() for path in files)
        assert str(run_id).encode() in content, "the grep looks in the right place"
        for secret in ("MARKER-FAILURE", "MARKER-REASON", "ada@example.com", world.performed[0].grant):
            assert secret.encode() not in content
