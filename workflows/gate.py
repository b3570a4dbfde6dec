"""The gate as an interceptor: no workflow code can start a gated activity without a grant, whoever writes it.

This is the first of the three places; the control side's mint and the gateway's check do not depend on it.
"""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

with workflow.unsafe.imports_passed_through():
    from activities.names import GATED, PerformInput
    from coco.grants import names_action


class GateInterceptor(Interceptor):
    """Give it to every worker that runs workflows."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
        check_gated(input.activity, input.args)
        return super().start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
        if input.activity in GATED:
            raise ApplicationError("a gated activity never runs outside the sandbox", non_retryable=True)
        return super().start_local_activity(input)


def check_gated(activity: str, args: Any) -> None:
    """Raises ApplicationError where a gated activity would start without a grant for its own action."""
    if activity not in GATED:
        return
    message = args[0] if args else None
    if not isinstance(message, PerformInput) or not names_action(message.grant, message.action_id):
        raise ApplicationError(f"{activity} is gated and was given no grant for its action", non_retryable=True)
