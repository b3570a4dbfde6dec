"""The Temporal calls that an activity worker needs, each rebuilt field by field from what it may say.

A request is never passed on as it came: the outgoing message is made anew from the fields named here, with the
namespace, the task queue and the identity set by the gateway. So an unknown field, or a field that nobody thought
of, does not reach Temporal. Where the sandbox names another namespace or queue, the call is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID, uuid5

from google.protobuf.message import Message
from temporalio.api.enums.v1 import TaskQueueKind, TaskQueueType
from temporalio.api.failure.v1 import Failure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.worker.v1 import WorkerHeartbeat
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeNamespaceResponse,
    GetSystemInfoRequest,
    GetSystemInfoResponse,
    PollActivityTaskQueueRequest,
    PollActivityTaskQueueResponse,
    RecordActivityTaskHeartbeatRequest,
    RecordActivityTaskHeartbeatResponse,
    RecordWorkerHeartbeatRequest,
    RecordWorkerHeartbeatResponse,
    RespondActivityTaskCanceledRequest,
    RespondActivityTaskCanceledResponse,
    RespondActivityTaskCompletedRequest,
    RespondActivityTaskCompletedResponse,
    RespondActivityTaskFailedRequest,
    RespondActivityTaskFailedResponse,
    ShutdownWorkerRequest,
    ShutdownWorkerResponse,
)

from coco.errors import Code, Refused
from coco.names import sandbox_queue
from sandbox.gateway.task_tokens import TaskTokens

MAX_CAUSES = 30
MAX_FAILURE_TEXT = 2000
MAX_FAILURE_TYPE = 100
MAX_ENCODED_BYTES = 64 * 1024

SERVICE = "temporal.api.workflowservice.v1.WorkflowService"


@dataclass(frozen=True)
class Pins:
    """What a user's calls are held to."""

    user_id: UUID
    namespace: str
    tokens: TaskTokens

    @property
    def queue(self) -> str:
        return sandbox_queue(self.user_id)

    @property
    def identity(self) -> str:
        """What histories and operators' tools show as the worker: the gateway's word, not the sandbox's."""
        return f"sandbox:{self.user_id}"

    def check_namespace(self, named: str) -> None:
        if named != self.namespace:
            raise Refused("another namespace", code=Code.FORBIDDEN)

    def check_queue_name(self, named: str) -> None:
        if named != self.queue:
            raise Refused("another task queue", code=Code.FORBIDDEN)

    def task_queue(self, given: TaskQueue) -> TaskQueue:
        """The user's own queue, where the sandbox asked for that and nothing else."""
        self.check_queue_name(given.name)
        kinds = {TaskQueueKind.TASK_QUEUE_KIND_UNSPECIFIED, TaskQueueKind.TASK_QUEUE_KIND_NORMAL}
        if given.normal_name not in {"", self.queue} or given.kind not in kinds:
            raise Refused("another kind of task queue", code=Code.FORBIDDEN)
        return TaskQueue(name=self.queue, kind=TaskQueueKind.TASK_QUEUE_KIND_NORMAL)

    def worker_key(self, given: str) -> str:
        """A worker instance's key, of this user: no sandbox can speak for another worker by naming its key."""
        return str(uuid5(self.user_id, given[:200])) if given else ""


Rebuild = Callable[[Pins, Any], Message]


@dataclass(frozen=True)
class Call:
    """One allowed method: its messages, and how each is rebuilt."""

    request: type[Message]
    reply: type[Message]
    to_temporal: Rebuild
    to_sandbox: Rebuild
    is_poll: bool = False
    is_work: bool = False
    """Whether it shows that the sandbox is at work."""


def _system_info(pins: Pins, given: GetSystemInfoRequest) -> Message:
    return GetSystemInfoRequest()


def _describe_namespace(pins: Pins, given: DescribeNamespaceRequest) -> Message:
    pins.check_namespace(given.namespace)
    if given.id:
        raise Refused("another namespace", code=Code.FORBIDDEN)
    return DescribeNamespaceRequest(namespace=pins.namespace)


