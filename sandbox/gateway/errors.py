"""What a caller learns of an error: a gRPC status, a fixed text, and the error's code in the trailing metadata."""

from __future__ import annotations

import grpc

from coco.errors import CocoError, Code, Later
from coco.gateway_protocol import CODE_METADATA, RETRY_METADATA
from sandbox.gateway.grpc_types import Context

STATUS: dict[Code, grpc.StatusCode] = {
    Code.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Code.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Code.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Code.CONFLICT: grpc.StatusCode.FAILED_PRECONDITION,
    Code.TOO_LARGE: grpc.StatusCode.OUT_OF_RANGE,
    Code.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Code.THROTTLED: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""Every other code is PERMISSION_DENIED."""

TEXT: dict[grpc.StatusCode, str] = {
    grpc.StatusCode.INVALID_ARGUMENT: "malformed",
    grpc.StatusCode.NOT_FOUND: "not found",
    grpc.StatusCode.UNAUTHENTICATED: "not authenticated",
    grpc.StatusCode.FAILED_PRECONDITION: "moved on",
    grpc.StatusCode.OUT_OF_RANGE: "too large",
    grpc.StatusCode.UNAVAILABLE: "not available right now",
    grpc.StatusCode.PERMISSION_DENIED: "refused",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "too many calls at once",
    grpc.StatusCode.INTERNAL: "internal error",
}
"""All that is ever said. The reason is in the gateway's own records."""


def status_of(error: CocoError) -> grpc.StatusCode:
    return STATUS.get(error.code, grpc.StatusCode.PERMISSION_DENIED)


async def abort(context: Context, error: CocoError) -> None:
    """Ends the call with the error; never returns."""
    status = status_of(error)
    metadata = [(CODE_METADATA, error.code.value)]
    if isinstance(error, Later):
        metadata.append((RETRY_METADATA, f"{error.seconds:.3f}"))
    await context.abort(status, TEXT[status], tuple(metadata))


async def abort_plain(context: Context, status: grpc.StatusCode) -> None:
    """Ends the call with a status that has no code of ours; never returns."""
    await context.abort(status, TEXT.get(status, "refused"))
