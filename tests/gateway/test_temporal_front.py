"""The Temporal front, with a real client and worker: an activity worker's calls on its own queue, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import TaskQueueKind
from temporalio.api.failure.v1 import ApplicationFailureInfo, CanceledFailureInfo, Failure, TimeoutFailureInfo
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.worker.v1 import WorkerHeartbeat
from temporalio.api.workflowservice import v1 as api
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from coco.names import sandbox_queue
from sandbox.forwarder import forward
from sandbox.gateway.task_tokens import TaskTokens
from sandbox.gateway.temporal_calls import CALLS, Pins
from store.tables import Refusal
from tests.gateway.harness import Person, Refused, Stage
from tests.temporal_server import TemporalServer

SERVICE = "/temporal.api.workflowservice.v1.WorkflowService"


@asynccontextmanager
async def client_of(person: Person, *, token: str | None = None, namespace: str = "default") -> AsyncIterator[Client]:
    """The SDK's own client, as it runs in a sandbox."""
    async with forward(person.folder / "gateway.sock") as port:
        yield await Client.connect(f"127.0.0.1:{port}", namespace=namespace, api_key=token or person.token, tls=False)


CANCELLED = asyncio.Event()


@activity.defn(name="test.shout")
async def shout(text: str) -> str:
    activity.heartbeat("alive")
    return text.upper()


@activity.defn(name="test.fails")
async def fails(text: str) -> str:
    raise ValueError("no")


@activity.defn(name="test.waits")
async def waits(text: str) -> str:
    try:
        while True:
            activity.heartbeat()
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        CANCELLED.set()
        raise


@workflow.defn(name="test.ask", sandboxed=False)
class Ask:
    """Runs one activity on the queue it is told."""

    @workflow.run
    async def run(self, name: str, queue: str) -> str:
        from temporalio.common import RetryPolicy

        result: str = await workflow.execute_activity(
            name,
            "hello",
            result_type=str,
            task_queue=queue,
            start_to_close_timeout=timedelta(seconds=30),
            heartbeat_timeout=timedelta(seconds=3),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return result


@asynccontextmanager
async def control_side(server: TemporalServer) -> AsyncIterator[tuple[Client, str]]:
    """A worker that may do everything, beside the gateway."""
    client = await Client.connect(server.address)
    queue = f"control-{uuid4().hex[:8]}"
    async with Worker(client, task_queue=queue, workflows=[Ask], workflow_runner=UnsandboxedWorkflowRunner()):
        yield client, queue


async def test_a_real_worker_does_its_activities_through_the_gateway(
    temporal_stage: Stage, temporal: TemporalServer
) -> None:
    person = await temporal_stage.person()
    async with control_side(temporal) as (control, queue), client_of(person) as client:
        async with Worker(client, task_queue=sandbox_queue(person.user_id), activities=[shout, fails, waits]):
            handle = await control.start_workflow(
                "test.ask", args=["test.shout", sandbox_queue(person.user_id)], id=uuid4().hex, task_queue=queue
            )
            assert await handle.result() == "HELLO"
            failing = await control.start_workflow(
                "test.ask", args=["test.fails", sandbox_queue(person.user_id)], id=uuid4().hex, task_queue=queue
            )
            with pytest.raises(Exception, match="failed"):
                await failing.result()
            cancelled = await control.start_workflow(
                "test.ask", args=["test.waits", sandbox_queue(person.user_id)], id=uuid4().hex, task_queue=queue
            )
            await asyncio.sleep(0.5)
            await cancelled.cancel()
            # The worker hears of it in the answer to a heartbeat.
            await asyncio.wait_for(CANCELLED.wait(), 20)
        history = await handle.fetch_history()
    started = [event for event in history.events if event.HasField("activity_task_started_event_attributes")]
    assert [event.activity_task_started_event_attributes.identity for event in started] == [f"sandbox:{person.user_id}"]
    # An ordinary worker asks for nothing that is refused.
    assert [row.detail["method"] for row in await person.rows(Refusal)] == []


async def refused(call: Any, *statuses: RPCStatusCode) -> None:
    with pytest.raises(RPCError) as caught:
        await call
    assert caught.value.status in (statuses or (RPCStatusCode.PERMISSION_DENIED,)), caught.value
    assert caught.value.message in {"refused", "not authenticated"}


async def test_a_client_in_a_sandbox_can_start_signal_and_list_nothing(
    temporal_stage: Stage, temporal: TemporalServer
) -> None:
    person = await temporal_stage.person()
    control = await Client.connect(temporal.address)
    victim = await control.start_workflow("test.ask", args=["a", "b"], id=uuid4().hex, task_queue="nobody")
    before = (await victim.describe()).history_length
    async with client_of(person) as client:
        handle = client.get_workflow_handle(victim.id)
        await refused(client.start_workflow("test.ask", id=uuid4().hex, task_queue="control"))
        await refused(handle.signal("wake"))
        await refused(handle.cancel())
        await refused(handle.terminate())
        await refused(handle.query("state"))
        await refused(handle.describe())
        await refused(handle.fetch_history())
        await refused(client.count_workflows(""))
        service = client.workflow_service
        await refused(service.list_namespaces(api.ListNamespacesRequest()))
        await refused(service.register_namespace(api.RegisterNamespaceRequest(namespace="mine")))
        await refused(service.update_namespace(api.UpdateNamespaceRequest(namespace="default")))
        await refused(service.describe_task_queue(api.DescribeTaskQueueRequest(namespace="default")))
        await refused(service.poll_workflow_task_queue(api.PollWorkflowTaskQueueRequest(namespace="default")))
        await refused(service.poll_nexus_task_queue(api.PollNexusTaskQueueRequest(namespace="default")))
        await refused(
            service.respond_activity_task_completed_by_id(
                api.RespondActivityTaskCompletedByIdRequest(namespace="default", workflow_id=victim.id)
            )
        )
        await refused(
            service.respond_activity_task_failed_by_id(
                api.RespondActivityTaskFailedByIdRequest(namespace="default", workflow_id=victim.id)
            )
        )
        await refused(
            service.record_activity_task_heartbeat_by_id(
                api.RecordActivityTaskHeartbeatByIdRequest(namespace="default", workflow_id=victim.id)
            )
        )
        await refused(client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="default")))
    assert (await victim.describe()).history_length == before
    await victim.terminate()
    codes = {row.code for row in await person.rows(Refusal)}
    assert codes == {"forbidden"}


