"""The Temporal front: an activity worker's calls, on the user's own queue, with task tokens of this user."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import grpc
from google.protobuf.message import DecodeError

from coco.errors import CocoError, Code, InvalidInput, Refused
from sandbox.gateway.limits import CALL_SECONDS, POLL_SECONDS, UserLimits
from sandbox.gateway.temporal_calls import CALLS, SERVICE, Call, Pins
from sandbox.gateway.temporal_upstream import Upstream

log = logging.getLogger(__name__)

RECHECK_SECONDS = 5.0
"""How soon an open poll ends after its token was rotated away."""

_PASSED_ON = frozenset(
    {
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""Temporal's answers that a worker acts on. Every other becomes UNAVAILABLE, which it tries again."""


class UpstreamStatus(Exception):
    """Temporal answered with an error that the worker is told of, by its status alone."""

    def __init__(self, status: grpc.StatusCode) -> None:
        super().__init__(status.name)
        self.status = status


class TemporalFront:
    """One per user."""

    def __init__(self, pins: Pins, upstream: Upstream, limits: UserLimits) -> None:
        self._pins = pins
        self._upstream = upstream
        self._limits = limits

    async def handle(
        self, name: str, raw: bytes, time_left: float | None, still_valid: Callable[[], Awaitable[None]]
    ) -> tuple[bytes, bool]:
        """The reply, and whether it shows the sandbox at work. `still_valid` raises once the token is rotated away.

        Raises Refused, InvalidInput, limits.Busy, UpstreamStatus.
        """
        call = CALLS.get(name)
        if call is None:
            raise Refused("no worker needs this call", code=Code.FORBIDDEN)
        try:
            given = call.request.FromString(raw)
        except DecodeError as error:
            raise InvalidInput("not a message of this method") from error
        request = call.to_temporal(self._pins, given).SerializeToString()
        longest = POLL_SECONDS if call.is_poll else CALL_SECONDS
        seconds = longest if time_left is None else max(0.0, min(longest, time_left))
        if call.is_poll:
            with self._limits.polls.one():
                answer = await self._poll(name, request, seconds, still_valid)
        else:
            answer = await self._ask(name, request, seconds)
        return self._reply(call, answer)

    def _reply(self, call: Call, answer: bytes) -> tuple[bytes, bool]:
        reply = call.reply.FromString(answer)
        has_task = call.is_poll and bool(getattr(reply, "task_token", b""))
        return call.to_sandbox(self._pins, reply).SerializeToString(), call.is_work or has_task

    async def _ask(self, name: str, request: bytes, seconds: float) -> bytes:
        try:
            return await self._upstream.call(f"/{SERVICE}/{name}", request, seconds)
        except grpc.aio.AioRpcError as error:
            status = error.code()
            if status not in _PASSED_ON:
                log.warning("temporal answered %s with %s", name, status.name)
                status = grpc.StatusCode.UNAVAILABLE
            raise UpstreamStatus(status) from error

    async def _poll(
        self, name: str, request: bytes, seconds: float, still_valid: Callable[[], Awaitable[None]]
    ) -> bytes:
        """A long poll that ends when the token does, and hands no task to a token that has ended."""
        asking = asyncio.ensure_future(self._ask(name, request, seconds))
        try:
            while not (await asyncio.wait({asking}, timeout=RECHECK_SECONDS))[0]:
                await _unless_unavailable(still_valid)
            answer = asking.result()
            await still_valid()
            return answer
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError, UpstreamStatus):
                await asking


async def _unless_unavailable(check: Callable[[], Awaitable[None]]) -> None:
    """Runs the check; a database that does not answer ends no poll, it is asked again before a task is handed out."""
    try:
        await check()
    except CocoError as error:
        if error.code is not Code.UNAVAILABLE:
            raise
