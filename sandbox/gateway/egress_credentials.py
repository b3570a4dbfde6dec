"""Whose account a request goes to: the connection's own credential, and no other.

A sandbox brings the credential with each request. Brought for another account at the same provider, it would make
that account's answers pass for this one's: attested reads, the value before a change, what guardrails look at.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from coco.errors import Code, Refused
from coco.gateway_protocol import Credential
from coco.keys import MasterKey
from coco.sealing import is_fingerprint
from store import sandboxes


async def check_own(
    session: AsyncSession, user_id: UUID, connection_id: UUID, credential: Credential, master: MasterKey
) -> None:
    """Raises Refused (CONNECTION_UNUSABLE) for any credential but the one that the connection's owner gave for it."""
    kept = await sandboxes.fingerprint(session, user_id, connection_id)
    if kept is None or not is_fingerprint(kept, credential, master):
        raise Refused("not the credential of this connection", code=Code.CONNECTION_UNUSABLE)
