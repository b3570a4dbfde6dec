"""Sandboxes' rows: the current token's hash, the public key, and when there was work last."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.errors import Code, NotFound, Refused
from store.tables import Connection, SandboxRow, SealedCredential, utc_now


def token_digest(token: str) -> str:
    """What is stored of a bearer token: its SHA-256 in hex. The token has 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


async def rotate_token(session: AsyncSession, user_id: UUID) -> str:
    """A new token for the user's sandbox; the one before stops working when the transaction commits.

    Needs the control role. Makes the sandbox's row where there is none yet.
    """
    token = secrets.token_urlsafe(32)
    digest = token_digest(token)
    row = insert(SandboxRow).values(
        user_id=user_id, state="stopped", token_sha256=digest, generation=1, last_active_at=utc_now()
    )
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[col(SandboxRow.user_id)],
            set_={"token_sha256": digest, "generation": col(SandboxRow.generation) + 1},
        )
    )
    return token


async def on_host(session: AsyncSession, user_id: UUID, host: str) -> None:
    """Notes that the sandbox has a volume on a host, before it is made. Needs the control role."""
    row = await session.get(SandboxRow, user_id, populate_existing=True, with_for_update=True)
    if row is not None and host not in row.hosts:
        await session.execute(
            update(SandboxRow).where(col(SandboxRow.user_id) == user_id).values(hosts=sorted([*row.hosts, host]))
        )


async def off_host(session: AsyncSession, user_id: UUID, host: str) -> list[str]:
    """Notes that its volume on a host is gone; the hosts on which there is another. Needs the control role."""
    row = await session.get(SandboxRow, user_id, populate_existing=True, with_for_update=True)
    left = [name for name in row.hosts if name != host] if row is not None else []
    if row is not None and host in row.hosts:
        await session.execute(update(SandboxRow).where(col(SandboxRow.user_id) == user_id).values(hosts=left))
    return left


async def current_token_digest(session: AsyncSession, user_id: UUID) -> str | None:
    """SHA-256 of the token that is good now; None while the sandbox is stopped."""
    found = await session.execute(select(col(SandboxRow.token_sha256)).where(col(SandboxRow.user_id) == user_id))
    return found.scalar_one_or_none()


async def touch(session: AsyncSession, user_id: UUID) -> None:
    """Notes that the sandbox had work just now."""
    await session.execute(update(SandboxRow).where(col(SandboxRow.user_id) == user_id).values(last_active_at=utc_now()))


async def public_key(session: AsyncSession, user_id: UUID) -> str | None:
    """The key (hex) that credentials are sealed to; None before the sandbox's first start."""
    found = await session.execute(select(col(SandboxRow.public_key)).where(col(SandboxRow.user_id) == user_id))
    return found.scalar_one_or_none()


async def publish_key(session: AsyncSession, user_id: UUID, key: str) -> None:
    """Keeps the sandbox's public key. The same key again changes nothing.

    Another key is accepted only while no credential is sealed to the one before: it would leave them unreadable.
    Raises NotFound, Refused (FORBIDDEN).
    """
    query = select(SandboxRow).where(col(SandboxRow.user_id) == user_id).with_for_update()
    row = (await session.execute(query)).scalar_one_or_none()
    if row is None:
        raise NotFound("There is no such sandbox.")
    if row.public_key == key:
        return
    if row.public_key is not None:
        sealed = await session.execute(select(exists().where(col(SealedCredential.user_id) == user_id)))
        if sealed.scalar_one():
            raise Refused("credentials are sealed to the key before", code=Code.FORBIDDEN)
    await session.execute(update(SandboxRow).where(col(SandboxRow.user_id) == user_id).values(public_key=key))


async def sealed_credentials(session: AsyncSession, user_id: UUID) -> list[SealedCredential]:
    """Every sealed credential of the user, newest last."""
    rows = await session.execute(
        select(SealedCredential)
        .where(col(SealedCredential.user_id) == user_id)
        .order_by(col(SealedCredential.created_at), col(SealedCredential.id))
    )
    return list(rows.scalars())


async def team_connections(session: AsyncSession, user_id: UUID) -> list[UUID]:
    """The user's connections that go by a team's credential and may be used."""
    rows = await session.execute(
        select(col(Connection.id))
        .where(col(Connection.user_id) == user_id, col(Connection.method) == "team")
        .where(col(Connection.state).in_(("active", "read_only")))
        .order_by(col(Connection.id))
    )
    return list(rows.scalars())


async def fingerprint(session: AsyncSession, user_id: UUID, connection_id: UUID) -> bytes | None:
    """The fingerprint of a connection's credential; None where it has none (revoked, or sealed by an older version)."""
    rows = await session.execute(
        select(col(SealedCredential.fingerprint))
        .where(col(SealedCredential.user_id) == user_id, col(SealedCredential.connection_id) == connection_id)
        .order_by(col(SealedCredential.created_at).desc(), col(SealedCredential.id).desc())
        .limit(1)
    )
    return rows.scalar_one_or_none()


async def running(session: AsyncSession) -> list[UUID]:
    """Users whose sandbox is running. For the gateway's start, in a session of no user in particular."""
    rows = await session.execute(
        select(col(SandboxRow.user_id)).where(col(SandboxRow.state) == "running").order_by(col(SandboxRow.user_id))
    )
    return list(rows.scalars())
