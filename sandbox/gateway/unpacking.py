"""Packed messages, unpacked within a bound.

The Temporal SDK packs its messages with gzip. gRPC itself would unpack any amount before a size limit sees it, so it is
told to leave that alone.
"""

from __future__ import annotations

import zlib

from coco.errors import CocoError, Code, InvalidInput
from sandbox.gateway.limits import MAX_MESSAGE_BYTES

_GZIP = b"\x1f\x8b"
"""How gzip begins, and how neither JSON nor a protobuf message can (31 would be a wire type that there is not)."""


def unpacked(raw: bytes) -> bytes:
    """The message. Raises CocoError (TOO_LARGE), InvalidInput for what is broken."""
    if not raw.startswith(_GZIP):
        return raw
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(raw, MAX_MESSAGE_BYTES + 1)
    except zlib.error as error:
        raise InvalidInput("not packed as it is agreed") from error
    if len(plain) > MAX_MESSAGE_BYTES:
        raise CocoError("the message is too large", code=Code.TOO_LARGE)
    if not unpacker.eof or unpacker.unused_data:
        raise InvalidInput("not packed as it is agreed")
    return plain