def _described(pins: Pins, given: DescribeNamespaceResponse) -> Message:
    # Name and state: no owner, no replication, and of the capabilities (most would have workers make further calls)
    # the one that lets a worker stop without waiting for its open poll to end.
    result = DescribeNamespaceResponse()
    result.namespace_info.name = given.namespace_info.name
    result.namespace_info.state = given.namespace_info.state
    result.namespace_info.capabilities.worker_poll_complete_on_shutdown = (
        given.namespace_info.capabilities.worker_poll_complete_on_shutdown
    )
    return result


def _poll(pins: Pins, given: PollActivityTaskQueueRequest) -> Message:
    # Left out on purpose: rate limits, versions and deployments (they would register things in the namespace), and
    # the control queue (a worker of its own kind).
    pins.check_namespace(given.namespace)
    return PollActivityTaskQueueRequest(
        namespace=pins.namespace,
        task_queue=pins.task_queue(given.task_queue),
        identity=pins.identity,
        worker_instance_key=pins.worker_key(given.worker_instance_key),
    )


def _polled(pins: Pins, given: PollActivityTaskQueueResponse) -> Message:
    result = known(given)
    if given.task_token:
        if given.workflow_namespace not in {"", pins.namespace}:
            raise Refused("a task of another namespace", code=Code.FORBIDDEN)
        result.task_token = pins.tokens.seal(pins.user_id, given.task_token)
    result.ClearField("poller_group_infos")
    result.ClearField("poller_groups_info")
    return result


def _completed(pins: Pins, given: RespondActivityTaskCompletedRequest) -> Message:
    # The result goes on as it is: the run's workflow does not look into it. The details of heartbeats, cancellations
    # and failures would be decoded before it could look at anything, so they stay behind: see _plain_failure.
    pins.check_namespace(given.namespace)
    return RespondActivityTaskCompletedRequest(
        namespace=pins.namespace,
        task_token=pins.tokens.open(pins.user_id, given.task_token),
        identity=pins.identity,
        result=known(given.result) if given.HasField("result") else None,
    )


def _failed(pins: Pins, given: RespondActivityTaskFailedRequest) -> Message:
    pins.check_namespace(given.namespace)
    _check_failure(given.failure)
    return RespondActivityTaskFailedRequest(
        namespace=pins.namespace,
        task_token=pins.tokens.open(pins.user_id, given.task_token),
        identity=pins.identity,
        failure=_plain_failure(given.failure) if given.HasField("failure") else None,
    )


def _plain_failure(given: Failure) -> Failure:
    """Its texts and whether to try again: no details, no causes, no delay and no category, which a workflow would have
    to decode before it could look at anything."""
    result = Failure(message=given.message[:MAX_FAILURE_TEXT], source=given.source[:64])
    if given.HasField("application_failure_info"):
        info = given.application_failure_info
        result.application_failure_info.type = info.type[:MAX_FAILURE_TYPE]
        result.application_failure_info.non_retryable = info.non_retryable
    if given.HasField("encoded_attributes") and given.encoded_attributes.ByteSize() <= MAX_ENCODED_BYTES:
        result.encoded_attributes.CopyFrom(known(given.encoded_attributes))
    return result


def _check_failure(failure: Failure) -> None:
    """An activity's own failure, at every depth: a sandbox does not say that something timed out or was cancelled."""
    for _ in range(MAX_CAUSES):
        if failure.WhichOneof("failure_info") not in {"application_failure_info", None}:
            raise Refused("another kind of failure", code=Code.FORBIDDEN)
        if not failure.HasField("cause"):
            return
        failure = failure.cause
    raise Refused("too deep a failure", code=Code.FORBIDDEN)


def _canceled(pins: Pins, given: RespondActivityTaskCanceledRequest) -> Message:
    pins.check_namespace(given.namespace)
    return RespondActivityTaskCanceledRequest(
        namespace=pins.namespace,
        task_token=pins.tokens.open(pins.user_id, given.task_token),
        identity=pins.identity,
    )


def _heartbeat(pins: Pins, given: RecordActivityTaskHeartbeatRequest) -> Message:
    pins.check_namespace(given.namespace)
    return RecordActivityTaskHeartbeatRequest(
        namespace=pins.namespace,
        task_token=pins.tokens.open(pins.user_id, given.task_token),
        identity=pins.identity,
    )