@pytest.mark.parametrize(
    "path",
    [
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.health.v1.Health/Check",
        "/temporal.api.operatorservice.v1.OperatorService/DeleteNamespace",
        "/temporal.server.api.adminservice.v1.AdminService/DescribeCluster",
        "/temporal.api.cloud.cloudservice.v1.CloudService/GetUsers",
        "/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution",
        "/temporal.api.workflowservice.v1.WorkflowService/SignalWithStartWorkflowExecution",
        "/temporal.api.workflowservice.v1.WorkflowService/RespondWorkflowTaskCompleted",
        "/temporal.api.workflowservice.v1.WorkflowService/ExecuteMultiOperation",
        "/temporal.api.workflowservice.v1.WorkflowService/PollActivityTaskQueue/",
        "/temporal.api.workflowservice.v1.WorkflowService//PollActivityTaskQueue",
        "/temporal.api.workflowservice.v1.workflowservice/PollActivityTaskQueue",
        "/coco.gateway.v1.Admin/Listen",
        "/coco.gateway.v1.Gateway/Nothing",
        "/",
    ],
)
async def test_every_other_method_is_refused_without_a_word_about_it(temporal_stage: Stage, path: str) -> None:
    person = await temporal_stage.person()
    with pytest.raises(Refused) as caught:
        await person.raw(path, b"")
    assert (caught.value.status, caught.value.code, caught.value.text) == ("PERMISSION_DENIED", "forbidden", "refused")


def test_the_list_of_allowed_calls_is_the_one_that_was_agreed() -> None:
    assert set(CALLS) == {
        "GetSystemInfo",
        "DescribeNamespace",
        "PollActivityTaskQueue",
        "RespondActivityTaskCompleted",
        "RespondActivityTaskFailed",
        "RespondActivityTaskCanceled",
        "RecordActivityTaskHeartbeat",
        "RecordWorkerHeartbeat",
        "ShutdownWorker",
    }


async def poll(person: Person, seconds: float = 1.0, **fields: Any) -> api.PollActivityTaskQueueResponse:
    request = api.PollActivityTaskQueueRequest(**({"namespace": "default"} | fields))
    raw = await person.raw(f"{SERVICE}/PollActivityTaskQueue", request.SerializeToString(), seconds=seconds)
    return api.PollActivityTaskQueueResponse.FromString(raw)


