"""The sandbox's side of the gateway's egress front."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

import grpc

from coco.errors import CocoError, Code, Later, Refused
from coco.gateway_protocol import (
    CODE_METADATA,
    RETRY_METADATA,
    SERVICE,
    AuthorizationCode,
    BootReply,
    BootRequest,
    CheckReply,
    CheckRequest,
    ContextReply,
    Credential,
    Empty,
    ExchangeRequest,
    FetchActionReply,
    FetchActionRequest,
    FetchRequest,
    KeysMovedRequest,
    PublishKeyRequest,
    ReadReply,
    ReadRequest,
    RefreshRequest,
    RefreshToken,
    RunRequest,
    SealedReply,
    SendReply,
    SendRequest,
    SubmitPlanRequest,
)
from coco.plans import PlanDraft
from coco.requests import Frozen, PreparedRequest

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_send_message_length", 4 * 1024 * 1024),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
]
_SECONDS = 45.0
_SEND_SECONDS = 150.0
_PAUSES = (0.3, 0.6, 1.2, 2.4, 4.0)
"""Seconds between tries while the gateway itself is away. Every call may safely be made again."""

TEXT = MappingProxyType(
    {
        Code.CONNECTION_UNUSABLE: "A connection cannot be used right now. Look at it under Connections.",
        Code.RUN_CANCELLED: "The run was cancelled.",
        Code.RUN_PAUSED: "The run is paused.",
        Code.TOO_LARGE: "More was read than a run may read.",
        Code.CONFLICT: "The run has moved on.",
        Code.NOT_FOUND: "Something that the run needs is not there any more.",
        Code.NOT_IN_MANIFEST: "The gateway knows no such request.",
    }
)
"""What a person is told of a refusal; the gateway itself gives no reasons."""

R = TypeVar("R", bound=Frozen)


class GatewayAway(CocoError):
    """The gateway cannot do it right now; the same call may be made again."""

    code = Code.UNAVAILABLE


class TokenRejected(CocoError):
    """The token is not the current one: this sandbox was replaced, and its process should end."""

    code = Code.UNAUTHENTICATED


class GatewayClient:
    """One connection to the user's socket. Close it."""

    def __init__(self, socket_path: Path, token: str, on_rejected: Callable[[], None] = lambda: None) -> None:
        self._channel = grpc.aio.insecure_channel(f"unix:{socket_path}", options=_OPTIONS)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._on_rejected = on_rejected

    async def close(self) -> None:
        await self._channel.close()

    async def boot(self) -> BootReply:
        return await self._call("Boot", BootRequest(), BootReply)

    async def publish_key(self, public_key: str) -> None:
        await self._call("PublishKey", PublishKeyRequest(public_key=public_key), Empty)

    async def sealed(self) -> SealedReply:
        return await self._call("Sealed", Empty(), SealedReply)

    async def watch(self) -> None:
        """Returns when `sealed` may have something new, or after a while."""
        await self._call("Watch", Empty(), Empty)

    async def keys_moved(self, version: int) -> None:
        await self._call("KeysMoved", KeysMovedRequest(version=version), Empty)

    async def check(self, attempt_id: UUID, credential: Credential) -> CheckReply:
        message = CheckRequest(attempt_id=attempt_id, credential=credential)
        return await self._call("Check", message, CheckReply, _SEND_SECONDS)

    async def exchange(self, attempt_id: UUID, code: AuthorizationCode) -> CheckReply:
        message = ExchangeRequest(attempt_id=attempt_id, code=code)
        return await self._call("Exchange", message, CheckReply, _SEND_SECONDS)

    async def refresh(self, connection_id: UUID, refresh: RefreshToken) -> None:
        await self._call("Refresh", RefreshRequest(connection_id=connection_id, refresh=refresh), Empty, _SEND_SECONDS)

    async def fetch(self, asked_id: UUID, credential: Credential) -> CheckReply:
        message = FetchRequest(asked_id=asked_id, credential=credential)
        return await self._call("Fetch", message, CheckReply, _SEND_SECONDS)

    async def context(self, run_id: UUID) -> ContextReply:
        return await self._call("Context", RunRequest(run_id=run_id), ContextReply)

    async def read(
        self, run_id: UUID, connection_id: UUID, request: PreparedRequest, credential: Credential
    ) -> ReadReply:
        message = ReadRequest(run_id=run_id, connection_id=connection_id, request=request, credential=credential)
        return await self._call("Read", message, ReadReply)

    async def submit_plan(self, run_id: UUID, revision: int, draft: PlanDraft) -> None:
        await self._call("SubmitPlan", SubmitPlanRequest(run_id=run_id, revision=revision, draft=draft), Empty)

    async def fetch_action(self, action_id: UUID) -> FetchActionReply:
        return await self._call("FetchAction", FetchActionRequest(action_id=action_id), FetchActionReply)

    async def send(self, message: SendRequest) -> SendReply:
        return await self._call("Send", message, SendReply, _SEND_SECONDS)

    async def _call(self, method: str, message: Frozen, reply: type[R], seconds: float = _SECONDS) -> R:
        """Raises Refused with the gateway's code, Later, GatewayAway, TokenRejected."""
        raw = message.model_dump_json().encode()
        for pause in (*_PAUSES, None):
            try:
                caller: Any = self._channel.unary_unary(f"/{SERVICE}/{method}")
                answer: bytes = await caller(raw, timeout=seconds, metadata=self._metadata)
                return reply.model_validate_json(answer)
            except grpc.aio.AioRpcError as error:
                code = _code(error)
                seconds_to_wait = _retry_after(error)
                if seconds_to_wait is not None and code in {Code.THROTTLED, Code.UNAVAILABLE}:
                    raise Later("The provider wants to be asked later.", seconds_to_wait, code=code) from None
                if code is None and error.code() is grpc.StatusCode.UNAVAILABLE and pause is not None:
                    await asyncio.sleep(pause)
                    continue
                raise self._error(error.code(), code) from None
        raise AssertionError("the last try returns or raises")

    def _error(self, status: grpc.StatusCode, code: Code | None) -> CocoError:
        if status is grpc.StatusCode.UNAUTHENTICATED:
            self._on_rejected()
            return TokenRejected("the gateway does not know this sandbox's token (any more)")
        if code is None or code is Code.UNAVAILABLE:
            return GatewayAway("the gateway cannot do this right now")
        return Refused(TEXT.get(code, "The gateway refused this."), code=code)


def _retry_after(error: grpc.aio.AioRpcError) -> float | None:
    for name, value in error.trailing_metadata() or ():
        if name == RETRY_METADATA:
            with contextlib.suppress(ValueError):
                return max(0.0, float(value))
    return None


def _code(error: grpc.aio.AioRpcError) -> Code | None:
    for name, value in error.trailing_metadata() or ():
        if name == CODE_METADATA:
            try:
                return Code(str(value))
            except ValueError:
                return None
    return None
