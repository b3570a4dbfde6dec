"""What a sandbox needs to begin: its keys, its public key's keeping, its sealed credentials."""

from __future__ import annotations

import base64
from uuid import UUID

from coco.audit import AuditKind
from coco.gateway_protocol import (
    AskedItem,
    BootReply,
    Empty,
    KeysMovedRequest,
    PendingItem,
    PublishKeyRequest,
    SealedItem,
    SealedReply,
)
from coco.keys import MasterKey, UserKeys
from coco.names import sandbox_queue
from store import asked_reads, audit, credentials, keys, sandboxes
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
        waiting = await credentials.pending(session, user_id)
        teams = await sandboxes.team_connections(session, user_id)
        asked = await asked_reads.pending(session, user_id)
        newest = await keys.newest(session, user_id, keys.KEYSTORE)
    return SealedReply(
        items=tuple(
            SealedItem(id=row.id, connection_id=row.connection_id, sealed=base64.b64encode(row.sealed).decode())
            for row in rows
        ),
        pending=tuple(
            PendingItem.model_validate(
                {
                    "id": row.id,
                    "connection_id": row.connection_id,
                    "kind": row.kind,
                    "sealed": base64.b64encode(row.sealed or b"").decode(),
                }
            )
            for row in waiting
        ),
        from_team=tuple(teams),
        keystore_version=newest,
        asked=tuple(AskedItem(id=row.id, connection_id=row.connection_id) for row in asked),
    )


async def keys_moved(database: Database, user_id: UUID, message: KeysMovedRequest) -> Empty:
    """Everything in the key store is under this version now: older ones go. Again changes nothing.

    It is the sandbox's word, and what it says wrongly it loses itself: the user's other sandboxes do not exist.
    Raises NotFound for a version that there is not.
    """
    async with database.user(user_id) as session:
        retired = await keys.retire(session, user_id, keys.KEYSTORE, message.version)
        if retired:
            body = {"key": keys.KEYSTORE, "in_use": message.version, "retired": retired}
            await audit.append(session, user_id, AuditKind.KEYS_ROTATED, actor="system", body=body)
    return Empty()
