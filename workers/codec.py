"""The payload codec: everything in Temporal history is ciphertext under the key of the run's user.

The user is taken from the workflow id (coco.names), which the SDK hands to codecs as the serialization context.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from coco import payloads
from coco.errors import InvalidInput
from coco.keys import UserKeys
from coco.names import parse_workflow_id

_EMPTY = {"encoding": b"binary/null"}

AsyncLookup = Callable[[UUID], Awaitable[UserKeys]]
"""A user's payload keys. Raises NotFound for a user it may not or cannot serve."""


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Encrypts on the way out; refuses to encode anything whose user is not known.

    Plain payloads on the way in are passed on as they are: an operator's hand-made signal carries one. Nothing is
    believed because a payload says it.
    """

    def __init__(self, lookup: AsyncLookup, user_id: UUID | None = None) -> None:
        self._lookup = lookup
        self._user_id = user_id

    def with_context(self, context: SerializationContext) -> EncryptionCodec:
        workflow_id = None
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            workflow_id = context.workflow_id
        parsed = parse_workflow_id(workflow_id) if workflow_id else None
        return EncryptionCodec(self._lookup, parsed[0] if parsed else None)

    async def encode(self, payloads_in: Sequence[Payload]) -> list[Payload]:
        if all(item.metadata.get("encoding") == b"binary/null" for item in payloads_in):
            return list(payloads_in)  # nothing to hide
        if self._user_id is None:
            raise InvalidInput("a payload outside a user's run is not sent: there is no key to encrypt it with")
        keys = await self._lookup(self._user_id)
        result = []
        for item in payloads_in:
            metadata, data = payloads.encrypt(self._user_id, item.SerializeToString(), lambda _: keys)
            result.append(Payload(metadata=metadata, data=data))
        return result

    async def decode(self, payloads_in: Sequence[Payload]) -> list[Payload]:
        result = []
        for item in payloads_in:
            if not payloads.is_encrypted(dict(item.metadata)):
                result.append(item)
                continue
            result.append(await self._opened(dict(item.metadata), item.data))
        return result

    async def _opened(self, metadata: dict[str, bytes], data: bytes) -> Payload:
        """The payload inside, or an empty one where it was altered or is another user's.

        No error: a sandbox can write such a payload, and an error while a workflow's task is decoded fails that task
        again and again, so that its run could not even be cancelled. An empty payload is no message of ours either.
        """
        try:
            user_id = payloads.user_of(metadata)
            if self._user_id is not None and user_id != self._user_id:
                return Payload(metadata=_EMPTY)
            keys = await self._lookup(user_id)
            return Payload.FromString(payloads.decrypt(metadata, data, lambda _: keys))
        except (InvalidInput, DecodeError):
            return Payload(metadata=_EMPTY)


def data_converter(lookup: AsyncLookup) -> DataConverter:
    """Pydantic messages, encrypted per user; failure texts and stack traces are encrypted too."""
    return replace(
        pydantic_data_converter,
        payload_codec=EncryptionCodec(lookup),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
