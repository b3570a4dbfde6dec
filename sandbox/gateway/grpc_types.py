"""gRPC without message types: bytes in, bytes out; typed here because the library is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
else:
    Context = grpc.aio.ServicerContext


def one_to_one(handle: Callable[[bytes, Context], Awaitable[bytes]]) -> grpc.RpcMethodHandler:
    """A handler of one request and one reply."""
    made: grpc.RpcMethodHandler = grpc.unary_unary_rpc_method_handler(handle)  # type: ignore[no-untyped-call]
    return made


def any_shape(handle: Callable[[Any, Context], Awaitable[None]]) -> grpc.RpcMethodHandler:
    """A handler that can end a call of any shape, without reading it."""
    made: grpc.RpcMethodHandler = grpc.stream_stream_rpc_method_handler(handle)  # type: ignore[no-untyped-call]
    return made


async def call(
    channel: grpc.aio.Channel,
    method: str,
    request: bytes,
    timeout: float,  # noqa: ASYNC109
    metadata: list[tuple[str, str]] | None = None,
) -> bytes:
    """One call. Cancelling it cancels it at the other side. Raises grpc.aio.AioRpcError."""
    caller: Any = channel.unary_unary(method)
    reply: bytes = await caller(request, timeout=timeout, metadata=metadata)
    return reply
