"""What a sandbox needs to begin: its keys, its public key's keeping, its sealed credentials."""

from __future__ import annotations

import base64
from uuid import UUID

from coco.gateway_protocol import BootReply, Empty, PublishKeyRequest, SealedItem, SealedReply
from coco.keys import MasterKey, UserKeys
from coco.names import sandbox_queue
from store import keys, sandboxes
from store.database import Database


async def boot(database: Database, user_id: UUID, master: MasterKey, namespace: str) -> BootReply:
    """The user's own unwrapped keys, for the memory of the user's own sandbox. Raises NotFound for erased keys."""
    async with database.user(user_id) as session:
        payload = await keys.load(session, user_id, keys.PAYLOAD, master)
        keystore = await keys.load(session, user_id, keys.KEYSTORE, master)
    return BootReply(
        user_id=user_id,
        namespace=namespace,
        task_queue=sandbox_queue(user_id),
        payload_keys=_text(payload),
        keystore_keys=_text(keystore),
    )


def _text(user_keys: UserKeys) -> dict[int, str]:
    return {version: base64.b64encode(key).decode() for version, key in user_keys.by_version.items()}


async def publish_key(database: Database, user_id: UUID, message: PublishKeyRequest) -> Empty:
    """Keeps the key that credentials are sealed to. Raises Refused where others are sealed to the one before."""
    async with database.user(user_id) as session:
        await sandboxes.publish_key(session, user_id, message.public_key)
    return Empty()


async def sealed(database: Database, user_id: UUID) -> SealedReply:
    async with database.user(user_id) as session:
        rows = await sandboxes.sealed_credentials(session, user_id)
    return SealedReply(
        items=tuple(
            SealedItem(id=row.id, connection_id=row.connection_id, sealed=base64.b64encode(row.sealed).decode())
            for row in rows
        )
    )
