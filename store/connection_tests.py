"""Tests of connections that are in use: asked for by their owner, made by the gateway, and told with their time.

An attempt of its own kind (`test`) that holds no credential: the sandbox brings the one it keeps. It makes no
connection usable; that takes a credential which was given, and accepted.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.connections import ConnectionState
from coco.errors import Conflict, Later
from store import credentials
from store.owned import own
from store.tables import Connection, CredentialAttempt, utc_now

KIND = "test"
USABLE = frozenset({ConnectionState.ACTIVE, ConnectionState.READ_ONLY})
MAX_AGE = timedelta(minutes=5)
"""How long a test may wait for the sandbox to bring the credential; a first sandbox takes a while to start."""
PER_MINUTE = 3
"""Tests of one connection: each is a request to its provider."""

NOT_TESTED = {
    ConnectionState.CHECKING: "Nothing was tested: the first key of this connection is being tried out right now.",
    ConnectionState.NEEDS_RECONNECTION: "Nothing was tested: this connection has no key that works. "
    "Connect the account again.",
    ConnectionState.REVOKED: "Nothing was tested: this connection was revoked. Connect the account again.",
}


async def ask(session: AsyncSession, user_id: UUID, connection_id: UUID) -> UUID:
    """A test for the gateway to make; its id.

    Raises NotFound, Conflict (nothing to test, or one is under way), Later (three were asked for within a minute).
    """
    row = await own(session, Connection, connection_id, user_id, "connection", lock=True)
    refusal = NOT_TESTED.get(ConnectionState(row.state))
    if refusal is not None:
        raise Conflict(refusal)
    now = utc_now()
    of_this = (
        col(CredentialAttempt.user_id) == user_id,
        col(CredentialAttempt.connection_id) == connection_id,
        col(CredentialAttempt.kind) == KIND,
    )
    # The newest is all that is ever told.
    await session.execute(delete(CredentialAttempt).where(*of_this, col(CredentialAttempt.created_at) < now - MAX_AGE))
    found = await session.execute(
        select(col(CredentialAttempt.created_at), col(CredentialAttempt.state))
        .where(*of_this)
        .order_by(col(CredentialAttempt.created_at).desc())
    )
    before = found.all()
    if any(state == "pending" for _, state in before):
        raise Conflict("This connection is being tested already. Look again in a moment.")
    if len(before) >= PER_MINUTE:
        wait = (before[PER_MINUTE - 1][0] + timedelta(minutes=1) - now).total_seconds()
        if wait > 0:
            raise Later("This connection was tested three times within a minute.", wait)
    return await credentials.open_attempt(
        session,
        CredentialAttempt(
            user_id=user_id,
            connection_id=connection_id,
            kind=KIND,
            scopes=row.scopes,
            read_only=row.state == ConnectionState.READ_ONLY,
            created_at=now,
        ),
    )


async def latest(
    session: AsyncSession, user_id: UUID, connection_id: UUID | None = None
) -> dict[UUID, credentials.Attempt]:
    """By connection: its newest test."""
    return await credentials.newest(session, user_id, connection_id, tests=True)


async def expire(session: AsyncSession, user_id: UUID) -> None:
    """Ends tests that have waited for too long. The gateway's."""
    for attempt in await credentials.pending(session, user_id):
        if attempt.kind == KIND and attempt.created_at < utc_now() - MAX_AGE:
            reason = "It could not be tested in time: your sandbox did not bring its key. Try again."
            await credentials.end(session, user_id, attempt.id, "expired", reason)