async def test_another_queue_or_namespace_is_refused_however_it_is_named(temporal_stage: Stage) -> None:
    person, other = await temporal_stage.person(), await temporal_stage.person()
    mine, theirs = sandbox_queue(person.user_id), sandbox_queue(other.user_id)
    sticky, normal = TaskQueueKind.TASK_QUEUE_KIND_STICKY, TaskQueueKind.TASK_QUEUE_KIND_NORMAL
    for queue in (
        TaskQueue(name=theirs),
        TaskQueue(name="coco-control"),
        TaskQueue(name=""),
        TaskQueue(name=mine, kind=sticky),
        TaskQueue(name=mine, kind=normal, normal_name=theirs),
        TaskQueue(name=theirs, kind=sticky, normal_name=mine),
        TaskQueue(name=mine.upper()),
        TaskQueue(name=f"/_sys/{mine}/1"),
    ):
        with pytest.raises(Refused) as caught:
            await poll(person, task_queue=queue)
        assert caught.value.status == "PERMISSION_DENIED", queue
    for namespace in ("other", "", "temporal-system", "DEFAULT"):
        with pytest.raises(Refused) as caught:
            await poll(person, namespace=namespace, task_queue=TaskQueue(name=mine))
        assert caught.value.status == "PERMISSION_DENIED", namespace
    for name, request in (
        ("DescribeNamespace", api.DescribeNamespaceRequest(namespace="temporal-system")),
        ("DescribeNamespace", api.DescribeNamespaceRequest(namespace="default", id=str(uuid4()))),
        ("ShutdownWorker", api.ShutdownWorkerRequest(namespace="default", sticky_task_queue="x")),
        ("ShutdownWorker", api.ShutdownWorkerRequest(namespace="default", task_queue=theirs)),
        ("ShutdownWorker", api.ShutdownWorkerRequest(namespace="default", task_queue=mine, task_queue_types=[1])),
        ("ShutdownWorker", api.ShutdownWorkerRequest(namespace="x")),
    ):
        with pytest.raises(Refused) as caught:
            await person.raw(f"{SERVICE}/{name}", request.SerializeToString())
        assert caught.value.status == "PERMISSION_DENIED", name


async def test_what_a_namespace_has_besides_its_name_is_not_told(temporal_stage: Stage) -> None:
    person = await temporal_stage.person()
    request = api.DescribeNamespaceRequest(namespace="default").SerializeToString()
    reply = api.DescribeNamespaceResponse.FromString(await person.raw(f"{SERVICE}/DescribeNamespace", request))
    assert reply.namespace_info.name == "default"
    told = [field.name for field, _ in reply.namespace_info.capabilities.ListFields()]
    assert set(told) <= {"worker_poll_complete_on_shutdown"}
    assert not reply.HasField("config")


async def test_a_task_token_works_for_its_own_user_only_and_across_gateways(
    temporal_stage: Stage, temporal: TemporalServer
) -> None:
    person, other = await temporal_stage.person(), await temporal_stage.person()
    mine = sandbox_queue(person.user_id)
    async with control_side(temporal) as (control, queue):
        handle = await control.start_workflow("test.ask", args=["test.shout", mine], id=uuid4().hex, task_queue=queue)
        task = await poll(person, 30, task_queue=TaskQueue(name=mine))
        assert task.task_token

        def completed(token: bytes) -> bytes:
            return api.RespondActivityTaskCompletedRequest(
                namespace="default", task_token=token, result=Payloads()
            ).SerializeToString()

        tampered = task.task_token[:-1] + bytes([task.task_token[-1] ^ 1])
        unsealed = task.task_token[5 + 32 :]
        for caller, token in ((other, task.task_token), (person, tampered), (person, unsealed), (person, b"")):
            for method, body in (
                ("RespondActivityTaskCompleted", completed(token)),
                (
                    "RespondActivityTaskFailed",
                    api.RespondActivityTaskFailedRequest(namespace="default", task_token=token).SerializeToString(),
                ),
                (
                    "RespondActivityTaskCanceled",
                    api.RespondActivityTaskCanceledRequest(namespace="default", task_token=token).SerializeToString(),
                ),
                (
                    "RecordActivityTaskHeartbeat",
                    api.RecordActivityTaskHeartbeatRequest(namespace="default", task_token=token).SerializeToString(),
                ),
            ):
                with pytest.raises(Refused) as caught:
                    await caller.raw(f"{SERVICE}/{method}", body)
                assert caught.value.status == "PERMISSION_DENIED", method
        # The true owner is not disturbed by any of it; sealing is stateless, so a fresh front opens the token too.
        fresh = TaskTokens(temporal_stage.postgres.master)
        assert fresh.open(person.user_id, task.task_token) == unsealed
        await person.raw(
            f"{SERVICE}/RespondActivityTaskFailed",
            api.RespondActivityTaskFailedRequest(namespace="default", task_token=task.task_token).SerializeToString(),
        )
        with pytest.raises(Exception, match="failed"):
            await handle.result()


