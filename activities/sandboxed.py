"""The activities inside a sandbox: plan, and carry out one approved action. Nobody believes what they return."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from activities.connectors.base import ConnectionInfo
from activities.names import PerformInput, PerformOutput, PlanInput, PlanOutput, ReadFactsInput, ReadFactsOutput
from activities.playbooks import PlanContext, playbook
from activities.sandbox_reader import Credentials, GatewayReader, Reading, patiently, with_its_key
from activities.unfinished import Unfinished
from coco.connections import ConnectionState
from coco.errors import CocoError, Code, Later
from coco.gateway_protocol import ContextReply, Credential, FetchActionReply, SendReply, SendRequest
from coco.plans import PlanDraft

_READABLE = frozenset({ConnectionState.ACTIVE, ConnectionState.READ_ONLY})


class Gateway(Reading, Protocol):
    """The part of the gateway's client that activities use."""

    async def context(self, run_id: UUID) -> ContextReply: ...

    async def submit_plan(self, run_id: UUID, revision: int, draft: PlanDraft) -> None: ...

    async def fetch_action(self, action_id: UUID) -> FetchActionReply: ...

    async def send(self, message: SendRequest) -> SendReply: ...


class KeyChain(Credentials, Protocol):
    """The key store, and what it takes to hear of newly connected accounts."""

    async def refresh(self) -> None: ...


class SandboxedActivities:
    """Lives as long as the sandbox's worker."""

    def __init__(self, gateway: Gateway, keys: KeyChain) -> None:
        self._gateway = gateway
        self._keys = keys
        self._unfinished = Unfinished()

    def all(self) -> list[Callable[..., Any]]:
        """Every activity, for the worker."""
        return [self.plan_run, self.perform_action, self.read_facts]

    @activity.defn(name=names.PLAN)
    async def plan_run(self, message: PlanInput) -> PlanOutput:
        """Reads, reasons, and hands the plan to the gateway."""
        async with _beating(), _errors_for_temporal():
            await self._keys.refresh()
            context = await self._gateway.context(message.run_id)
            reader = GatewayReader(self._gateway, self._keys, message.run_id, self._unfinished)
            try:
                draft = await playbook(context.playbook).plan(plan_context(context), reader)
            except Later:
                raise
            except CocoError:
                self._unfinished.forget(message.run_id)
                raise
            self._unfinished.forget(message.run_id)
            await self._gateway.submit_plan(message.run_id, message.revision, draft)
            return PlanOutput(
                run_id=message.run_id,
                revision=message.revision,
                questions=len(draft.questions),
                proposals=len(draft.proposals),
            )
        raise AssertionError("the block returns or raises")

    @activity.defn(name=names.PERFORM)
    async def perform_action(self, message: PerformInput) -> PerformOutput:
        """Has the gateway send one approved action, or hears what became of it."""
        async with _beating(), _errors_for_temporal():
            await self._keys.refresh()
            action = await self._gateway.fetch_action(message.action_id)
            reply = await self._send(message, action)
            return PerformOutput(action_id=message.action_id, state=reply.state)
        raise AssertionError("the block returns or raises")

    async def _send(self, message: PerformInput, action: FetchActionReply) -> SendReply:
        async def ask(credential: Credential) -> SendReply:
            request = SendRequest(
                grant=message.grant,
                action_id=message.action_id,
                connection_id=action.connection_id,
                request=action.request,
                credential=credential,
            )
            # "Later" is said only where nothing took effect; whether it may be sent is looked at anew each time.
            return await patiently(lambda: self._gateway.send(request))

        return await with_its_key(self._keys, action.connection_id, ask)

    @activity.defn(name=names.READ_FACTS)
    async def read_facts(self, message: ReadFactsInput) -> ReadFactsOutput:
        """Has the gateway carry the reads that the control side named; what they show is the control side's to see."""
        async with _beating(), _errors_for_temporal():
            await self._keys.refresh()
            reader = GatewayReader(self._gateway, self._keys, message.run_id)
            read = 0
            for wanted in message.reads:
                # One record that cannot be read is one that is not covered; the others still may be.
                with contextlib.suppress(CocoError):
                    await reader.carry(wanted.connection_id, "The account", wanted.request)
                    read += 1
            return ReadFactsOutput(read=read)
        raise AssertionError("the block returns or raises")


def plan_context(context: ContextReply) -> PlanContext:
    """The context as playbooks take it: with the connections that may be read."""
    return PlanContext(
        run_id=str(context.run_id),
        params=context.params,
        goal=context.goal,
        connections=tuple(
            ConnectionInfo(id=item.id, connector=item.connector, title=item.title, settings=item.settings)
            for item in context.connections
            if item.state in _READABLE
        ),
        answers=context.answers,
        now=context.now,
        models=context.models,
        voice=context.voice,
    )


@contextlib.asynccontextmanager
async def _errors_for_temporal() -> AsyncIterator[None]:
    """Ours, with their code as type; tried again only where another try may end otherwise."""
    try:
        yield
    except Later as later:
        delay = timedelta(seconds=later.seconds)
        raise ApplicationError(later.message, type=later.code.value, next_retry_delay=delay) from None
    except CocoError as error:
        again = error.code in {Code.UNAVAILABLE, Code.UNAUTHENTICATED}
        raise ApplicationError(error.message, type=error.code.value, non_retryable=not again) from None


@contextlib.asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    """Heartbeats in the background, three in each heartbeat timeout."""
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield
        return

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(timeout.total_seconds() / 3)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