def _worker_heartbeats(pins: Pins, given: RecordWorkerHeartbeatRequest) -> Message:
    pins.check_namespace(given.namespace)
    if len(given.worker_heartbeat) > 8:
        raise Refused("too many workers", code=Code.FORBIDDEN)
    return RecordWorkerHeartbeatRequest(
        namespace=pins.namespace,
        identity=pins.identity,
        worker_heartbeat=[_beat(pins, beat) for beat in given.worker_heartbeat],
    )


def _beat(pins: Pins, given: WorkerHeartbeat) -> WorkerHeartbeat:
    pins.check_queue_name(given.task_queue)
    result = WorkerHeartbeat(
        worker_instance_key=pins.worker_key(given.worker_instance_key),
        worker_identity=pins.identity,
        task_queue=pins.queue,
        sdk_name=given.sdk_name[:64],
        sdk_version=given.sdk_version[:64],
        status=given.status,
    )
    for name in ("start_time", "heartbeat_time", "elapsed_since_last_heartbeat"):
        if given.HasField(name):
            getattr(result, name).CopyFrom(known(getattr(given, name)))
    return result


def _shutdown(pins: Pins, given: ShutdownWorkerRequest) -> Message:
    pins.check_namespace(given.namespace)
    if given.sticky_task_queue:
        raise Refused("another task queue", code=Code.FORBIDDEN)
    if given.task_queue:
        pins.check_queue_name(given.task_queue)
    if any(kind != TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY for kind in given.task_queue_types):
        raise Refused("another kind of task queue", code=Code.FORBIDDEN)
    return ShutdownWorkerRequest(
        namespace=pins.namespace,
        identity=pins.identity,
        reason=given.reason[:200],
        worker_instance_key=pins.worker_key(given.worker_instance_key),
        task_queue=pins.queue if given.task_queue else "",
        task_queue_types=list(given.task_queue_types),
        worker_heartbeat=(_beat(pins, given.worker_heartbeat) if given.HasField("worker_heartbeat") else None),
    )


M = TypeVar("M", bound=Message)


def known(message: M) -> M:
    """A copy without the fields that this version does not know, at any depth."""
    result = type(message)()
    result.CopyFrom(message)
    result.DiscardUnknownFields()
    return result


def _as_it_is(pins: Pins, given: Message) -> Message:
    return known(given)


CALLS: Mapping[str, Call] = MappingProxyType(
    {
        "GetSystemInfo": Call(GetSystemInfoRequest, GetSystemInfoResponse, _system_info, _as_it_is),
        "DescribeNamespace": Call(DescribeNamespaceRequest, DescribeNamespaceResponse, _describe_namespace, _described),
        "PollActivityTaskQueue": Call(
            PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, _poll, _polled, is_poll=True
        ),
        "RespondActivityTaskCompleted": Call(
            RespondActivityTaskCompletedRequest,
            RespondActivityTaskCompletedResponse,
            _completed,
            _as_it_is,
            is_work=True,
        ),
        "RespondActivityTaskFailed": Call(
            RespondActivityTaskFailedRequest, RespondActivityTaskFailedResponse, _failed, _as_it_is, is_work=True
        ),
        "RespondActivityTaskCanceled": Call(
            RespondActivityTaskCanceledRequest,
            RespondActivityTaskCanceledResponse,
            _canceled,
            _as_it_is,
            is_work=True,
        ),
        "RecordActivityTaskHeartbeat": Call(
            RecordActivityTaskHeartbeatRequest,
            RecordActivityTaskHeartbeatResponse,
            _heartbeat,
            _as_it_is,
            is_work=True,
        ),
        "RecordWorkerHeartbeat": Call(
            RecordWorkerHeartbeatRequest, RecordWorkerHeartbeatResponse, _worker_heartbeats, _as_it_is
        ),
        "ShutdownWorker": Call(ShutdownWorkerRequest, ShutdownWorkerResponse, _shutdown, _as_it_is),
    }
)
"""Everything a sandbox may ask of Temporal. The rest is refused."""