async def test_an_open_poll_ends_when_its_token_is_rotated_away_and_gets_no_task(
    temporal_stage: Stage, temporal: TemporalServer
) -> None:
    person = await temporal_stage.person()
    mine = sandbox_queue(person.user_id)
    old = asyncio.create_task(poll(person, 40, task_queue=TaskQueue(name=mine)))
    await asyncio.sleep(0.5)
    await person.rotate()
    with pytest.raises(Refused) as caught:
        await old
    assert caught.value.status == "UNAUTHENTICATED"


async def test_a_poll_whose_caller_leaves_is_cancelled_at_temporal(
    temporal_stage: Stage, temporal: TemporalServer
) -> None:
    person = await temporal_stage.person()
    mine = sandbox_queue(person.user_id)
    leaving = asyncio.create_task(poll(person, 40, task_queue=TaskQueue(name=mine)))
    await asyncio.sleep(0.5)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    async with control_side(temporal) as (control, queue):
        handle = await control.start_workflow("test.ask", args=["test.shout", mine], id=uuid4().hex, task_queue=queue)
        # Had the poll lived on, the task would have gone to nobody.
        task = await poll(person, 20, task_queue=TaskQueue(name=mine))
        assert task.activity_type.name == "test.shout"
        await handle.terminate()


async def test_a_sandbox_cannot_say_that_its_activity_was_cancelled_or_timed_out(
    temporal_stage: Stage, temporal: TemporalServer
) -> None:
    person = await temporal_stage.person()
    mine = sandbox_queue(person.user_id)
    async with control_side(temporal) as (control, queue):
        handle = await control.start_workflow("test.ask", args=["test.shout", mine], id=uuid4().hex, task_queue=queue)
        task = await poll(person, 20, task_queue=TaskQueue(name=mine))

        async def fail(failure: Failure) -> None:
            request = api.RespondActivityTaskFailedRequest(
                namespace="default", task_token=task.task_token, failure=failure
            )
            await person.raw(f"{SERVICE}/RespondActivityTaskFailed", request.SerializeToString())

        mine_own = Failure(message="no", application_failure_info=ApplicationFailureInfo(type="x"))
        deep = Failure(message="0", application_failure_info=ApplicationFailureInfo())
        for _ in range(60):
            deep = Failure(application_failure_info=ApplicationFailureInfo(), cause=deep)
        for forged in (
            Failure(message="x", canceled_failure_info=CanceledFailureInfo()),
            Failure(message="x", timeout_failure_info=TimeoutFailureInfo(timeout_type=1)),
            Failure(message="x", terminated_failure_info={}),
            Failure(message="x", server_failure_info={"non_retryable": True}),
            Failure(
                message="x",
                application_failure_info=ApplicationFailureInfo(),
                cause=Failure(canceled_failure_info=CanceledFailureInfo()),
            ),
            deep,
        ):
            with pytest.raises(Refused) as caught:
                await fail(forged)
            assert caught.value.status == "PERMISSION_DENIED"
        await fail(mine_own)
        with pytest.raises(Exception, match="failed"):
            await handle.result()


async def test_no_details_that_a_workflow_would_have_to_decode_pass(temporal_stage: Stage) -> None:
    pins = Pins(uuid4(), "default", TaskTokens(temporal_stage.postgres.master))
    token = pins.tokens.seal(pins.user_id, b"token")
    evil = Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=b"{evil!")])
    info = ApplicationFailureInfo(
        type="x" * 5000,
        non_retryable=True,
        details=evil,
        category=99,  # type: ignore[arg-type]
        next_retry_delay=Duration(seconds=-(10**11)),
    )
    failure = Failure(message="y" * 50_000, stack_trace="evil!", application_failure_info=info)
    failure.cause.CopyFrom(Failure(message="evil!", application_failure_info=ApplicationFailureInfo(details=evil)))
    failure.encoded_attributes.CopyFrom(Payload(data=b"evil!" * 50_000))
    for name, message in {
        "RespondActivityTaskFailed": api.RespondActivityTaskFailedRequest(failure=failure, last_heartbeat_details=evil),
        "RespondActivityTaskCanceled": api.RespondActivityTaskCanceledRequest(details=evil),
        "RecordActivityTaskHeartbeat": api.RecordActivityTaskHeartbeatRequest(details=evil),
    }.items():
        message.namespace, message.task_token = "default", token
        passed = CALLS[name].to_temporal(pins, message)
        assert b"evil!" not in passed.SerializeToString(), name
        if name == "RespondActivityTaskFailed":
            kept = passed.failure  # type: ignore[attr-defined]
            assert kept.application_failure_info == ApplicationFailureInfo(type="x" * 100, non_retryable=True)
            assert kept.message == "y" * 2000


async def test_a_worker_speaks_for_itself_only(temporal_stage: Stage) -> None:
    person, other = await temporal_stage.person(), await temporal_stage.person()
    beat = WorkerHeartbeat(task_queue=sandbox_queue(other.user_id), worker_instance_key="k", worker_identity="control")
    request = api.RecordWorkerHeartbeatRequest(namespace="default", worker_heartbeat=[beat])
    with pytest.raises(Refused) as caught:
        await person.raw(f"{SERVICE}/RecordWorkerHeartbeat", request.SerializeToString())
    assert caught.value.status == "PERMISSION_DENIED"
    pins = Pins(person.user_id, "default", TaskTokens(temporal_stage.postgres.master))
    beat.task_queue = pins.queue
    rebuilt = CALLS["RecordWorkerHeartbeat"].to_temporal(pins, request_with(beat))
    assert "control" not in str(rebuilt)
    assert f"sandbox:{person.user_id}" in str(rebuilt)
    assert pins.worker_key("k") != Pins(other.user_id, "default", pins.tokens).worker_key("k") != "k"


def request_with(beat: WorkerHeartbeat) -> api.RecordWorkerHeartbeatRequest:
    return api.RecordWorkerHeartbeatRequest(namespace="default", identity="control", worker_heartbeat=[beat])


async def test_a_field_that_this_version_does_not_know_does_not_reach_temporal(temporal_stage: Stage) -> None:
    user_id = uuid4()
    pins = Pins(user_id, "default", TaskTokens(temporal_stage.postgres.master))
    token = pins.tokens.seal(user_id, b"token")
    unknown = bytes([0xFA, 0x3F, 5]) + b"evil!"  # field 1023
    messages: dict[str, Any] = {
        "GetSystemInfo": api.GetSystemInfoRequest(),
        "DescribeNamespace": api.DescribeNamespaceRequest(namespace="default"),
        "PollActivityTaskQueue": api.PollActivityTaskQueueRequest(
            namespace="default", task_queue=TaskQueue(name=pins.queue), worker_control_task_queue="evil!"
        ),
        "RespondActivityTaskCompleted": api.RespondActivityTaskCompletedRequest(namespace="default", task_token=token),
        "RespondActivityTaskFailed": api.RespondActivityTaskFailedRequest(namespace="default", task_token=token),
        "RespondActivityTaskCanceled": api.RespondActivityTaskCanceledRequest(namespace="default", task_token=token),
        "RecordActivityTaskHeartbeat": api.RecordActivityTaskHeartbeatRequest(namespace="default", task_token=token),
        "RecordWorkerHeartbeat": api.RecordWorkerHeartbeatRequest(namespace="default"),
        "ShutdownWorker": api.ShutdownWorkerRequest(namespace="default"),
    }
    assert set(messages) == set(CALLS)
    for name, message in messages.items():
        call = CALLS[name]
        nested = message.SerializeToString() + unknown
        if name.startswith("Respond") and name.endswith("Completed"):
            inner = Payloads().SerializeToString() + unknown
            nested += bytes([0x12, len(inner)]) + inner
        assert b"evil!" not in call.to_temporal(pins, call.request.FromString(nested)).SerializeToString(), name
